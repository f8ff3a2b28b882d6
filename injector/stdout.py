"""A replacement for stdout while a command runs, so that a failed write is reported as an error.

Commands, and click with its help texts, write to `sys.stdout` in many places. Not here: files
(`cli.output`), and stderr.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import Any

from injector.errors import ManifestError


class _Stdout(io.RawIOBase):
    """A descriptor, None where stdout is closed. After a failed write, all further output is dropped.

    Otherwise the interpreter would try again at its exit, and print an error of its own.
    """

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        self._failed = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        if self._descriptor is None:
            raise io.UnsupportedOperation("fileno")
        return self._descriptor

    def isatty(self) -> bool:
        return self._descriptor is not None and os.isatty(self._descriptor)

    def write(self, data: Any) -> int:
        """Raises ManifestError; BrokenPipeError where the reader has gone."""
        if self._failed:
            return len(data)
        try:
            if self._descriptor is None:
                raise OSError(errno.EBADF, "It is closed")
            return os.write(self._descriptor, data)
        except BrokenPipeError:
            self._failed = True
            raise
        except OSError as error:
            self._failed = True
            reason = (error.strerror or "cannot be written").lower()
            raise ManifestError(reason, where="stdout", hint="check the target of the output") from error


@contextlib.contextmanager
def checked() -> Iterator[None]:
    """Within it, `sys.stdout` raises ManifestError where it cannot be written to."""
    before = sys.stdout
    try:
        descriptor = None if before is None else before.fileno()
    except io.UnsupportedOperation:
        # A stream in memory, as in tests, which cannot fail.
        yield
        return
    encoding, errors = ("utf-8", "strict") if before is None else (before.encoding, before.errors)
    out = io.TextIOWrapper(
        io.BufferedWriter(_Stdout(descriptor)),
        encoding,
        errors,
        line_buffering=before is not None and before.isatty(),
    )
    sys.stdout = out
    try:
        yield
        out.flush()
    finally:
        sys.stdout = before
