"""One source of documents: stdin, a file, an open descriptor such as ``/dev/fd/63``, or a URL.

Every read is bounded, and nothing that can block is opened by its path. Not here: which sources a name
stands for (`sources`).
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from injector import files, yamltext
from injector.classes import dataclass
from injector.errors import ManifestError
from injector.files import Identity
from injector.patterns import pattern
from injector.yamltext import Document

STDIN: Final = "-"
MOST: Final = 256 * 2**20
"""The largest file, in bytes."""
_PATTERN: Final = pattern(r"[*?\[]")
# What a shell passes for <(COMMAND), and stdin by its path.
_DESCRIPTOR: Final = pattern(r"/dev/(stdin)|(?:/dev|/proc/self)/fd/(\d+)")
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class NamedSource:
    """Stdin, a URL, a file, or one that has to lie in a folder. `name` is what messages call it."""

    name: str
    folder: Path | None = None
    downloaded: bytes | None = None

    @property
    def is_file(self) -> bool:
        """Whether it is a file that can be replaced."""
        return self.downloaded is None and self.name != STDIN and not _DESCRIPTOR.fullmatch(self.name)

    def text(self) -> str:
        """All of the text. Raises ManifestError."""
        data, _ = self._read()
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._not_text(data, error.start, "the text is not UTF-8") from error

    def documents(self) -> tuple[Iterator[Document], Identity | None]:
        """The documents, one without content where there is none, and the identity of their file.

        Raises ManifestError, as their iterator does.
        """
        data, identity = self._read()
        return self._documents(data), identity

    def _documents(self, data: bytes) -> Iterator[Document]:
        if not data:
            yield Document("", source=self.name)
        try:
            yield from yamltext.split_bytes(data, self.name)
        except UnicodeDecodeError as error:
            raise self._not_text(data, error.start, "the text is not UTF-8") from error

    def _read(self) -> tuple[bytes, Identity | None]:
        try:
            data, identity = self._bytes()
        except (OSError, ValueError) as error:
            raise ManifestError(files.reason_of(error), where=self.name, hint=self._hint(error)) from error
        if data.startswith(_UTF_16):
            raise self._not_text(data, 0, "the text is UTF-16, expected UTF-8")
        if (at := data.find(b"\0")) >= 0:
            raise self._not_text(data, at, "the file is binary (a NUL byte)")
        return data, identity

    def _not_text(self, data: bytes, at: int, message: str) -> ManifestError:
        hint = "save it as UTF-8"
        if self.folder is not None:
            hint = f"leave it out: --exclude {self._relative()}, or {hint}"
        line = data.count(b"\n", 0, at) + 1
        return ManifestError(message, where=f"{self.name}:{line}", hint=hint)

    def _bytes(self) -> tuple[bytes, Identity | None]:
        # Not as text: line ends are part of what must pass through.
        if self.downloaded is not None:
            return self.downloaded, None
        if self.name == STDIN:
            return _read_stdin(), None
        if self.name.startswith(("/dev/", "/proc/")) and (named := _DESCRIPTOR.fullmatch(self.name)):
            # Opening the path again would block, or begin at the start of the file.
            with os.fdopen(os.dup(int(named[2] or 0)), "rb") as file:
                return files.read_at_most(file.fileno(), MOST), None
        with os.fdopen(self._opened(), "rb") as file:
            return files.read_steady(file.fileno(), MOST)

    def _opened(self) -> int:
        if self.folder is None:
            return files.opened(self.name)
        return files.opened_inside(self.folder, self._relative())

    def _relative(self) -> str:
        return str(Path(self.name).relative_to(self.folder or Path()))

    def _hint(self, error: OSError | ValueError) -> str:
        if isinstance(error, files.Unsteady):
            return "run the command again when nothing writes to the file"
        if isinstance(error, files.NotRegular):
            return "for what a program writes: PROGRAM | injector ... -f -"
        if isinstance(error, ValueError):
            return "check the file" if self.folder is None else f"leave it out: --exclude {self._relative()}"
        if not isinstance(error, FileNotFoundError):
            return "check the path and its permissions"
        if _PATTERN.search(self.name):
            return "write the pattern without quotes, so that the shell expands it"
        return "check the path"


def _read_stdin() -> bytes:
    """All of stdin. Raises ValueError where it is too large."""
    data = io.BytesIO()
    while chunk := sys.stdin.buffer.read(2**20):
        if data.write(chunk) and data.tell() > MOST:
            raise files.too_large(MOST)
    return data.getvalue()
