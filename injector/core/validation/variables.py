"""Variables of containers: their names, and what their sources refer to. Not here: the choice of a source."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from injector.core.model import Manifest
from injector.core.validation.names import is_object_name
from injector.core.validation.places import PodPlace, containers, elements, fields
from injector.core.validation.problem import PodProblem, PodRule
from injector.patterns import pattern
from injector.printable import shown

_NAME: Final = pattern(r"[ -<>-~]+")
_FIELDS: Final = frozenset(
    {
        *("metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName"),
        *("status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"),
    }
)
_ELEMENT: Final = pattern(r"metadata\.(labels|annotations)\['[^']+'\]")
_RESOURCE: Final = pattern(r"(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-.+)")


def problems(pod: Manifest) -> Iterator[PodProblem]:
    """Variables with a name that is not allowed, or that refer to nothing."""
    for container in containers(pod):
        # There may be many: a place is made only for one with a source or a problem.
        for index, variable in enumerate(elements(container.value.get("env"))):
            name = variable.get("name")
            if isinstance(name, str) and not _NAME.fullmatch(name):
                text = f"the name of variable {shown(name)} needs printable ASCII characters other than ="
                yield container.item("env", index, variable).problem(PodRule.VARIABLE, "name", text)
            if isinstance(variable.get("valueFrom"), dict):
                yield from _of_source(container.item("env", index, variable), shown(name))


def _of_source(variable: PodPlace, name: str) -> Iterator[PodProblem]:
    source = variable.below("valueFrom").value
    # A missing field is reported by the types of fields.
    path = fields(source.get("fieldRef")).get("fieldPath")
    if path is not None and not _is_field(path):
        text = f"fieldPath of variable {name} is not a field that Kubernetes offers"
        yield variable.problem(PodRule.VARIABLE, "valueFrom.fieldRef", text)
    resource = fields(source.get("resourceFieldRef")).get("resource")
    if resource is not None and not _matches(_RESOURCE, resource):
        text = f"resource of variable {name} is not one that Kubernetes offers"
        yield variable.problem(PodRule.VARIABLE, "valueFrom.resourceFieldRef", text)
    for kind in ("configMapKeyRef", "secretKeyRef"):
        if isinstance(source.get(kind), dict) and not _is_key_of_object(fields(source[kind])):
            text = f"{kind} of variable {name} needs a name and a key"
            yield variable.problem(PodRule.VARIABLE, f"valueFrom.{kind}", text)


def _is_field(path: Any) -> bool:
    return isinstance(path, str) and (path in _FIELDS or _matches(_ELEMENT, path))


def _matches(pattern: re.Pattern[str], text: Any) -> bool:
    return isinstance(text, str) and pattern.fullmatch(text) is not None


def _is_key_of_object(reference: Mapping[str, Any]) -> bool:
    return is_object_name(reference.get("name")) and reference.get("key") != ""
