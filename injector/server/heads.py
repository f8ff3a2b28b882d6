"""The head of a request for a review, so that the next request with the same head needs no parser.

An API server sends the same head with each review, but for the length of the body. Not here: requests with
other heads (connection.py), and what is answered (app.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from injector.classes import dataclass
from injector.errors import ReviewError
from injector.server.http import budget_of, check_head

# What an API server sends. A head with any other name is parsed each time: others may change how the
# request is read, or who sends it.
_NAMES: Final = {b"host", b"user-agent", b"content-length", b"accept", b"content-type", b"accept-encoding"}
_LENGTH: Final = b"\r\nContent-Length: "
_END: Final = b"\r\n\r\n"
# A longer head is parsed each time: each connection keeps one, which its memory does not count.
_LONGEST: Final = 4096
# Of the length of a body; how long it may be is checked with each request.
_DIGITS: Final = 7
_NO_LIMIT: Final = 10**_DIGITS


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The path and budget of a request, and its head around the number of bytes of the body."""

    path: str
    budget: float | None
    before: bytes
    after: bytes

    def body_in(self, data: bytes) -> bytes | None:
        """The body, where the bytes are one whole request with this head."""
        start = len(self.before)
        end = data.find(b"\r", start, start + _DIGITS)
        if end < 0 or not data.startswith(self.before) or not data.startswith(self.after, end):
            return None
        digits, begin = data[start:end], end + len(self.after)
        return data[begin:] if digits.isdigit() and int(digits) == len(data) - begin else None


def head_of(data: bytes, scope: Mapping[str, Any]) -> RequestHead | None:
    """The head of a request that begins with these bytes, as it was parsed; None where it is not usual."""
    names = [name for name, _ in scope["headers"]]
    if not _NAMES.issuperset(names) or len(set(names)) < len(names) or scope["http_version"] != "1.1":
        return None
    end = data.find(_END)
    place = data.find(_LENGTH, 0, end)
    try:
        check_head(scope, _NO_LIMIT)
    except ReviewError:
        return None
    if place < 0 or end > _LONGEST:
        return None
    start = place + len(_LENGTH)
    after = data[data.find(b"\r", start) : end + len(_END)]
    return RequestHead(scope["path"], budget_of(scope["query_string"]), data[:start], after)
