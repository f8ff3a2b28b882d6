"""Temporary files of `--in-place`: their names, and removing those of runs that were killed.

The name has the process, its start time, and where process numbers are counted (boot and PID namespace).
A file is removed only where this proves that its run has ended. Not here: what is written into them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from pathlib import Path
from typing import Final

from injector.patterns import pattern

_NAME: Final = pattern(
    r"\.(?P<of>.+)\.injector-(?P<scope>[0-9a-f]{8})-(?P<pid>\d{1,10})-(?P<start>\d+)\.tmp", re.DOTALL
)
_PROC: Final = Path("/proc")
# Of the 255 bytes that a name may have, the rest is needed for the mark.
_LONGEST: Final = 160


def mark() -> str:
    """What the names of this run's temporary files have in common."""
    pid = os.getpid()
    return f"injector-{_scope()}-{pid}-{_start(pid) or 0}"


def name_for(file: str, mark: str) -> str:
    """The name of the temporary file for a file in the same folder; hidden, so that no command reads it."""
    name = os.fsencode(file)
    if len(name) > _LONGEST:
        # Files whose long names begin alike have different ones.
        file = f"{name[:_LONGEST].decode(errors='ignore')}~{hashlib.sha256(name).hexdigest()[:16]}"
    return f".{file}.{mark}.tmp"


def is_temporary(name: str) -> bool:
    """Whether a name is one of a temporary file, of this or another run."""
    return bool(_NAME.fullmatch(name))


def remove(folder: int) -> None:
    """Remove the temporary files in a folder (a descriptor) whose runs have ended for certain."""
    scope = _scope()
    for name in os.listdir(folder):
        match = _NAME.fullmatch(name)
        if match is None or match["scope"] != scope or _runs(int(match["pid"]), int(match["start"])):
            continue
        with contextlib.suppress(OSError):
            if _is_own(os.stat(name, dir_fd=folder, follow_symlinks=False), match["of"], folder):
                os.unlink(name, dir_fd=folder)


def _is_own(status: os.stat_result, file: str, folder: int) -> bool:
    """Whether a file is a regular one of this user, or of the owner of the file that it would replace."""
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        return False
    if status.st_uid == os.geteuid():
        return True
    # Only root gives files to others.
    return os.geteuid() == 0 and status.st_uid == os.stat(file, dir_fd=folder, follow_symlinks=False).st_uid


def _runs(pid: int, start: int) -> bool:
    """Whether the process may still run: there is one of this number, with the same start time if known."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    known = _start(pid)
    return known is None or start in (0, known)


def _start(pid: int) -> int | None:
    """When a process started, in ticks since boot; -1 for a zombie, None where the system does not say."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The name of the program, in brackets, may have blanks and brackets itself.
    state, *values = text.rpartition(")")[2].split()
    return -1 if state in ("Z", "X") else int(values[18])


def _scope() -> str:
    """Where a number means one process: this boot and this PID namespace, else this computer."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text()
        here = f"{boot}{os.stat(_PROC / 'self/ns/pid').st_ino}"
    except OSError:
        here = os.uname().nodename
    return hashlib.sha256(here.encode()).hexdigest()[:8]
