"""The servers that answer the same reviews: this injector, an older one, and two to compare it with.

All have the same certificate, on loopback and on the same core. istiod has a module of its own (istiod.py).
Not here: what is sent (reviews.py) and when (rounds.py).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hack.bench.performance import processes
from hack.bench.performance.processes import BenchError
from tests.beds.programs import build

REPO = Path(__file__).resolve().parents[3]
HOST = "localhost"
LOOPBACK = "127.0.0.1"
PATIENCE_SECONDS = 60.0
# On a busy machine a server may shed a request, again and again.
_LEAST_ANSWERED = 0.99


@dataclass(frozen=True)
class Load:
    """What the load generator counted, and the seconds of CPU that the server used meanwhile."""

    report: dict[str, Any]
    cpu: float

    @property
    def requests(self) -> int:
        """Reviews that were answered."""
        return int(self.report["answered"])


@dataclass(frozen=True)
class Server:
    """A server that runs; `health_port` is where this injector has its metrics."""

    name: str
    process: int
    port: int
    path: str
    authority: Path
    health_port: int = 0

    def answers(self, bodies: Iterable[bytes]) -> Iterator[bytes]:
        """The answer to each of these reviews, one after the other on one connection."""
        trust = ssl.create_default_context(cafile=str(self.authority))
        asked = http.client.HTTPSConnection(HOST, self.port, context=trust, timeout=PATIENCE_SECONDS)
        with contextlib.closing(asked):
            for body in bodies:
                asked.request("POST", self.path, body, {"Content-Type": "application/json"})
                answer = asked.getresponse()
                text = answer.read()
                if answer.status != http.client.OK:
                    raise BenchError(f"{self.name}: status {answer.status}: {text[:300]!r}")
                yield text

    def loaded(self, bodies: Path, connections: int, seconds: float, most: int) -> Load:
        """The first lines of a file, each sent once, from another core, for at most so many seconds."""
        command = [str(build.programs(["traffic"])["traffic"]), "admit"]
        command += [f"https://{HOST}:{self.port}{self.path}?timeout=10s", "--ca", str(self.authority)]
        command += ["--bodies", str(bodies), "--closed", f"--callers={connections}", f"--idle={connections}"]
        command += [f"--requests={most}", f"--seconds={seconds}", "--warm-up=0s"]
        before = processes.cpu_seconds(self.process)
        ran = subprocess.run(command, stdout=subprocess.PIPE, check=True, preexec_fn=processes.on_core(1))
        load = Load(json.loads(ran.stdout), processes.cpu_seconds(self.process) - before)
        if load.requests < _LEAST_ANSWERED * max(1, load.report["requests"]):
            raise BenchError(f"{self.name}: not all were answered: {load.report}")
        return load

    def metrics(self) -> str:
        """The text of this injector's metrics."""
        asked = http.client.HTTPConnection(LOOPBACK, self.health_port, timeout=PATIENCE_SECONDS)
        with contextlib.closing(asked):
            asked.request("GET", "/metrics")
            return asked.getresponse().read().decode()


@contextlib.contextmanager
def injector(name: str, tree: Path, keys: Path, kubeconfig: Path) -> Iterator[Server]:
    """`injector serve` of a checkout: it watches namespaces, logs and counts, as deployed."""
    port, health_port = ports = free_ports(2)
    command = [sys.executable, "-m", "injector.cli.main", *serve_arguments(keys, kubeconfig, ports)]
    log = keys / f"{name}.log"
    # The current folder comes first among those that modules are looked for in.
    with processes.started(command, tree, log, lambda: is_ready(health_port, "/readyz")) as process:
        yield Server(name, process.pid, port, "/mutate", keys / "ca.crt", health_port)


def serve_arguments(keys: Path, kubeconfig: Path, ports: Sequence[int]) -> list[str | Path]:
    """The arguments of `injector serve` on a port for the webhook and one for its health."""
    port, health_port = ports
    (keys / "injector.yaml").write_text("profile: istio\n")
    arguments: list[str | Path] = ["serve", "--config", keys / "injector.yaml", "--kubeconfig", kubeconfig]
    arguments += ["--tls-cert", keys / "tls.crt", "--tls-key", keys / "tls.key"]
    return [*arguments, "--listen", f"{LOOPBACK}:{port}", "--health-listen", f"{LOOPBACK}:{health_port}"]


@contextlib.contextmanager
def python_server(name: str, module: str, keys: Path, *arguments: str) -> Iterator[Server]:
    """A module of this package that serves on a port with a certificate: they are its first arguments."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", module, str(port), str(keys / "tls.crt"), str(keys / "tls.key")]
    log = keys / f"{name}.log"
    with processes.started([*command, *arguments], REPO, log, lambda: is_open(port)) as process:
        yield Server(name, process.pid, port, "/mutate", keys / "ca.crt")


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nothing listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server((LOOPBACK, 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def is_ready(port: int, path: str) -> bool:
    """Whether a GET is answered with 200."""
    asked = http.client.HTTPConnection(LOOPBACK, port, timeout=PATIENCE_SECONDS)
    with contextlib.closing(asked), contextlib.suppress(OSError):
        asked.request("GET", path)
        return asked.getresponse().status == http.client.OK
    return False


def is_open(port: int) -> bool:
    """Whether something listens there."""
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
        return True
    return False
