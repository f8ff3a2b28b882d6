"""Copies of what a command writes to stderr, for callers that hide it.

Helm 4 drops what its plugins write to stderr, also when they fail. So it goes to the terminal when the
command fails, and to the file of the report where the command did not come to write it. Not here: what is
written, and the report (`reported`).
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from injector.errors import InjectorError

VARIABLE: Final = "INJECTOR_REPORT"
PLUGIN: Final = "HELM_PLUGIN_NAME"
"""Helm sets it for its plugins."""
_TERMINAL: Final = "/dev/tty"


class _Copied(io.RawIOBase):
    """Bytes that go on to stderr, where there is one, and are collected."""

    def __init__(self, stderr: Any) -> None:
        self.collected = bytearray()
        self._stderr = stderr

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        """Never fails: a report that cannot be written must not change the result."""
        taken = bytes(data)
        self.collected += taken
        with contextlib.suppress(OSError, ValueError):
            if self._stderr is not None:
                self._stderr.write(taken.decode("utf-8", "replace"))
                self._stderr.flush()
        return len(taken)


def run(command: Callable[[], int]) -> int:
    """Run a command with copies of its stderr; returns its exit status."""
    before = sys.stderr
    if isinstance(getattr(getattr(before, "buffer", None), "raw", None), _Copied):
        return command()
    raw, stamp = _Copied(before), _stamp()
    sys.stderr = io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", "backslashreplace", write_through=True)
    try:
        status = _status(command)
        sys.stderr.flush()
    finally:
        sys.stderr = before
    text = raw.collected.decode("utf-8", "replace")
    if status and _stamp() == stamp:
        status = max(status, _in_file(text))
    hidden = PLUGIN in os.environ and not (before is not None and before.isatty())
    if status and hidden:
        # Without a terminal, as in CI, it cannot be opened.
        with contextlib.suppress(OSError), open(_TERMINAL, "w", encoding="utf-8") as terminal:
            terminal.write(text)
    return status


def _status(command: Callable[[], int]) -> int:
    """The exit status of a command, with its error printed while stderr is copied."""
    try:
        return command()
    except InjectorError as error:
        # A run without an error starts faster without it.
        from injector.cli import failures

        return failures.print_errors([error])


def _stamp() -> tuple[int, int] | None:
    """What changes when the file of the report is written; None where there is none."""
    with contextlib.suppress(OSError):
        status = os.stat(os.environ.get(VARIABLE, ""))
        return status.st_ino, status.st_mtime_ns
    return None


def _in_file(text: str) -> int:
    """Write the file of INJECTOR_REPORT; returns an exit status."""
    path = os.environ.get(VARIABLE)
    if not path:
        return 0
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        from injector.cli import failures

        reason = (error.strerror or "cannot be written").lower()
        return failures.print_errors([InjectorError(reason, where=f"${VARIABLE}", hint="check the path")])
    return 0
