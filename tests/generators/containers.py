"""Random containers: those that every Kubernetes takes, and odd ones.

Odd are fields that few people use, values at the edges, and fields that no Kubernetes has yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, Final

from tests.generators.values import fields

Tree = dict[str, Any]

NEW_FIELD: Final = "fieldNewerThanUs"
VOLUMES: Final = ("v0", "data", "istio-envoy", "istio-token", "istio-data", "workload-socket", "logs")
_PROBES: Final = ("readinessProbe", "livenessProbe", "startupProbe")
_IMAGES: Final = ("img:1", "hub.example.com/a/b@sha256:abc", "x:1.2@sha256:def", "plain")
_ODD_IMAGES: Final = ("img:1", "auto", "hub.example.com/x@sha256:abc", "")
_MOUNTS: Final = ("/a", "/b~/c", "/etc/istio/proxy", "/var/run/secrets/tokens", "/var/log/app", "/", "")
_FIELDS: Final[Sequence[tuple[str, Any]]] = fields("""
- command: [/bin/sh, -c, 'echo {{ x }} $(A) "q"', "", "a: b", ~/1]
- args: [日本, naïve 🚀, "line\nline"]
- args: []
- env: []
- env: null
- envFrom: [{secretRef: {name: s}}, {prefix: P_, configMapRef: {name: c}}]
- restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [42]}}]
- resources: {limits: {cpu: "1", memory: 1Gi}, requests: {cpu: 0.5}, claims: [{name: gpu}]}
- resources: {limits: null}
- resources: null
- resizePolicy: [{resourceName: cpu, restartPolicy: NotRequired}]
- securityContext: {runAsUser: 1337, capabilities: {drop: [ALL], add: [NET_ADMIN]}}
- securityContext: {seccompProfile: {type: RuntimeDefault}, procMount: Default}
- securityContext: {}
- volumeMounts: [{name: data, mountPath: /a}, {name: istio-envoy, mountPath: /b~/c}]
- volumeDevices: [{name: v0, devicePath: /dev/x}]
- livenessProbe: null
- readinessProbe: {httpGet: {port: "80", scheme: HTTPS}, timeoutSeconds: 1}
- terminationMessagePath: /dev/termination-log
- tty: false
""")
_ODD_FIELDS: Final[Sequence[tuple[str, Any]]] = (
    *_FIELDS,
    ("args", ["", "日本", "--x=\ud800"]),
    ("restartPolicy", "Always"),
    ("resources", {"limits": {"memory": "1Zi"}}),
)
_ODD_VARIABLES: Final[Sequence[tuple[str, Any]]] = fields("""
- value: x
- value: ""
- value: null
- value: "a\\nb: {{ c }}"
- valueFrom: {fieldRef: {fieldPath: metadata.name}}
- valueFrom: {fileKeyRef: {path: p}}
""")
_ODD_PORTS: Final[Sequence[Any]] = (80, 8080, "http", "missing", "80", 0, 15020, "", None, 1.5, 10**20)


def draw_container(random: Random, name: str, *, odd: bool = False) -> Tree:
    """A container; an odd one may be one that Kubernetes does not take."""
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
    for key, chance, values in (
        ("envFrom", 0.1, [[{"configMapRef": {"name": "x"}}]]),
        ("stdin", 0.1, [True]),
        ("terminationMessagePolicy", 0.1, ["File"]),
        ("imagePullPolicy", 0.2, ["Always", "IfNotPresent"]),
        ("workingDir", 0.05, ["/x"]),
        ("command", 0.1, [["/bin/app", "--flag={{ x }}"]]),
        ("securityContext", 0.2, [{"runAsUser": 0}, {"runAsUser": 1000}, {"privileged": True}]),
        ("volumeMounts", 0.2, [[{"name": "v0", "mountPath": "/v0"}]]),
    ):
        if random.random() < chance:
            container[key] = random.choice(values)
    if random.random() < 0.3:
        container["resources"] = _resources(random)
    if odd:
        _make_odd(random, container)
    return container


def draw_rare_container(random: Random, name: str) -> Tree:
    """A container that Kubernetes takes, with fields that few people use."""
    return {**draw_container(random, name), **dict(random.sample(_FIELDS, random.randint(0, 3)))}


def draw_init_container(random: Random, name: str, *, odd: bool = False) -> Tree:
    """A container for the list of those that run first; three of ten are sidecars."""
    container = draw_container(random, name, odd=odd)
    if random.random() < 0.3:
        return {**container, "restartPolicy": "Always"}
    return container if odd else {k: v for k, v in container.items() if k not in (*_PROBES, "lifecycle")}


def draw_proxy(random: Random) -> Tree:
    """The user's own version of the proxy's container."""
    proxy: Tree = {"name": "istio-proxy", "image": random.choice(["auto", "hub.example.com/own:1"])}
    env = [{"name": "USER_ENV", "value": "1"}, {"name": "POD_NAME", "value": "x"}]
    mounts = [{"name": "v0", "mountPath": "/etc/istio/pod"}, {"name": "v0", "mountPath": "/zz"}]
    for key, chance, values in (
        ("resources", 0.5, [{"limits": {"cpu": "3000m"}}]),
        ("env", 0.4, [env[:1], env]),
        ("args", 0.3, [["proxy", "mine"]]),
        ("securityContext", 0.3, [{"runAsUser": user, "runAsGroup": 4} for user in (0, 1234)]),
        ("volumeMounts", 0.3, [mounts]),
        ("ports", 0.2, [[{"containerPort": 15090, "name": "mine"}, {"containerPort": 8443}]]),
        ("lifecycle", 0.2, [{"preStop": {"exec": {"command": ["sleep", "1"]}}}]),
        ("readinessProbe", 0.1, [{"httpGet": {"port": 15021, "path": "/own"}}]),
        ("tty", 0.2, [True]),
    ):
        if random.random() < chance:
            proxy[key] = random.choice(values)
    return proxy


def _make_odd(random: Random, container: Tree) -> None:
    container["image"] = random.choice(_ODD_IMAGES)
    if random.random() < 0.1:
        del container["image"]
    container.update(random.sample(_ODD_FIELDS, random.randint(0, 4)))
    if random.random() < 0.3:
        container["env"] = [_odd_variable(random) for _ in range(random.randint(0, 4))]
    if random.random() < 0.3:
        container["ports"] = [_odd_port(random) for _ in range(random.randint(0, 4))]
    if random.random() < 0.4:
        container["volumeMounts"] = [
            {"name": random.choice(VOLUMES), "mountPath": path, "readOnly": random.random() < 0.5}
            for path in random.sample(_MOUNTS, random.randint(0, 3))
        ]
    for probe in _PROBES:
        if random.random() < 0.25:
            container[probe] = {**_odd_handler(random), **random.choice([{}, {NEW_FIELD: 1}])}
    if random.random() < 0.15:
        hook = random.choice(["preStop", "postStart"])
        container["lifecycle"] = {hook: _odd_handler(random), "stopSignal": "SIGUSR1"}


def _odd_variable(random: Random) -> Tree:
    name = random.choice(["A", "B", "PATH", "ISTIO_META_X", "ÜBER", "POD_NAME", "PROXY_CONFIG", ""])
    return {"name": name, **dict(random.sample(_ODD_VARIABLES, random.choice([0, 1, 1, 1, 1])))}


def _odd_port(random: Random) -> Tree:
    port: Tree = {"containerPort": random.choice([80, 8080, 15020, 15090, 0, 70000, -1, 10**20])}
    more = {"name": "http", "protocol": "UDP", "hostPort": 80, "hostIP": "::1", NEW_FIELD: {}}
    return port | {field: value for field, value in more.items() if random.random() < 0.25}


def _odd_handler(random: Random) -> Tree:
    port = random.choice(_ODD_PORTS)
    headers = [{}, {"name": "é", "value": None}]
    handlers: Sequence[Tree] = (
        {"httpGet": {"path": "/healthz?a=<b>", "port": port}},
        {"httpGet": {"port": port, "scheme": "HTTPS", "httpHeaders": [{"name": "a", "value": "b"}]}},
        {"httpGet": {"port": port, "scheme": "ODD", "httpHeaders": headers, NEW_FIELD: []}},
        {"httpGet": {}},
        {"tcpSocket": {"port": port, "host": "h"}},
        {"grpc": {"port": port, "service": None}},
        {"exec": {"command": ["true"]}},
        {"sleep": {"seconds": 5}},
        {},
    )
    return random.choice(handlers)


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
