"""Rows of the table of causes, and how injected containers show one. Not here: the table itself."""

from __future__ import annotations

from injector.classes import dataclass


@dataclass(frozen=True, slots=True)
class CauseType:
    """A row: its word, what is wrong, how it shows, what to do.

    `follows`: something else is behind it, and the row is the verdict only where that is not found
    and the container is the application's own.
    """

    id: str
    title: str
    shown_by: str
    action: str
    follows: bool = False


@dataclass(frozen=True, slots=True)
class Symptom:
    """A cause that injected containers show: by lines that they log, or by the code they end with.

    Each pattern (of `re`) has to match from the beginning of one line and should demand the shape
    that the container's own messages have there: other lines may hold what clients sent.
    `container` restricts it to one by name. A match before a line that `over` matches is history, and
    so is one of a container that is ready, unless `while_ready`.
    """

    cause_type: CauseType
    lines: tuple[str, ...] = ()
    container: str = ""
    exit_code: int | None = None
    over: str = ""
    while_ready: bool = False
