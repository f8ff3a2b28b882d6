"""Replicas of `injector serve` as processes, and which of them get new connections.

Here: start, readiness, the log of a replica, its end. Not here: the address in front of them
(tests/beds/apiserver/balancer.py), and when they are started and ended (disturbances.py).
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from hack.bench.soak.waiting import SoakError, until
from tests.beds import access
from tests.beds.apiserver.balancer import Address
from tests.beds.apiserver.bed import Program

LOOK_SECONDS = 0.1
# The webhook's own grace and more: a replica that takes longer would be killed by its kubelet.
END_SECONDS = 60.0


class Replica:
    """One process of `injector serve`, from its start to its end; its log stays readable."""

    def __init__(self, name: str, config: Path, kubeconfig: Path, starter: Executor) -> None:
        self.name = name
        self.events: list[dict[str, Any]] = []
        self.admissions: Counter[str] = Counter()
        self.webhook: Address = ("127.0.0.1", 0)
        self._health = ""
        self._log = config.parent.parent / f"{name}.log"
        self._read_to = 0
        command = [sys.executable, "-m", "injector.cli.main", "serve", f"--config={config}"]
        command += [f"--kubeconfig={kubeconfig}", "--listen=127.0.0.1:0", "--health-listen=127.0.0.1:0"]
        self._program = Program(name, command, self._log, starter)

    def start(self) -> None:
        """Start the process and wait until it listens."""
        self._program.start()
        self._program.wait_until(lambda: bool(self.logged("listening")))
        (listening,) = self.logged("listening")
        host, _, port = str(listening["webhook"]).rpartition(":")
        self.webhook, self._health = (host, int(port)), f"http://{listening['health']}"

    def end(self) -> int | None:
        """Send SIGTERM and wait; returns the exit status, None where it had to be killed."""
        status = self._program.terminate(END_SECONDS)
        self._program.kill()
        return status

    def kill(self) -> None:
        """End the process at once."""
        self._program.kill()

    def logged(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        """The lines of one event so far, of all but admissions, which are only counted."""
        self._read()
        lines = (e for e in self.events if e["event"] == event)
        return [e for e in lines if all(e.get(k) == v for k, v in fields.items())]

    def ready(self) -> bool:
        """Whether /readyz answers with 200."""
        return self._readyz() is not None

    def is_current(self) -> bool:
        """Whether it is ready and reports nothing that is out of date or broken."""
        detail = self._readyz()
        return detail is not None and not detail["notes"]

    def _readyz(self) -> dict[str, Any] | None:
        detail = access.read(f"{self._health}/readyz", seconds=2)
        return None if detail is None else dict(json.loads(detail))

    def _read(self) -> None:
        """Take in what was written since the last time."""
        with self._log.open("rb") as log:
            log.seek(self._read_to)
            news = log.read()
        whole = news[: news.rfind(b"\n") + 1]
        self._read_to += len(whole)
        for line in whole.splitlines():
            try:
                event = json.loads(line)
            except ValueError as error:
                raise SoakError(f"{self.name} wrote a line that is no JSON: {line[:200]!r}") from error
            if event["event"] == "admission":
                self.admissions[event["decision"]] += 1
            else:
                self.events.append(event)


class Endpoints:
    """The addresses of ready replicas, with a delay, as the proxies of a cluster get them.

    A replica that ended is forgotten at once. `addresses` is what a balancer goes by.
    """

    def __init__(self, lag: float) -> None:
        self.addresses: list[Address] = []
        self._lag = lag
        self._lock = threading.Lock()
        self._differs: dict[Replica, float | None] = {}

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Keep the addresses right while the body runs."""
        stop = threading.Event()

        def watch() -> None:
            while not stop.wait(LOOK_SECONDS):
                self._look()

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            stop.set()
            watcher.join()

    def add(self, replica: Replica) -> None:
        """Watch a replica, and wait until it gets connections."""
        with self._lock:
            self._differs[replica] = None
        until(f"{replica.name} is ready", lambda: replica.webhook in self.addresses)

    def forget(self, replica: Replica) -> None:
        """Send it no more connections."""
        with self._lock:
            self._differs.pop(replica, None)
            if replica.webhook in self.addresses:
                self.addresses.remove(replica.webhook)

    def _look(self) -> None:
        for replica in list(self._differs):
            ready = replica.ready()
            with self._lock:
                if replica in self._differs:
                    self._judge(replica, ready)

    def _judge(self, replica: Replica, ready: bool) -> None:
        if ready == (replica.webhook in self.addresses):
            self._differs[replica] = None
            return
        now = time.monotonic()
        since = self._differs[replica]
        if since is None:
            self._differs[replica] = now
        elif now - since >= self._lag:
            self._differs[replica] = None
            (self.addresses.append if ready else self.addresses.remove)(replica.webhook)
