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

from injector.errors import ConfigError

_STEP: Final = os.O_DIRECTORY | os.O_NOFOLLOW | getattr(os, "O_PATH", os.O_RDONLY)


class Outside(OSError):
    """A file that is outside of the folder; an OSError, as for a file that may not be read."""


def read_text(path: Path) -> str:
    """The text of a file that an operator names. Raises ConfigError."""
    try:
        return _text(path.read_bytes(), path)
    except (OSError, ValueError) as error:
        reason, hint = explained(error)
        raise ConfigError(reason, where=str(path), hint=hint) from error


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
    # The error does not say whether a path outside exists: it is not checked.
    root, real = Path(os.path.realpath(folder)), Path(os.path.realpath(folder / name))
    if not real.is_relative_to(root):
        raise Outside("the file is outside of the allowed folder (links are followed)")
    with os.fdopen(_opened(root, real.relative_to(root).parts), "rb") as file:
        return file.read()


def reason_of(error: OSError | ValueError) -> str:
    """Why a file cannot be read. A ValueError is about its path, or says that it is no regular file."""
    message = error.strerror if isinstance(error, OSError) else ""
    return (message or str(error) or "file cannot be read").lower()


def explained(error: OSError | ValueError) -> tuple[str, str]:
    """Why a file cannot be read, and what to do."""
    if isinstance(error, FileNotFoundError):
        return "the file does not exist", "check the path"
    return reason_of(error), "check the path and its permissions"


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
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError("not a regular file")
    return descriptor


def _text(data: bytes, path: Path) -> str:
    try:
        # Line ends as Python reads them from text files.
        return data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise ConfigError("the file is not UTF-8", where=str(path), hint="save it as UTF-8") from error


def _unreadable(path: Path, error: OSError | ValueError) -> ConfigError:
    return ConfigError(reason_of(error), where=str(path), hint=explained(error)[1])
