"""The listener of health and metrics, without sockets."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

from injector.server.health import create_app
from injector.server.state import State
from injector.telemetry import Metrics
from tests.asgi import Reply, exchange, scope_of
from tests.server.webhook_factories import a_config


def test_the_loop_does_other_work_between_two_metrics() -> None:
    turns = itertools.count()
    seen: list[int] = []

    class Watched(Metrics):
        def texts(self) -> Iterator[bytes]:
            for text in super().texts():
                seen.append(next(turns))
                yield text

    async def main() -> Reply:
        loop = asyncio.get_running_loop()

        def tick() -> None:
            next(turns)
            loop.call_soon(tick)

        loop.call_soon(tick)
        config = a_config()
        app = create_app(State(current=lambda: config, metrics=Watched()), inner=True)
        return Reply.of(await exchange(app, scope_of("GET", "/metrics")))

    reply = asyncio.run(main())
    assert reply.status == 200
    names = [line.split()[2] for line in reply.body.decode().splitlines() if line.startswith("# TYPE")]
    assert {"process_open_fds", "injector_admission_total", "injector_ready"} <= set(names)
    assert len(seen) > 20
    # Each saw a later turn of the loop than the one before, not only its own count.
    assert all(after - before > 1 for before, after in itertools.pairwise(seen)), seen
