"""Durations as Go and Kubernetes write them, such as ``1h30m`` or ``1.5s``."""

from __future__ import annotations

import re
from typing import Final

from injector.patterns import pattern

_SIZES: Final = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_UNIT: Final = "ns|us|µs|μs|ms|s|m|h"
_TEXT = pattern(rf"[-+]?(?:0|(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:{_UNIT}))+)", re.ASCII)
_PART = pattern(rf"([0-9]*)(?:\.([0-9]*))?({_UNIT})", re.ASCII)
# Python converts no longer ones; a duration of so many digits is beyond 64 bits, or is never written.
_LENGTH: Final = 4000
# Those of this length are within 64 bits.
_SHORT: Final = 6
_DIGITS: Final = "0123456789"


def nanoseconds(text: str) -> int | None:
    """A duration in nanoseconds; None where the text is none, or is beyond 64 bits."""
    unit = text.lstrip(_DIGITS)
    # One number and one unit, as most are.
    if unit in _SIZES and len(unit) < len(text) < _SHORT:
        return int(text.removesuffix(unit)) * _SIZES[unit]
    if len(text) > _LENGTH or not _TEXT.fullmatch(text):
        return None
    total = 0
    for whole, fraction, unit in _PART.findall(text):
        size = _SIZES[unit]
        total += int(whole or 0) * size + int(fraction or 0) * size // 10 ** len(fraction)
    total = -total if text.startswith("-") else total
    return total if -(2**63) <= total < 2**63 else None


def seconds(text: str) -> float | None:
    """A duration in seconds; None where the text is none, or is beyond 64 bits of nanoseconds."""
    duration = nanoseconds(text)
    return None if duration is None else duration / 10**9
