"""Measures `injector render` on many manifests: ``python -m hack.bench.render``.

CPU and memory of runs over 1,000 to 10,000 Deployments, beside the real `istioctl kube-inject` with the same
configuration. The two take turns, so that a slow minute of the machine meets both alike. The exit status is
1 where a limit is missed: memory, growth with the number of documents, CPU beside istioctl.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hack.bench import installed, measured
from tests.beds.programs import build
from tests.differential import doors
from tests.differential.doors import Files
from tests.differential.settings import Settings

COUNTS: Final = (1_000, 5_000, 10_000)
MOST_MB: Final = 400
MOST_OF_ISTIOCTL: Final = 1 / 3
# CPU per document at the largest number, beside that at the smallest; a process also starts once.
MOST_GROWTH: Final = 1.1
OURS, THEIRS = "injector render", "istioctl kube-inject"

_DEPLOYMENT: Final = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web-{number}
  namespace: shop
  labels:
    app: web-{number}
spec:
  replicas: 2
  selector:
    matchLabels:
      app: web-{number}
  template:
    metadata:
      labels:
        app: web-{number}
        version: v1
    spec:
      containers:
      - name: web
        image: registry.example.com/shop/web:1.2.{number}
        ports:
        - containerPort: 8080
          name: http
        env:
        - name: LEVEL
          value: info
"""
_VARIABLE: Final = '        - name: SETTING_{number}\n          value: "text of setting number {number}"\n'
# The environment makes the difference between the two sizes.
SIZES: Final[Mapping[str, int]] = {"0.5 KB": 0, "7.4 KB": 96}


@dataclass(frozen=True)
class Cost:
    """What one run took."""

    cpu: float
    seconds: float
    megabytes: float


def main() -> int:
    """Measure, print the table, and report the limits that were missed."""
    flags = argparse.ArgumentParser(prog="python -m hack.bench.render")
    flags.add_argument("--counts", type=int, nargs="*", default=COUNTS, help="numbers of Deployments")
    flags.add_argument("--rounds", type=int, default=1, help="runs of each; the one with least CPU counts")
    flags.add_argument("--alone", action="store_true", help="without istioctl")
    options = flags.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(installed.program(), Path(folder), alone=options.alone)
        rows = [
            (size, count, bench.costs(size, count, options.rounds))
            for size in SIZES
            for count in options.counts
        ]
    print(f"{measured.machine()}\n")
    print(measured.table(["documents", "size", "", "CPU", "CPU each", "time", "memory"], list(_lines(rows))))
    missed = list(_missed(rows))
    for text in missed:
        print(f"missed: {text}", file=sys.stderr)
    return 1 if missed else 0


Row = tuple[str, int, Mapping[str, Cost]]


class Bench:
    """A configuration for both programs, and the manifests; `command` is the one of this injector."""

    def __init__(self, program: Path, folder: Path, *, alone: bool, command: str = "render") -> None:
        self._injector, self._folder, self._command = program, folder, command
        self._istioctl = None if alone else build.programs(["istioctl"])["istioctl"]
        self._files: Files | None = None
        if self._istioctl:
            self._files = doors.control_plane(self._istioctl, Settings(), folder)

    def costs(self, size: str, count: int, rounds: int) -> dict[str, Cost]:
        """The cost of each program for so many Deployments."""
        manifests = self._folder / "in.yaml"
        with manifests.open("w") as file:
            for number in range(count):
                file.write(document(number, SIZES[size]))
        best: dict[str, Cost] = {}
        for _ in range(rounds):
            for name, command in self._commands(manifests).items():
                cost = _run(command, self._folder / "out.yaml")
                best[name] = min(best.get(name, cost), cost, key=lambda each: each.cpu)
        return best

    def _commands(self, manifests: Path) -> dict[str, Sequence[str]]:
        ours = [str(self._injector), self._command, "-f", str(manifests)]
        if not self._files:
            return {OURS: ours}
        config = self._files.write("injector.yaml", {"nativeSidecars": "enabled"})
        read = ["--meshConfigFile", self._files.path("mesh.yaml")]
        read += ["--valuesFile", self._files.path("values.yaml"), "--revision", "default"]
        theirs = [str(self._istioctl), "kube-inject", "-f", str(manifests)]
        theirs += ["--injectConfigFile", self._files.path("inject.yaml")]
        return {OURS: [*ours, "--config", config, *read], THEIRS: [*theirs, *read]}


def document(number: int, variables: int) -> str:
    """A Deployment with so many variables more."""
    more = "".join(_VARIABLE.format(number=each) for each in range(variables))
    return ("---\n" if number else "") + _DEPLOYMENT.format(number=number) + more


# In a process of its own, which is small: the memory of a program is at least that of the one that starts it.
_MEASURE: Final = """\
import json, os, subprocess, sys, time
begun = time.monotonic()
process = subprocess.Popen(sys.argv[1:])
_, status, used = os.wait4(process.pid, 0)
seconds = time.monotonic() - begun
cost = [used.ru_utime + used.ru_stime, seconds, used.ru_maxrss / 1024]
os.write(3, json.dumps([os.waitstatus_to_exitcode(status), cost]).encode())
"""


def _run(command: Sequence[str], output: Path) -> Cost:
    # A kubeconfig that is not there, so that no cluster is asked.
    environment = installed.environment(KUBECONFIG=os.devnull, ENABLE_NATIVE_SIDECARS="true")
    with output.open("wb") as out, tempfile.TemporaryFile() as report, tempfile.TemporaryFile() as measures:
        code = _MEASURE.replace("os.write(3,", f"os.write({measures.fileno()},")
        subprocess.run(
            [sys.executable, "-I", "-S", "-c", code, *command],
            stdout=out,
            stderr=report,
            env=environment,
            pass_fds=(measures.fileno(),),
            check=True,
        )
        measures.seek(0)
        status, cost = json.loads(measures.read())
        if status:
            report.seek(0)
            sys.exit(f"{command[0]}: status {status}: {report.read()[-500:].decode()}")
    return Cost(*cost)


def _lines(rows: Sequence[Row]) -> Iterator[Sequence[object]]:
    for size, count, costs in rows:
        for name, cost in costs.items():
            each = f"{cost.cpu / count * 1000:.2f} ms"
            yield f"{count:,}", size, name, f"{cost.cpu:.1f} s", each, f"{cost.seconds:.1f} s", _mb(cost)


def _mb(cost: Cost) -> str:
    return f"{cost.megabytes:.0f} MB"


def _missed(rows: Sequence[Row]) -> Iterator[str]:
    for size, count, costs in rows:
        ours, theirs = costs[OURS], costs.get(THEIRS)
        if ours.megabytes > MOST_MB:
            yield f"{count:,} of {size}: {_mb(ours)}, at most {MOST_MB} MB are expected"
        if theirs and ours.cpu > MOST_OF_ISTIOCTL * theirs.cpu:
            share = ours.cpu / theirs.cpu
            yield f"{count:,} of {size}: {share:.2f} of istioctl's CPU, expected: {MOST_OF_ISTIOCTL:.2f}"
    for size in SIZES:
        each = {count: costs[OURS].cpu / count for name, count, costs in rows if name == size}
        growth = each[max(each)] / each[min(each)]
        if growth > MOST_GROWTH:
            yield f"{size}: CPU per document grows by {growth:.2f}, at most {MOST_GROWTH} is expected"


if __name__ == "__main__":
    sys.exit(main())
