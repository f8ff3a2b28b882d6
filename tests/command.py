"""The command line, called in this process: most of the time of a process goes into its imports.

Not for what only a process shows: signals, its own streams and their ends, memory, what it loads.
"""

from __future__ import annotations

import contextlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pytest

from injector.cli.main import main
from injector.config import trials


@dataclass(frozen=True)
class Ran:
    """What one run left behind."""

    status: int
    out: str
    err: str


def run(*argv: str | Path, stdin: str = "", stdout: TextIO | None = None) -> Ran:
    """Run a command line with a text as its stdin; `out` is empty where `stdout` gets it."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
    before = sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8")
    try:
        with contextlib.redirect_stdout(stdout or out), contextlib.redirect_stderr(err):
            status = main([str(a) for a in argv])
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdin = before
    return Ran(status, *(_text(stream) for stream in (out, err)))


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


@pytest.fixture
def in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try templates in this process, where a test is not about the trial in two bounded processes.

    Each configuration starts both at a low priority, which takes most of such a test's time.
    """
    monkeypatch.setattr(trials, "dry_run", lambda source, **_: list(trials.trial(source).problems))
