"""Webhooks that know an outline beside webhooks without caches, and how often reviews are parsed."""

from __future__ import annotations

from typing import Any, Final

import pytest

from injector.server import reviews
from tests.server.beside import Beside, MiB, body_of, config_of
from tests.server.plan_places import Manifest, review_with, rich

# The first pod takes the ordinary way, the second makes the plan, and the fourth the outline.
TIMES: Final = 4
Bodies = list[bytes | str]


def noted(monkeypatch: pytest.MonkeyPatch) -> Bodies:
    """The bodies that either webhook parses from now on."""
    out: Bodies = []
    parse = reviews.parse

    def noting(body: bytes | str, **more: Any) -> Any:
        out.append(body)
        return parse(body, **more)

    monkeypatch.setattr(reviews, "parse", noting)
    return out


def outlining(pod: Manifest | None = None, raw: Manifest | None = None, **more: Any) -> Beside:
    both = Beside(config_of({"policy": "enabled", **(raw or {})}), plans=8 * MiB, **more)
    learn(both, body_of(review_with(pod or rich())))
    return both


def learn(both: Beside, body: bytes, path: str = "/inject") -> None:
    for _ in range(TIMES):
        both.ask(body, path)


def outlined(parsed: Bodies, both: Beside, body: bytes, path: str = "/inject") -> bool:
    """Ask for an answer; whether it was given without parsing."""
    parsed.clear()
    both.ask(body, path)
    # One that is refused was tried before its turn came.
    assert len(parsed) in (1, 2, 3)
    return len(parsed) == 1
