"""Maps of which Kubernetes allows one alternative: handlers, sources of variables and of volumes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from injector.core import names
from injector.core.kubernetes_fields import TYPES
from injector.core.tree.schema import LIFECYCLE_ACTIONS, PROBE_ACTIONS, VARIABLE_SOURCES
from injector.core.validation.places import PodParts, PodPlace, elements, fields
from injector.core.validation.problem import PodProblem, PodRule
from injector.printable import shown

HOOKS: Final = ("postStart", "preStop")
VOLUME_SOURCES: Final = tuple(field for field in TYPES["Volume"] if field != "name!")
PROJECTED_SOURCES: Final = tuple(TYPES["VolumeProjection"])
_NAME_AND_SOURCE: Final = 2


def problems(parts: PodParts) -> Iterator[PodProblem]:
    """Choices without an alternative, or with several."""
    for container in parts.unusual:
        for field in names.PROBES:
            if field in container.value:
                yield from _of_choice(container, field, PROBE_ACTIONS, needed=True)
        for hook in HOOKS if "lifecycle" in container.value else ():
            yield from _of_choice(container.below("lifecycle"), hook, LIFECYCLE_ACTIONS, needed=True)
        # There may be many, and most have a value or one source.
        for index, variable in enumerate(elements(container.value.get("env"))):
            if "valueFrom" in variable and not ("value" not in variable and _is_one(variable["valueFrom"])):
                yield from _of_variable(container.item("env", index, variable))
    for index, volume in enumerate(elements(parts.spec.value.get("volumes"))):
        if len(volume) > _NAME_AND_SOURCE or "name" not in volume or not _are_single(volume.get("projected")):
            yield from _of_volume(parts.spec.item("volumes", index, volume))


def chosen(value: Any, alternatives: Sequence[str]) -> list[str]:
    """The alternatives that a map has; null is no value."""
    have = fields(value)
    return [name for name in alternatives if name in have and have[name] is not None]


def _is_one(source: Any) -> bool:
    """Whether a source of a variable is one that is known, and nothing else."""
    if not isinstance(source, dict) or len(source) != 1:
        return False
    ((name, value),) = source.items()
    return name in VARIABLE_SOURCES and value is not None


def _are_single(projected: Any) -> bool:
    """Whether no source of a projected volume is one of several."""
    return all(len(source) <= 1 for source in elements(fields(projected).get("sources")))


def _of_choice(
    place: PodPlace, field: str, alternatives: Sequence[str], *, needed: bool, name: str = ""
) -> Iterator[PodProblem]:
    value = place.value.get(field)
    if not isinstance(value, dict):
        return
    have = chosen(value, alternatives)
    where = name or field
    if len(have) > 1:
        yield place.problem(PodRule.CHOICE, field, f"{where} has {' and '.join(have)}; only one is allowed")
    elif needed and not have:
        yield place.problem(PodRule.CHOICE, field, f"{where} needs one of {', '.join(alternatives)}")


def _of_variable(variable: PodPlace) -> Iterator[PodProblem]:
    source = variable.value.get("valueFrom")
    if not isinstance(source, dict):
        return
    name = f"variable {shown(variable.value.get('name'))}"
    if variable.value.get("value") and chosen(source, VARIABLE_SOURCES):
        text = f"{name} has value and valueFrom; only one is allowed"
        yield variable.problem(PodRule.CHOICE, "valueFrom", text)
    else:
        where = f"valueFrom of {name}"
        yield from _of_choice(variable, "valueFrom", VARIABLE_SOURCES, needed=True, name=where)


def _of_volume(volume: PodPlace) -> Iterator[PodProblem]:
    # Without a source it becomes an emptyDir.
    name = f"volume {shown(volume.value.get('name'))}"
    have = chosen(volume.value, VOLUME_SOURCES)
    if len(have) > 1:
        text = f"{name} has {' and '.join(have)}; only one is allowed"
        yield volume.problem(PodRule.CHOICE, "", text)
    for source in volume.below("projected").items("sources"):
        have = chosen(source.value, PROJECTED_SOURCES) if len(source.value) > 1 else []
        if len(have) > 1:
            text = f"a source of {name} has {' and '.join(have)}; only one is allowed"
            yield source.problem(PodRule.CHOICE, "", text)
