"""When the garbage collector runs in `serve`. One place, as all of its settings belong together.

A start makes some hundred thousand objects that stay, and an admission thousands that die at once: by default
the collector looks through the former again and again, for some 60 ms each time.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def postponed() -> Iterator[None]:
    """No collections until `settle`: imports leave next to no garbage."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def settle() -> None:
    """Leave what lives now out of collections, which are rare from now on."""
    gc.unfreeze()
    gc.collect()
    leave_out()


def leave_out() -> None:
    """The same where there is next to no garbage: to look for it takes 60 ms after a start."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


def settle_again() -> None:
    """The same after a change of the configuration; nothing before the first time."""
    if gc.isenabled():
        settle()
