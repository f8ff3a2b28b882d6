"""One request to an ASGI app, without a socket."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer; the names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @classmethod
    def of(cls, sent: list[dict[str, Any]]) -> Self:
        """The answer that the messages of an app make."""
        start, *rest = sent
        headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        return cls(start["status"], headers, b"".join(message.get("body", b"") for message in rest))

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def scope_of(method: str, path: str, headers: Mapping[str, str] = JSON, **more: Any) -> dict[str, Any]:
    """What a server says of a request before its body."""
    named = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    return {"type": "http", "method": method, "path": path, "query_string": b"", "headers": named, **more}


async def exchange(
    app: Any, scope: dict[str, Any], pieces: Iterable[bytes] = (b"",), *, whole: bool = True
) -> list[dict[str, Any]]:
    """The messages that an app sends, each with how many pieces of the body were `left` by then.

    The client hangs up after the pieces, which are not the `whole` body where it hangs up too early.
    """
    left, sent = list(pieces), list[dict[str, Any]]()

    async def receive() -> dict[str, Any]:
        if not left:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left) or not whole}

    async def send(message: Any) -> None:
        sent.append({**message, "left": len(left)})

    await app(scope, receive, send)
    return sent
