"""How long an installed injector takes to start where a cluster is asked: `explain deploy/NAME`, and `serve`.

Against the API server of the bed, while the other servers are idle or gone. Not here: kube-inject
(commandline.py).
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from hack.bench import installed
from hack.bench.performance import processes, servers
from hack.bench.performance.processes import BenchError
from tests.beds.apiserver.bed import ApiServer

TIMES, BRIEF_TIMES = 7, 3
_NAMESPACE, _NAME = "starting", "web"
_DEPLOYMENT: Final[dict[str, Any]] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": _NAME, "namespace": _NAMESPACE},
    "spec": {
        "selector": {"matchLabels": {"app": _NAME}},
        "template": {
            "metadata": {"labels": {"app": _NAME}},
            "spec": {"containers": [{"name": "web", "image": "registry.example.com/web:1"}]},
        },
    },
}


def explain(program: Path, bed: ApiServer, times: int) -> list[float]:
    """Seconds of `explain deploy/NAME`, for so many runs after the first."""
    bed.make_namespace({"istio-injection": "enabled"}, _NAMESPACE)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        manifest = Path(folder) / "deployment.json"
        manifest.write_text(json.dumps(_DEPLOYMENT))
        bed.kubectl("apply", "-f", str(manifest))
        command: list[str | Path] = [
            program,
            "explain",
            f"deploy/{_NAME}",
            "-n",
            _NAMESPACE,
            "--kubeconfig",
            bed.kubeconfig,
        ]
        return _after_the_first([_explained(command, folder) for _ in range(times + 1)])


def _explained(command: Sequence[str | Path], folder: str) -> float:
    begun = time.monotonic()
    done = subprocess.run(
        command, cwd=folder, env=installed.environment(), capture_output=True, text=True, check=False
    )
    seconds = time.monotonic() - begun
    if done.returncode or f"Deployment {_NAMESPACE}/{_NAME}" not in done.stdout:
        raise BenchError(f"explain: status {done.returncode}: {done.stdout[-300:]}{done.stderr[-300:]}")
    return seconds


def serve(program: Path, keys: Path, bed: ApiServer, times: int) -> list[float]:
    """Seconds until `serve` is ready, for so many starts after the first."""
    return _after_the_first([_until_ready(program, keys, bed.kubeconfig) for _ in range(times + 1)])


def _until_ready(program: Path, keys: Path, kubeconfig: Path) -> float:
    ports = servers.free_ports(2)
    command = [program, *servers.serve_arguments(keys, kubeconfig, ports)]

    def ready() -> bool:
        return servers.is_ready(ports[1], "/readyz")

    begun = time.monotonic()
    log, elsewhere = keys / "starting.log", {"PYTHONPATH": ""}
    with processes.started(command, keys, log, ready, elsewhere, timed=True) as process:
        seconds = time.monotonic() - begun
        # It would wait for requests that are under way.
        process.kill()
        return seconds


def _after_the_first(seconds: Sequence[float]) -> list[float]:
    # The first one reads files that are not in memory yet.
    return list(seconds[1:])
