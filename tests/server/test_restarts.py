"""Replicas of `injector serve` that restart one after the other under load: no call may fail.

The caller is shaped as the API server's: it keeps idle connections, takes the one it used last, drops
those that the other side has closed, and asks again only after a 429. New
connections go to replicas that were ready at the last probe, as with a Service.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import select
import signal
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.server.test_serve import JSON, PATIENCE, SETTINGS, Files, Served, call, served
from tests.server.test_serve import files as files
from tests.server.webhook_factories import a_body

CALLERS = 4
LOOKS_EVERY = 0.1
# Some hundred calls a second, which is enough to meet every moment of a restart.
PAUSE = 0.005
# Long enough for a look at a replica's readiness on a busy machine.
DRAIN = "  drainSeconds: 5\n"


@dataclass
class Replica:
    """A process, where it listens, and whether it was ready at the last probe."""

    process: Served
    at: dict[str, str]
    ready: bool = False

    @property
    def port(self) -> int:
        return int(self.at["webhook"].rpartition(":")[2])

    def look(self) -> None:
        """Ask for readiness, as kubelet does."""
        inner = http.client.HTTPConnection(
            "127.0.0.1", int(self.at["health"].rpartition(":")[2]), timeout=PATIENCE
        )
        try:
            self.ready = call(inner, "GET", "/readyz")[0].status == 200
        except OSError:
            self.ready = False
        finally:
            inner.close()


@dataclass
class Service:
    """The replicas, and what became of the calls."""

    ca: Path
    replicas: list[Replica] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    answered: int = 0
    last_answers: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    _idle: list[http.client.HTTPSConnection] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _turn: Iterator[int] = field(default_factory=itertools.count)

    def watch(self) -> None:
        while not self.over.wait(LOOKS_EVERY):
            for replica in list(self.replicas):
                replica.look()

    def keep_calling(self) -> None:
        while not self.over.wait(PAUSE):
            try:
                self._call()
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))

    def _call(self) -> None:
        connection = self._connection()
        connection.request("POST", "/mutate?timeout=10s", a_body(), JSON)
        answer = connection.getresponse()
        body = answer.read()
        accepted = answer.status == 200 and json.loads(body)["response"]["allowed"]
        # A busy machine may have it come again, which is no failure.
        if not accepted and (answer.status != 429 or "retry-after" not in answer.headers):
            self.failed.append(f"{answer.status}: {body!r}")
        with self._lock:
            self.answered += accepted
            if answer.headers.get("connection") == "close":
                self.last_answers += 1
                connection.close()
            else:
                self._idle.append(connection)

    def _connection(self) -> http.client.HTTPSConnection:
        with self._lock:
            while self._idle:
                idle = self._idle.pop()
                # What can be read without having been asked for is the end of the connection.
                if not select.select([idle.sock], [], [], 0)[0]:
                    return idle
                idle.close()
        ready = [replica for replica in list(self.replicas) if replica.ready]
        port = ready[next(self._turn) % len(ready)].port
        trust = ssl.create_default_context(cafile=str(self.ca))
        return http.client.HTTPSConnection("localhost", port, context=trust, timeout=PATIENCE)

    def close(self) -> None:
        for connection in self._idle:
            connection.close()


@contextlib.contextmanager
def called(service: Service) -> Iterator[None]:
    """Call the service without pause while the body runs."""
    threads = [threading.Thread(target=service.keep_calling) for _ in range(CALLERS)]
    threads.append(threading.Thread(target=service.watch))
    try:
        for thread in threads:
            thread.start()
        yield
    finally:
        service.over.set()
        for thread in threads:
            thread.join(PATIENCE)
        service.close()


def started(open_ones: contextlib.ExitStack, files: Files) -> Replica:
    process = open_ones.enter_context(served(files))
    replica = Replica(process, process.wait_for("listening"))
    replica.look()
    assert replica.ready
    return replica


def test_replicas_restart_one_after_the_other_and_no_call_fails(files: Files) -> None:
    files.config.write_text(SETTINGS.replace("  drainSeconds: 0\n", DRAIN))
    with contextlib.ExitStack() as open_ones:
        service = Service(files.ca)
        service.replicas = [started(open_ones, files) for _ in range(2)]
        with called(service):
            for _ in range(2):
                old = service.replicas[0]
                before = service.answered
                old.process.process.send_signal(signal.SIGTERM)
                assert old.process.process.wait(PATIENCE) == 0
                service.replicas = [*service.replicas[1:], started(open_ones, files)]
                assert service.answered > before
    assert service.failed == []
    assert service.last_answers > 0
