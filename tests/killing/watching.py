"""What happens in folders, as Linux reports it to another process (inotify)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

ATTRIBUTES, CLOSED, MOVED_TO, CREATED, OPENED = 0x4, 0x8, 0x80, 0x100, 0x20
ALL = ATTRIBUTES | CLOSED | MOVED_TO | CREATED | OPENED
_HEADER = struct.Struct("iIII")


@contextlib.contextmanager
def watched(folders: Iterable[Path], kinds: int) -> Iterator[int]:
    """A descriptor whose reads give the events of these kinds in folders."""
    library = ctypes.CDLL(None, use_errno=True)
    descriptor = library.inotify_init1(os.O_CLOEXEC)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "inotify")
    try:
        for folder in folders:
            if library.inotify_add_watch(descriptor, os.fsencode(folder), kinds) < 0:
                raise OSError(ctypes.get_errno(), "inotify", str(folder))
        yield descriptor
    finally:
        os.close(descriptor)


def events(descriptor: int) -> int:
    """Wait for events; return how many there are."""
    data, at, count = os.read(descriptor, 65536), 0, 0
    while at < len(data):
        at += _HEADER.size + _HEADER.unpack_from(data, at)[3]
        count += 1
    return count
