"""An `injector serve` to attack: of any checkout, with a certificate of its own, on free loopback ports.

Here: its start and its end. Not here: the attacks.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.beds.keys import write_server_keys

HOST = "127.0.0.1"
_PATIENCE_SECONDS = 60.0
CONFIG = "profile: istio\npolicy: enabled\n"


class StandError(Exception):
    """The server cannot be started; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Stand:
    """A running server. `ca` is the file of its CA, `log` that of its lines."""

    host: str
    port: int
    health_port: int
    pid: int
    ca: Path
    log: Path


@contextlib.contextmanager
def standing(
    checkout: Path, config: str = CONFIG, environment: Mapping[str, str] | None = None
) -> Iterator[Stand]:
    """A server of the checkout's code while the body runs; `config` is its configuration file."""
    with tempfile.TemporaryDirectory(prefix="attack-") as name:
        folder = Path(name)
        write_server_keys(folder, "localhost")
        (folder / "config.yaml").write_text(config)
        port, health_port = _free_ports()
        command = [sys.executable, "-c", "from injector.cli.main import main; main()", "serve"]
        command += ["--config", "config.yaml", "--tls-cert", "tls.crt", "--tls-key", "tls.key"]
        command += ["--namespaces", "off", "--listen", f"{HOST}:{port}"]
        command += ["--health-listen", f"{HOST}:{health_port}"]
        surroundings = {**os.environ, "PYTHONPATH": str(checkout.resolve()), **(environment or {})}
        log = folder / "log"
        with log.open("wb") as lines:
            process = subprocess.Popen(command, cwd=folder, env=surroundings, stderr=lines)
        try:
            _wait(process, health_port, log)
            yield Stand(HOST, port, health_port, process.pid, folder / "ca.crt", log)
        finally:
            process.kill()
            process.wait()


def _free_ports() -> tuple[int, int]:
    with socket.create_server((HOST, 0)) as one, socket.create_server((HOST, 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            asked = http.client.HTTPConnection(HOST, port, timeout=5)
            with contextlib.closing(asked):
                asked.request("GET", "/readyz")
                if asked.getresponse().status == 200:
                    return
        time.sleep(0.1)
    raise StandError(f"the server does not get ready: {log.read_text(errors='replace')[-2000:]}")
