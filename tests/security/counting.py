"""Counts the work of a call from outside: lines that Python runs, comparisons and hashes of a pod's texts.

The product's own account (`injector.work`) has no part in it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

# The YAML parser takes nothing but plain texts.
PARSED = "proxy.istio.io/config"


class CountedText(str):
    """A text that counts how often one of its kind is compared or hashed."""

    looks = 0
    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        CountedText.looks += 1
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        CountedText.looks += 1
        return str.__ne__(self, other)

    def __hash__(self) -> int:
        CountedText.looks += 1
        return str.__hash__(self)


def counted(tree: Any) -> Any:
    """A tree of the same values whose keys and texts count; texts that a parser reads are left alone."""
    if isinstance(tree, dict):
        return {CountedText(k): v if k == PARSED else counted(v) for k, v in tree.items()}
    if isinstance(tree, list):
        return [counted(item) for item in tree]
    return CountedText(tree) if isinstance(tree, str) else tree


def work_of(call: Callable[[], object]) -> int:
    """Lines, comparisons and hashes of one call, other traces switched off meanwhile."""
    lines = 0

    def trace(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal lines
        if event == "line":
            lines += 1
        return trace

    before, CountedText.looks = sys.gettrace(), 0
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    # The methods of CountedText are two lines each, which stay part of the sum.
    return lines + CountedText.looks
