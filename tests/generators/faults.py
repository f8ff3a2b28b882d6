"""Pods with one fault or two that are planted in them: what the API server refuses, or a person should know.

Each fault is written at a place that the pod has or gets, and nothing else is changed. Not here: what is said
about the pods, and what the API server says (tests/apiserver/test_results.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

from tests.generators.pods import draw_template

Tree = dict[str, Any]
Plant = Callable[[Random, Tree], None]

CLEAN: Final = 0.15
"""The share of pods without a fault."""
_INJECTED: Final = {"sidecar.istio.io/inject": "true"}
# What decides about an injection; the rest of an annotation's values stays.
_DECIDING: Final = ("sidecar.istio.io/inject", "inject.istio.io/templates")


def draw_faulty(random: Random, number: int) -> tuple[tuple[str, ...], Tree]:
    """The pod of that number, which is injected, with the names of its faults: each comes as often."""
    pod = draw_template(random, odd_share=0)
    _let_inject(pod)
    if random.random() < CLEAN:
        return (), pod
    names = [list(FAULTS)[number % len(FAULTS)]]
    if random.random() < 0.1:
        names.append(random.choice([name for name in FAULTS if name not in names]))
    for name in names:
        FAULTS[name](random, pod)
    return tuple(names), pod


def _let_inject(pod: Tree) -> None:
    for part in ("labels", "annotations"):
        held = pod.get("metadata", {}).get(part, {})
        for key in _DECIDING:
            held.pop(key, None)
    pod.setdefault("metadata", {}).setdefault("labels", {}).update(_INJECTED)
    for field in ("hostNetwork", "nodeSelector", "affinity"):
        pod["spec"].pop(field, None)


def _container(random: Random, pod: Tree) -> Tree:
    """One of the application's own containers."""
    listed = pod["spec"]["containers"] or []
    own = [each for each in listed if not each["name"].startswith("istio-")]
    if not own:
        own = [{"name": "planted", "image": "img:1"}]
        pod["spec"]["containers"] = [*listed, *own]
    return random.choice(own)


def _annotate(pod: Tree, **values: Any) -> None:
    """Annotations of the mesh, by the last part of their key; what is no text is written as JSON."""
    texts = {
        f"sidecar.istio.io/{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in values.items()
    }
    pod["metadata"].setdefault("annotations", {}).update(texts)


def _set(field: str, *values: Any) -> Plant:
    """A field of a container."""

    def plant(random: Random, pod: Tree) -> None:
        _container(random, pod)[field] = random.choice(values)

    return plant


def _security(**fields: Any) -> Plant:
    def plant(random: Random, pod: Tree) -> None:
        _container(random, pod)["securityContext"] = dict(fields)

    return plant


def _spec(**fields: Any) -> Plant:
    def plant(random: Random, pod: Tree) -> None:
        pod["spec"].update(fields)

    return plant


def _annotation(*choices: Mapping[str, Any]) -> Plant:
    def plant(random: Random, pod: Tree) -> None:
        _annotate(pod, **random.choice(choices))

    return plant


def _volume(*volumes: Tree) -> Plant:
    def plant(random: Random, pod: Tree) -> None:
        pod["spec"].setdefault("volumes", []).append(dict(random.choice(volumes)))

    return plant


def _requests_above_limits(random: Random, pod: Tree) -> None:
    name, high, low = random.choice([("cpu", "2", "1500m"), ("memory", "1Gi", "1G"), ("cpu", "0.1", "99m")])
    _container(random, pod)["resources"] = {"requests": {name: high}, "limits": {name: low}}


def _pod_requests(random: Random, pod: Tree) -> None:
    container = _container(random, pod)
    container["resources"] = {"requests": {"cpu": "300m"}}
    pod["spec"]["resources"] = {"requests": {"cpu": random.choice(["299m", "0.2"])}}


def _pod_limits(random: Random, pod: Tree) -> None:
    _container(random, pod)["resources"] = {"limits": {"memory": "3Gi"}}
    pod["spec"]["resources"] = {"limits": {"memory": random.choice(["2Gi", "3000Mi"])}}


def _mount_path_twice(random: Random, pod: Tree) -> None:
    pod["spec"].setdefault("volumes", []).append({"name": "twice", "emptyDir": {}})
    _container(random, pod)["volumeMounts"] = [{"name": "twice", "mountPath": "/twice"} for _ in range(2)]


def _host_port(random: Random, pod: Tree) -> None:
    port = {"containerPort": 7000, "hostPort": 7000, **random.choice([{}, {"protocol": "TCP"}])}
    _container(random, pod)["ports"] = [{**port, "containerPort": 7001}]
    pod["spec"]["containers"] += [{"name": "clash", "image": "img:1", "ports": [port]}]


def _probe(*probes: Tree) -> Plant:
    def plant(random: Random, pod: Tree) -> None:
        field = random.choice(["readinessProbe", "livenessProbe", "startupProbe"])
        _container(random, pod)[field] = json.loads(json.dumps(random.choice(probes)))

    return plant


def _own_proxy(random: Random, pod: Tree) -> None:
    """A proxy of the pod's own, whose size the annotations or the values do not fit."""
    others = [each for each in pod["spec"]["containers"] or [] if each["name"] != "istio-proxy"]
    lows = ({"limits": {"cpu": "10m"}}, {"requests": {"memory": "100Gi"}}, {"requests": {"cpu": "30"}})
    proxy = {"name": "istio-proxy", "image": "auto", "resources": random.choice(lows)}
    pod["spec"]["containers"] = [*(others or [{"name": "planted", "image": "img:1"}]), proxy]


def _two_sizes(random: Random, pod: Tree) -> None:
    """A proxy of the pod's own, and another size by annotation."""
    _own_proxy(random, pod)
    pod["spec"]["containers"][-1]["resources"] = {"limits": {"cpu": "3"}}
    _annotate(pod, proxyCPULimit="2")


def _init_container(random: Random, pod: Tree) -> None:
    field = random.choice(["readinessProbe", "livenessProbe", "startupProbe"])
    init = {"name": "probed", "image": "img:1", field: {"exec": {"command": ["true"]}}}
    pod["spec"].setdefault("initContainers", []).append(init)


def _name(random: Random, pod: Tree) -> None:
    """A name that is not allowed where it stands."""
    bad = random.choice(["Upper", "under_score", "-dash", "dot.ted", "a" * 64])
    holder = random.choice(["container", "volume", "init"])
    if holder == "volume":
        pod["spec"].setdefault("volumes", []).append({"name": bad, "emptyDir": {}})
    else:
        part = "containers" if holder == "container" else "initContainers"
        pod["spec"][part] = [*(pod["spec"].get(part) or []), {"name": bad, "image": "img:1"}]


def _label(*labels: Tree) -> Plant:
    def plant(random: Random, pod: Tree) -> None:
        pod["metadata"]["labels"].update(random.choice(labels))

    return plant


def _annotation_key(random: Random, pod: Tree) -> None:
    pod["metadata"].setdefault("annotations", {})[random.choice(["a b", "x~", "", "é", "/a", "A.B/c/d"])] = (
        "x"
    )


def _variable(*variables: Tree) -> Plant:
    def plant(random: Random, pod: Tree) -> None:
        _container(random, pod)["env"] = [dict(random.choice(variables))]

    return plant


_FIELD_REF: Final = {"fieldRef": {"fieldPath": "metadata.name"}}
_SECRET_REF: Final = {"secretKeyRef": {"name": "s", "key": "k"}}
_EXEC: Final = {"exec": {"command": ["true"]}}
_MOUNT: Final = {"uservolume": {"mountPath": "/user"}}

FAULTS: Final[Mapping[str, Plant]] = {
    "requests above limits": _requests_above_limits,
    "requests above limits by annotation": _annotation(
        {"proxyCPU": "2", "proxyCPULimit": "1"}, {"proxyMemory": "2Gi", "proxyMemoryLimit": "1Gi"}
    ),
    "requests above limits in the pod's own proxy": _own_proxy,
    "sizes by annotation beside the pod's own proxy": _two_sizes,
    "requests above the pod's": _pod_requests,
    "limit above the pod's": _pod_limits,
    "mount without volume": _set("volumeMounts", [{"name": "absent", "mountPath": "/absent"}]),
    "mount without volume by annotation": _annotation({"userVolumeMount": _MOUNT}),
    "mount path twice": _mount_path_twice,
    "port name twice": _set(
        "ports", [{"containerPort": 7000, "name": "same"}, {"containerPort": 7001, "name": "same"}]
    ),
    "host port clash": _host_port,
    # A classic proxy becomes the only container, and the pod is taken.
    "no container": _spec(containers=[]),
    "containers are null": _spec(containers=None),
    "two handlers": _probe(
        {**_EXEC, "tcpSocket": {"port": 80}},
        {"httpGet": {"port": 80}, "tcpSocket": {"port": 80}},
        {"grpc": {"port": 80}, **_EXEC},
    ),
    "no handler": _probe({}, {"periodSeconds": 5}),
    "two lifecycle handlers": _set("lifecycle", {"preStop": {**_EXEC, "sleep": {"seconds": 1}}}),
    "two volume sources": _volume(
        {"name": "two", "emptyDir": {}, "secret": {"secretName": "s"}},
        {"name": "two", "configMap": {"name": "c"}, "hostPath": {"path": "/x"}},
    ),
    "two volume sources by annotation": _annotation(
        {
            "userVolume": {"uservolume": {"emptyDir": {}, "secret": {"secretName": "s"}}},
            "userVolumeMount": _MOUNT,
        }
    ),
    "value and valueFrom": _variable({"name": "A", "value": "x", "valueFrom": _FIELD_REF}),
    "two alternatives of valueFrom": _variable({"name": "A", "valueFrom": {**_FIELD_REF, **_SECRET_REF}}),
    "no alternative of valueFrom": _variable({"name": "A", "valueFrom": {}}),
    "privileged without escalation": _security(privileged=True, allowPrivilegeEscalation=False),
    "capability without escalation": _security(
        allowPrivilegeEscalation=False, capabilities={"add": ["CAP_SYS_ADMIN"]}
    ),
    "seccomp profile": _security(seccompProfile={"type": "RuntimeDefault", "localhostProfile": "a.json"}),
    "unknown field by annotation": _annotation(
        {
            "userVolume": {"uservolume": {"emptyDir": {}}},
            "userVolumeMount": {"uservolume": {"mountPath": "/user", "readonly": True}},
        },
        {
            "userVolume": {"uservolume": {"emptyDir": {"sizelimit": "1Gi"}}},
            "userVolumeMount": _MOUNT,
        },
    ),
    "type by annotation": _annotation(
        {"userVolume": {"uservolume": {"secret": {"secretName": 5}}}, "userVolumeMount": _MOUNT},
        {
            "userVolume": {"uservolume": {"emptyDir": {}}},
            "userVolumeMount": {"uservolume": {"mountPath": "/user", "readOnly": "yes"}},
        },
    ),
    "quantity": _set("resources", {"limits": {"memory": "1Zi"}}, {"requests": {"cpu": "x"}}),
    "resource": _set("resources", {"limits": {"cpu": "-1"}}, {"requests": {"storage": "1Gi"}}),
    "quantity by annotation": _annotation({"proxyCPU": "1 core"}, {"proxyMemory": "1GB"}, {"proxyCPU": "-1"}),
    "name": _name,
    "label key": _label({"a b": "x"}, {"/x": "y"}, {"a/b/c": ""}, {"A.B/c": ""}),
    "label value": _label({"a": "b c"}, {"a": "x" * 64}, {"a": "-"}),
    "annotation key": _annotation_key,
    "port name": _set(
        "ports",
        *(
            [{"containerPort": 7000, "name": name}]
            for name in ("Upper", "much-too-long-name", "123", "a--b", "-a")
        ),
    ),
    "port number": _set(
        "ports",
        *([{"containerPort": port}] for port in (0, 70000, -1)),
        [{"containerPort": 80, "hostPort": 65536}],
    ),
    "probe port": _probe(*({"tcpSocket": {"port": port}} for port in (0, 65536, "", "a_b", "0"))),
    "probe seconds": _probe({**_EXEC, "periodSeconds": -1}, {**_EXEC, "timeoutSeconds": -5}),
    "status port zero": lambda random, pod: (
        pod["metadata"]
        .setdefault("annotations", {})
        .update({"status.sidecar.istio.io/port": "0", "sidecar.istio.io/rewriteAppHTTPProbers": "true"})
    ),
    "variable name": _variable({"name": ""}, {"name": "a=b", "value": "x"}),
    "mount path": lambda random, pod: (
        _volume({"name": "held", "emptyDir": {}})(random, pod),
        _set("volumeMounts", [{"name": "held", "mountPath": ""}], [{"name": "held", "mountPath": "/a:b"}])(
            random, pod
        ),
    )[0],
    "image": _set("image", "", " img", None),
    "protocol": _set("ports", [{"containerPort": 80, "protocol": "HTTP"}]),
    "pull policy": _set("imagePullPolicy", "Sometimes", "always"),
    "restart policy": _spec(restartPolicy="Sometimes"),
    "dns policy": _spec(dnsPolicy="Cluster"),
    "seconds of the pod": _spec(terminationGracePeriodSeconds=-5, activeDeadlineSeconds=0),
    "probe of an init container": _init_container,
    "sysctl twice": _spec(
        securityContext={"sysctls": [{"name": "kernel.shm_rmid_forced", "value": "1"}] * 2}
    ),
    "token of a volume": _volume(
        {
            "name": "short",
            "projected": {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 60}}]},
        }
    ),
    "image auto": _set("image", "auto"),
    "user 0 with runAsNonRoot": _security(runAsUser=0, runAsNonRoot=True),
    "user of the proxy": _security(runAsUser=1337),
    "port of the proxy": _set("ports", [{"containerPort": 15001}], [{"containerPort": 15021}]),
    "user id": _security(runAsUser=-1),
}
