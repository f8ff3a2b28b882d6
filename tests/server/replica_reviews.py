"""Replicas of a pod for tests of the cache of answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.server.beside import Beside, MiB, a_review, body_of, config_of, pod_of

Manifest = dict[str, Any]

UID = "5f7c1b52-3d3a-4a9b-9c0e-7"

TOKENS = ("aaaaa", "bbbbb", "ccccc")

CPU = "sidecar.istio.io/proxyCPU"


def beside(raw: Manifest | None = None, **more: Any) -> Beside:
    return Beside(config_of({"policy": "enabled", **(raw or {})}), replicas=16 * MiB, **more)


def primed(both: Beside, change: Callable[[Manifest], object] = lambda _review: None) -> bytes:
    """The body of a review whose answer is in the cache."""
    review = a_review()
    change(review)
    body = body_of(review)
    for _ in range(2):
        both.ask(body)
    before = both.repeated
    both.ask(body)
    assert both.repeated == before + 1
    return body


def replicas_hit(both: Beside, change: Callable[[Manifest], object], tokens: tuple[str, ...] = TOKENS) -> int:
    """How many of some replicas of a changed review are answered from the cache."""
    before = both.repeated
    for token in tokens:
        review = a_review(token=token)
        change(review)
        both.ask(body_of(review))
    return int(both.repeated - before)


def annotated(**annotations: str) -> Callable[[Manifest], object]:
    return lambda review: pod_of(review)["metadata"]["annotations"].update(annotations)


def with_arguments(review: Manifest) -> None:
    """Many enough that the pod takes more work than the least limit allows."""
    pod_of(review)["spec"]["containers"][0]["args"] = ["x"] * 1000


BODY = body_of(a_review())


def labelled(number: int, **request: Any) -> Manifest:
    review = a_review(**request)
    pod_of(review)["metadata"]["labels"]["number"] = f"n{number}"
    return review
