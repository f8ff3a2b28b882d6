"""Reading files: those that an operator names, those that must be inside a folder, and texts as files.

The author of a configuration or of a folder may not be allowed to read what this process can read: its
own key, a token, another mount. So a file that is named there is read only where it is inside the folder,
with all links followed. Not here: which files these are.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from injector.classes import dataclass
from injector.errors import ConfigError

_STEP: Final = os.O_DIRECTORY | os.O_NOFOLLOW | getattr(os, "O_PATH", os.O_RDONLY)


_CHUNK: Final = 2**20
_KINDS: Final = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


class Outside(OSError):
    """A file that is outside of the folder; an OSError, as for a file that may not be read."""


class NotRegular(ValueError):
    """A FIFO, a device or another thing that is no regular file."""


class Unsteady(ValueError):
    """A file that changed while it was read."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What stays the same as long as nobody writes to a file, or replaces it."""

    device: int
    inode: int
    size: int
    modified: int

    @classmethod
    def of(cls, status: os.stat_result) -> Identity:
        """The identity of a file with this status."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def read_text(path: Path) -> str:
    """The text of a file that an operator names. Raises ConfigError."""
    try:
        return _text(path.read_bytes(), path)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def read_text_inside(folder: Path, name: str) -> str:
    """The text of a regular file inside a folder. Raises ConfigError."""
    path = folder / name
    try:
        return _text(read_inside(folder, name), path)
    except Outside as error:
        hint = f"move the file to {folder}, or write its content into the configuration"
        raise ConfigError(str(error), where=str(path), hint=hint) from error
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def read_inside(folder: Path, name: str) -> bytes:
    """The content of a regular file inside a folder. Raises OSError, or ValueError for the path."""
    with os.fdopen(opened_inside(folder, name), "rb") as file:
        return file.read()


def opened_inside(folder: Path, name: str) -> int:
    """A descriptor of a regular file inside a folder. Raises OSError, or ValueError for the path."""
    # The error does not say whether a path outside exists: it is not checked.
    root, real = Path(os.path.realpath(folder)), Path(os.path.realpath(folder / name))
    if not real.is_relative_to(root):
        raise Outside("the file is outside of the allowed folder (links are followed)")
    return _opened(root, real.relative_to(root).parts)


def opened(path: str) -> int:
    """A descriptor of a regular file. Raises OSError, or NotRegular at once for a FIFO or a device."""
    # A device may act when it is opened, so that it is not.
    _check_regular(os.stat(path))
    return _regular(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY))


def read_steady(descriptor: int, most: int) -> tuple[bytes, Identity]:
    """The content of a regular file, and its identity. Raises Unsteady, and ValueError beyond a size."""
    before = Identity.of(os.fstat(descriptor))
    if before.size > most:
        raise too_large(most)
    data = read_at_most(descriptor, most)
    # Some file systems give the size 0 for files with content.
    if Identity.of(os.fstat(descriptor)) != before or len(data) != (before.size or len(data)):
        raise Unsteady("the file changed while it was read")
    return data, before


def read_at_most(descriptor: int, most: int) -> bytes:
    """Everything up to the end. Raises ValueError where it is more than a number of bytes."""
    chunks: list[bytes] = []
    size = 0
    while size <= most and (chunk := os.read(descriptor, _CHUNK)):
        chunks.append(chunk)
        size += len(chunk)
    if size > most:
        raise too_large(most)
    return b"".join(chunks)


def too_large(most: int) -> ValueError:
    """The error for more than a number of bytes."""
    return ValueError(f"larger than {most // 2**20} MiB")


def kind_of(mode: int) -> str:
    """What a path with this mode is, in words; empty for a regular file."""
    return "" if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "a special file")


def reason_of(error: OSError | ValueError) -> str:
    """Why a file cannot be read. A ValueError is about its path, or says that it is no regular file."""
    message = error.strerror if isinstance(error, OSError) else ""
    return (message or "").lower() or str(error) or "file cannot be read"


def is_inside(folder: Path, path: Path) -> bool:
    """Whether a path is inside a folder, with all links followed."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


@contextlib.contextmanager
def as_file(text: str) -> Iterator[str]:
    """A path where a text can be read meanwhile, as OpenSSL loads certificates from files only.

    In memory where the system supports it; a container may have no writable folder.
    """
    if hasattr(os, "memfd_create"):
        with open(os.memfd_create("certificate"), "wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        with tempfile.NamedTemporaryFile() as temporary:
            temporary.write(text.encode("utf-8"))
            temporary.flush()
            yield temporary.name


def _opened(root: Path, parts: tuple[str, ...]) -> int:
    """A descriptor of a regular file below a folder.

    No link is followed: one may have been created since the path was resolved.
    """
    at = os.open(root, _STEP)
    try:
        for part in parts[:-1]:
            below = os.open(part, _STEP, dir_fd=at)
            os.close(at)
            at = below
        # Without O_NONBLOCK the open would wait for a writer of a FIFO.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(parts[-1] if parts else ".", flags, dir_fd=at)
    finally:
        os.close(at)
    return _regular(descriptor)


def _regular(descriptor: int) -> int:
    """The descriptor, closed with an error where it is not of a regular file."""
    try:
        _check_regular(os.fstat(descriptor))
    except NotRegular:
        os.close(descriptor)
        raise
    return descriptor


def _check_regular(status: os.stat_result) -> None:
    if kind := kind_of(status.st_mode):
        raise NotRegular(f"{kind}, expected a regular file")


def _text(data: bytes, path: Path) -> str:
    try:
        # Line ends as Python reads them from text files.
        return data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise ConfigError("the file is not UTF-8", where=str(path), hint="save it as UTF-8") from error


def advice_on(error: OSError | ValueError) -> str:
    """What to do about a file that cannot be read."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "check the path"
    if isinstance(error, PermissionError):
        return "check the permissions of the file and of its folders"
    if isinstance(error, IsADirectoryError):
        return "give a file of this folder"
    return "check the path and its permissions"


def _unreadable(path: Path, error: OSError | ValueError) -> ConfigError:
    return ConfigError(reason_of(error), where=str(path), hint=advice_on(error))
