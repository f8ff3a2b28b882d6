"""Random Kubernetes objects: all kinds that hold pods, lists of them, and some that hold none.

Not here: the values of annotations and labels (annotations.py).
"""

from __future__ import annotations

from random import Random
from typing import Any, Final

from hack.mesh.differential.annotations import draw_annotations, draw_labels
from injector.core.kinds import KINDS
from injector.pointer import put

Tree = dict[str, Any]

# Kubernetes' own workload kinds, which istioctl knows; and kinds that neither program looks into.
VERSIONS: Final = {
    **{row.kind: row.api_version for row in KINDS.values() if "." not in row.api_version},
    "List": "v1",
    "Service": "v1",
    "Rollout": "argoproj.io/v1alpha1",
}
_WEIGHTS: Final = {"Deployment": 5, "Pod": 3, "List": 1, "Service": 0.3, "Rollout": 0.3}
_PROBES: Final = ("readinessProbe", "livenessProbe", "startupProbe")
_CONTAINERS: Final = ("app", "web", "api", "istio-thing", "a", "db-1")
_IMAGES: Final = ("img:1", "hub.example.com/a/b@sha256:abc", "x:1.2@sha256:def", "plain")
ODD: Final = 0.2


def draw_document(random: Random, name: str) -> Tree:
    """One object."""
    kind = random.choices(list(VERSIONS), [_WEIGHTS.get(kind, 1) for kind in VERSIONS])[0]
    if kind == "List":
        items = [_object(random, _plain_kind(random), f"{name}-{n}") for n in range(random.randint(0, 3))]
        return {"apiVersion": "v1", "kind": "List", "items": items}
    return _object(random, kind, name)


def _plain_kind(random: Random) -> str:
    return random.choice([kind for kind in VERSIONS if kind != "List"])


def _object(random: Random, kind: str, name: str) -> Tree:
    metadata: Tree = {"name": name}
    if random.random() < 0.4:
        metadata["namespace"] = random.choice(["shop", "kube-system"])
    head = {"apiVersion": VERSIONS[kind], "kind": kind, "metadata": metadata}
    if kind == "Service":
        return {**head, "spec": {"ports": [{"port": 80}], "selector": {"app": name}}}
    template = _template(random)
    if kind == "Pod":
        return {**head, "metadata": {**template["metadata"], **metadata}, "spec": template["spec"]}
    pointer = KINDS[kind].template if kind in KINDS else "/spec/template"
    spec: Tree = put({}, pointer, template)["spec"]
    if kind == "CronJob":
        spec["schedule"] = "0 0 * * *"
        if random.random() < 0.3:
            meta = {"labels": {"job": "label"}, "annotations": {"job": "annotation"}}
            spec["jobTemplate"]["metadata"] = meta
    if kind in ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet") and random.random() < 0.7:
        spec["selector"] = {"matchLabels": {"app": name}}
    if kind in ("Deployment", "ReplicaSet", "StatefulSet") and random.random() < 0.3:
        spec["replicas"] = random.choice([0, 2])
    return {**head, "spec": spec}


def _template(random: Random) -> Tree:
    names = random.sample(_CONTAINERS, random.choice([1, 1, 2, 3]))
    spec: Tree = {"containers": [_container(random, name) for name in names]}
    if random.random() < 0.3:
        count = random.randint(1, 2)
        spec["initContainers"] = [_init_container(random, f"init-{n}") for n in range(count)]
    _pod_fields(random, spec)
    odd = random.choice(["annotation", "annotation", "label"]) if random.random() < ODD else ""
    annotations = draw_annotations(random, odd=odd == "annotation")
    is_gateway = annotations.get("inject.istio.io/templates", "").startswith("gateway")
    if random.random() < 0.25 or is_gateway:
        _own_proxy(random, spec)
    if random.random() < 0.05:
        own = {"name": random.choice(["istio-init", "istio-validation"]), "image": "init:2", "args": ["a"]}
        spec.setdefault("initContainers", []).append(own)
    metadata: Tree = {"labels": draw_labels(random, odd=odd == "label"), "annotations": annotations}
    return {"metadata": {key: value for key, value in metadata.items() if value}, "spec": spec}


def _pod_fields(random: Random, spec: Tree) -> None:
    """What stands beside the containers."""
    volumes: list[Tree] = []
    if random.random() < 0.3 or any("volumeMounts" in c for c in _all_containers(spec)):
        volumes.append({"name": "v0", "emptyDir": {}})
    if random.random() < 0.1:
        volumes.append({"name": "workload-socket", "csi": {"driver": "csi.spiffe.io", "readOnly": True}})
    if random.random() < 0.1:
        source = {"serviceAccountToken": {"path": "token", "audience": "x"}}
        volumes.append({"name": "own-token", "projected": {"sources": [source]}})
    if volumes:
        spec["volumes"] = volumes
    for key, chance, value in (
        ("imagePullSecrets", 0.2, [{"name": "mine"}]),
        ("hostNetwork", 0.05, True),
        ("serviceAccountName", 0.2, "account"),
        ("securityContext", 0.15, random.choice([{"fsGroup": 5, "runAsUser": 7}, {"fsGroup": 1337}, {}])),
        ("dnsConfig", 0.1, {"searches": ["example.com"]}),
        ("terminationGracePeriodSeconds", 0.1, random.choice([0, 60])),
        ("shareProcessNamespace", 0.05, True),
        ("automountServiceAccountToken", 0.05, False),
        ("nodeSelector", 0.1, {"kubernetes.io/os": "linux"}),
        ("tolerations", 0.1, [{"operator": "Exists"}]),
        ("hostAliases", 0.05, [{"ip": "10.0.0.1", "hostnames": ["x"]}]),
        ("priorityClassName", 0.05, "high"),
    ):
        if random.random() < chance:
            spec[key] = value


def _all_containers(spec: Tree) -> list[Tree]:
    return [*spec["containers"], *spec.get("initContainers", [])]


def _container(random: Random, name: str) -> Tree:
    container: Tree = {"name": name, "image": random.choice(_IMAGES)}
    ports = _ports(random)
    if ports:
        container["ports"] = ports
    for field in _PROBES:
        if random.random() < 0.3:
            container[field] = _probe(random, ports)
    if random.random() < 0.2:
        container["lifecycle"] = _lifecycle(random, ports)
    env = _env(random)
    if env:
        container["env"] = env
    for key, chance, value in (
        ("envFrom", 0.1, [{"configMapRef": {"name": "x"}}]),
        ("stdin", 0.1, True),
        ("terminationMessagePolicy", 0.1, "File"),
        ("imagePullPolicy", 0.2, random.choice(["Always", "IfNotPresent"])),
        ("workingDir", 0.05, "/x"),
        ("command", 0.1, ["/bin/app", "--flag={{ x }}"]),
        (
            "securityContext",
            0.2,
            random.choice([{"runAsUser": 0}, {"runAsUser": 1000}, {"privileged": True}]),
        ),
        ("volumeMounts", 0.2, [{"name": "v0", "mountPath": "/v0"}]),
        ("resources", 0.3, _resources(random)),
    ):
        if random.random() < chance:
            container[key] = value
    return container


def _init_container(random: Random, name: str) -> Tree:
    container = _container(random, name)
    is_sidecar = random.random() < 0.3
    for field in (*_PROBES, "lifecycle"):
        if not is_sidecar:
            container.pop(field, None)
    return {**container, "restartPolicy": "Always"} if is_sidecar else container


def _ports(random: Random) -> list[Tree]:
    ports: dict[int, Tree] = {}
    for number in range(random.choice([0, 1, 1, 2, 3])):
        port: Tree = {"containerPort": random.choice([80, 8080, 9090, 7000 + number])}
        if random.random() < 0.6:
            port["name"] = f"p{number}"
        if random.random() < 0.4:
            port["protocol"] = random.choice(["TCP", "UDP", "SCTP"])
        if random.random() < 0.1:
            port["hostPort"] = port["containerPort"]
        if random.random() < 0.1:
            port["hostIP"] = "127.0.0.1"
        ports.setdefault(port["containerPort"], port)
    return list(ports.values())


def _probe(random: Random, ports: list[Tree]) -> Tree:
    port = random.choice(ports)["containerPort"] if ports else 8080
    named = [item["name"] for item in ports if "name" in item]
    kind = random.choice(["httpGet", "httpGet", "httpGet", "tcpSocket", "grpc", "exec"])
    probe: Tree
    if kind == "httpGet":
        probe = {kind: _http_get(random, [port, port, *named, "unknown", 15020])}
    elif kind == "tcpSocket":
        probe = {kind: {"port": random.choice([*named, port])}}
    elif kind == "grpc":
        probe = {kind: {"port": port, **({"service": "s"} if random.random() < 0.5 else {})}}
    else:
        probe = {kind: {"command": ["true"]}}
    for field, value in (
        ("timeoutSeconds", 3),
        ("periodSeconds", 7),
        ("initialDelaySeconds", 2),
        ("failureThreshold", 9),
    ):
        if random.random() < 0.3:
            probe[field] = random.choice([0, value, value])
    return probe


def _http_get(random: Random, ports: list[Any]) -> Tree:
    get: Tree = {"port": random.choice(ports)}
    for key, chance, values in (
        ("path", 0.7, ["/", "/healthz", "ready", "/x?y=1&z=<>"]),
        ("scheme", 0.3, ["HTTP", "HTTPS"]),
        ("host", 0.2, ["example.com"]),
        ("httpHeaders", 0.2, [[{"name": "X-A", "value": "b"}]]),
    ):
        if random.random() < chance:
            get[key] = random.choice(values)
    return get


def _lifecycle(random: Random, ports: list[Tree]) -> Tree:
    def handler() -> Tree:
        probe = _probe(random, ports)
        return {k: v for k, v in probe.items() if k in ("httpGet", "tcpSocket", "exec")} or {
            "exec": {"command": ["a"]}
        }

    return {hook: handler() for hook in ("preStop", "postStart") if random.random() < 0.6}


def _env(random: Random) -> list[Tree]:
    env: list[Tree] = []
    if random.random() < 0.3:
        texts = ["x", "", "a: b", "{{ y }}", "$(E0)"]
        env += [{"name": f"E{n}", "value": random.choice(texts)} for n in range(random.randint(1, 3))]
    if random.random() < 0.15:
        source: Tree = random.choice(
            [
                {"fieldRef": {"fieldPath": "metadata.name"}},
                {"configMapKeyRef": {"name": "a", "key": "b", "optional": True}},
                {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}},
            ]
        )
        env.append({"name": "FROM", "valueFrom": source})
    return env


def _resources(random: Random) -> Tree:
    def amount() -> Tree:
        return {
            "cpu": random.choice(["100m", "1", "0.5"]),
            "memory": random.choice(["1024Mi", "1Gi", "128974848"]),
        }

    return {kind: amount() for kind in ("requests", "limits") if random.random() < 0.6}


def _own_proxy(random: Random, spec: Tree) -> None:
    """The user's own version of the proxy's container."""
    proxy: Tree = {"name": "istio-proxy", "image": random.choice(["auto", "hub.example.com/own:1"])}
    env = [{"name": "USER_ENV", "value": "1"}, {"name": "POD_NAME", "value": "x"}]
    mounts = [{"name": "v0", "mountPath": "/etc/istio/pod"}, {"name": "v0", "mountPath": "/zz"}]
    for key, chance, value in (
        ("resources", 0.5, {"limits": {"cpu": "3000m"}}),
        ("env", 0.4, env[: random.randint(1, 2)]),
        ("args", 0.3, ["proxy", "mine"]),
        ("securityContext", 0.3, {"runAsUser": random.choice([0, 1234]), "runAsGroup": 4}),
        ("volumeMounts", 0.3, mounts),
        ("ports", 0.2, [{"containerPort": 15090, "name": "mine"}, {"containerPort": 8443}]),
        ("lifecycle", 0.2, {"preStop": {"exec": {"command": ["sleep", "1"]}}}),
        ("readinessProbe", 0.1, {"httpGet": {"port": 15021, "path": "/own"}}),
        ("tty", 0.2, True),
    ):
        if random.random() < chance:
            proxy[key] = value
    if "volumeMounts" in proxy and not any(v["name"] == "v0" for v in spec.get("volumes", [])):
        spec.setdefault("volumes", []).append({"name": "v0", "emptyDir": {}})
    place = spec.setdefault("initContainers" if random.random() < 0.2 else "containers", [])
    place.insert(random.randint(0, len(place)), proxy)
