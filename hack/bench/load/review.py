"""The review that the load is made of: a pod of a Deployment as the API server sends it, defaults filled in.

Not here: sending it. Digits of the request stand where replicas differ: in the uid, in a label, in the name
of the token's volume. No two reviews are alike, and all are of one shape. Those of `shapes` are not: their
lists are of different lengths, so that a template makes another text of each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

NUMBER = "NUMBER-OF-THE-REQUEST"
SHAPES = 100


def body() -> bytes:
    """An AdmissionReview, with NUMBER in it."""
    return json.dumps(_review(), separators=(",", ":")).encode()


def shapes() -> Iterator[bytes]:
    """Reviews whose texts, parsed, are more than the cache of the webhook keeps."""
    for number in range(SHAPES):
        made = _review()
        ports = ",".join(str(10_000 + port) for port in range(1 + number % 37))
        metadata = {f"SETTING_{name}": "value" for name in range(2 * number)}
        made["request"]["object"]["metadata"]["annotations"] |= {
            "traffic.sidecar.istio.io/excludeOutboundPorts": ports,
            "proxy.istio.io/config": json.dumps({"proxyMetadata": metadata}),
        }
        yield json.dumps(made).replace(NUMBER, str(number)).encode()


def _review() -> dict[str, Any]:
    pods = {"group": "", "version": "v1"}
    return {
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": f"5f7c1b52-3d3a-4a9b-9c0e-{NUMBER}",
            "kind": {**pods, "kind": "Pod"},
            "resource": {**pods, "resource": "pods"},
            "requestKind": {**pods, "kind": "Pod"},
            "requestResource": {**pods, "resource": "pods"},
            "namespace": "shop",
            "operation": "CREATE",
            "userInfo": {
                "username": "system:serviceaccount:kube-system:replicaset-controller",
                "uid": "0c3c0b0e-55b4-4ee0-9bb2-2f6c7f3f6a11",
                "groups": [
                    "system:serviceaccounts",
                    "system:serviceaccounts:kube-system",
                    "system:authenticated",
                ],
            },
            "object": _pod(),
            "oldObject": None,
            "dryRun": False,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        },
    }


def _pod() -> dict[str, Any]:
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": "cart-6d4cf56db6",
        "uid": "7a1f3c52-8f3e-4a77-9d1c-0c4c6d2a9b3e",
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "generateName": "cart-6d4cf56db6-",
            "creationTimestamp": None,
            "labels": {"app": "cart", "version": "v1", "pod-template-hash": "6d4cf56db6", "number": NUMBER},
            "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"},
            "ownerReferences": [owner],
            "managedFields": [_managed()],
        },
        "spec": {
            "volumes": [_token(), {"name": "cache", "emptyDir": {}}],
            "containers": [_container("cart", 8080), _container("metrics", 9090)],
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "cart",
            "serviceAccount": "cart",
            "securityContext": {},
            "schedulerName": "default-scheduler",
            "tolerations": [
                {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
                for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
            ],
            "priority": 0,
            "enableServiceLinks": True,
            "preemptionPolicy": "PreemptLowerPriority",
        },
        "status": {},
    }


def _container(name: str, port: int) -> dict[str, Any]:
    probe = {
        "httpGet": {"path": "/healthz", "port": port, "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    return {
        "name": name,
        "image": f"registry.example.com/shop/{name}:1.4.2",
        "ports": [{"name": "http", "containerPort": port, "protocol": "TCP"}],
        "env": [{"name": f"SETTING_{number}", "value": f"value-{number}"} for number in range(12)],
        "resources": {"limits": {"memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "volumeMounts": [
            {"name": "cache", "mountPath": "/cache"},
            {
                "name": f"kube-api-access-{NUMBER}",
                "readOnly": True,
                "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
            },
        ],
        "livenessProbe": probe,
        "readinessProbe": probe,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    }


def _token() -> dict[str, Any]:
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    return {
        "name": f"kube-api-access-{NUMBER}",
        "projected": {
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [namespace]}},
            ],
            "defaultMode": 420,
        },
    }


def _managed() -> dict[str, Any]:
    """Who owns which field, as the API server notes it; larger than one would think."""
    of_a_container: dict[str, Any] = {
        ".": {},
        **{f"f:{name}": {} for name in ("image", "imagePullPolicy", "name", "terminationMessagePath")},
        "f:env": {f'k:{{"name":"SETTING_{n}"}}': {".": {}, "f:name": {}, "f:value": {}} for n in range(12)},
        "f:livenessProbe": {
            ".": {},
            "f:failureThreshold": {},
            "f:httpGet": {".": {}, "f:path": {}, "f:port": {}},
        },
        "f:resources": {".": {}, "f:limits": {".": {}, "f:memory": {}}},
    }
    return {
        "manager": "kube-controller-manager",
        "operation": "Update",
        "apiVersion": "v1",
        "time": "2026-11-01T12:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {
            "f:metadata": {"f:generateName": {}, "f:labels": {".": {}, "f:app": {}, "f:version": {}}},
            "f:spec": {
                "f:containers": {f'k:{{"name":"{name}"}}': of_a_container for name in ("cart", "metrics")}
            },
        },
    }
