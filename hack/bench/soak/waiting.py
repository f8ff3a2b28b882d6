"""Waiting for a condition with a deadline, and the error that says which one never came."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 60.0
POLL = 0.1


class SoakError(Exception):
    """The soak cannot go on; the text is for people."""


def until(what: str, look: Callable[[], object], patience: float = PATIENCE) -> None:
    """Return once `look` finds something; raise SoakError where that does not come."""
    deadline = time.monotonic() + patience
    while not look():
        if time.monotonic() > deadline:
            raise SoakError(f"this did not happen in {patience:.0f} s: {what}")
        time.sleep(POLL)
