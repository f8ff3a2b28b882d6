"""Where an entry of a report is: a file, a line, and a JSON pointer, as far as they are known."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection
from typing import Final, TypeAlias

from injector import yamltext
from injector.classes import dataclass
from injector.core.documents import place
from injector.patterns import pattern
from injector.yamltext import Document

_PLACE: Final = pattern(r"(?P<file>.+?):(?P<line>[1-9][0-9]*)(?:: (?P<inside>.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ManifestSite:
    """A JSON pointer in a document. Its line is looked up when it is asked for, which takes time."""

    document: Document
    pointer: str

    @property
    def text(self) -> str:
        """``file:line``."""
        return place(self.document, self.pointer)

    @property
    def place(self) -> FilePlace:
        """The same in parts."""
        return FilePlace(self.document.source, yamltext.locate(self.document, self.pointer), self.pointer)


SiteOf: TypeAlias = Callable[[str], ManifestSite]
"""Gives the site of a pointer in a pod template; of an empty one that of the workload."""


@dataclass(frozen=True, slots=True)
class FilePlace:
    """A line of 0 is not known; `inside` is a JSON pointer, or what the place is called otherwise."""

    file: str = ""
    line: int = 0
    inside: str = ""

    @classmethod
    def of(cls, where: str, files: Collection[str] = ()) -> FilePlace:
        """The place that a message names; one without a line is a file if `files` has it, or it exists."""
        if match := _PLACE.fullmatch(where):
            return cls(match["file"], int(match["line"]), match["inside"] or "")
        if where and (where in files or os.path.exists(where)):
            return cls(where)
        return cls(inside=where)


NOWHERE: Final = FilePlace()
"""A place that is not known."""
