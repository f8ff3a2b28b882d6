"""What of a pod is its author's, and that no annotation gives or takes any of it.

Written from the rules, without the code that keeps them: names are compared, and an undo annotation
explains a change only at the places that it names. Each check returns what is wrong as sentences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from injector.core.model import AnnotationKeys
from tests.fuzz.design import value_at
from tests.fuzz.oracles import Place
from tests.generators.forging import LISTS, NEVER, VOLUME, loaded

Tree = dict[str, Any]

_CONTAINERS: Final = ("initContainers", "containers")
_ASSUMED: Final = (
    *(("security.istio.io/tlsMode",), ("service.istio.io/canonical-name",)),
    *(("service.istio.io/canonical-revision",), ("kubectl.kubernetes.io/default-container",)),
    ("kubectl.kubernetes.io/default-logs-container",),
)
_PROBES: Final = (("livenessProbe",), ("readinessProbe",), ("startupProbe",), ("lifecycle",))


@dataclass(frozen=True, slots=True)
class Elements:
    """Names that the templates of a configuration give, by list of a pod's spec."""

    made: Mapping[str, frozenset[str]]

    def of(self, part: str) -> frozenset[str]:
        """The names for one list; a container may stand in either."""
        if part in _CONTAINERS:
            return frozenset().union(*(self.made.get(each, frozenset()) for each in _CONTAINERS))
        return self.made.get(part, frozenset())


def element_faults(
    before: Tree, after: Tree, made: Elements, upstream: AnnotationKeys | None = None
) -> Iterator[str]:
    """Elements of the author's that came or went; volumes may come by the annotation that asks for them.

    With the keys of the annotations that `upstream` trusts, containers may come by the overrides, and
    what the status lists may go: its templates do not see that.
    """
    volumes = _user_volumes(before) | _user_volumes(after)
    stored = _stored(before, upstream.overrides) if upstream else frozenset()
    listed = _listed(before, upstream.status) if upstream else frozenset()
    for part in LISTS:
        ours, asked = (
            made.of(part),
            {"volumes": volumes, "imagePullSecrets": frozenset[str]()}.get(part, stored),
        )
        had, has = (
            Counter(name for name in _names(pod, part) if name not in ours) for pod in (before, after)
        )
        come = sorted(name for name in has - had if name not in asked)
        gone = sorted(name for name in had - has if name not in listed)
        for word, names in (("gone from", gone), ("new in", come)):
            if names:
                yield f"{word} {part}: {names[:3]}"[:200]


def duplicate_faults(before: Tree, after: Tree) -> Iterator[str]:
    """Names and mount paths that a result has twice and the pod that came in had not."""
    had = set(_duplicates(before))
    for kind, where, name in _duplicates(after):
        if (kind, where, name) not in had:
            yield f"duplicate {kind}: {where} {name}"[:200]


def fixed_faults(before: Tree, after: Tree) -> Iterator[str]:
    """Fields that neither an injection nor an annotation changes."""
    for field in NEVER:
        if _spec(before).get(field) != _spec(after).get(field):
            yield f"changed: /spec/{field}"
    if _metadata(before).get("finalizers") != _metadata(after).get("finalizers"):
        yield "changed: /metadata/finalizers"


def unexplained(gone: list[Place], before: Tree, undo_key: str) -> list[Place]:
    """Those of the places that are gone which no entry of the pod's undo annotation names.

    Lists of elements are left out: `element_faults` knows what may go of these. So are the labels and
    annotations that a profile takes for its own where they have the value that it writes, and probes of
    which a proxy in the pod has the original.
    """
    gone = [
        place for place in gone if not (len(place) == 2 and place[1] in LISTS) and place[2:3] not in _ASSUMED
    ]
    if _has_originals(before):
        gone = [place for place in gone if place[3:4] not in _PROBES]
    named = _places(_annotations(before).get(undo_key))
    return [place for place in gone if not any(_covers(entry, _plain(before, place)) for entry in named)]


def _has_originals(pod: Tree) -> bool:
    containers = [container for part in _CONTAINERS for container in _items(pod, part)]
    return any(e.get("name") == "ISTIO_KUBE_APP_PROBERS" for c in containers for e in c.get("env") or [])


def _covers(entry: tuple[str, ...], place: tuple[str, ...]) -> bool:
    """Whether a change at an entry shows at a place: one of them leads to the other."""
    common = min(len(entry), len(place))
    return entry[:common] == place[:common]


def _plain(pod: Tree, place: Place) -> tuple[str, ...]:
    """A place with elements by their keys alone, as an undo annotation addresses them."""
    steps = [
        step.partition("=")[2] if "=" in step and step.partition("=")[0] in _BY else step for step in place
    ]
    if place[-2:-1] == ("ports",):
        steps[-1] = str(value_at(pod, place).get("containerPort"))
    return tuple(steps)


_BY: Final = ("name", "mountPath", "devicePath")


def _places(text: Any) -> list[tuple[str, ...]]:
    entries = loaded(text)
    pointers = (
        (entry[0] for entry in entries if isinstance(entry, list) and entry)
        if isinstance(entries, list)
        else ()
    )
    return [
        tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])
        for pointer in pointers
        if isinstance(pointer, str)
    ]


def _duplicates(pod: Tree) -> Iterator[tuple[str, str, str]]:
    containers = [c for part in _CONTAINERS for c in _items(pod, part)]
    yield from _twice("container", "", (c.get("name") for c in containers))
    yield from _twice("volume", "", _names(pod, "volumes"))
    for container in containers:
        mounts = container.get("volumeMounts") or []
        yield from _twice("mount path", str(container.get("name")), (m.get("mountPath") for m in mounts))


def _twice(kind: str, where: str, names: Any) -> Iterator[tuple[str, str, str]]:
    for name, count in Counter(names).items():
        if count > 1:
            yield kind, where, str(name)


def _user_volumes(pod: Tree) -> frozenset[str]:
    """The names that a pod asks for by annotation; with quirks a field may give another one."""
    written = loaded(_annotations(pod).get(VOLUME))
    volumes = written if isinstance(written, dict) else {}
    return frozenset(volumes) | {
        str(v["name"]) for v in volumes.values() if isinstance(v, dict) and "name" in v
    }


def _listed(pod: Tree, key: str) -> frozenset[str]:
    written = loaded(_annotations(pod).get(key))
    lists = (written.get(part) for part in LISTS) if isinstance(written, dict) else ()
    return frozenset(name for listed in lists if isinstance(listed, list) for name in map(str, listed))


def _stored(pod: Tree, key: str) -> frozenset[str]:
    written = loaded(_annotations(pod).get(key))
    lists = (written.get(part) for part in _CONTAINERS) if isinstance(written, dict) else ()
    items = [item for listed in lists if isinstance(listed, list) for item in listed]
    return frozenset(str(item.get("name")) for item in items if isinstance(item, dict))


def _names(pod: Tree, part: str) -> list[str]:
    return [str(item.get("name")) for item in _items(pod, part)]


def _items(pod: Tree, part: str) -> list[Tree]:
    return _spec(pod).get(part) or []


def _spec(pod: Tree) -> Tree:
    return pod.get("spec") or {}


def _metadata(pod: Tree) -> Tree:
    return pod.get("metadata") or {}


def _annotations(pod: Tree) -> Tree:
    return _metadata(pod).get("annotations") or {}
