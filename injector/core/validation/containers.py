"""Names, images, variables and labels, and what an ordinary init container cannot have."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from injector.core import names
from injector.core.model import Manifest
from injector.core.validation.places import PodContainer, containers, fields, spec_of
from injector.core.validation.problem import PodProblem, PodRule
from injector.printable import shown

_DNS_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LABEL_VALUE: Final = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_VARIABLE: Final = re.compile(r"[ -<>-~]+")
_NOT_IN_INIT: Final = ("lifecycle", *names.PROBES)


def problems(pod: Manifest) -> Iterator[PodProblem]:
    """Problems of containers by themselves, and of labels."""
    spec = spec_of(pod)
    if not spec.value.get("containers"):
        yield spec.problem(PodRule.CONTAINERS, "containers", "it has no container")
    yield from _repeated(pod)
    for container in containers(pod):
        yield from _of_container(container)
    yield from _of_labels(pod)


def is_dns_label(name: Any) -> bool:
    """Whether a text can be the name of a container or a volume."""
    return isinstance(name, str) and _DNS_LABEL.fullmatch(name) is not None


def _repeated(pod: Manifest) -> Iterator[PodProblem]:
    counts = Counter(container.value.get("name") for container in containers(pod))
    for container in containers(pod):
        if counts[container.value.get("name")] > 1:
            yield container.problem(PodRule.UNIQUE_NAME, "name", "another container has the same name")


def _of_container(container: PodContainer) -> Iterator[PodProblem]:
    value = container.value
    if not is_dns_label(value.get("name")):
        text = "name needs up to 63 lower-case letters, digits and hyphens"
        yield container.problem(PodRule.NAME, "name", text)
    image = value.get("image")
    if image in (None, ""):
        yield container.problem(PodRule.IMAGE, "image", "image is missing")
    elif isinstance(image, str) and image != image.strip():
        yield container.problem(PodRule.IMAGE, "image", "image has blanks around it")
    for variable in container.items("env"):
        name = variable.value.get("name")
        if isinstance(name, str) and not _VARIABLE.fullmatch(name):
            text = f"the name of variable {shown(name)} needs printable ASCII characters other than ="
            yield variable.problem(PodRule.VARIABLE, "name", text)
    if not container.is_ordinary_init:
        return
    for field in _NOT_IN_INIT:
        if value.get(field) is not None:
            text = f"{field} needs restartPolicy Always in an init container"
            yield container.problem(PodRule.INIT_CONTAINER, field, text)


def _of_labels(pod: Manifest) -> Iterator[PodProblem]:
    for key, value in fields(fields(pod.get("metadata")).get("labels")).items():
        if isinstance(value, str) and not _LABEL_VALUE.fullmatch(value):
            text = (
                f"pod: label {shown(key)} needs up to 63 letters, digits, hyphens, underscores and dots, "
                "the first and last a letter or digit"
            )
            yield PodProblem(PodRule.LABEL, ("metadata", "labels", str(key)), text)
