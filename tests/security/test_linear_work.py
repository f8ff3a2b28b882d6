"""Work grows in proportion to a pod: doubling a list or a map of it at most doubles the work.

Counted from outside (`counting`), as the squares that there were stood in expressions such as
``name in tuple``, which no counter of the product sees.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import pytest

from injector.config.loading import load
from injector.core.injection import undo_entries as entries_module
from injector.core.injection import uninjection
from injector.core.injection.pipeline import inject
from injector.core.injection.recovery import removed
from injector.core.model import AdmissionRequest, Facts, Namespace, Origin, Verdict
from injector.core.outcome import Outcome
from injector.core.profile import Config
from injector.core.tree.compare import changes
from injector.records.entry import Admission, admission_line
from injector.records.redaction import Redaction
from tests import answering
from tests.security.counting import counted, work_of

Pod = dict[str, Any]

STATUS = "sidecar.istio.io/status"
UNDO = "sidecar-injector/undo"
OVERRIDES = "proxy.istio.io/overrides"
FACTS = Facts("shop", Origin.WEBHOOK, Namespace("shop", {"istio-injection": "enabled"}))
SIZE = 100


@cache
def config(quirks: bool = False) -> Config:
    # The limit of the product is out of the way: what is counted here is the algorithm.
    return replace(load(None), quirks=quirks, work_limit=1 << 40)


def a_pod(spec: Pod | None = None, annotations: dict[str, str] | None = None, **meta: Any) -> Pod:
    labels = {"sidecar.istio.io/inject": "true", **meta.pop("labels", {})}
    meta = {"name": "web", "labels": labels, "annotations": annotations or {}, **meta}
    return {"metadata": meta, "spec": spec or {"containers": [{"name": "web", "image": "web:1"}]}}


def many(size: int, prefix: str = "c", **fields: Any) -> list[Pod]:
    return [{"name": f"{prefix}{i:06}", **fields} for i in range(size)]


def as_text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


# ---- the six rows of the report ------------------------------------------------------------------------


def undo_entries(size: int) -> Pod:
    entries = [[f"/spec/containers/c{i:06}/tty", True] for i in range(size)]
    return a_pod({"containers": many(size)}, {STATUS: "{}", UNDO: as_text(entries)})


def status_names(size: int) -> Pod:
    listed = as_text({"volumes": [f"x{i:06}" for i in range(size)]})
    return a_pod({"containers": [{"name": "web"}], "volumes": many(size, "v")}, {STATUS: listed})


def findings(size: int) -> Pod:
    return a_pod({"containers": many(size, livenessProbe={"httpGet": {"port": "x"}})})


def undo_that_moves_containers(size: int) -> Pod:
    names = [c["name"] for c in many(size)]
    entries = [["/spec/containers/web", {"name": "web"}], ["/spec/initContainers", None, names[::-1]]]
    status = as_text({"initContainers": names, "containers": names})
    stored = as_text({"containers": many(size, tty=True)})
    spec = {"containers": [{"name": "web"}], "initContainers": many(size)}
    return a_pod(spec, {STATUS: status, UNDO: as_text(entries), OVERRIDES: stored})


def volumes_that_are_taken(size: int) -> Pod:
    wanted: dict[str, Any] = {v["name"]: {"emptyDir": {}} for v in many(size, "v")}
    spec = {"containers": [{"name": "web"}], "volumes": many(size, "v", secret={"secretName": "s"})}
    return a_pod(spec, {"sidecar.istio.io/userVolume": as_text(wanted)})


def undo_of_orders(size: int) -> Pod:
    entries = [["/spec/containers", None, [f"c{i:06}"]] for i in range(size)]
    return a_pod({"containers": many(size)}, {STATUS: "{}", UNDO: as_text(entries)})


ROWS = [
    undo_entries,
    status_names,
    findings,
    undo_that_moves_containers,
    volumes_that_are_taken,
    undo_of_orders,
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_a_pod_of_the_report_takes_work_in_proportion(row: Callable[[int], Pod]) -> None:
    assert_linear(lambda pod: inject(pod, FACTS, config()), row)


def assert_linear(operation: Callable[[Pod], object], make: Callable[[int], Pod], size: int = SIZE) -> None:
    """Twice as long a list takes at most twice the work, also without what any pod costs.

    What is added for the next `2 * size` elements is at most twice what was added for `size`; a few
    percent are left for sorting.
    """
    # Templates are compiled, skeletons of this shape parsed; nothing of the pods that count is known.
    operation(counted(make(size + 1)))
    pods = [counted(make(n)) for n in (size, 2 * size, 4 * size)]
    first, second, third = (work_of(partial(operation, pod)) for pod in pods)
    assert second <= 2 * first
    assert third <= 2 * second
    assert third - second <= 2 * (second - first) + first // 10, f"{first}, {second}, {third}"


# ---- every list and every map of a pod -----------------------------------------------------------------

HTTP = {"path": "/x", "port": 8080, "httpHeaders": [{"name": "H", "value": "v"}]}
APP: Pod = {
    "name": "app",
    "image": "app:1",
    "args": ["a"],
    "env": [{"name": "E", "value": "v"}],
    "envFrom": [{"configMapRef": {"name": "c"}}],
    "ports": [{"containerPort": 1000, "name": "p"}],
    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    "volumeDevices": [{"name": "d", "devicePath": "/dev/d"}],
    "resources": {"limits": {"example.com/r": "1"}},
    "livenessProbe": {"httpGet": HTTP},
    "readinessProbe": {"tcpSocket": {"port": "p"}},
    "lifecycle": {"preStop": {"httpGet": HTTP}},
    "securityContext": {"capabilities": {"add": ["NET_RAW"]}},
    "newerThanUs": [{"a": [[1]]}],
}
RICH: Pod = {
    "metadata": {
        "name": "web",
        "labels": {"sidecar.istio.io/inject": "true", "app": "web"},
        "annotations": {
            "free.example/x": "y",
            "sidecar.istio.io/misspelt": "y",
            "prometheus_io.port": "80",
            "proxy.istio.io/config": {
                "proxyMetadata": {"A": "b"},
                "tracing": {"customTags": {"t": {"literal": {"value": "v"}}}},
            },
            "traffic.sidecar.istio.io/excludeInboundPorts": "1,2",
            "sidecar.istio.io/userVolume": {"u": {"configMap": {"name": "u", "items": [{"key": "k"}]}}},
            "sidecar.istio.io/userVolumeMount": {"m": {"mountPath": "/m"}},
            STATUS: {
                "initContainers": ["istio-init", "x"],
                "containers": ["istio-proxy", "x"],
                "volumes": ["istio-envoy", "x"],
                "imagePullSecrets": ["x"],
            },
            UNDO: [["/metadata/labels/l", "v"], ["/spec/containers", None, ["app"]]],
            OVERRIDES: {"containers": [{"name": "istio-proxy", "env": [{"name": "E", "value": "v"}]}]},
        },
        "finalizers": ["example.com/f"],
        "ownerReferences": [{"uid": "u", "kind": "ReplicaSet", "name": "web-1", "controller": False}],
    },
    "spec": {
        "containers": [APP, {"name": "istio-proxy", "image": "auto", "env": [{"name": "E", "value": "v"}]}],
        "initContainers": [{"name": "prepare", "env": [{"name": "E", "value": "v"}]}],
        "ephemeralContainers": [{"name": "debug"}],
        "volumes": [{"name": "data", "projected": {"sources": [{"secret": {"name": "s"}}]}}],
        "imagePullSecrets": [{"name": "pull"}],
        "tolerations": [{"key": "k"}],
        "hostAliases": [{"ip": "1.1.1.1", "hostnames": ["h"]}],
        "topologySpreadConstraints": [{"topologyKey": "t"}],
        "securityContext": {"sysctls": [{"name": "s", "value": "1"}], "supplementalGroups": [1]},
        "nodeSelector": {"n": "v"},
        "dnsConfig": {"options": [{"name": "o"}]},
        "newerThanUs": {"a": {"b": "c"}},
    },
}
Place = tuple[str | int, ...]


def places(tree: Any, at: Place = ()) -> list[Place]:
    """Every list and every map that may have any number of elements."""
    if isinstance(tree, list):
        return [at, *(place for i, item in enumerate(tree) for place in places(item, (*at, i)))]
    if isinstance(tree, dict):
        return [at, *(place for key, item in tree.items() for place in places(item, (*at, key)))]
    return []


def another(item: Any, number: int) -> Any:
    """An element like this one, with other names, keys, paths and ports."""
    if isinstance(item, str):
        return f"{item}{number:06}"
    if isinstance(item, bool) or item is None:
        return item
    if isinstance(item, int):
        return item + number
    if isinstance(item, list):
        return [another(item[0], number), *item[1:]] if item else item
    own = ("name", "mountPath", "devicePath", "ip", "topologyKey", "uid", "key", "containerPort")
    return {key: another(value, number) if key in own else value for key, value in item.items()}


def grown(place: Place) -> Callable[[int], Pod]:
    """A maker of rich pods whose list or map at this place has so many elements more."""

    def make(size: int, tree: Any = RICH, rest: Place = place) -> Any:
        if rest:
            head, *left = rest
            inner = make(size, tree[head], tuple(left))
            if isinstance(tree, list):
                return [*tree[: int(head)], inner, *tree[int(head) + 1 :]]
            return {**tree, head: inner}
        if isinstance(tree, list):
            return [*tree, *(another(tree[0], i) for i in range(size))]
        key, value = list(tree.items())[-1]
        return {**tree, **{f"{key}{i:06}": another(value, i) for i in range(size)}}

    return lambda size: encoded(make(size))


def encoded(pod: Pod) -> Pod:
    """The pod with its structured annotations as text."""
    annotations = pod["metadata"]["annotations"]
    texts = {key: v if isinstance(v, str) else as_text(v) for key, v in annotations.items()}
    return {**pod, "metadata": {**pod["metadata"], "annotations": texts}}


# A volume has one source.
SINGLE: Place = ("metadata", "annotations", "sidecar.istio.io/userVolume", "u")
PLACES = [place for place in places(RICH) if place and place != SINGLE]


def injected(pod: Pod, quirks: bool = False) -> Outcome:
    outcome = inject(pod, FACTS, config(quirks))
    assert outcome.decision.verdict is Verdict.INJECT, outcome.error
    return outcome


def everything(pod: Pod) -> None:
    """Inject, inject again, take it out, and what is done with the outcome."""
    outcome = injected(pod)
    injected(outcome.pod)
    removed(outcome.pod, FACTS, config())
    changes(pod, outcome.pod)
    admission = Admission(AdmissionRequest("u", pod), FACTS, outcome, Verdict.INJECT, config(), "", 0)
    admission_line(admission, 0, Redaction.of(b"0" * 32, config()))
    # The proof of a patch reads it back, so that the pod has to be of plain texts.
    plain = json.loads(json.dumps(pod))
    request = AdmissionRequest("u", {"apiVersion": "v1", "kind": "Pod", **plain}, namespace="shop")
    assert (
        answering.answer(request, config(), lambda _name: FACTS.namespace_object).decision is Verdict.INJECT
    )


OPERATIONS: dict[str, Callable[[Pod], object]] = {
    "everything": everything,
    "quirks": lambda pod: injected(pod, quirks=True),
}


@pytest.fixture(autouse=True)
def _undo_of_any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    # Past its limit the undo is not written, which would hide the work of writing it.
    for module in (uninjection, entries_module):
        monkeypatch.setattr(module, "LIMIT", 1 << 30)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: "/".join(map(str, place)))
def test_doubling_a_list_or_map_at_most_doubles_the_work(operation: str, place: Place) -> None:
    assert_linear(OPERATIONS[operation], grown(place), size=60)


def test_the_rich_pod_is_injected_by_every_place() -> None:
    # Else the test above would count the work of refusals.
    refused = {
        place: outcome.error
        for place in PLACES
        if (outcome := inject(grown(place)(2), FACTS, config())).decision.verdict is not Verdict.INJECT
    }
    assert refused == {}
