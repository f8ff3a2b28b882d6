"""The position of an injected container among the containers of its list. Not here: applying it."""

from __future__ import annotations

from typing import Final

from injector.classes import dataclass

ENDS: Final = ("first", "last")
NEIGHBOURS: Final = ("before", "after")


@dataclass(frozen=True, slots=True)
class Position:
    """One of `ENDS`, or one of `NEIGHBOURS` with the name of the container next to it."""

    where: str
    other: str = ""


@dataclass(frozen=True, slots=True)
class OrderProblem:
    """What is wrong with an order of containers, and which of them go back to their default places."""

    message: str
    put_back: frozenset[str] = frozenset()
