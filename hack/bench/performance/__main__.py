"""Measures an admission and kube-inject beside what they replace: ``make bench``, or this module.

Here: the servers that take part and the order of the measurements; 20 minutes, with ``--brief`` 3. A figure
that is missed is printed and is no failure. The exit status is 1 where something is broken: a wrong answer,
a server that does not start, distinct pods that share an answer. Then the page stays as it was.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from hack.bench import installed, measured, namespaces
from hack.bench.performance import commandline, istiod, page, processes, reviews, rounds, servers, starting
from hack.bench.performance.figures import (
    BEFORE,
    EXPLAIN,
    FLOOR,
    INJECTOR,
    ISTIOD,
    PLAIN,
    SERVE,
    Figures,
    Memory,
    Run,
    missed,
)
from hack.bench.performance.processes import BenchError
from hack.bench.performance.servers import REPO, Server
from hack.setup import SetupError
from tests.beds.apiserver.bed import ApiServer
from tests.beds.bed import BedError
from tests.beds.keys import write_server_keys
from tests.beds.programs import build

PAGES = REPO / "docs" / "explanation"
# The last commit at which each pod went the whole way and nothing was kept from one to the next.
BEFORE_COMMIT = "da8ff5c9"
ROUNDS, PODS = 3, 10_000
BRIEF_ROUNDS, BRIEF_PODS = 1, 1_000


def _alone(all_servers: Sequence[Server], server: Server) -> contextlib.AbstractContextManager[None]:
    """Pause what would take the core from a server now and then: the others, and what istiod alone needs."""
    others = {each.process for each in all_servers}
    if server.name != ISTIOD:
        others.update(processes.started_by(os.getpid()))
    return processes.paused(others - {server.process})


def main() -> int:
    """Measure, print the tables, and write the page unless asked not to."""
    flags = argparse.ArgumentParser(prog="python -m hack.bench.performance")
    flags.add_argument("--brief", action="store_true", help="one round of short loads, no page")
    flags.add_argument("--before", metavar="COMMIT", default=BEFORE_COMMIT, help=f"default: {BEFORE_COMMIT}")
    flags.add_argument("--without-istiod", action="store_true", help="neither istiod nor istioctl; no page")
    options = flags.parse_args()
    # So that the servers end with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        build.programs(["traffic", *(() if options.without_istiod else istiod.PROGRAMS)])
        figures = _measure(options)
    except (BenchError, BedError, SetupError, build.BuildError, subprocess.CalledProcessError) as error:
        sys.exit(f"bench: {error}")
    print(page.tables(figures), flush=True)
    for name in missed(figures):
        _say(f"missed: {name}")
    if not (options.brief or options.without_istiod):
        page.write(figures, PAGES)
    return 0


def _measure(options: argparse.Namespace) -> Figures:
    if reason := ApiServer.unavailable():
        raise BenchError(reason)
    count, pods = (BRIEF_ROUNDS, BRIEF_PODS) if options.brief else (ROUNDS, PODS)
    conditions = _conditions(options, count)
    program = installed.program()
    starts = _starts(program, starting.BRIEF_TIMES if options.brief else starting.TIMES)
    runs, memory = _admissions(options, count, pods)
    pairs = commandline.BRIEF if options.brief else commandline.PAIRS
    commands = [] if options.without_istiod else list(commandline.commands(program, pairs, _say))
    _say("namespaces")
    cached = namespaces.measured()
    return Figures(runs, memory, commands, starts, (cached.namespaces, cached.size), conditions)


def _starts(program: Path, times: int) -> dict[str, list[float]]:
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        ApiServer.running(audited=False) as bed,
    ):
        write_server_keys(Path(name), servers.HOST)
        _say("starting what asks a cluster")
        return {
            EXPLAIN: starting.explain(program, bed, times),
            SERVE: starting.serve(program, Path(name), bed, times),
        }


def _admissions(options: argparse.Namespace, count: int, pods: int) -> tuple[list[Run], list[Memory]]:
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        _worktree(options.before) as before,
        ApiServer.running(audited=False) as bed,
        contextlib.ExitStack() as stack,
    ):
        keys = Path(name)
        write_server_keys(keys, servers.HOST)
        bed.make_namespace({"istio-injection": "enabled"}, reviews.NAMESPACE)
        _say("starting the servers")
        ours = stack.enter_context(servers.injector(INJECTOR, REPO, keys, bed.kubeconfig))
        (answer,) = ours.answers(reviews.distinct(rounds.NOT_IN_A_LOAD, 1))
        others = [
            servers.python_server(FLOOR, "hack.bench.performance.floor", keys, str(len(answer))),
            servers.python_server(PLAIN, "hack.bench.performance.plain", keys),
            *([] if options.without_istiod else [istiod.running(bed, keys)]),
            servers.injector(BEFORE, before, keys, bed.kubeconfig),
        ]
        all_servers = [ours, *(stack.enter_context(each) for each in others)]
        for server in all_servers:
            rounds.warm_up(server)
        loads = rounds.Loads(keys, options.brief)
        runs = list(rounds.rounds(all_servers, loads, count, _say, partial(_alone, all_servers)))
        _say("memory")
        return runs, list(rounds.memory(_without_before(all_servers), runs, loads, pods))


def _without_before(all_servers: Sequence[Server]) -> list[Server]:
    return [each for each in all_servers if each.name != BEFORE]


@contextlib.contextmanager
def _worktree(commit: str) -> Iterator[Path]:
    """A checkout of a commit in a temporary folder."""
    git = ["git", "-C", str(REPO), "worktree"]
    with tempfile.TemporaryDirectory(prefix="bench-before-") as name:
        tree = Path(name) / "tree"
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), commit], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def _conditions(options: argparse.Namespace, count: int) -> list[str]:
    """What the figures depend on."""
    two = len(os.sched_getaffinity(0)) > 1
    head = subprocess.run(
        ["git", "-C", str(REPO), "rev-parse", "--short=8", "HEAD"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    versions = [f"{name} {build.family(name).version}" for name in ("istio", "kubernetes")]
    return [
        f"{measured.machine()}; load average before the first run {os.getloadavg()[0]:.1f}",
        f"servers and load generator on {'a core each' if two else 'one core'}; rounds: {count}",
        f"Python {platform.python_version()}, {', '.join(versions)}",
        f"this injector at {head.stdout.strip()}, before: {options.before}",
    ]


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
