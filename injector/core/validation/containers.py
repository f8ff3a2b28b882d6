"""Names and images, and what an ordinary init container cannot have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from injector.core import names
from injector.core.model import Manifest
from injector.core.validation.names import is_dns_label
from injector.core.validation.places import PodContainer, containers, counted, spec_of
from injector.core.validation.problem import PodProblem, PodRule

_NOT_IN_INIT: Final = ("lifecycle", *names.PROBES)


def problems(pod: Manifest) -> Iterator[PodProblem]:
    """Problems of containers by themselves."""
    spec = spec_of(pod)
    if not spec.value.get("containers"):
        yield spec.problem(PodRule.CONTAINERS, "containers", "it has no container")
    yield from _repeated(pod)
    for container in containers(pod):
        yield from _of_container(container)


def _repeated(pod: Manifest) -> Iterator[PodProblem]:
    counts = counted((container.value for container in containers(pod)), "name")
    for container in containers(pod):
        if counts[str(container.value.get("name"))] > 1:
            yield container.problem(PodRule.UNIQUE_NAME, "name", "another container has the same name")


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
