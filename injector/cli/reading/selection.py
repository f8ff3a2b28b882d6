"""Which files of a folder are read: `--include` and `--exclude`, by their path in the folder.

Patterns are a part of those of .gitignore: `*` and `?` stand for characters of one name, `[a-z]` for one of
them, `**` for any number of folders. A pattern without a slash fits at any depth, one with a slash begins at
the folder; one that fits a folder fits everything in it. Not here: which suffixes manifests have (`sources`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field
from typing import Final

from injector.classes import dataclass
from injector.errors import ConfigError
from injector.patterns import pattern

_TOKENS: Final = pattern(r"\\(?P<plain>.)|(?P<set>\[!?\]?[^\]/]*\])|(?P<star>\*+)|(?P<one>\?)|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Glob:
    """A pattern with its flag, as an expression for whole paths."""

    flag: str
    expression: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Selection:
    """The patterns of a command line. What is excluded is not read, whether it is included or not.

    `unused` are those that have not fitted a path yet.
    """

    include: tuple[Glob, ...] = ()
    exclude: tuple[Glob, ...] = ()
    unused: set[Glob] = field(default_factory=set)

    @classmethod
    def of(cls, include: Sequence[str], exclude: Sequence[str]) -> Selection:
        """The selection of two flags. Raises ConfigError."""
        included = tuple(_compiled(pattern, "--include") for pattern in include)
        excluded = tuple(_compiled(pattern, "--exclude") for pattern in exclude)
        return cls(included, excluded, {*included, *excluded})

    def takes(self, path: str) -> bool:
        """Whether a file is read, or a folder (its path ends with a slash) is looked into."""
        included = path.endswith("/") or not self.include or self._fits(self.include, path)
        return included and not self._fits(self.exclude, path)

    def _fits(self, globs: Sequence[Glob], path: str) -> bool:
        fitting = {each for each in globs if each.expression.fullmatch(path)}
        self.unused.difference_update(fitting)
        return bool(fitting)


def _compiled(pattern: str, flag: str) -> Glob:
    """A pattern of a flag. Raises ConfigError."""
    where = f"{flag} {pattern}"
    if pattern.startswith("!"):
        hint = "use --include for what is read, and --exclude for what is not"
        raise ConfigError("a pattern with ! is not supported", where=where, hint=hint)
    names = [name for name in pattern.removeprefix("./").split("/") if name]
    if not names or ".." in names:
        hint = "write it as the path in the folder, such as charts/ or *.test.yaml"
        raise ConfigError("the pattern fits no path in a folder", where=where, hint=hint)
    anchored = "/" in pattern.rstrip("/")
    parts = ["" if anchored else "(?:.*/)?"]
    for name in names[:-1]:
        parts.append("(?:.*/)?" if name == "**" else _of_name(name) + "/")
    last = names[-1]
    if last == "**":
        parts.append(".*")
    else:
        parts.append(_of_name(last) + ("/.*" if pattern.endswith("/") else "(?:/.*)?"))
    try:
        return Glob(where, re.compile("".join(parts), re.DOTALL))
    except re.error as error:
        hint = "between brackets, write a range from the lower to the higher character"
        raise ConfigError("the pattern is not valid", where=where, hint=hint) from error


def _of_name(name: str) -> str:
    """The expression of one name."""
    return "".join(_of_token(match) for match in _TOKENS.finditer(name))


def _of_token(match: re.Match[str]) -> str:
    if match["star"]:
        return "[^/]*"
    if match["one"]:
        return "[^/]"
    if match["set"]:
        inside = match["set"][1:-1]
        negated = inside.startswith("!")
        return f"(?!/)[{'^' if negated else ''}{_escaped(inside.removeprefix('!'))}]"
    return re.escape(match["plain"] or match.group())


def _escaped(characters: str) -> str:
    r"""What is between brackets, in which \ [ ] ^ stand for themselves and a hyphen makes a range."""
    return re.sub(r"([\\\[\]^&~|])", r"\\\1", characters)
