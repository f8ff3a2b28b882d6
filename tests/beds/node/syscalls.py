"""The system calls of mounts and namespaces that Python 3.11 lacks.

Here: mount(2) and unshare(2) with their flags. Not here: which mounts a node has, that is mounts.py.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC = 1, 32, 4096, 16384
MS_PRIVATE, MS_SHARED = 1 << 18, 1 << 20
CLONE_NEWNS, CLONE_NEWCGROUP = 0x00020000, 0x02000000

_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: Path | str, target: Path | str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Mount a file system, or change a mount, as the flags say."""
    arguments = [
        os.fsencode(source),
        os.fsencode(target),
        kind.encode(),
        ctypes.c_ulong(flags),
        data.encode(),
    ]
    if _libc.mount(*arguments):
        raise _failure(f"mount {kind or 'bind'} on {target}")


def bind(source: Path | str, target: Path | str) -> None:
    """Make `source` and all that is mounted below it visible at `target`."""
    mount(source, target, flags=MS_BIND | MS_REC)


def unshare(flags: int) -> None:
    """Move this process into new namespaces."""
    if _libc.unshare(flags):
        raise _failure("unshare")


def _failure(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")
