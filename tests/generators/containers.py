"""Random containers: those that every Kubernetes takes, and odd ones.

Odd are fields that few people use, values at the edges, and fields that no Kubernetes has yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, Final

from tests.generators.values import by_chance, fields

Tree = dict[str, Any]

NEW_FIELD: Final = "fieldNewerThanUs"
VOLUMES: Final = ("v0", "data", "istio-envoy", "istio-token", "istio-data", "workload-socket", "logs")
_PROBES: Final = ("readinessProbe", "livenessProbe", "startupProbe")
_IMAGES: Final = ("img:1", "hub.example.com/a/b@sha256:abc", "x:1.2@sha256:def", "plain")
_ODD_IMAGES: Final = ("img:1", "auto", "hub.example.com/x@sha256:abc", "")
_MOUNTS: Final = ("/a", "/b~/c", "/etc/istio/proxy", "/var/run/secrets/tokens", "/var/log/app", "/", "")
_PLAIN_FIELDS: Final[Sequence[tuple[str, Any]]] = fields("""
- command: [/bin/app, "--flag={{ x }}"]
- env: [{name: E0, value: x}, {name: E1, value: ""}, {name: E2, value: $(E0)}]
- env: [{name: E0, value: "a: b"}, {name: E1, value: "{{ y }}"}]
- env: [{name: FROM, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
- env: [{name: FROM, valueFrom: {configMapKeyRef: {name: a, key: b, optional: true}}}]
- env: [{name: FROM, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 1m}}}]
- envFrom: [{configMapRef: {name: x}}]
- imagePullPolicy: Always
- imagePullPolicy: IfNotPresent
- resources: {requests: {cpu: 100m, memory: 1024Mi}, limits: {cpu: "1", memory: 1Gi}}
- resources: {requests: {cpu: "0.5", memory: "128974848"}}
- resources: {limits: {cpu: "0.5", memory: 1Gi}}
- resources: {}
- securityContext: {runAsUser: 0}
- securityContext: {runAsUser: 1000}
- securityContext: {privileged: true}
- stdin: true
- terminationMessagePolicy: File
- volumeMounts: [{name: v0, mountPath: /v0}]
- workingDir: /x
""")
_FIELDS: Final[Sequence[tuple[str, Any]]] = fields("""
- command: [/bin/sh, -c, 'echo {{ x }} $(A) "q"', "", "a: b", ~/1]
- args: [日本, naïve 🚀, "line\nline"]
- args: []
- ports: []
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
    ports = _ports(random, odd=odd)
    container: Tree = {"name": name, "image": random.choice(_ODD_IMAGES if odd else _IMAGES)}
    if ports:
        container["ports"] = ports
    container.update(random.sample(_PLAIN_FIELDS, random.choice([0, 1, 1, 2, 3])))
    for field in _PROBES:
        if random.random() < 0.3:
            container[field] = _probe(random, ports, odd=odd)
    if random.random() < 0.2:
        container["lifecycle"] = _lifecycle(random, ports, odd=odd)
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
    env = [{"name": "USER_ENV", "value": "1"}, {"name": "POD_NAME", "value": "x"}]
    mounts = [{"name": "v0", "mountPath": "/etc/istio/pod"}, {"name": "v0", "mountPath": "/zz"}]
    proxy: Tree = {"name": "istio-proxy", "image": random.choice(["auto", "hub.example.com/own:1"])}
    return proxy | by_chance(
        random,
        ("resources", 0.5, [{"limits": {"cpu": "3000m"}}]),
        ("env", 0.4, [env[:1], env]),
        ("args", 0.3, [["proxy", "mine"]]),
        ("securityContext", 0.3, [{"runAsUser": user, "runAsGroup": 4} for user in (0, 1234)]),
        ("volumeMounts", 0.3, [mounts]),
        ("ports", 0.2, [[{"containerPort": 15090, "name": "mine"}, {"containerPort": 8443}]]),
        ("lifecycle", 0.2, [{"preStop": {"exec": {"command": ["sleep", "1"]}}}]),
        ("readinessProbe", 0.1, [{"httpGet": {"port": 15021, "path": "/own"}}]),
        ("tty", 0.2, [True]),
    )


def _make_odd(random: Random, container: Tree) -> None:
    if random.random() < 0.1:
        del container["image"]
    container.update(random.sample(_ODD_FIELDS, random.randint(0, 4)))
    if random.random() < 0.3:
        container["env"] = [_odd_variable(random) for _ in range(random.randint(0, 4))]
    if random.random() < 0.4:
        container["volumeMounts"] = [
            {"name": random.choice(VOLUMES), "mountPath": path, "readOnly": random.random() < 0.5}
            for path in random.sample(_MOUNTS, random.randint(0, 3))
        ]


def _odd_variable(random: Random) -> Tree:
    name = random.choice(["A", "B", "PATH", "ISTIO_META_X", "ÜBER", "POD_NAME", "PROXY_CONFIG", ""])
    return {"name": name, **dict(random.sample(_ODD_VARIABLES, random.choice([0, 1, 1, 1, 1])))}


def _ports(random: Random, *, odd: bool) -> list[Tree]:
    """Ports of distinct numbers; odd ones may have one number twice, or one that is none."""
    count = random.choice([0, 1, 1, 2, 3])
    if odd:
        numbers = random.choices([80, 8080, 15020, 15090, 0, 70000, -1, 10**20], k=count)
        more = {"name": "http", "protocol": "UDP", "hostPort": 80, "hostIP": "::1", NEW_FIELD: {}}
        rows = [(name, 0.25, [value]) for name, value in more.items()]
        return [{"containerPort": number} | by_chance(random, *rows) for number in numbers]
    return [
        {"containerPort": number}
        | by_chance(
            random,
            ("name", 0.6, [f"p{number}"]),
            ("protocol", 0.4, ["TCP", "UDP", "SCTP"]),
            ("hostPort", 0.1, [number]),
            ("hostIP", 0.1, ["127.0.0.1"]),
        )
        for number in random.sample([80, 8080, 9090, 7000, 7001], count)
    ]


def _probe(random: Random, ports: Sequence[Tree], *, odd: bool) -> Tree:
    return _handler(random, ports, odd=odd) | by_chance(
        random,
        ("timeoutSeconds", 0.3, [0, 3, 3]),
        ("periodSeconds", 0.3, [0, 7, 7]),
        ("initialDelaySeconds", 0.3, [0, 2, 2]),
        ("failureThreshold", 0.3, [0, 9, 9]),
        (NEW_FIELD, 0.3 * odd, [1]),
    )


def _lifecycle(random: Random, ports: Sequence[Tree], *, odd: bool) -> Tree:
    hooks = {
        hook: _handler(random, ports, odd=odd) for hook in ("preStop", "postStart") if random.random() < 0.6
    }
    if odd:
        return {**hooks, "stopSignal": "SIGUSR1"}
    # No hook asks by gRPC.
    return {hook: {"exec": {"command": ["a"]}} if "grpc" in made else made for hook, made in hooks.items()}


def _handler(random: Random, ports: Sequence[Tree], *, odd: bool) -> Tree:
    number = random.choice(ports)["containerPort"] if ports else 8080
    named = [port["name"] for port in ports if "name" in port]
    port = random.choice([number, number, *named, "unknown", 15020])
    if odd:
        number = port = random.choice([port, *_ODD_PORTS])
    headers = [{"name": "X-A", "value": "b"}]
    get = {"port": port} | by_chance(
        random,
        ("path", 0.7, ["/", "/healthz", "ready", "/x?y=1&z=<>"]),
        ("scheme", 0.3, ["HTTP", "HTTPS", *["ODD"] * odd]),
        ("host", 0.2, ["example.com"]),
        ("httpHeaders", 0.2, [headers, *[[{}, {"name": "é", "value": None}]] * odd]),
        (NEW_FIELD, 0.1 * odd, [[]]),
    )
    handlers: list[Tree] = [
        *[{"httpGet": get}] * 3,
        {"tcpSocket": {"port": random.choice([*named, number])}},
        {"grpc": {"port": number} | by_chance(random, ("service", 0.5, ["s", *[None] * odd]))},
        {"exec": {"command": ["true"]}},
    ]
    if odd:
        handlers += [
            {},
            {"httpGet": {}},
            {"sleep": {"seconds": 5}},
            {"tcpSocket": {"port": port, "host": "h"}},
        ]
    return random.choice(handlers)
