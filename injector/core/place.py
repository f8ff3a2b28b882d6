"""Where an injected container is placed among the containers of its list. Not here: applying it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ENDS: Final = ("first", "last")
NEIGHBOURS: Final = ("before", "after")


@dataclass(frozen=True, slots=True)
class Place:
    """A place of `ENDS`, or one of `NEIGHBOURS` of the container `other`."""

    where: str
    other: str = ""

    def __str__(self) -> str:
        return f"{self.where} {self.other}".rstrip()


@dataclass(frozen=True, slots=True)
class OrderProblem:
    """What is wrong with an order of containers, and which of them go back to their default places."""

    message: str
    put_back: frozenset[str] = frozenset()
