"""The webhook in this process, without sockets and TLS: reviews go in as a connection passes them on.

Here: what `injector serve` puts together, for measurements of an admission itself. Not here: the reviews.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from injector.config.serving_limits import CacheSettings
from injector.core.model import Namespace
from injector.core.profile import Config
from injector.server.app import Webhook
from injector.server.heads import RequestHead
from injector.server.state import Limits, State
from injector.telemetry import Metrics

SCOPE = {
    "type": "http",
    "method": "POST",
    "path": "/mutate",
    "query_string": b"timeout=10s",
    "headers": [(b"content-type", b"application/json")],
}
HEAD = RequestHead("/mutate", 10.0, b"", b"")
"""As a connection knows it that has had a request before."""

CACHED = Limits(replicas=CacheSettings().replicas, plans=CacheSettings().plans)
"""The limits of `injector serve` as it is configured by default."""


class InProcess:
    """The webhook with a configuration. Namespaces ask for injection; it knows them once they were seen."""

    def __init__(self, config: Config, limits: Limits | None = None) -> None:
        self.known: dict[str, Namespace] = {}
        self.state = State(
            current=lambda: config,
            metrics=Metrics(),
            namespace_of=self._namespace,
            native_sidecars=lambda _node: True,
            limits=limits or CACHED,
        )
        self._webhook = Webhook(self.state, _nothing_else)
        self._runner = asyncio.Runner()

    def answers(self, bodies: Iterable[bytes]) -> list[tuple[int, bytes]]:
        """HTTP status and body of the answer to each review, one after the other."""
        return self._runner.run(self._each(bodies))

    def _namespace(self, name: str) -> Namespace:
        if name not in self.known:
            self.known[name] = Namespace(name, {"istio-injection": "enabled"})
        return self.known[name]

    async def _each(self, bodies: Iterable[bytes]) -> list[tuple[int, bytes]]:
        return [await self._one(body) for body in bodies]

    async def _one(self, body: bytes) -> tuple[int, bytes]:
        begun = self._webhook.at_once(HEAD, body)
        if isinstance(begun, bytes):
            return 200, begun
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._webhook({**SCOPE, "state": {"begun": begun}}, receive, send)
        return sent[0]["status"], sent[1]["body"]

    def close(self) -> None:
        """End its event loop, and the threads of long admissions."""
        self._runner.close()


async def _nothing_else(scope: Any, _receive: Any, _send: Any) -> None:
    raise ValueError(f"{scope['path']}: a review is expected")
