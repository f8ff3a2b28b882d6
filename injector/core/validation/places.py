"""Containers and maps of a pod template of any shape, and the pointer to a place in it.

A value of another type than Kubernetes expects counts as absent: types are checked elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from injector.classes import dataclass
from injector.core import names
from injector.core.model import Manifest
from injector.core.validation.problem import Consequence, Path, PodProblem, PodRule
from injector.parts import NONE, Parts
from injector.pointer import join
from injector.printable import shown

_KEYS: Final = ("name", "mountPath", "devicePath", "containerPort")
_LISTED: Final[Mapping[str, str]] = {
    "ports": "containerPort",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
}


def fields(value: Any) -> Mapping[str, Any]:
    """A map, empty where it is another type."""
    return value if isinstance(value, dict) else {}


def elements(value: Any) -> list[Manifest]:
    """The maps of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts(value: Any) -> list[str]:
    """The texts of a list."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def counted(items: Iterable[Mapping[str, Any]], field: str) -> dict[str, int]:
    """How often each text is the value of a field."""
    counts: dict[str, int] = {}
    for item in items:
        value = item.get(field)
        if isinstance(value, str):
            counts[value] = counts.get(value, 0) + 1
    return counts


def number(value: Any) -> int | None:
    """A whole number, None for anything else."""
    return value if type(value) is int else None


def key_of(field: str) -> str:
    """The key of the elements of a list, by the list's field."""
    return _LISTED.get(field, "name")


# Not frozen: one is made for each map of a pod, by each rule, and that takes a third of the time.
@dataclass(slots=True, eq=False)
class PodPlace:
    """A map in a pod template: its fields, its path, and the name of the container around it, if any."""

    value: Mapping[str, Any]
    path: Path
    container: str | None

    @property
    def subject(self) -> str:
        """Its name in messages."""
        return "pod" if self.container is None else f"container {shown(self.container)}"

    def below(self, *steps: str) -> PodPlace:
        """The map at a field below; empty where it is none."""
        value: Any = self.value
        for step in steps:
            value = fields(value).get(step)
        return PodPlace(fields(value), (*self.path, *steps), self.container)

    def items(self, field: str) -> Iterator[PodPlace]:
        """The maps of a list below, by their key."""
        for index, item in enumerate(elements(self.value.get(field))):
            yield self.item(field, index, item)

    def item(self, field: str, index: int, item: Manifest) -> PodPlace:
        """One map of a list below."""
        step = item.get(key_of(field))
        name = str(index) if step is None else str(step)
        return PodPlace(item, (*self.path, field, name), self.container)

    def problem(
        self, rule: PodRule, field: str, text: str, consequence: Consequence = Consequence.REFUSED
    ) -> PodProblem:
        """A problem of a field; `text` says what is wrong with it."""
        steps = field.split(".") if field else []
        return PodProblem(rule, (*self.path, *steps), f"{self.subject}: {text}", consequence)


@dataclass(slots=True, eq=False)
class PodContainer(PodPlace):
    """A container with the list that it is in."""

    part: str

    @property
    def is_ordinary_init(self) -> bool:
        """Whether it runs to its end before the next one starts."""
        return self.part == "initContainers" and self.value.get("restartPolicy") != "Always"


def containers(pod: Manifest) -> Iterator[PodContainer]:
    """The containers of a pod template, init containers first."""
    spec = fields(pod.get("spec"))
    for part in names.CONTAINER_LISTS:
        for item in elements(spec.get(part)):
            name = str(item.get("name"))
            yield PodContainer(item, (part, name), name, part)


def spec_of(pod: Manifest) -> PodPlace:
    """The spec of a pod template."""
    return PodPlace(fields(pod.get("spec")), (), None)


@dataclass(frozen=True, slots=True)
class PodParts:
    """A pod template, taken apart once for all rules."""

    pod: Manifest
    spec: PodPlace
    containers: tuple[PodContainer, ...]
    unusual: tuple[PodContainer, ...]
    """The containers that rules about each by itself may have a problem with."""
    known: Parts = NONE
    """What it shares with other pods."""


def pointer_of(pod: Manifest, path: Path) -> str:
    """The JSON pointer to a path in a pod template, or to the nearest place above that is there."""
    if path[:1] == ("metadata",):
        return _pointer(pod, path, "")
    spec = pod.get("spec")
    if path[0] in names.CONTAINER_LISTS:
        # The injection may have moved a container to the other list.
        parts = [part for part in names.CONTAINER_LISTS if _has(fields(spec).get(part), path[1:2])]
        path = (parts[0], *path[1:]) if parts and path[0] not in parts else path
    return _pointer(spec, path, "/spec")


def _has(listed: Any, names: Path) -> bool:
    return any(str(item.get("name")) in names for item in elements(listed))


def _pointer(tree: Any, steps: Path, pointer: str) -> str:
    for step in steps:
        if isinstance(tree, list):
            index = next((i for i, item in enumerate(tree) if _is_at(item, i, step)), None)
            if index is None:
                return pointer
            tree, pointer = tree[index], join(pointer, index)
        elif isinstance(tree, dict) and step in tree:
            tree, pointer = tree[step], join(pointer, step)
        else:
            return pointer
    return pointer


def _is_at(item: Any, index: int, step: str) -> bool:
    listed = [str(item[key]) for key in _KEYS if key in item] if isinstance(item, dict) else []
    return step in listed or (not listed and step == str(index))
