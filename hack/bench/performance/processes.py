"""Programs that are measured: on one core, with what they and their children use.

Not here: which programs (servers.py, istiod.py).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

START_SECONDS = 120.0
_STOP_SECONDS = 20.0
_TAIL = 2000
# Seconds between two looks at a program that starts.
_STEP, _TIMED_STEP = 0.02, 0.005


class BenchError(Exception):
    """Something that is to be measured does not work; the message is the reason."""


def on_core(number: int) -> Any:
    """What binds a process to one of two cores; nothing where there is only one."""
    cores = sorted(os.sched_getaffinity(0))
    return (lambda: os.sched_setaffinity(0, {cores[number]})) if len(cores) > 1 else None


@contextlib.contextmanager
def started(
    command: Sequence[str | Path],
    folder: Path,
    log: Path,
    ready: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
    timed: bool = False,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program on the first core while the body runs, once it is ready; its output is the log.

    A start that is `timed` has all cores, as its processes share the work, and is looked at often.
    """
    with log.open("wb") as lines:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=lines,
            stderr=lines,
            preexec_fn=None if timed else on_core(0),
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchError(f"{log.stem} does not start: {log.read_text(errors='replace')[-_TAIL:]}")
            time.sleep(_TIMED_STEP if timed else _STEP)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
        process.kill()
        process.wait()


@contextlib.contextmanager
def paused(processes: Iterable[int]) -> Iterator[None]:
    """Let these processes and their children use no CPU while the body runs."""
    all_of_them = [each for process in processes for each in _tree(process)]
    for each in all_of_them:
        _signal(each, signal.SIGSTOP)
    try:
        yield
    finally:
        for each in all_of_them:
            _signal(each, signal.SIGCONT)


def started_by(process: int) -> list[int]:
    """The processes that a process has started and that run, without their children."""
    return _children(process)


def _signal(process: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)


def cpu_seconds(process: int) -> float:
    """The CPU time of a process and of its children that run, by the kernel's clock of each."""
    # The clock of a process is its id, inverted, and a kind: 2 is the CPU time (clock_getcpuclockid(3)).
    return sum(time.clock_gettime(~each << 3 | 2) for each in _tree(process))


def memory(process: int) -> int:
    """The resident bytes of a process and its children."""
    pages = (int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in _tree(process))
    return sum(pages) * os.sysconf("SC_PAGE_SIZE")


def _tree(process: int) -> Iterator[int]:
    yield process
    for child in _children(process):
        yield from _tree(child)


def _children(process: int) -> list[int]:
    texts = (children.read_text() for children in Path(f"/proc/{process}/task").glob("*/children"))
    return [int(child) for text in texts for child in text.split()]
