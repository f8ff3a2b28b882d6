"""One template: its text, what its syntax tree says, and the code that it became.

Here is what is needed to run a template. Not here: how the code is made (`compilation`), which needs
Jinja's compiler and is not loaded where code made ahead will do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import field
from types import CodeType

from injector.classes import dataclass
from injector.near import close_matches
from injector.printable import shown
from injector.templating.paths import Path


def key_of(variant: str, name: str) -> str:
    """The key of a variant, which is also the name of its compiled template."""
    return f"{variant} {name}"


def nearest(name: str, known: Collection[str]) -> str:
    """A hint that names the nearest known word, or all of them."""
    close = close_matches(name, sorted(known), 1)
    return f"did you mean {close[0]!r}?" if close else "have " + ", ".join(sorted(known))


@dataclass(frozen=True, slots=True)
class TemplateSource:
    """One template: `origin` is what messages call its file, `first_line` the line there of its first one."""

    name: str
    text: str
    origin: str
    first_line: int = 1

    def where(self, line: int) -> str:
        """Place of one line, with the template's name where the origin does not contain it."""
        place = f"{self.origin}:{self.first_line + line - 1}"
        return place if self.name in self.origin.rpartition("/")[2] else f"{place} (template {self.name})"

    def line(self, line: int) -> str:
        """One line of the text, for a message; empty if there is none."""
        lines = self.text.splitlines()
        return shown(lines[line - 1].strip(), 120) if 0 < line <= len(lines) else ""


@dataclass(slots=True)
class Mentions:
    """What the syntax tree of a template says about names and other templates."""

    references: list[tuple[str, int]] = field(default_factory=list)
    """Keys of the variants that it includes or imports, with the line."""
    included: set[str] = field(default_factory=set)
    """Keys of those that see its variables."""
    wanted: list[tuple[str, str, int]] = field(default_factory=list)
    """Key, name and line of what it imports by name."""
    paths: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    """Last part of a dotted name -> (line, the whole of it)."""
    assigned: set[str] = field(default_factory=set)
    """Names that it gives a value: variables, macros and their arguments, imports."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a text became: `code` is that of a function of the environment, which gives what it defines."""

    code: CodeType
    mentions: Mentions
    free: frozenset[str]
    """Names that it reads and does not assign."""
    reads: frozenset[Path]
    """What it can read of its variables."""


CompiledAhead = Callable[[str, TemplateSource], Compiled | None]
"""Finds what a variant of a template became when this program was built; None: compile it."""


def none_ahead(_variant: str, _source: TemplateSource) -> None:
    """Where all templates are compiled when they are first used."""
