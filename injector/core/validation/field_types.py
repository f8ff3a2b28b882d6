"""Types of fields, texts of closed sets, and forms of texts and numbers, by the table of Kubernetes' OpenAPI.

Fields that are not in the table are no problem: they may be newer than it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from injector.core import names, pod_fields
from injector.core.field_soundness import is_sound
from injector.core.field_types import AUTHORED
from injector.core.model import Manifest
from injector.core.pod_fields import FieldProblem
from injector.core.validation.places import key_of
from injector.core.validation.problem import Path, PodProblem, PodRule
from injector.parts import NONE, Parts
from injector.pointer import split
from injector.printable import shown

_METADATA: Final = "metadata"


def problems(pod: Manifest, known: Parts = NONE) -> Iterator[PodProblem]:
    """Fields whose values the API server does not read, or not accept by themselves."""
    for part, of in ((_METADATA, "ObjectMeta"), ("spec", "PodSpec")):
        tree = pod.get(part)
        if not is_sound(tree, of, AUTHORED, known):
            for problem in pod_fields.problems(tree, of, rules=AUTHORED):
                path = _path(tree, problem.pointer)
                yield _problem((_METADATA, *path) if part == _METADATA else path, problem)


def _problem(path: Path, problem: FieldProblem) -> PodProblem:
    in_container = path[:1] and path[0] in (*names.CONTAINER_LISTS, "ephemeralContainers") and len(path) > 1
    subject, field = (f"container {shown(path[1])}", path[2:]) if in_container else ("pod", path)
    place = ".".join(shown(step) for step in field)
    hint = f" ({problem.hint})" if problem.hint else ""
    return PodProblem(
        PodRule.FIELD, path, f"{subject}: {place}{': ' if place else ''}{problem.message}{hint}"
    )


def _path(tree: Any, pointer: str) -> Path:
    """The same place with the keys of elements of lists."""
    path: list[str] = []
    for step in split(pointer):
        if isinstance(tree, list):
            tree = tree[int(step)]
            key = tree.get(key_of(path[-1])) if isinstance(tree, dict) else None
            path.append(str(key) if isinstance(key, str | int) else step)
        else:
            tree = tree.get(step) if isinstance(tree, dict) else None
            path.append(step)
    return tuple(path)
