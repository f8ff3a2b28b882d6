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
from injector.core.validation.places import PodParts, spec_of
from injector.core.validation.places import containers as containers_of
from injector.core.validation.problem import PodProblem
from injector.core.validation.usual import is_usual
from injector.parts import NONE, Parts


def problems(pod: Manifest, claims: Set[str] = frozenset(), known: Parts = NONE) -> Iterator[PodProblem]:
    """The problems of a pod template, those of one kind of field together.

    `claims` are the volumes that its workload adds, `known` what it shares with other pods. The time is
    linear in the size of the pod.
    """
    listed = tuple(containers_of(pod))
    unusual = tuple(each for each in listed if not is_usual(each.value, each.part))
    parts = PodParts(pod, spec_of(pod), listed, unusual, known)
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
