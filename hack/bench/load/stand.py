"""What is measured: `injector serve` as a process of its own on one core, and its counters.

Here: configurations, certificates, start and end, CPU and memory of the process; the load generator on
another core. Not here: which load, and what is made of the figures.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from hack.bench.load import review
from tests.beds.apiserver.bed import ApiServer
from tests.beds.keys import write_server_keys
from tests.beds.programs import build

PATIENCE_SECONDS = 60.0
# What /proc/PID/clear_refs takes to forget the peak of the resident set (proc(5)).
_FORGET_THE_PEAK = "5"
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
    """The server cannot be measured; the message is the reason."""


class Usage(NamedTuple):
    """Seconds of CPU since the start of a process, its bytes of memory, and the most since `loaded` began."""

    cpu: float
    memory: int
    peak: int


@dataclass(frozen=True)
class Server:
    """A running `injector serve`. `ready_seconds` is from its start to its first ready."""

    process: subprocess.Popen[bytes]
    folder: Path
    webhook: str
    ready_seconds: float

    def usage(self) -> Usage:
        """What it has used so far."""
        own = Path(f"/proc/{self.process.pid}")
        fields = (own / "stat").read_text().rpartition(")")[2].split()
        (peak,) = re.findall(r"^VmHWM:\s+([0-9]+) kB$", (own / "status").read_text(), re.MULTILINE)
        cpu, pages = (int(fields[11]) + int(fields[12])) / _TICKS, int(fields[21])
        return Usage(cpu, pages * os.sysconf("SC_PAGE_SIZE"), int(peak) * 1024)

    def loaded(self, *flags: str) -> Load:
        """The load that the flags of the generator ask for, and what the server used for it."""
        program = build.programs(["traffic"])["traffic"]
        body = self.folder / "review.json"
        body.write_bytes(review.body())
        url = f"https://localhost:{self.webhook.rpartition(':')[2]}/mutate?timeout=10s"
        command: list[str | Path] = [program, "admit", url, "--body", body]
        command += ["--ca", self.folder / "ca.crt", "--mark", review.NUMBER, *flags]
        Path(f"/proc/{self.process.pid}/clear_refs").write_text(_FORGET_THE_PEAK)
        before = self.usage()
        ran = subprocess.run(command, stdout=subprocess.PIPE, check=True, preexec_fn=_on_core(1))
        report: dict[str, Any] = json.loads(ran.stdout)
        after = self.usage()
        return Load(report, after.cpu - before.cpu, before.memory, after.peak)

    def answers(self, bodies: Iterable[bytes]) -> Iterator[dict[str, Any]]:
        """The response to each of these reviews, one after the other on one connection."""
        trust = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        port = int(self.webhook.rpartition(":")[2])
        asked = http.client.HTTPSConnection("localhost", port, context=trust, timeout=PATIENCE_SECONDS)
        with contextlib.closing(asked):
            for body in bodies:
                asked.request("POST", "/mutate", body, {"Content-Type": "application/json"})
                yield json.loads(asked.getresponse().read())["response"]


@dataclass(frozen=True)
class Load:
    """What the generator counted, and what the server used meanwhile; memory before, and the most."""

    report: Mapping[str, Any]
    cpu: float
    memory_before: int
    memory_peak: int

    @property
    def rate(self) -> float:
        """Reviews answered with 200, a second."""
        return float(self.report["rate"])

    @property
    def requests(self) -> int:
        """Requests that were sent in the time that counts."""
        return int(self.report["requests"])

    def of_status(self, status: int) -> int:
        """Requests whose last answer had that status."""
        return int(self.report["statuses"].get(str(status), 0))


def _on_core(number: int) -> Any:
    """What binds a process to one of two cores; nothing where there is only one."""
    cores = sorted(os.sched_getaffinity(0))
    return (lambda: os.sched_setaffinity(0, {cores[number]})) if len(cores) > 1 else None


@contextlib.contextmanager
def served(
    config: str, files: Mapping[str, str] | None = None, *, bed: ApiServer | None = None, pinned: bool = True
) -> Iterator[Server]:
    """A server with that configuration while the body runs; `files` lie beside it, by their paths.

    With a bed it watches the namespaces there, as by default; without one it has none to ask.
    """
    with tempfile.TemporaryDirectory(prefix="load-") as name:
        folder = Path(name)
        write_server_keys(folder, "localhost")
        for path, text in (files or {}).items():
            file = folder / path
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        (folder / "injector.yaml").write_text(config)
        log = folder / "serve.log"
        with log.open("wb") as stream:
            begun = time.monotonic()
            process = subprocess.Popen(
                _command(folder, bed), stderr=stream, preexec_fn=_on_core(0) if pinned else None
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


def _command(folder: Path, bed: ApiServer | None) -> list[str | Path]:
    cluster: list[str | Path] = ["--kubeconfig", bed.kubeconfig] if bed else ["--namespaces", "off"]
    return [
        sys.executable, "-m", "injector.cli.main", "serve", "--config", folder / "injector.yaml",
        *cluster, "--listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0",
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
    for response in server.answers([review.body()]):
        if not response.get("patch"):
            raise StandError(f"the review is not injected: {response.get('status')}")


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
# Each pod takes the way of the first of its shape.
ORDINARY = f"{SHIPPED}server: {{cache: {{replicas: 0, plans: 0}}}}\n"
SLOW = "profile: ./slow\n"
SLOW_FILES = {"slow/profile.yaml": "name: slow\ndefaultTemplates: [slow]\n", "slow/slow.yaml.j2": _SLOW}
