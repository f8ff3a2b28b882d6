"""Random pods, and what people, other webhooks and mishaps make of them.

`draw_template` gives pods as people write them, `draw_clean` those with what tools leave in them, and
`draw_pod` any pod: from the manifests of examples and golden cases, from a template, or an odd one.
Not here: the review around a pod and damage to its structure (reviews.py).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

import yaml

from injector.core import workload
from injector.errors import InjectorError
from tests.generators.annotations import SELDOM, draw_annotations, draw_labels
from tests.generators.containers import (
    NEW_FIELD,
    VOLUMES,
    draw_container,
    draw_init_container,
    draw_proxy,
    draw_rare_container,
)
from tests.generators.pod_fields import FIELDS, METADATA, ODD_FIELDS, ODD_METADATA, SOURCES
from tests.generators.values import by_chance, draw_value, unshared

Tree = dict[str, Any]

ODD: Final = 0.2
"""The share of templates with a label or annotation that has an odd value."""

_REPO: Final = Path(__file__).parents[2]
_NAMES: Final = ("app", "web", "api", "istio-thing", "a", "db-1")
_ODD_NAMES: Final = (
    *("app", "web", "db", "log-shipper", "istio-proxy", "istio-init", "istio-validation", "a", "B_x"),
)
_NEWER: Final[Sequence[Any]] = (
    *({"a": [1, {"b": None, "c": False}]}, [], "日本", 1.5, {}, None, [{"name": "x"}, {"name": "x"}]),
)
_TEXTS: Final = ("日本語", "naïve 🚀", "", 'quote"', "a: b", "{{ x }}", "~/1", "line\nline")
_LISTS_OF_SPEC: Final = ("volumes", "initContainers", "imagePullSecrets", "tolerations")
_LISTS_OF_CONTAINER: Final = ("env", "args", "ports", "volumeMounts")
SPELLINGS: Final = ("prometheus.io/", "prometheus-io/", "prometheus_io_", "prometheus.io.")


def manifests() -> list[Tree]:
    """The pod templates of the examples and of the golden cases, as pods."""
    files = [*_REPO.glob("examples/*/*.yaml"), *_REPO.glob("tests/cases/*/*.yaml")]
    pods = []
    for file in sorted(path for path in files if not path.stem.endswith(".expect")):
        for document in yaml.load_all(file.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            try:
                held = workload.locate(document) if isinstance(document, dict) else None
            except InjectorError:
                continue
            if held is not None:
                # By way of JSON: YAML has dates and shared places.
                text = json.dumps({"apiVersion": "v1", "kind": "Pod", **held.template}, default=str)
                pods.append(json.loads(text))
    return pods


def draw_pod(
    random: Random, shipped: Sequence[Tree], keys: Sequence[str], injected: Callable[[Tree], Tree]
) -> Tree:
    """A pod; `shipped` are those of `manifests`, `keys` the annotations that a profile knows.

    About one in eight was injected before, by `injected`.
    """
    roll = random.random()
    if roll < 0.25:
        pod = copy.deepcopy(random.choice(shipped))
    else:
        pod = {"apiVersion": "v1", "kind": "Pod", **draw_template(random)}
        if roll > 0.5:
            _make_odd(random, pod)
    if random.random() < 0.6:
        _annotate(random, pod, keys)
    _disturb(random, pod)
    if random.random() < 0.12:
        pod = injected(pod)
        if random.random() < 0.3:
            _annotate(random, pod, keys)
    return pod


def draw_template(random: Random, *, odd_share: float = ODD) -> Tree:
    """A pod template that every client reads in the same way."""
    names = random.sample(_NAMES, random.choice([1, 1, 2, 3]))
    spec: Tree = {"containers": [draw_container(random, name) for name in names]}
    if random.random() < 0.3:
        count = random.randint(1, 2)
        spec["initContainers"] = [draw_init_container(random, f"init-{n}") for n in range(count)]
    odd = random.choice(["annotation", "annotation", "label"]) if random.random() < odd_share else ""
    annotations = draw_annotations(random, odd=odd == "annotation")
    is_gateway = annotations.get("inject.istio.io/templates", "").startswith("gateway")
    if random.random() < 0.25 or is_gateway:
        place = spec.setdefault("initContainers" if random.random() < 0.2 else "containers", [])
        place.insert(random.randint(0, len(place)), draw_proxy(random))
    if random.random() < 0.05:
        own = {"name": random.choice(["istio-init", "istio-validation"]), "image": "init:2", "args": ["a"]}
        spec.setdefault("initContainers", []).append(own)
    _add_fields(random, spec)
    metadata: Tree = {"labels": draw_labels(random, odd=odd == "label"), "annotations": annotations}
    return unshared({"metadata": {key: value for key, value in metadata.items() if value}, "spec": spec})


def draw_clean(random: Random) -> Tree:
    """A pod template that nobody injected and that Kubernetes takes, with nulls, empty lists, unknown
    fields and every spelling of Prometheus' annotations."""
    pod = draw_template(random, odd_share=0)
    spec, metadata = pod["spec"], pod["metadata"]
    spec.pop("hostNetwork", None)
    spec.update(random.sample(FIELDS, random.randint(0, 3)))
    annotations = {key: text for key, text in metadata.get("annotations", {}).items() if key not in SELDOM}
    metadata["annotations"] = annotations | _rare_annotations(random)
    metadata.update(random.sample(METADATA, random.randint(0, 3)))
    _add_rare(random, spec)
    first = spec["containers"][0]
    nothing: Sequence[Any] = (None, [])
    for value in nothing:
        if random.random() < 0.5:
            holder, lists = random.choice([(spec, _LISTS_OF_SPEC), (first, _LISTS_OF_CONTAINER)])
            holder[random.choice(lists)] = value
    if random.random() < 0.5:
        random.choice([spec, metadata, first])[NEW_FIELD] = random.choice(_NEWER)
    if random.random() < 0.05:
        del pod["metadata"]
    return unshared(pod)


def _add_rare(random: Random, spec: Tree) -> None:
    """Many containers, a sidecar among those that run first, the user's own proxy, volumes of templates."""
    spec["containers"].append(draw_rare_container(random, "rare"))
    if random.random() < 0.3:
        shape = spec["containers"][-1]
        spec["containers"] = [{**shape, "name": f"c{number}"} for number in range(50)]
    if random.random() < 0.4:
        early = {**draw_rare_container(random, "early"), "restartPolicy": "Always"}
        spec["initContainers"] = [*(spec.get("initContainers") or []), early]
    listed = [*spec["containers"], *(spec.get("initContainers") or [])]
    if random.random() < 0.3 and all(container["name"] != "istio-proxy" for container in listed):
        spec["containers"].append(draw_proxy(random))
    if random.random() < 0.7:
        chosen = random.sample(VOLUMES, random.randint(2, 5))
        spec["volumes"] = [{"name": name, **_source(random)} for name in chosen]


def _rare_annotations(random: Random) -> Tree:
    annotations: Tree = {}
    values = {"scrape": "true", "port": "9090", "path": "/metrics"}
    for spelling in SPELLINGS:
        if random.random() < 0.4:
            names = random.choice([["port"], ["scrape", "port", "path"]])
            annotations |= {spelling + name: values[name] for name in names}
    if random.random() < 0.6:
        annotations[random.choice(["note~", "é", "a/b"])] = random.choice(_TEXTS)
    return annotations


def make_too_large(pod: Tree) -> None:
    """Give a pod so many variables that no limit of work lets it pass; a body of that size is still read."""
    names = [f"V{number}" for number in range(100)]
    containers = [{"name": f"c{n}", "env": [{"name": name} for name in names]} for n in range(500)]
    pod["spec"] = {"containers": containers}


def _add_fields(random: Random, spec: Tree) -> None:
    """What stands beside the containers."""
    listed = [*spec["containers"], *spec.get("initContainers", [])]
    volumes: list[Tree] = []
    if random.random() < 0.3 or any("volumeMounts" in container for container in listed):
        volumes.append({"name": "v0", "emptyDir": {}})
    if random.random() < 0.1:
        volumes.append({"name": "workload-socket", "csi": {"driver": "csi.spiffe.io", "readOnly": True}})
    if random.random() < 0.1:
        source = {"serviceAccountToken": {"path": "token", "audience": "x"}}
        volumes.append({"name": "own-token", "projected": {"sources": [source]}})
    if volumes:
        spec["volumes"] = volumes
    spec |= by_chance(
        random,
        ("imagePullSecrets", 0.2, [[{"name": "mine"}]]),
        ("hostNetwork", 0.05, [True]),
        ("serviceAccountName", 0.2, ["account"]),
        ("securityContext", 0.15, [{"fsGroup": 5, "runAsUser": 7}, {"fsGroup": 1337}, {}]),
        ("dnsConfig", 0.1, [{"searches": ["example.com"]}]),
        ("terminationGracePeriodSeconds", 0.1, [0, 60]),
        ("shareProcessNamespace", 0.05, [True]),
        ("automountServiceAccountToken", 0.05, [False]),
        ("nodeSelector", 0.1, [*[{"kubernetes.io/os": "linux"}] * 4, {"kubernetes.io/os": "windows"}]),
        ("tolerations", 0.1, [[{"operator": "Exists"}]]),
        ("hostAliases", 0.05, [[{"ip": "10.0.0.1", "hostnames": ["x"]}]]),
        ("priorityClassName", 0.05, ["high"]),
    )


def _make_odd(random: Random, pod: Tree) -> None:
    """Other containers, volumes, fields and metadata; seldom a name twice, which is refused."""
    spec, metadata = pod["spec"], {**pod["metadata"]}
    names = _odd_names(random, random.choice([1, 1, 1, 2, 3]))
    spec["containers"] = [draw_container(random, name, odd=True) for name in names]
    if random.random() < 0.02:
        shape = spec["containers"][0]
        spec["containers"] = [{**shape, "name": f"c{n}"} for n in range(random.choice([50, 200]))]
    spec.pop("initContainers", None)
    if random.random() < 0.4:
        free = [
            name
            for name in _odd_names(random, random.randint(0, 3))
            if name not in names or random.random() < 0.05
        ]
        spec["initContainers"] = [draw_init_container(random, name, odd=True) for name in free]
    if random.random() < 0.5:
        chosen = random.sample(VOLUMES, random.randint(0, 4))
        spec["volumes"] = [{"name": name, **_source(random)} for name in chosen]
    spec.update(random.sample(ODD_FIELDS, random.randint(0, 6)))
    metadata.update({"generateName": "web-"} if random.random() < 0.7 else {"name": "web"})
    if random.random() < 0.8:
        metadata.pop("annotations", None)
    metadata.update(random.sample(ODD_METADATA, random.randint(0, 4)))
    if random.random() < 0.3:
        pod["status"] = {"phase": "Pending", "conditions": []}
    pod.update(unshared({"metadata": metadata, "spec": spec}))


def _odd_names(random: Random, count: int) -> list[str]:
    return (random.choices if random.random() < 0.05 else random.sample)(_ODD_NAMES, k=count)


def _source(random: Random) -> Tree:
    return dict(random.sample(SOURCES, random.choice([0, *[1] * 9])))


def _annotate(random: Random, pod: Tree, keys: Sequence[str]) -> None:
    if not isinstance(pod.get("metadata"), dict):
        pod["metadata"] = {}
    meta = pod["metadata"]
    annotations = dict(meta.get("annotations") or {})
    # One at a time mostly: a value that is refused hides what the others would have done.
    for key in random.sample(keys, min(len(keys), random.choice([1, 1, 1, 2, 6]))):
        annotations[key] = draw_value(random, key)
    meta["annotations"] = annotations
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
        return [holder for item in tree for holder in _maps(item)]
    if not isinstance(tree, dict):
        return []
    inner = [
        holder
        for key, value in tree.items()
        if key not in ("labels", "annotations")
        for holder in _maps(value)
    ]
    return [tree, *inner]
