"""Reading records, from the oldest file to the newest.

Not here: what is done with them, and the meaning of their lines (entry.py).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import Any

from injector import structure
from injector.classes import dataclass
from injector.core.model import Manifest
from injector.errors import ManifestError
from injector.files import is_inside
from injector.records.entry import Entry, Head, parse_entry, parse_head
from injector.records.writer import PATTERN


@dataclass(slots=True)
class Reader:
    """The records of a folder.

    `broken` counts lines that cannot be read, such as one cut off; `skipped` are files that were not
    read, as they are links out of the folder or no regular files.
    """

    folder: Path
    broken: int = 0
    skipped: list[Path] = field(default_factory=list)

    def entries(self) -> Iterator[Entry]:
        """All entries, file by file. Raises ManifestError where the folder has none that can be read."""
        try:
            paths = sorted(self.folder.glob(PATTERN)) if self.folder.is_dir() else []
        except OSError as error:
            raise self._unreadable(self.folder, error) from error
        files = [file for file in paths if os.path.isfile(file) and is_inside(self.folder, file)]
        self.skipped = [file for file in paths if file not in files and os.path.lexists(file)]
        if not files:
            hint = "use the folder of 'injector serve --record'"
            raise ManifestError("the folder has no records", where=str(self.folder), hint=hint)
        for file in files:
            yield from self._entries_of(file)

    def _entries_of(self, file: Path) -> Iterator[Entry]:
        head: Head | None = None
        objects: dict[Any, tuple[Manifest, ...]] = {0: ()}
        try:
            with file.open("rb") as lines:
                for line in lines:
                    try:
                        if structure.count(line) > structure.LIMIT:
                            raise ValueError("a recorded admission is larger than any valid one")
                        raw = json.loads(line.decode())
                        if "head" in raw:
                            head = parse_head(raw)
                        elif "objects" in raw and "items" in raw:
                            objects[raw["objects"]] = tuple(raw["items"])
                        elif head is not None:
                            yield parse_entry(raw, objects[raw["objects"]], head)
                        else:
                            self.broken += 1
                    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                        self.broken += 1
        except FileNotFoundError:
            return  # dropped by a running injector since the folder was listed
        except OSError as error:
            raise self._unreadable(file, error) from error

    def _unreadable(self, path: Path, error: OSError) -> ManifestError:
        reason = error.strerror or type(error).__name__
        return ManifestError(
            f"records cannot be read: {reason}", where=str(path), hint="check its permissions"
        )
