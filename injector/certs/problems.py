"""The present problems with certificates: each is logged when it begins and when it is over.

Not here: what is a problem, and what is done about it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from injector.classes import dataclass
from injector.errors import InjectorError
from injector.telemetry import log_event


@dataclass(slots=True)
class Problems:
    """The problems by what they are about: ``secret`` (reading it), ``write`` (writing it), ``ca``
    (what is in it), ``caBundle``, ``leaf``, ``files``, ``defect``.
    """

    count: Callable[[str], None]
    now: dict[str, str] = field(default_factory=dict)
    """The message of each, with the hint."""

    def note(self, about: str, error: InjectorError) -> None:
        """A failure: each is counted, a new message is logged."""
        self.count(about)
        if self.now.get(about) == error.advice:
            return
        self.now[about] = error.advice
        log_event(
            "error",
            "certificate-problem",
            about=about,
            where=error.where,
            message=error.message,
            hint=error.hint,
        )

    def clear(self, about: str) -> None:
        """It works again."""
        if self.now.pop(about, None) is not None:
            log_event("info", "certificate-problem-over", about=about)
