"""Output that is written as a whole or not at all: to stdout, or to a file that is replaced.

Not here: what is written (`forms`), and folders.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from injector.cli.reading.source import STDIN
from injector.errors import ConfigError, ManifestError

_IN_MEMORY: Final = 8 << 20
_COPIED: Final = 1 << 20


class Spool:
    """Text that waits until it is known that all of it may be written: in memory, then in a file.

    Raises ManifestError where that file cannot be written.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] = io.BytesIO()
        self._in_memory = True
        self._size = 0
        # What is written only if `settle` says so, with its place.
        self._open: list[tuple[int, bytes]] = []
        self._chosen: list[tuple[int, bytes]] = []

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, text: str) -> None:
        """Append a text."""
        data = text.encode("utf-8")
        with spooling():
            if self._in_memory and self._size + len(data) > _IN_MEMORY:
                self._move_to_file()
            self._file.write(data)
        self._size += len(data)

    def _move_to_file(self) -> None:
        file = tempfile.TemporaryFile()  # noqa: SIM115
        file.write(self._file.getvalue())  # type: ignore[attr-defined]
        self._file, self._in_memory = file, False

    def write_if(self, text: str) -> None:
        """Append a text that is written only if `settle` says so later."""
        self._open.append((self._size, text.encode("utf-8")))

    def settle(self, written: bool) -> None:
        """Say whether the texts of `write_if` since the last call are written; without it they are not."""
        if written:
            self._chosen += self._open
        self._open = []

    def copy_to(self, target: IO[bytes]) -> None:
        """Write everything to a binary stream."""
        self._file.seek(0)
        at = 0
        for place, data in [*self._chosen, (self._size, b"")]:
            self._copy(target, place - at)
            target.write(data)
            at = place

    def _copy(self, target: IO[bytes], size: int) -> None:
        while size:
            data = self._file.read(min(size, _COPIED))
            target.write(data)
            size -= len(data)


@contextmanager
def spooling() -> Iterator[None]:
    """Make an error of the system one about the folder of temporary files."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or "cannot be written").lower()
        hint = "make room there, or set TMPDIR to a folder with room"
        raise ManifestError(reason, where=tempfile.gettempdir(), hint=hint) from error


def write(
    text: str, path: str | None, inputs: Collection[str], flag: str = "-o", *, onto_input: bool = True
) -> None:
    """Write a text as `publish` does."""
    with Spool() as spool:
        spool.write(text)
        publish(spool, path, inputs, flag, onto_input=onto_input)


def publish(
    spool: Spool, path: str | None, inputs: Collection[str], flag: str = "-o", *, onto_input: bool = True
) -> None:
    """Write to stdout or, atomically, to a file.

    `inputs` are the files that were read. With `onto_input` the output may be the only one of them
    (it was read whole). Raises ConfigError where it is one that must stay, ManifestError where it
    cannot be written.
    """
    if path is None or path == STDIN:
        spool.copy_to(sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    target = Path(os.path.realpath(path))
    if not onto_input or len(set(inputs)) > 1:
        refuse_input(target, f"{flag} {path}", inputs)
    try:
        if target.exists() and not target.is_file():
            with target.open("wb") as file:
                spool.copy_to(file)
        else:
            _replace(target, spool)
    except OSError as error:
        raise ManifestError(
            (error.strerror or "cannot be written").lower(), where=path, hint=f"check {flag}"
        ) from error


def refuse_input(target: Path, where: str, inputs: Collection[str]) -> None:
    """Raise ConfigError where a file that is to be written is one of those that were read."""
    real = {os.path.realpath(name) for name in inputs if name != STDIN}
    if str(target) in real:
        raise ConfigError("the output is one of the inputs", where=where, hint="choose another file")


def _replace(target: Path, spool: Spool) -> None:
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            spool.copy_to(file)
        os.chmod(name, mode_of(target))
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def mode_of(target: Path) -> int:
    """The mode of the file that is replaced, else what a new file gets."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
