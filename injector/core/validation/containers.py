"""Names and images, and what an ordinary init container cannot have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from injector.core import names
from injector.core.validation.names import is_dns_label
from injector.core.validation.places import PodContainer, PodParts, counted
from injector.core.validation.problem import PodProblem, PodRule

_NOT_IN_INIT: Final = ("lifecycle", *names.PROBES)


def problems(parts: PodParts) -> Iterator[PodProblem]:
    """Problems of containers by themselves."""
    if not parts.spec.value.get("containers"):
        yield parts.spec.problem(PodRule.CONTAINERS, "containers", "it has no container")
    counts = counted((container.value for container in parts.containers), "name")
    for container in parts.containers:
        if counts.get(str(container.value.get("name")), 0) > 1:
            yield container.problem(PodRule.UNIQUE_NAME, "name", "another container has the same name")
    for container in parts.unusual:
        yield from _of_container(container)


def _of_container(container: PodContainer) -> Iterator[PodProblem]:
    value = container.value
    if not is_dns_label(value.get("name")):
        text = "name needs up to 63 lower-case letters, digits and hyphens"
        yield container.problem(PodRule.NAME, "name", text)
    image = value.get("image")
    if image is None or image == "":
        yield container.problem(PodRule.IMAGE, "image", "image is missing")
    elif isinstance(image, str) and image != image.strip():
        yield container.problem(PodRule.IMAGE, "image", "image has blanks around it")
    if not container.is_ordinary_init:
        return
    for field in _NOT_IN_INIT:
        if value.get(field) is not None:
            text = f"{field} needs restartPolicy Always in an init container"
            yield container.problem(PodRule.INIT_CONTAINER, field, text)
