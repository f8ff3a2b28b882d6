"""The least that an ASGI webhook can cost: it reads the body, and answers as many bytes as a real one.

``python -m hack.bench.performance.floor PORT CERTIFICATE KEY BYTES``
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

KEEP_ALIVE_SECONDS = 120


class Floor:
    """An application that knows its answer beforehand."""

    def __init__(self, size: int) -> None:
        self._body = b" " * size
        self._headers = [(b"content-type", b"application/json"), (b"content-length", str(size).encode())]

    async def __call__(
        self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        """Read to the end, and answer."""
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._body})


def main(port: str, certificate: str, key: str, size: str) -> None:
    """Serve until SIGTERM."""
    uvicorn.run(
        Floor(int(size)),
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
