"""The bytes of a connection that the kernel holds, in both directions."""

from __future__ import annotations

import contextlib
import fcntl
import sys
import termios
from typing import Any


def unread(transport: Any) -> int:
    """Bytes that came and were not read yet; 0 where the socket is closed."""
    return _count(transport, termios.FIONREAD)


def unsent(transport: Any) -> int:
    """Bytes that the caller has not taken yet; 0 where the socket is closed."""
    return _count(transport, termios.TIOCOUTQ)


def _count(transport: Any, kind: int) -> int:
    sock = transport.get_extra_info("socket")
    with contextlib.suppress(OSError):  # it is closed
        if sock is not None:
            return int.from_bytes(fcntl.ioctl(sock.fileno(), kind, bytes(4)), sys.byteorder)
    return 0
