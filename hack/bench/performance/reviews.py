"""The reviews that are sent: pods that are all different, replicas of one, and pods of different shapes.

The pods are as the API server sends them: made by a ReplicaSet, defaults filled in, a token mounted, with
managedFields. Not here: sending them. The same number always makes the same review.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final

Object = dict[str, Any]

NAMESPACE: Final = "shop"
# What Kubernetes makes random names of.
_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
_TEAMS: Final = ("orders", "search", "billing", "identity", "delivery", "media")
_NOUNS: Final = ("cart", "catalog", "ledger", "profile", "router", "stock", "mailer", "pricing", "audit")
_PORTS: Final = (8080, 8080, 8080, 8080, 9000, 3000)
_LEVELS: Final = ("info", "warn", "debug")
# Of no cost to speak of, so that a pod with some of them is one of a new shape and no other work.
_ANNOTATIONS: Final = {
    "sidecar.istio.io/proxyCPU": "100m",
    "sidecar.istio.io/proxyMemory": "128Mi",
    "sidecar.istio.io/logLevel": "warning",
    "sidecar.istio.io/statsInclusionPrefixes": "cluster.outbound",
    "traffic.sidecar.istio.io/excludeOutboundPorts": "5432",
    "traffic.sidecar.istio.io/excludeInboundPorts": "9999",
    "traffic.sidecar.istio.io/excludeOutboundIPRanges": "10.1.0.0/16",
    "prometheus.io/path": "/metrics",
}
# No pod of another Deployment is to be like its pods.
_REPLICATED: Final = 10**9
_MOST_CONTAINERS: Final = 4
SHAPES: Final = _MOST_CONTAINERS * 4 * 2 ** len(_ANNOTATIONS)


def distinct(first: int, count: int) -> Iterator[bytes]:
    """Reviews of pods of so many Deployments of one organisation, one pod each."""
    for number in range(first, first + count):
        yield _review(_pod(_Deployment.of(number), Random(f"pod {number}")), Random(f"review {number}"))


def replicas(count: int) -> Iterator[bytes]:
    """Reviews of the pods of one ReplicaSet."""
    deployment = _Deployment.of(_REPLICATED)
    for number in range(count):
        yield _review(_pod(deployment, Random(f"replica {number}")), Random(f"its review {number}"))


def shapes(first: int, count: int) -> Iterator[bytes]:
    """Reviews of pods of which no two have the same containers, probes and annotations."""
    for number in range(first, first + count):
        rest, containers = divmod(number % SHAPES, _MOST_CONTAINERS)
        annotations, probes = divmod(rest, 4)
        pod = _pod(_Deployment.of(number), Random(f"shape {number}"))
        pod["spec"]["containers"] = _shaped(pod["spec"]["containers"][0], containers + 1, probes)
        pod["metadata"]["annotations"] |= {
            key: value for bit, (key, value) in enumerate(_ANNOTATIONS.items()) if annotations >> bit & 1
        }
        yield _review(pod, Random(f"its review {number}"))


@dataclass(frozen=True)
class _Deployment:
    """What the pods of one Deployment share, and those of others do not."""

    name: str
    team: str
    release: str
    hash: str
    uid: str
    port: int
    settings: dict[str, str]

    @staticmethod
    def of(number: int) -> _Deployment:
        chance = Random(number)
        name = f"{chance.choice(_NOUNS)}-{_token(chance, 4)}-{number}"
        settings = {
            "LOG_LEVEL": chance.choice(_LEVELS),
            "DATABASE_URL": f"postgres://{name}.databases.svc:5432/{name}",
            "CACHE_URL": f"redis://cache-{chance.randrange(40)}.caches.svc:6379",
            "QUEUE": f"{name}.events",
            "POOL_SIZE": str(chance.randrange(4, 64)),
            "FEATURES": f"checkout-{chance.randrange(9)},banner-{chance.randrange(9)}",
        }
        release = f"{chance.randrange(1, 9)}.{chance.randrange(40)}.{chance.randrange(99)}"
        team, port = chance.choice(_TEAMS), chance.choice(_PORTS)
        return _Deployment(name, team, release, _token(chance, 10), _uid(chance), port, settings)


def _review(pod: Object, chance: Random) -> bytes:
    kind = {"group": "", "version": "v1", "kind": "Pod"}
    resource = {"group": "", "version": "v1", "resource": "pods"}
    account = "system:serviceaccounts"
    request = {
        "uid": _uid(chance),
        "kind": kind,
        "resource": resource,
        "requestKind": kind,
        "requestResource": resource,
        "namespace": NAMESPACE,
        "operation": "CREATE",
        "userInfo": {
            "username": "system:serviceaccount:kube-system:replicaset-controller",
            "uid": "0c3c0b0e-55b4-4ee0-9bb2-2f6c7f3f6a11",
            "groups": [account, f"{account}:kube-system", "system:authenticated"],
        },
        "object": pod,
        "oldObject": None,
        "dryRun": False,
        "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
    }
    review = {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}
    return json.dumps(review, separators=(",", ":")).encode()


def _pod(deployment: _Deployment, chance: Random) -> Object:
    """A pod of a Deployment; by `chance` is what differs from one replica to the next."""
    token = f"kube-api-access-{_token(chance, 5)}"
    time = f"2026-11-{chance.randrange(1, 31):02}T{chance.randrange(24):02}:{chance.randrange(60):02}:07Z"
    spec, metadata = _spec(deployment, token), _metadata(deployment, time)
    return {"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": spec, "status": {}}


def _metadata(deployment: _Deployment, time: str) -> Object:
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": f"{deployment.name}-{deployment.hash}",
        "uid": deployment.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "generateName": f"{deployment.name}-{deployment.hash}-",
        "creationTimestamp": None,
        "labels": {
            "app": deployment.name,
            "pod-template-hash": deployment.hash,
            "team": deployment.team,
            "version": deployment.release,
        },
        "annotations": {"prometheus.io/port": str(deployment.port), "prometheus.io/scrape": "true"},
        "ownerReferences": [owner],
        "managedFields": [_managed(deployment, time)],
    }


def _spec(deployment: _Deployment, token: str) -> Object:
    settings = {"name": f"{deployment.name}-settings", "defaultMode": 420}
    tolerations = [
        {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute"}
        | {"tolerationSeconds": 300}
        for key in ("not-ready", "unreachable")
    ]
    return {
        "volumes": [
            {"name": "settings", "configMap": settings},
            {"name": "scratch", "emptyDir": {}},
            _token_volume(token),
        ],
        "containers": [_application(deployment, token), _exporter(deployment, token)],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": deployment.name,
        "serviceAccount": deployment.name,
        "securityContext": {},
        "schedulerName": "default-scheduler",
        "tolerations": tolerations,
        "priority": 0,
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
    }


def _application(deployment: _Deployment, token: str) -> Object:
    mounts = [{"name": "settings", "readOnly": True, "mountPath": "/etc/app"}]
    return {
        "name": "app",
        "image": f"registry.example.com/{deployment.team}/{deployment.name}:{deployment.release}",
        "args": ["--config=/etc/app/app.yaml", f"--listen=:{deployment.port}", f"--name={deployment.name}"],
        "ports": [{"name": "http", "containerPort": deployment.port, "protocol": "TCP"}],
        "env": [
            *({"name": name, "value": value} for name, value in deployment.settings.items()),
            *({"name": name, "valueFrom": {"fieldRef": _field(path)}} for name, path in _OWN_FIELDS.items()),
        ],
        "resources": {"limits": {"memory": "512Mi"}, "requests": {"cpu": "250m", "memory": "256Mi"}},
        "volumeMounts": [*mounts, {"name": "scratch", "mountPath": "/tmp"}, _token_mount(token)],
        "livenessProbe": _probe("/healthz", deployment.port),
        "readinessProbe": _probe("/readyz", deployment.port),
        **_DEFAULTS,
    }


def _exporter(deployment: _Deployment, token: str) -> Object:
    return {
        "name": "exporter",
        "image": f"registry.example.com/platform/exporter:{len(deployment.team)}.4.1",
        "ports": [{"name": "metrics", "containerPort": 9102, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
        "volumeMounts": [_token_mount(token)],
        **_DEFAULTS,
    }


def _field(path: str) -> Object:
    return {"apiVersion": "v1", "fieldPath": path}


_OWN_FIELDS: Final = {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace"}
_DEFAULTS: Final = {
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "imagePullPolicy": "IfNotPresent",
}


def _shaped(container: Object, count: int, probes: int) -> list[Object]:
    """So many containers like this one; the bits of `probes` say which of the first one's stay."""
    first = dict(container)
    for bit, name in enumerate(("livenessProbe", "readinessProbe")):
        if not probes >> bit & 1:
            del first[name]
    bare = {key: value for key, value in container.items() if not key.endswith("Probe") and key != "ports"}
    return [first, *({**bare, "name": f"worker-{number}"} for number in range(1, count))]


def _probe(path: str, port: int) -> Object:
    return {
        "httpGet": {"path": path, "port": port, "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }


def _token_mount(name: str) -> Object:
    return {"name": name, "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}


def _token_volume(name: str) -> Object:
    namespace = {"path": "namespace", "fieldRef": _field("metadata.namespace")}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [namespace]}},
    ]
    return {"name": name, "projected": {"sources": sources, "defaultMode": 420}}


def _managed(deployment: _Deployment, time: str) -> Object:
    """Who owns which field, as the API server notes it."""
    labels = _owned("app pod-template-hash team version")
    container = _owned("image imagePullPolicy name args terminationMessagePath terminationMessagePolicy")
    probe = _owned("failureThreshold periodSeconds successThreshold timeoutSeconds")
    probed = {f"f:{name}": {".": {}, **probe} for name in ("livenessProbe", "readinessProbe")}
    plain = "dnsPolicy enableServiceLinks restartPolicy schedulerName securityContext serviceAccount"
    environment: Object = {
        f'k:{{"name":"{name}"}}': {"f:name": {}, "f:value": {}} for name in deployment.settings
    }
    environment |= {f'k:{{"name":"{name}"}}': {"f:name": {}, "f:valueFrom": {}} for name in _OWN_FIELDS}
    owners: Object = {".": {}, f'k:{{"uid":"{deployment.uid}"}}': {}}
    fields = {
        "f:metadata": {"f:generateName": {}, "f:labels": {".": {}, **labels}, "f:ownerReferences": owners},
        "f:spec": {
            "f:containers": {
                'k:{"name":"app"}': {".": {}, **container, **probed, "f:env": {".": {}, **environment}},
                'k:{"name":"exporter"}': {".": {}, **container},
            },
            **_owned(plain),
            "f:volumes": {".": {}, 'k:{"name":"scratch"}': {".": {}, "f:emptyDir": {}, "f:name": {}}},
        },
    }
    return {
        "manager": "kube-controller-manager",
        "operation": "Update",
        "apiVersion": "v1",
        "time": time,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }


def _owned(names: str) -> Object:
    return {f"f:{name}": {} for name in names.split()}


def _token(chance: Random, length: int) -> str:
    return "".join(chance.choice(_LETTERS) for _ in range(length))


def _uid(chance: Random) -> str:
    digits = f"{chance.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], f"4{digits[13:16]}", f"a{digits[17:20]}", digits[20:]))
