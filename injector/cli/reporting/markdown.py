"""Text in tables of Markdown. Not here: what does not print, which `printable` escapes before."""

from __future__ import annotations

from typing import Final

from injector.patterns import pattern

_MARKS: Final = frozenset("\\`*[]<>|&")
_TICKS: Final = pattern("`+")


def cell(text: str) -> str:
    """A text without marks of its own."""
    return "".join(f"&#{ord(mark)};" if mark in _MARKS else mark for mark in text)


def code(text: str) -> str:
    """A text as code, in which nobody is mentioned and nothing is a link."""
    if not text:
        return ""
    fence = "`" * (max(map(len, _TICKS.findall(text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}".replace("|", "\\|")
