"""What is measured: `injector serve` as a process of its own on one core, and its counters.

Here: configurations, certificates, start and end, CPU and memory of the process; the load generator on
another core. Not here: which load, and what is made of the figures.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from apiserver.keys import Authority
from programs import build

from load import review

PATIENCE_SECONDS = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")

# A template that loops: what it makes is small, what it costs is not.
_SLOW = """\
{% set steps = namespace(count=0) %}{% for a in range(40) %}{% for b in range(40) %}
{% set steps.count = steps.count + 1 %}{% endfor %}{% endfor %}
spec:
  containers:
  - name: slow
    image: "example.com/slow:{{ steps.count }}"
"""


class StandError(Exception):
    """Nothing can be measured; the message says why."""


class Usage(NamedTuple):
    """Counters of a process: seconds of CPU since its start, bytes of memory."""

    cpu: float
    memory: int


@dataclass(frozen=True)
class Server:
    """A running `injector serve`. `ready_seconds` is from its start to its first ready."""

    process: subprocess.Popen[bytes]
    folder: Path
    webhook: str
    ready_seconds: float

    def usage(self) -> Usage:
        """What it has used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return Usage(
            (int(fields[11]) + int(fields[12])) / _TICKS, int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
        )

    def loaded(self, *flags: str, query: str = "timeout=10s") -> Load:
        """The load that the flags of the generator ask for, and what the server used for it."""
        program = build.programs(["traffic"])["traffic"]
        body = self.folder / "review.json"
        body.write_bytes(review.body())
        command: list[str | Path] = [
            program,
            "admit",
            f"https://localhost:{self.webhook.rpartition(':')[2]}/mutate?{query}",
        ]
        command += ["--body", body, "--ca", self.folder / "ca.crt", "--mark", review.NUMBER, *flags]
        before = self.usage()
        ran = subprocess.run(command, stdout=subprocess.PIPE, check=True, preexec_fn=_on_core(1))
        told: dict[str, Any] = json.loads(ran.stdout)
        after = self.usage()
        return Load(told, after.cpu - before.cpu, before.memory, after.memory)


@dataclass(frozen=True)
class Load:
    """What the generator counted, and what the server used meanwhile."""

    told: Mapping[str, Any]
    cpu: float
    memory_before: int
    memory_after: int

    @property
    def rate(self) -> float:
        """Reviews answered with 200, a second."""
        return float(self.told["rate"])

    @property
    def requests(self) -> int:
        """Requests that were sent in the time that counts."""
        return int(self.told["requests"])

    def of_status(self, status: int) -> int:
        """Requests whose last answer had that status."""
        return int(self.told["statuses"].get(str(status), 0))


def _on_core(number: int) -> Any:
    """What binds a process to one of two cores; nothing where there is only one."""
    cores = sorted(os.sched_getaffinity(0))
    return (lambda: os.sched_setaffinity(0, {cores[number]})) if len(cores) > 1 else None


@contextlib.contextmanager
def served(config: str, files: Mapping[str, str] | None = None, *, pinned: bool = True) -> Iterator[Server]:
    """A server with that configuration while the body runs; `files` lie beside it, by their paths."""
    with tempfile.TemporaryDirectory(prefix="load-") as name:
        folder = Path(name)
        Authority.make(folder, "load").sign("tls", "webhook", names=["localhost"])
        for path, text in (files or {}).items():
            file = folder / path
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        (folder / "injector.yaml").write_text(config)
        log = folder / "serve.log"
        with log.open("wb") as stream:
            begun = time.monotonic()
            process = subprocess.Popen(
                _command(folder), stderr=stream, preexec_fn=_on_core(0) if pinned else None
            )
        try:
            server = _ready(process, folder, begun)
            _check_that_it_injects(server)
            yield server
        finally:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE_SECONDS)
            process.kill()
            process.wait()


def _command(folder: Path) -> list[str | Path]:
    return [
        sys.executable, "-m", "injector.cli.main", "serve", "--config", folder / "injector.yaml",
        "--namespaces", "off", "--listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0",
        "--tls-cert", folder / "tls.crt", "--tls-key", folder / "tls.key",
    ]  # fmt: skip


def _ready(process: subprocess.Popen[bytes], folder: Path, begun: float) -> Server:
    at: dict[str, str] = {}
    while not (at and _is_ready(at["health"])):
        if process.poll() is not None or time.monotonic() - begun > PATIENCE_SECONDS:
            raise StandError("serve does not start:\n" + (folder / "serve.log").read_text())
        at = at or _listening(folder / "serve.log")
        time.sleep(0.005)
    return Server(process, folder, at["webhook"], time.monotonic() - begun)


def _listening(log: Path) -> dict[str, str]:
    for line in log.read_text().splitlines():
        if '"event":"listening"' in line:
            return dict(json.loads(line))
    return {}


def _check_that_it_injects(server: Server) -> None:
    """A refusal would be quicker than what is to be measured."""
    trust = ssl.create_default_context(cafile=str(server.folder / "ca.crt"))
    port = int(server.webhook.rpartition(":")[2])
    asked = http.client.HTTPSConnection("localhost", port, context=trust, timeout=PATIENCE_SECONDS)
    with contextlib.closing(asked):
        asked.request("POST", "/mutate", review.body(), {"Content-Type": "application/json"})
        answer = json.loads(asked.getresponse().read())
    if not answer["response"].get("patch"):
        raise StandError(f"the review is not injected: {answer['response'].get('status')}")


def _is_ready(address: str) -> bool:
    asked = http.client.HTTPConnection(address, timeout=PATIENCE_SECONDS)
    try:
        asked.request("GET", "/readyz")
        return asked.getresponse().status == 200
    except OSError:
        return False
    finally:
        asked.close()


SHIPPED = "profile: istio\n"
SLOW = "profile: ./slow\n"
SLOW_FILES = {"slow/profile.yaml": "name: slow\ndefaultTemplates: [slow]\n", "slow/slow.yaml.j2": _SLOW}
