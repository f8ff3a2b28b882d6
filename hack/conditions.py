"""Runs the tests under conditions that no result may depend on: busy cores, and another day.

``python -m hack.conditions busy`` keeps every core busy meanwhile. ``python -m hack.conditions ahead``
collects the tests with the clock a year ahead and runs them with it a day later still, so that what was made
at import is old; clocks that only go on are left as they are. Further arguments are pytest's. Not here:
tests that need built programs (check.py), as those take no other clock.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from hack.check import END_TO_END
from hack.setup import REPO

WITH_PROGRAMS = ("tests/apiserver", "tests/chart", "tests/pipelines", *END_TO_END)
ROOT = Path("/")
COLLECTED, RUN = "+365d", "+366d"
# tests/conftest.py puts its value into FAKETIME once the tests are collected.
ONCE_COLLECTED = "FAKETIME_ONCE_COLLECTED"


@contextlib.contextmanager
def busy() -> Iterator[Mapping[str, str]]:
    """Keep every core busy while the body runs."""
    command = [sys.executable, "-c", "while True: pass"]
    spinning = [subprocess.Popen(command) for _ in range(os.cpu_count() or 1)]
    try:
        yield {}
    finally:
        for process in spinning:
            process.kill()
            process.wait()


@contextlib.contextmanager
def ahead() -> Iterator[Mapping[str, str]]:
    """Yield what lets a process, and those that it starts, see another day."""
    libraries = sorted(ROOT.glob("usr/lib*/**/faketime/libfaketime.so.1"))
    missing = [] if libraries else ["faketime"]
    missing += [] if shutil.which("gcc") else ["gcc", "libc6-dev"]
    if missing:
        sys.exit(f"conditions: libfaketime or a compiler is missing: apt-get install {' '.join(missing)}")
    with tempfile.TemporaryDirectory(prefix="ahead-") as folder:
        sleeping = Path(folder, "sleeping.so")
        source = Path(__file__).with_name("sleeping.c")
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", sleeping, source], check=True)
        yield {
            "LD_PRELOAD": f"{sleeping}:{libraries[0]}",
            "FAKETIME": COLLECTED,
            ONCE_COLLECTED: RUN,
            # Else a changed FAKETIME would be noticed seconds later.
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


CONDITIONS = {"busy": busy, "ahead": ahead}


def main() -> int:
    """Run pytest under the condition that the command line names; return its status."""
    name, *arguments = sys.argv[1:] or [""]
    if name not in CONDITIONS:
        sys.exit(f"conditions: one of {', '.join(CONDITIONS)} is expected, and arguments of pytest after it")
    ignored = [f"--ignore={folder}" for folder in WITH_PROGRAMS]
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", *ignored, *arguments]
    with CONDITIONS[name]() as environ:
        return subprocess.run(command, cwd=REPO, env={**os.environ, **environ}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
