"""All problems of a pod template."""

from __future__ import annotations

from collections.abc import Iterator, Set
from itertools import chain

from injector.core.model import Manifest
from injector.core.validation import (
    choices,
    containers,
    field_types,
    handlers,
    names,
    ports,
    resources,
    security,
    variables,
    volumes,
)
from injector.core.validation.places import PodParts
from injector.core.validation.problem import PodProblem
from injector.parts import NONE, Parts


def problems(pod: Manifest, claims: Set[str] = frozenset(), known: Parts = NONE) -> Iterator[PodProblem]:
    """The problems of a pod template, those of one kind of field together.

    `claims` are the volumes that its workload adds, `known` what it shares with other pods. The time is
    linear in the size of the pod.
    """
    parts = PodParts.of(pod, known)
    return chain(
        field_types.problems(pod, known),
        containers.problems(parts),
        choices.problems(parts),
        variables.problems(parts),
        handlers.problems(parts),
        resources.problems(parts),
        volumes.problems(parts, claims),
        ports.problems(parts),
        security.problems(parts),
        names.problems(pod),
    )
