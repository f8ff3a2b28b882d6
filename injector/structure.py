"""How much structure a JSON text holds, counted before it is parsed.

A parsed value takes up to a hundred times the memory of its text, so that a bound on the length of
a text is none on memory. Not here: what is refused with which error (the callers).
"""

from __future__ import annotations

from typing import Final

# A pod of 20 containers with 200 variables each has 13 000.
LIMIT: Final = 200_000


def count(text: bytes | str) -> int:
    """The braces, brackets and commas of a JSON text, those in strings included.

    Every value is the first of a text or follows one of them, so that a text has at most one value
    more, whatever its encoding.
    """
    marks = (b"{", b"[", b",")
    if isinstance(text, str):
        return sum(text.count(mark.decode()) for mark in marks)
    return sum(text.count(mark) for mark in marks)


def refusal(text: bytes | str, what: str) -> str:
    """Why a text is not parsed, as a sentence about `what`; empty where it is."""
    # A short text cannot have too many.
    size = count(text) if len(text) > LIMIT else 0
    if size <= LIMIT:
        return ""
    return f"{what} has {size} braces, brackets and commas; at most {LIMIT} are accepted"
