"""The manifests as files, each at the path that it has in the folder that was named."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path, PurePath

from injector.cli.manifests import Part, joined
from injector.cli.reading.source import STDIN
from injector.cli.writing.folder import NewFiles
from injector.cli.writing.output import Spool

PathOf = Callable[[str], PurePath]
"""The path in the new folder of a source."""


def mirrored(parts: Iterable[Part], files: NewFiles, path_of: PathOf) -> None:
    """Each file that was read, as a file; also those that stay as they are."""
    for source, of_file in groupby(parts, key=lambda part: part.document.source):
        with Spool() as spool:
            joined(of_file, spool)
            files.add(path_of(source), spool, source)


def path_below(names: Sequence[str]) -> PathOf:
    """The path of a file below the folder that was named, else its name alone."""
    folders = [Path(part) for name in names for part in {name, *name.split(",")} if os.path.isdir(part)]
    # The innermost of them.
    folders.sort(key=lambda folder: len(folder.parts), reverse=True)

    def path_of(source: str) -> PurePath:
        path = Path("stdin.yaml" if source == STDIN else source)
        for folder in folders:
            if path.is_relative_to(folder):
                return path.relative_to(folder)
        return PurePath(path.name)

    return path_of
