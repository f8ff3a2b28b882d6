"""Replacing files by their new texts: all of them, or none where one cannot be replaced.

Every new text is written next to its file and synced before the first file is renamed over, so that a run
that is killed leaves each file old or new. Not here: what the new texts are, and temporary files of runs
that were killed (`leftovers`).
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field
from typing import Final

from injector import files
from injector.classes import dataclass
from injector.cli.writing import leftovers
from injector.errors import ManifestError

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
# These depend on the content of the file, and the kernel writes them.
_OF_THE_CONTENT: Final = ("security.ima", "security.evm")
_STOPS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Replacement:
    """A file by its name in messages and its path without links, as it was read; and its new content."""

    name: str
    path: str
    identity: files.Identity
    content: Callable[[], bytes]

    @property
    def folder(self) -> str:
        """The folder of the file itself, where a link leads to it."""
        return os.path.dirname(self.path)

    @property
    def file(self) -> str:
        """The name of the file in its folder."""
        return os.path.basename(self.path)


def replace_all(replacements: Sequence[Replacement], read: Iterable[str]) -> None:
    """Replace files, and remove what killed runs left next to all that were read. Raises ManifestError."""
    for folder in sorted(set(map(os.path.dirname, read))):
        with contextlib.suppress(OSError), _in(folder) as at:
            leftovers.remove(at)
    _Swap(leftovers.mark()).replace(replacements)


@dataclass(slots=True)
class _Swap:
    """One run: its mark in the names of temporary files, those that exist, and how many files are new."""

    mark: str
    temporary: dict[str, tuple[str, str]] = field(default_factory=dict)
    renamed: int = 0

    def replace(self, replacements: Sequence[Replacement]) -> None:
        """Write all, sync all, check all, rename all. Raises ManifestError."""
        try:
            for step in (self._check, self._write, self._sync, self._check):
                for each in replacements:
                    with _placed(each):
                        step(each)
            with _uninterrupted():
                for each in replacements:
                    with _placed(each, self.renamed, len(replacements)):
                        self._rename(each)
        finally:
            for folder, name in self.temporary.values():
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(folder, name))
        for folder in sorted({each.folder for each in replacements}):
            # Some file systems do not sync folders; the files are in them all the same.
            with contextlib.suppress(OSError), _in(folder) as at:
                os.fsync(at)

    def _check(self, each: Replacement) -> None:
        """Raise ManifestError where a file is not the one that was read, or must not be replaced."""
        with _in(each.folder) as at:
            _unchanged(each, at)
            if not os.access(each.file, os.W_OK, dir_fd=at):
                hint = "make it writable, or leave it out with --exclude"
                raise ManifestError("the file is read-only", where=each.name, hint=hint)
            if not _may_rename(each.file, at):
                message = "the file belongs to another user, and its folder is sticky"
                raise ManifestError(message, where=each.name, hint="run the command as the owner")

    def _write(self, each: Replacement) -> None:
        """Write the new text next to a file, with its permissions, owner and attributes."""
        with _in(each.folder) as at:
            status = os.stat(each.file, dir_fd=at, follow_symlinks=False)
            name = leftovers.name_for(each.file, self.mark)
            with os.fdopen(os.open(name, _NEW, 0o600, dir_fd=at), "wb") as file:
                self.temporary[each.name] = (each.folder, name)
                file.write(each.content())
                file.flush()
                _like(file.fileno(), status, each)

    def _sync(self, each: Replacement) -> None:
        # In a step of its own: the first sync writes out most of what the others have to.
        with _in(each.folder) as at:
            descriptor = os.open(self.temporary[each.name][1], os.O_RDONLY | os.O_NOFOLLOW, dir_fd=at)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _rename(self, each: Replacement) -> None:
        with _in(each.folder) as at:
            # Another program may have written to it since the check of all.
            _unchanged(each, at)
            os.rename(self.temporary[each.name][1], each.file, src_dir_fd=at, dst_dir_fd=at)
        del self.temporary[each.name]
        self.renamed += 1


def _unchanged(each: Replacement, at: int) -> None:
    """Raise ManifestError where a file is not the one that was read, or has other names."""
    status = os.stat(each.file, dir_fd=at, follow_symlinks=False)
    if files.Identity.of(status) != each.identity:
        hint = "run the command again when nothing writes to the file"
        raise ManifestError("the file changed after it was read", where=each.name, hint=hint)
    if status.st_nlink > 1:
        message = f"the file has {status.st_nlink} names (hard links), and only one would be changed"
        hint = f"make it a file of its own: cp -p {each.file} copy && mv copy {each.file}"
        raise ManifestError(message, where=each.name, hint=hint)


def _may_rename(file: str, at: int) -> bool:
    """Whether a file in a folder like /tmp, where only owners replace files, is this user's."""
    folder = os.fstat(at)
    owners = (0, folder.st_uid, os.stat(file, dir_fd=at, follow_symlinks=False).st_uid)
    return not folder.st_mode & stat.S_ISVTX or os.geteuid() in owners


def _like(descriptor: int, status: os.stat_result, each: Replacement) -> None:
    """Give a new file the owner, the permissions and the attributes of the one that it replaces."""
    new = os.fstat(descriptor)
    if (new.st_uid, new.st_gid) != (status.st_uid, status.st_gid):
        try:
            os.fchown(descriptor, status.st_uid, status.st_gid)
        except PermissionError as error:
            message = f"its owner ({status.st_uid}:{status.st_gid}) cannot be preserved"
            raise ManifestError(message, where=each.name, hint="run the command as the owner") from error
    os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
    _copy_attributes(descriptor, each)


def _copy_attributes(descriptor: int, each: Replacement) -> None:
    """Copy extended attributes, access control lists among them. Raises ManifestError."""
    if not hasattr(os, "listxattr"):
        return
    path = each.path
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError:
        # The file system has none.
        return
    for name in names:
        if name in _OF_THE_CONTENT:
            continue
        try:
            value = os.getxattr(path, name, follow_symlinks=False)
            if name not in os.listxattr(descriptor) or os.getxattr(descriptor, name) != value:
                os.setxattr(descriptor, name, value)
        except OSError as error:
            message = f"its attribute {name} cannot be preserved"
            raise ManifestError(message, where=each.name, hint="run the command as the owner") from error


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put off what a person or a CI system stops the run with, for the moment of the renames."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _in(folder: str) -> Iterator[int]:
    """A descriptor of a folder: what is done with it stays in that folder."""
    descriptor = os.open(folder, _FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _placed(each: Replacement, renamed: int = 0, of: int = 0) -> Iterator[None]:
    """Make an error of the system one with the file, and say how many files are new already."""
    try:
        yield
    except OSError as error:
        message, hint = f"cannot be replaced: {files.reason_of(error)}", files.advice_on(error)
        if error.errno in _FULL:
            hint = "free space on the disk, or raise the limit"
        raise ManifestError(message + _after(renamed, of), where=each.name, hint=hint) from error
    except ManifestError as error:
        message = error.message + _after(renamed, of)
        raise ManifestError(message, where=error.where, hint=error.hint) from error


def _after(renamed: int, of: int) -> str:
    return f"; {renamed} of {of} files were changed before" if renamed else "; no file was changed"
