"""`--in-place`: each file of a stream gets its new text, all of them or none.

Not here: how files are replaced (`replacing`), and what their new texts are.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Container, Iterable
from dataclasses import field
from functools import partial
from itertools import groupby
from typing import IO

from injector.classes import dataclass
from injector.cli import manifests
from injector.cli.manifests import Ending, Part, Transformed
from injector.cli.reading.sources import Sources
from injector.cli.report import Report
from injector.cli.tally import number
from injector.cli.writing import replacing
from injector.cli.writing.output import Spool, spooling
from injector.cli.writing.replacing import Replacement
from injector.files import Identity


def write(stream: Transformed, sources: Sources, report: Report, end: Callable[[], Ending] = Ending) -> int:
    """Change the files of a stream, or only print its errors; returns the exit status.

    `end` is called when all parts have been taken. Raises ManifestError.
    """
    # Nothing is next to the files before all of them are known.
    with tempfile.TemporaryFile() as file:
        texts = _NewTexts(file, sources.identities, stream.changed)

        def replace() -> None:
            replacing.replace_all(texts.replacements, [os.path.realpath(name) for name in stream.inputs])

        status = stream.taken(texts.take, report, end, replace)
        if status:
            return status
    changed, read = len(texts.replacements), len(stream.inputs)
    report.line(f"{number(changed, 'file')} changed, {read - changed} unchanged")
    return 0


@dataclass(frozen=True, slots=True)
class _NewTexts:
    """The new texts of the files that change, one behind the other in a temporary file."""

    file: IO[bytes]
    identities: dict[str, Identity]
    changed: Container[str]
    replacements: list[Replacement] = field(default_factory=list)

    def take(self, parts: Iterable[Part]) -> None:
        """Store the texts of the files with changes. The parts of a file are next to each other."""
        for name, of_file in groupby(parts, lambda part: part.document.source):
            with Spool() as spool:
                manifests.joined(of_file, spool)
                if name not in self.changed:
                    continue
                start = self.file.tell()
                with spooling():
                    spool.copy_to(self.file)
                    self.file.flush()
                content = partial(self._content, start, self.file.tell() - start)
            path, identity = os.path.realpath(name), self.identities[name]
            self.replacements.append(Replacement(name, path, identity, content))

    def _content(self, start: int, size: int) -> bytes:
        self.file.seek(start)
        return self.file.read(size)
