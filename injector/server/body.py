"""The body of a request: read up to a limit, or thrown away.

A caller that is still sending reads no answer, and the rest of its body would be parsed as the next
request. So a body that is refused is read to its end where that is near, else the connection is closed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from injector.errors import ReviewError

# A body of up to this many limits is read and thrown away, so that the caller reads the answer.
DISCARDED = 4


class Body:
    """A body that arrives. `ended` says that it is read to its end."""

    def __init__(self, receive: Callable[[], Awaitable[MutableMapping[str, Any]]], limit: int) -> None:
        self.ended = False
        self._receive = receive
        self._limit = limit
        self._size = 0

    async def read(self, hold: Callable[[int], None]) -> bytes | None:
        """The whole body, None where the caller closed the connection; `hold` gets the size of each part.

        Raises ReviewError with the status 413, and what `hold` raises.
        """
        chunks: list[bytes] = []
        while self._size <= self._limit and not self.ended:
            chunk = await self._next()
            if chunk is None:
                return None
            hold(len(chunk))
            chunks.append(chunk)
        if self._size > self._limit:
            chunks.clear()
            await self.discard()
            raise too_large(self._limit)
        return b"".join(chunks)

    async def discard(self) -> None:
        """Read and drop the rest, up to DISCARDED limits."""
        while not self.ended and self._size <= self._limit * DISCARDED:
            if await self._next() is None:
                return

    async def _next(self) -> bytes | None:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            return None
        chunk: bytes = message.get("body", b"")
        self._size += len(chunk)
        self.ended = not message.get("more_body", False)
        return chunk


def too_large(limit: int) -> ReviewError:
    """The error for a body past the limit."""
    return ReviewError(f"the body is too large; at most {limit} bytes are accepted", status=413)
