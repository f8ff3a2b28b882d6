"""Random pods in the shape of Kubernetes, and what people, other webhooks and mishaps make of them.

Three kinds of origin: the workloads of the differential check, the manifests of examples and golden
cases, and pods of our own that have more fields than either. Fields that no Kubernetes has yet are
planted in them. Not here: the review around a pod and damage to its structure (reviews.py).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

import yaml

from hack.fuzz.values import draw_value
from hack.mesh.differential.workloads import draw_document
from injector.core import workload
from injector.errors import InjectorError

Tree = dict[str, Any]

NEW_FIELD: Final = "fieldNewerThanUs"
_REPO: Final = Path(__file__).parents[2]
_NAMES: Final = (
    "app",
    "web",
    "db",
    "log-shipper",
    "istio-proxy",
    "istio-init",
    "istio-validation",
    "a",
    "B_x",
)
_VOLUMES: Final = ("v0", "data", "istio-envoy", "istio-token", "istio-data", "workload-socket", "logs")
_MOUNTS: Final = ("/a", "/b~/c", "/etc/istio/proxy", "/var/run/secrets/tokens", "/var/log/app", "/", "")
_NEWER: Final[Sequence[Any]] = (
    {"a": [1, {"b": None, "c": False}]},
    [],
    "日本",
    1.5,
    {},
    None,
    [{"name": "x"}, {"name": "x"}],
)
_SOURCES: Final[Sequence[Tree]] = (
    {},
    {"emptyDir": {}},
    {"emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
    {"hostPath": {"path": "/x", "type": ""}},
    {"configMap": {"name": "c", "items": [{"key": "a", "path": "b"}], "defaultMode": 420}},
    {"secret": {"secretName": "s", "optional": True}},
    {"csi": {"driver": "csi.spiffe.io", "readOnly": True}},
    {"projected": {"sources": [{"serviceAccountToken": {"path": "t", "audience": "x"}}, {"newSource": {}}]}},
    {"persistentVolumeClaim": {"claimName": "p"}},
    {"ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"]}}}},
    {"image": {"reference": "example.com/files:1", "pullPolicy": "Always"}},
    {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
)
_POD_FIELDS: Final[Sequence[tuple[str, Any]]] = (
    ("restartPolicy", "Never"),
    ("hostNetwork", False),
    ("hostNetwork", True),
    ("hostPID", True),
    ("hostUsers", False),
    ("shareProcessNamespace", True),
    ("dnsPolicy", "None"),
    (
        "dnsConfig",
        {"nameservers": ["1.2.3.4"], "searches": ["a.b"], "options": [{"name": "ndots", "value": "5"}]},
    ),
    ("securityContext", {"fsGroup": 1, "runAsNonRoot": True, "sysctls": [{"name": "a", "value": "1"}]}),
    ("securityContext", {}),
    ("serviceAccountName", "shop"),
    ("automountServiceAccountToken", False),
    ("imagePullSecrets", [{"name": "registry"}, {"name": "registry"}]),
    ("imagePullSecrets", [{}]),
    ("tolerations", [{"key": "k", "operator": "Exists", "tolerationSeconds": 300}]),
    (
        "topologySpreadConstraints",
        [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}],
    ),
    ("hostAliases", [{"ip": "10.0.0.1", "hostnames": ["h"]}, {"ip": "10.0.0.1", "hostnames": ["i"]}]),
    ("readinessGates", [{"conditionType": "x/y"}]),
    ("schedulingGates", [{"name": "gate"}]),
    ("resourceClaims", [{"name": "gpu", "resourceClaimTemplateName": "t"}]),
    ("resources", {"limits": {"cpu": "2"}}),
    ("overhead", {"cpu": "10m"}),
    ("os", {"name": "linux"}),
    ("os", {"name": "windows"}),
    ("os", {"name": 1}),
    (
        "affinity",
        {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "h"}]}},
    ),
    ("nodeSelector", {"kubernetes.io/os": "linux", "a~b/c": ""}),
    ("terminationGracePeriodSeconds", 0),
    ("activeDeadlineSeconds", 10**12),
    ("nodeName", "node-1"),
    ("priority", -5),
    ("ephemeralContainers", [{"name": "debug", "image": "x", "targetContainerName": "app"}]),
    ("containers", None),
    ("initContainers", None),
    ("initContainers", []),
    ("volumes", []),
    ("volumes", None),
)
_CONTAINER_FIELDS: Final[Sequence[tuple[str, Any]]] = (
    ("command", ["/bin/sh", "-c", 'echo {{ x }} $(A) "q"']),
    ("args", []),
    ("args", ["", "日本", "--x=\ud800"]),
    ("workingDir", "/w"),
    ("env", []),
    ("env", None),
    ("envFrom", [{"secretRef": {"name": "s"}}, {"prefix": "P_", "configMapRef": {"name": "c"}}]),
    ("imagePullPolicy", "Always"),
    ("restartPolicy", "Always"),
    ("restartPolicyRules", [{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]),
    (
        "resources",
        {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": 0.5}, "claims": [{"name": "gpu"}]},
    ),
    ("resources", {"limits": {"memory": "1Zi"}}),
    ("resources", {"limits": None}),
    ("resizePolicy", [{"resourceName": "cpu", "restartPolicy": "NotRequired"}]),
    ("securityContext", {"runAsUser": 1337, "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}}),
    ("securityContext", {"seccompProfile": {"type": "RuntimeDefault"}, "procMount": "Default"}),
    ("volumeDevices", [{"name": "v0", "devicePath": "/dev/x"}]),
    ("terminationMessagePath", "/dev/termination-log"),
    ("stdin", True),
    ("tty", False),
)


def manifests() -> list[Tree]:
    """The pod templates of the examples and of the golden cases, as pods."""
    files = [*_REPO.glob("examples/*/*.yaml"), *_REPO.glob("tests/cases/*/*.yaml")]
    found = []
    for file in sorted(path for path in files if not path.stem.endswith(".expect")):
        for document in yaml.load_all(file.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            try:
                held = workload.locate(document) if isinstance(document, dict) else None
            except InjectorError:
                continue
            if held is not None:
                # By way of JSON: YAML has dates and shared places.
                text = json.dumps({"apiVersion": "v1", "kind": "Pod", **held.template}, default=str)
                found.append(json.loads(text))
    return found


def draw_pod(
    random: Random, shipped: Sequence[Tree], keys: Sequence[str], injected: Callable[[Tree], Tree]
) -> Tree:
    """A pod; `shipped` are those of `manifests`, `keys` the annotations that a profile knows.

    About one in eight was injected before, by `injected`.
    """
    roll = random.random()
    if roll < 0.25:
        pod = copy.deepcopy(random.choice(shipped))
    elif roll < 0.5:
        pod = _of_a_workload(random)
    else:
        pod = _own(random)
    if random.random() < 0.6:
        _annotate(random, pod, keys)
    _disturb(random, pod)
    if random.random() < 0.12:
        pod = injected(pod)
        if random.random() < 0.3:
            _annotate(random, pod, keys)
    return pod


def make_too_large(pod: Tree) -> None:
    """Give a pod so many variables that no limit of work lets it pass; a body of that size is still read."""
    names = [f"V{number}" for number in range(100)]
    containers = [{"name": f"c{n}", "env": [{"name": name} for name in names]} for n in range(500)]
    pod["spec"] = {"containers": containers}


def _of_a_workload(random: Random) -> Tree:
    while True:
        held = workload.locate(draw_document(random, "w"))
        if held is not None:
            # The drawing shares values between places, which JSON cannot.
            return copy.deepcopy({"apiVersion": "v1", "kind": "Pod", **held.template})


def _own(random: Random) -> Tree:
    names = _names(random, random.choice([1, 1, 1, 2, 3]))
    spec: Tree = {"containers": [_container(random, name) for name in names]}
    if random.random() < 0.02:
        shape = spec["containers"][0]
        spec["containers"] = [{**shape, "name": f"c{n}"} for n in range(random.choice([50, 200]))]
    if random.random() < 0.4:
        free = [
            name
            for name in _names(random, random.randint(0, 3))
            if name not in names or random.random() < 0.05
        ]
        spec["initContainers"] = [_container(random, name) for name in free]
    if random.random() < 0.5:
        spec["volumes"] = [
            {"name": name, **random.choice(_SOURCES)}
            for name in random.sample(_VOLUMES, random.randint(0, 4))
        ]
    for name, value in random.sample(_POD_FIELDS, random.randint(0, 6)):
        spec[name] = value
    meta: Tree = {"generateName": "web-"} if random.random() < 0.7 else {"name": "web"}
    for name, value in random.sample(_METADATA, random.randint(0, 4)):
        meta[name] = value
    pod: Tree = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}
    if random.random() < 0.3:
        pod["status"] = {"phase": "Pending", "conditions": []}
    return copy.deepcopy(pod)


_OWNER: Final = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d8c7b9f6", "controller": True}
_JOB: Final = {"apiVersion": "batch/v1", "kind": "Job", "name": "j-29012345", "controller": True}
_METADATA: Final[Sequence[tuple[str, Any]]] = (
    ("labels", {"app": "web", "version": "v1", "x/y~z": ""}),
    ("labels", {"sidecar.istio.io/inject": "true", "logs.example.com/ship": "true"}),
    ("labels", {"app": "a" * 300, "app.kubernetes.io/name": ""}),
    ("labels", None),
    ("annotations", {"a/b": "c", "note~": "日本", "é": "", "": "x"}),
    ("annotations", None),
    ("annotations", {"a": None}),
    ("creationTimestamp", None),
    ("namespace", "shop"),
    ("ownerReferences", [_OWNER]),
    ("ownerReferences", [{}]),
    ("ownerReferences", [_JOB]),
    ("finalizers", ["x/y"]),
    ("managedFields", [{"manager": "kubectl", "fieldsV1": {"f:spec": {'k:{"name":"app"}': {".": {}}}}}]),
)  # fmt: skip


def _names(random: Random, count: int) -> list[str]:
    """Names of containers; seldom one of them twice, which is refused."""
    if random.random() < 0.05:
        return random.choices(_NAMES, k=count)
    return random.sample(_NAMES, count)


def _container(random: Random, name: str) -> Tree:
    container: Tree = {"name": name}
    if random.random() < 0.9:
        container["image"] = random.choice(["img:1", "auto", "hub.example.com/x@sha256:abc", ""])
    for field, value in random.sample(_CONTAINER_FIELDS, random.randint(0, 5)):
        container[field] = value
    if random.random() < 0.4:
        container["env"] = [_variable(random) for _ in range(random.randint(0, 4))]
    if random.random() < 0.4:
        container["ports"] = [_port(random) for _ in range(random.randint(0, 4))]
    if random.random() < 0.4:
        container["volumeMounts"] = [
            {"name": random.choice(_VOLUMES), "mountPath": path, "readOnly": random.random() < 0.5}
            for path in random.sample(_MOUNTS, random.randint(0, 3))
        ]
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if random.random() < 0.25:
            container[probe] = {**_handler(random), **random.choice([{}, {"periodSeconds": 3, NEW_FIELD: 1}])}
    if random.random() < 0.15:
        container["lifecycle"] = {
            random.choice(["preStop", "postStart"]): _handler(random),
            "stopSignal": "SIGUSR1",
        }
    return container


def _variable(random: Random) -> Tree:
    name = random.choice(["A", "B", "PATH", "ISTIO_META_X", "ÜBER", "POD_NAME", "PROXY_CONFIG", ""])
    source = {"fieldRef": {"fieldPath": "metadata.name"}}
    more: Sequence[Tree] = (
        {"value": "x"}, {"value": ""}, {}, {"value": None}, {"value": "a\nb: {{ c }}"},
        {"valueFrom": source}, {"valueFrom": {"fileKeyRef": {"path": "p"}}},
    )  # fmt: skip
    return {"name": name, **random.choice(more)}


def _port(random: Random) -> Tree:
    port: Tree = {"containerPort": random.choice([80, 8080, 15020, 15090, 0, 70000, -1, 10**20])}
    for field, value in (
        ("name", "http"),
        ("protocol", "UDP"),
        ("hostPort", 80),
        ("hostIP", "::1"),
        (NEW_FIELD, {}),
    ):
        if random.random() < 0.25:
            port[field] = value
    return port


def _handler(random: Random) -> Tree:
    port = random.choice([80, 8080, "http", "missing", "80", 0, 15020, "", None, 1.5, 10**20])
    handlers: Sequence[Tree] = (
        {"httpGet": {"path": "/healthz?a=<b>", "port": port}},
        {
            "httpGet": {
                "port": port,
                "scheme": "HTTPS",
                "host": "h",
                "httpHeaders": [{"name": "a", "value": "b"}],
            }
        },
        {
            "httpGet": {
                "port": port,
                "scheme": "ODD",
                "httpHeaders": [{}, {"name": "é", "value": None}],
                NEW_FIELD: [],
            }
        },
        {"httpGet": {}},
        {"tcpSocket": {"port": port, "host": "h"}},
        {"grpc": {"port": port, "service": None}},
        {"exec": {"command": ["true"]}},
        {"sleep": {"seconds": 5}},
        {},
    )
    return random.choice(handlers)


def _annotate(random: Random, pod: Tree, keys: Sequence[str]) -> None:
    if not isinstance(pod.get("metadata"), dict):
        pod["metadata"] = {}
    meta = pod["metadata"]
    found = dict(meta.get("annotations") or {})
    # One at a time mostly: a value that is refused hides what the others would have done.
    for key in random.sample(keys, min(len(keys), random.choice([1, 1, 1, 2, 6]))):
        found[key] = draw_value(random, key)
    meta["annotations"] = found
    if random.random() < 0.1:
        meta["labels"] = {**(meta.get("labels") or {}), random.choice(keys): draw_value(random, "")}


def _disturb(random: Random, pod: Tree) -> None:
    """Nulls, empty values and fields newer than us, anywhere."""
    for _ in range(random.choice([0, 0, 1, 2, 5])):
        holder = random.choice(_maps(pod))
        if random.random() < 0.7 or not holder:
            holder[NEW_FIELD] = copy.deepcopy(random.choice(_NEWER))
        else:
            holder[random.choice(sorted(holder))] = random.choice([None, [], {}, ""])


def _maps(tree: Any) -> list[Tree]:
    """All maps of a tree that Kubernetes gives fields to, its root first."""
    if isinstance(tree, list):
        return [found for item in tree for found in _maps(item)]
    if not isinstance(tree, dict):
        return []
    inner = [
        found for key, value in tree.items() if key not in ("labels", "annotations") for found in _maps(value)
    ]
    return [tree, *inner]
