"""Variables of containers: their names, and what their sources refer to. Not here: the choice of a source."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from injector.core.model import Manifest
from injector.core.validation.names import is_object_name
from injector.core.validation.places import PodParts, elements, fields
from injector.core.validation.problem import PodProblem, PodRule
from injector.patterns import pattern
from injector.printable import shown

FIELDS: Final = frozenset(
    {
        *("metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName"),
        *("status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"),
    }
)
"""The fields of a pod that a variable can have, beside labels and annotations."""
_ELEMENT: Final = pattern(r"metadata\.(labels|annotations)\['[^']+'\]")
_RESOURCE: Final = pattern(r"(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-.+)")


def problems(parts: PodParts) -> Iterator[PodProblem]:
    """Variables with a name that is not allowed, or that refer to nothing."""
    for container in parts.unusual:
        # There may be many: a place is made only for one with a problem.
        for index, variable in enumerate(elements(container.value.get("env"))):
            name = variable.get("name")
            if isinstance(name, str) and not is_variable_name(name):
                text = f"the name of variable {shown(name)} needs printable ASCII characters other than ="
                yield container.item("env", index, variable).problem(PodRule.VARIABLE, "name", text)
            source = variable.get("valueFrom")
            if not isinstance(source, dict) or _is_usual(source):
                continue
            for field, text in _of_source(source, name):
                place = container.item("env", index, variable)
                yield place.problem(PodRule.VARIABLE, f"valueFrom.{field}", text)


def _is_usual(source: Manifest) -> bool:
    """Whether a source is a field of the pod that Kubernetes offers, and nothing else."""
    reference = source.get("fieldRef")
    if type(reference) is not dict or len(source) != 1:
        return False
    path = reference.get("fieldPath")
    return type(path) is str and path in FIELDS


def _of_source(source: Manifest, name: Any) -> Iterator[tuple[str, str]]:
    """The fields of a source that refer to nothing, each with what is wrong."""
    # A missing field is reported by the types of fields.
    path = fields(source["fieldRef"]).get("fieldPath") if "fieldRef" in source else None
    if path is not None and not _is_field(path):
        yield "fieldRef", f"fieldPath of variable {shown(name)} is not a field that Kubernetes offers"
    resource = fields(source["resourceFieldRef"]).get("resource") if "resourceFieldRef" in source else None
    if resource is not None and not _matches(_RESOURCE, resource):
        yield "resourceFieldRef", f"resource of variable {shown(name)} is not one that Kubernetes offers"
    for kind in ("configMapKeyRef", "secretKeyRef"):
        if isinstance(source.get(kind), dict) and not _is_key_of_object(fields(source[kind])):
            yield kind, f"{kind} of variable {shown(name)} needs a name and a key"


def is_variable_name(name: Any) -> bool:
    """Whether a text can be the name of a variable."""
    return isinstance(name, str) and name.isascii() and name.isprintable() and "=" not in name and name != ""


def _is_field(path: Any) -> bool:
    return isinstance(path, str) and (path in FIELDS or _matches(_ELEMENT, path))


def _matches(pattern: re.Pattern[str], text: Any) -> bool:
    return isinstance(text, str) and pattern.fullmatch(text) is not None


def _is_key_of_object(reference: Mapping[str, Any]) -> bool:
    return is_object_name(reference.get("name")) and reference.get("key") != ""
