"""Pods for Hypothesis, with the features that injection stumbles over, and a count of them.

`pods` gives pod templates as people and API servers write them; `FeatureCount` tells how often
each feature was among them, so that a law that holds also says on what. What a feature is, is
read from the pod, never from how it was made.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

Pod = dict[str, Any]

OWN_PROXY = "own proxy container"
NAMED_PROBES = "named probe ports"
PROMETHEUS = "Prometheus annotations"
EARLIER = "an earlier injection"
NATIVE = "native init containers"
NULLS = "nulls"
EMPTY_LISTS = "empty lists"
UNKNOWN = "unknown fields"
UNICODE = "unicode"
FIFTY = "50 containers"
SPELLINGS = ("prometheus.io/", "prometheus-io/", "prometheus_io_", "prometheus.io.")
FEATURES = (
    OWN_PROXY,
    NAMED_PROBES,
    PROMETHEUS,
    EARLIER,
    NATIVE,
    NULLS,
    EMPTY_LISTS,
    UNKNOWN,
    UNICODE,
    FIFTY,
    *(f"spelling {spelling}" for spelling in SPELLINGS),
)

PROXY = "istio-proxy"
INIT = "istio-init"
STATUS = "sidecar.istio.io/status"
_NEW_FIELD = "fieldNewerThanUs"
_PROMETHEUS = re.compile(r"prometheus[^a-zA-Z0-9]io[^a-zA-Z0-9](scrape|port|path)", re.DOTALL)

_texts = st.sampled_from(
    ["", "a", "x y", "日本語", "naïve 🚀", 'quote"', "a: b", "{{ x }}", "~/1", "line\nline"]
)
_names = st.sampled_from(["app", "web", "db", "log-shipper", "cache", "a", "b"])
_numbers = st.integers(0, 70_000)


def _sometimes(draw: DrawFn, one_in: int) -> bool:
    # The simplest choice is "no", so that a failing example shrinks to few features.
    return draw(st.integers(0, one_in - 1)) == one_in - 1


def _some(draw: DrawFn, fields: dict[str, SearchStrategy[Any]], one_in: int = 3) -> Pod:
    return {name: draw(values) for name, values in fields.items() if _sometimes(draw, one_in)}


def _distinct(items: SearchStrategy[Pod], key: str, most: int = 4) -> SearchStrategy[list[Pod]]:
    return st.lists(items, max_size=most, unique_by=lambda item: item[key])


def _env(draw: DrawFn) -> Pod:
    name = draw(st.sampled_from(["A", "B", "PATH", "ISTIO_META_X", "ÜBER"]))
    source = {"fieldRef": {"fieldPath": "metadata.name"}}
    return {"name": name, **draw(st.sampled_from([{}, {"value": ""}, {"value": "x"}, {"valueFrom": source}]))}


def _probe(draw: DrawFn) -> Pod:
    port = draw(st.sampled_from([80, 8080, "http", "missing", "80"]))
    handlers: list[Pod] = [
        {"httpGet": {"path": "/healthz", "port": port}},
        {"httpGet": {"port": port, "scheme": "HTTPS", "httpHeaders": [{"name": "a", "value": "b"}]}},
        {"tcpSocket": {"port": port}},
        {"grpc": {"port": 8080}},
        {"exec": {"command": ["true"]}},
    ]
    return {**draw(st.sampled_from(handlers)), **_some(draw, {"timeoutSeconds": st.integers(1, 5)})}


_envs = _distinct(st.composite(_env)(), "name")
_ports = _distinct(
    st.fixed_dictionaries(
        {"containerPort": st.sampled_from([80, 8080, 9090])},
        optional={"name": st.sampled_from(["http", "metrics"]), "protocol": st.sampled_from(["TCP", "UDP"])},
    ),
    "containerPort",
    3,
)
_mounts = _distinct(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["data", "istio-envoy", "cfg"]),
            "mountPath": st.sampled_from(["/a", "/b~/c"]),
        }
    ),
    "mountPath",
    2,
)
_probes = st.composite(_probe)()


def _unshared(value: Any) -> Any:
    """A tree like one that was read from a text: no two places hold the same object."""
    if isinstance(value, dict):
        return {key: _unshared(inner) for key, inner in value.items()}
    return [_unshared(item) for item in value] if isinstance(value, list) else value


@st.composite
def containers(draw: DrawFn, name: str = "") -> Pod:
    """A container of a pod, by default of any name."""
    fields: dict[str, SearchStrategy[Any]] = {
        "image": st.sampled_from(["img:1", "auto"]),
        "args": st.lists(_texts, max_size=3),
        "command": st.lists(_texts, max_size=2),
        "env": _envs,
        "ports": _ports,
        "volumeMounts": _mounts,
        "resources": st.sampled_from([{}, {"limits": {"cpu": "1"}}, {"requests": {"memory": "1Gi"}}]),
        "securityContext": st.sampled_from([{}, {"runAsUser": 1337}, {"capabilities": {"drop": ["ALL"]}}]),
        "readinessProbe": _probes,
        "livenessProbe": _probes,
        "startupProbe": _probes,
        "lifecycle": st.sampled_from([{"preStop": {"exec": {"command": ["x"]}}}, {}]),
        "tty": st.booleans(),
    }
    return _unshared({"name": name or draw(_names), **_some(draw, fields)})  # type: ignore[no-any-return]


@st.composite
def _container_lists(draw: DrawFn) -> Pod:
    spec: Pod = {
        "containers": draw(st.lists(containers(), min_size=1, max_size=3, unique_by=lambda c: c["name"]))
    }
    if _sometimes(draw, 7):
        shape = draw(containers("many"))
        spec["containers"] = [{**shape, "name": f"c{i}"} for i in range(50)]
    if _sometimes(draw, 3):
        spec["initContainers"] = draw(
            st.lists(containers(), max_size=2, unique_by=lambda c: c["name"]).map(
                lambda found: [{**c, "name": f"init-{c['name']}"} for c in found]
            )
        )
    if _sometimes(draw, 5):
        native = {**draw(containers("early")), "restartPolicy": "Always"}
        spec["initContainers"] = [*spec.get("initContainers", []), native]
    return spec


@st.composite
def _metadata(draw: DrawFn) -> Pod:
    meta = _some(
        draw,
        {
            "name": _names,
            "generateName": st.just("web-"),
            "labels": st.dictionaries(
                st.sampled_from(["app", "version", "istio.io/rev", "x/y~z"]),
                st.sampled_from(["", "v1", "web"]),
            ),
            "annotations": st.dictionaries(st.sampled_from(["a/b", "note~", "é"]), _texts),
            "finalizers": st.just(["x/y"]),
        },
        2,
    )
    if _sometimes(draw, 2):
        spelling = draw(st.sampled_from(SPELLINGS))
        values = {
            "scrape": st.sampled_from(["true", "false"]),
            "port": st.just("9090"),
            "path": st.just("/metrics"),
        }
        found = {spelling + name: draw(value) for name, value in values.items() if draw(st.booleans())}
        meta["annotations"] = {**(meta.get("annotations") or {}), **(found or {spelling + "port": "9090"})}
    return meta


@st.composite
def _plain_pods(draw: DrawFn) -> Pod:
    spec = draw(_container_lists())
    if _sometimes(draw, 4):
        part = draw(st.sampled_from(["containers", "initContainers"]))
        name = draw(st.sampled_from([PROXY, INIT])) if part == "initContainers" else PROXY
        spec[part] = [*spec.get(part, []), draw(containers(name))]
    sources: list[Pod] = [{}, {"emptyDir": {}}, {"emptyDir": {"medium": "Memory"}}, {"csi": {"driver": "d"}}]
    volumes = st.builds(
        lambda name, source: {"name": name, **source},
        st.sampled_from(["data", "cfg", "istio-envoy", "workload-socket"]),
        st.sampled_from(sources),
    )
    spec |= _some(
        draw,
        {
            "volumes": _distinct(volumes, "name"),
            "imagePullSecrets": st.sampled_from([[], [{"name": "registry"}]]),
            "tolerations": st.just([{"key": "k", "operator": "Exists"}]),
            "securityContext": st.sampled_from([{}, {"fsGroup": 1}, {"sysctls": []}]),
            "hostAliases": st.just([{"ip": "10.0.0.1", "hostnames": ["h"]}]),
            "serviceAccountName": st.just("shop"),
            "dnsPolicy": st.just("ClusterFirst"),
        },
    )
    pod: Pod = {"metadata": draw(_metadata()), "spec": spec}
    _disturb(draw, pod)
    return _unshared(pod)  # type: ignore[no-any-return]


def _disturb(draw: DrawFn, pod: Pod) -> None:
    """Nulls, empty lists and unknown fields, in the places where people and tools leave them."""
    spec, meta = pod["spec"], pod["metadata"]
    first = spec["containers"][0]
    if _sometimes(draw, 3):
        holder, name = draw(
            st.sampled_from(
                [
                    (spec, "volumes"),
                    (spec, "initContainers"),
                    (spec, "imagePullSecrets"),
                    (spec, "hostNetwork"),
                    (spec, "securityContext"),
                    (meta, "labels"),
                    (meta, "annotations"),
                    (meta, "creationTimestamp"),
                    (first, "env"),
                    (first, "args"),
                    (first, "ports"),
                    (first, "volumeMounts"),
                    (first, "resources"),
                    (first, "livenessProbe"),
                ]
            )
        )
        holder[name] = None
    if _sometimes(draw, 3):
        holder, name = draw(
            st.sampled_from(
                [
                    (spec, "volumes"),
                    (spec, "initContainers"),
                    (spec, "imagePullSecrets"),
                    (spec, "tolerations"),
                    (first, "env"),
                    (first, "args"),
                    (first, "ports"),
                    (first, "volumeMounts"),
                ]
            )
        )
        holder[name] = []
    if _sometimes(draw, 4):
        holder = draw(st.sampled_from([spec, meta, first]))
        holder[_NEW_FIELD] = draw(st.sampled_from([{"a": [1, {"b": None}]}, [], "日本", 1.5, {}]))
    if not pod["metadata"] and _sometimes(draw, 2):
        del pod["metadata"]


def pods(injected: Callable[[Pod], Pod] | None = None) -> SearchStrategy[Pod]:
    """Pod templates that Kubernetes would accept, with every feature in at least one of fifty.

    `injected` makes an injected pod of a plain one; it is called for about one pod in four. Without
    it none carries an earlier injection.
    """
    if injected is None:
        return _plain_pods()
    made = st.tuples(_plain_pods(), st.integers(0, 3))
    return made.map(lambda pair: injected(pair[0]) if pair[1] == 3 else pair[0])


@st.composite
def overlays(draw: DrawFn) -> Pod:
    """What a template may give: a partial pod without nulls and directives."""
    spec = _some(
        draw,
        {
            "containers": st.lists(containers(), max_size=2, unique_by=lambda c: c["name"]),
            "initContainers": st.lists(containers(), max_size=2, unique_by=lambda c: c["name"]),
            "volumes": st.just([{"name": "ours", "emptyDir": {}}, {"name": "data", "emptyDir": {}}]),
            "securityContext": st.just({"fsGroup": 1337}),
        },
        2,
    )
    return {"metadata": {"labels": {"ours": "yes"}, "annotations": {"a/b": "c"}}, "spec": _unshared(spec)}


def features(pod: Pod) -> set[str]:
    """The features of `FEATURES` that a pod has."""
    spec, meta = pod.get("spec") or {}, pod.get("metadata") or {}
    annotations = meta.get("annotations") or {}
    listed = [c for part in ("containers", "initContainers") for c in spec.get(part) or []]
    leaves = list(_leaves(pod))
    found = {f"spelling {s}" for s in SPELLINGS if any(key.startswith(s) for key in annotations)}
    tests = {
        OWN_PROXY: STATUS not in annotations and any(c["name"] == PROXY for c in listed),
        NAMED_PROBES: any(isinstance(port, str) for c in listed for port in _probe_ports(c)),
        PROMETHEUS: any(_PROMETHEUS.fullmatch(key) for key in annotations),
        EARLIER: STATUS in annotations,
        NATIVE: any(c.get("restartPolicy") == "Always" for c in spec.get("initContainers") or []),
        NULLS: any(leaf is None for leaf in leaves),
        EMPTY_LISTS: any(leaf == [] for leaf in leaves),
        UNKNOWN: any(_NEW_FIELD in holder for holder in (spec, meta, *listed)),
        UNICODE: any(isinstance(leaf, str) and not leaf.isascii() for leaf in leaves),
        FIFTY: len(spec.get("containers") or []) >= 50,
    }
    return found | {name for name, holds in tests.items() if holds}


def _probe_ports(container: Pod) -> Iterator[Any]:
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(kind) or {}
        for handler in ("httpGet", "tcpSocket", "grpc"):
            yield (probe.get(handler) or {}).get("port")


def _leaves(value: Any) -> Iterator[Any]:
    """Every scalar, key and empty list of a tree."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _leaves(inner)
    elif isinstance(value, list) and value:
        for item in value:
            yield from _leaves(item)
    else:
        yield value


@dataclass
class FeatureCount:
    """How often each feature appeared among the pods that a law was tried on."""

    pods: int = 0
    seen: Counter[str] = field(default_factory=Counter)

    def add(self, pod: Pod) -> None:
        """Count one pod."""
        self.pods += 1
        self.seen.update(features(pod))

    def share(self, feature: str) -> float:
        """The part of the pods that had a feature, from 0 to 1."""
        return self.seen[feature] / self.pods if self.pods else 0.0

    def lines(self) -> list[str]:
        """One line for each feature, for people."""
        return [f"{name:<{max(map(len, FEATURES))}} {self.share(name):6.1%}" for name in FEATURES]

    def rare(self, least: float = 0.02) -> list[str]:
        """The features that appeared too seldom."""
        return [name for name in FEATURES if self.share(name) < least]
