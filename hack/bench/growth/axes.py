"""What grows, and the CPU of an admission meanwhile. Not here: one measurement (measuring.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from hack.bench.admission import InProcess
from hack.bench.growth import pods
from hack.bench.growth.measuring import configuration, once, seconds, webhook

NAMESPACES: Final = 10_000
SHAPES: Final = 100_000
_TEMPLATE: Final = """\
spec:
  containers:
  - name: NAME
    image: "example.com/NAME:{{ 1 + 1 }}"
"""

Body = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Step:
    """CPU seconds of an admission by the ordinary way, by a plan, and of a replica; None: not measured."""

    axis: str
    count: int
    size: int
    ordinary: float | None
    planned: float
    repeated: float | None


def steps(shapes: int = SHAPES) -> Iterator[Step]:
    """Every axis, one step after the other."""
    plain, cached = (webhook(configuration(), caches=caches) for caches in (False, True))
    for count in (1, 2, 5, 10, 20, 50):
        yield _of_pod("containers", count, pods.ordinary(count), (plain, cached))
    for count in (1, 5, 20, 100, 500):
        yield _of_pod("KB", count, pods.kilobytes(count), (plain, cached))
    for count in (1, 5, 20, 50):
        texts = {f"t{number}": _TEMPLATE.replace("NAME", f"t{number}") for number in range(count)}
        both = tuple(webhook(configuration(templates=texts), caches=caches) for caches in (False, True))
        yield _of_pod("templates", count, pods.templates(count), both)
    for count in (1, 100, 1000, NAMESPACES):
        yield _among("namespaces", count, cached, _in_namespace(count))
    for count in (1, 100, 10_000, shapes):
        yield _among("shapes", count, webhook(configuration(), caches=True), _of_shape(count))


def _of_pod(axis: str, count: int, pod: pods.Pod, both: tuple[InProcess, ...]) -> Step:
    plain, cached = both

    def distinct(number: int) -> bytes:
        return pods.body(pods.labelled(pod, number), number=number)

    def replica(number: int) -> bytes:
        return pods.body(pod, number=number)

    size = len(replica(0))
    return Step(
        axis, count, size, seconds(plain, distinct), seconds(cached, distinct), seconds(cached, replica)
    )


def _among(axis: str, count: int, cached: InProcess, body: Body) -> Step:
    """Among so many of which each was seen once."""
    once(cached, [body(number) for number in range(count)])
    return Step(axis, count, len(body(0)), None, seconds(cached, lambda number: body(count + number)), None)


def _in_namespace(count: int) -> Body:
    def body(number: int) -> bytes:
        pod = pods.labelled(pods.ordinary(2), number)
        return pods.body(pod, f"namespace-{number % count}", number)

    return body


def _of_shape(count: int) -> Body:
    def body(number: int) -> bytes:
        pod = pods.labelled(pods.ordinary(2), number)
        return pods.body(pods.shaped(pod, number % count), number=number)

    return body
