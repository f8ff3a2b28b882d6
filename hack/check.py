"""Runs everything that has to hold: lint, types, import contracts, tests, coverage.

``python -m hack.check`` runs all of it but the tests on a whole node, which are ``python -m hack.check e2e``;
``python -m hack.check lint`` runs only what reads the code. Pytest's own summary is the last line. With
CI=true a test that was skipped although this machine can run it, or could after a command of root's,
is a failure. Not here: the environment (setup.py) and the test beds (tests/beds).
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from pathlib import Path

from hack.bench.instructions import callgrind
from hack.setup import DEVELOPMENT, REPO, SetupError, environment
from tests.beds import browser
from tests.beds.apiserver.bed import ApiServer
from tests.beds.bed import NOT_OURS
from tests.beds.mesh.images import PROGRAMS as OF_A_MESH
from tests.beds.node.bed import Cluster
from tests.beds.node.layout import PROGRAMS as OF_A_NODE
from tests.beds.programs import build

PYTHON = sys.executable
BIN = Path(PYTHON).parent
IN_CI = os.environ.get("CI") == "true"
# What root can do about a bed that cannot run, by the words of the reasons.
CURES = ("apt-get", "modprobe")
SOURCES = ("injector", "hack", "tests")
LINE_COVERAGE = 95
OTHER_PYTHON = "3.13"
# What needs a node of its own, or Istio's own programs: minutes, and root.
END_TO_END = ("tests/e2e", "tests/differential")
WITH_HELM = tuple(dict.fromkeys((*build.CHART, *build.PIPELINES)))
# Why tests are skipped that install packages.
NO_INDEX = "no package index answers"
# And those that run a command as in a container.
NO_NAMESPACES = "namespaces of a container"
SUMMARY = re.compile(r"^=+ .*\bin [0-9.]+s.* =+$")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def lint() -> list[str]:
    """Run what reads the code; returns the names of the steps that failed."""
    steps: dict[str, list[str | Path]] = {
        "ruff check": [BIN / "ruff", "check", *SOURCES],
        "ruff format": [BIN / "ruff", "format", "--check", "--quiet", *SOURCES],
        "mypy --strict": [BIN / "mypy", *SOURCES],
        "import contracts": [BIN / "lint-imports"],
    }
    return [name for name, command in steps.items() if not step(name, command)]


def step(name: str, command: Sequence[str | Path], environ: dict[str, str] | None = None) -> bool:
    """Run one command; its output is shown where it fails."""
    started = time.monotonic()
    variables = {**os.environ, **(environ or {})}
    done = subprocess.run(command, cwd=REPO, env=variables, capture_output=True, text=True, check=False)
    say(f"{name}: {'failed' if done.returncode else 'ok'} ({time.monotonic() - started:.0f} s)")
    if done.returncode:
        print(done.stdout + done.stderr, flush=True)
    return done.returncode == 0


def other_python() -> bool:
    """Run the tests of the pure core on the other Python, where this machine has one."""
    python = installed(OTHER_PYTHON)
    folders = [
        str(f)
        for f in (REPO / "tests/templating", REPO / "tests/core", REPO / "tests/profiles")
        if f.is_dir()
    ]
    if python is None or sys.version_info[:2] == tuple(map(int, OTHER_PYTHON.split("."))):
        say(f"core on Python {OTHER_PYTHON}: {'it is the one in use' if python else 'not on this machine'}")
        return True
    digest = hashlib.sha256(DEVELOPMENT.read_bytes()).hexdigest()[:16]
    try:
        inside = environment(build.cache_folder() / f"python{OTHER_PYTHON}-{digest}", python, editable=False)
    except SetupError as error:
        say(f"core on Python {OTHER_PYTHON}: {error}")
        return False
    command = [str(inside), "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", *folders]
    return step(f"core on Python {OTHER_PYTHON}", command, {"PYTHONPATH": str(REPO)})


def installed(version: str) -> str | None:
    """A Python of that version: on PATH, else where pyenv keeps it."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    of_pyenv = [str(path) for path in sorted(root.glob(f"versions/{version}*/bin/python{version}"))]
    for candidate in (shutil.which(f"python{version}"), *of_pyenv):
        # A shim may stand on PATH for a version that is not there.
        if candidate and subprocess.run([candidate, "-V"], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def bed_arguments() -> list[str] | None:
    """Arguments of pytest for the API server's tests; None where building it failed."""
    reason = ApiServer.unavailable()
    if reason:
        say(f"API server tests are skipped: {reason}")
        return []
    if os.environ.get("E2E_KUBECONFIG"):
        return []
    if built("API server", build.APISERVER):
        return []
    say("the API server's tests are left out")
    return None if IN_CI else ["--ignore", "tests/apiserver"]


def chart_arguments() -> list[str] | None:
    """Arguments of pytest for the tests of chart and pipelines; None where building helm failed."""
    if build.unavailable(WITH_HELM) or built("chart and pipelines", WITH_HELM):
        return []
    say("the tests of the chart and of pipelines are left out")
    return None if IN_CI else ["--ignore", "tests/chart", "--ignore", "tests/pipelines"]


def built(bed_name: str, programs: Iterable[str]) -> bool:
    """Build what a bed is made of, with the builder's progress shown; False where that failed."""
    say(f"{bed_name} test bed: building its programs, once per version and machine, where they are missing")
    command = [PYTHON, "-m", "tests.beds.programs.build", *programs]
    return subprocess.run(command, cwd=REPO, stdout=subprocess.DEVNULL, check=False).returncode == 0


def tests(scratch: Path, failed: list[str]) -> str:
    """Run the tests that need no node and measure them; returns pytest's summary line."""
    more = bed_arguments()
    if more is None:
        failed.append("API server test bed")
    chart = chart_arguments()
    if chart is None:
        failed.append("chart test bed")
    # Hundreds of processes are started: with compiled modules at hand, whatever the shell says about them.
    environ = {**os.environ, "COVERAGE_FILE": str(scratch / "coverage"), "PYTHONDONTWRITEBYTECODE": ""}
    ignored = [f"--ignore={folder}" for folder in END_TO_END]
    pytest = ["-n", "2", "--dist", "loadfile", *ignored, *(more or []), *(chart or [])]
    allowed = [
        ApiServer.unavailable(),
        build.unavailable(WITH_HELM),
        browser.excused(),
        callgrind.unavailable(),
        NO_INDEX,
        NO_NAMESPACES,
    ]
    allowed += [name for name in ("ISTIO_CASES", "FIELD_CASES") if not os.environ.get(name)]
    command = [PYTHON, "-m", "coverage", "run", "-m", "pytest", *pytest]
    summary = reported(command, scratch, environ, allowed, failed)
    step("coverage data", [PYTHON, "-m", "coverage", "combine", "--quiet"], environ)
    report = [PYTHON, "-m", "coverage", "report"]
    total = subprocess.run(
        [*report, "--format=total"], cwd=REPO, env=environ, capture_output=True, text=True, check=False
    )
    say(f"coverage of core, profiles and templating, lines and branches: {total.stdout.strip()} %")
    gate = [*report, f"--fail-under={LINE_COVERAGE}"]
    if not step(f"coverage of core, profiles and templating >= {LINE_COVERAGE} %", gate, environ):
        failed.append("coverage")
    return summary


def end_to_end(scratch: Path, failed: list[str]) -> str:
    """Run the tests on a whole node with a mesh; returns pytest's summary line."""
    reason = Cluster.unavailable()
    if reason:
        say(f"tests on a node are skipped: {reason}")
    elif not os.environ.get("E2E_KUBECONFIG") and not built(
        "node and mesh", [*OF_A_NODE, *OF_A_MESH, "traffic", *build.CHART]
    ):
        failed.append("node and mesh test bed")
    # One process, in one order: the tests share the node, and some of them stop a part of it for a while.
    command = [PYTHON, "-m", "pytest", "-p", "no:randomly", "--durations=10", *(sys.argv[2:] or END_TO_END)]
    elsewhere = NOT_OURS if os.environ.get("E2E_KUBECONFIG") else None
    return reported(command, scratch, {**os.environ}, [reason, elsewhere], failed)


def reported(
    command: Sequence[str],
    scratch: Path,
    environ: dict[str, str],
    allowed: Sequence[str | None],
    failed: list[str],
) -> str:
    """Run pytest; in CI a skip fails unless its reason holds one of the words in `allowed`."""
    report = scratch / "junit.xml"
    colour = ["--color=yes"] if sys.stdout.isatty() else []
    status, summary = streamed([*command, f"--junitxml={report}", *colour], environ)
    if status:
        failed.append("tests")
    if IN_CI and report.is_file():
        for reason in needless_skips(report, excuses(allowed, root=os.geteuid() == 0)):
            say(f"skipped, though this machine can run it: {reason}")
            failed.append("skipped tests")
    return summary


def streamed(command: Sequence[str | Path], environ: dict[str, str]) -> tuple[int, str]:
    """Run pytest with its output passed on; returns its exit status and its last line."""
    last = ""
    with subprocess.Popen(command, cwd=REPO, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            if SUMMARY.match(COLOUR.sub("", line.rstrip())):
                last = line.rstrip()
    return process.returncode, last


def excuses(allowed: Sequence[str | None], *, root: bool) -> list[str]:
    """The words for causes that cannot be fixed on this machine."""
    words = [word for word in allowed if word]
    if not root:
        return words
    return [word for word in words if not all(any(c in part for c in CURES) for part in word.split("; "))]


def needless_skips(report: Path, allowed: Sequence[str]) -> Iterable[str]:
    """The reasons of skips that are not caused by this machine."""
    reasons = {
        skip.get("message") or ""
        for skip in ET.parse(report).getroot().iter("skipped")
        if skip.get("type") != "pytest.xfail"
    }
    return sorted(reason for reason in reasons if not any(word in reason for word in allowed))


def say(text: str) -> None:
    """Print a line about the check itself, apart from the output of its steps."""
    print(f"check: {text}", flush=True)


def main() -> int:
    """Run what the command line asks for; 1 where something failed."""
    what = sys.argv[1] if sys.argv[1:] else "tests"
    failed: list[str] = []
    summary = ""
    with tempfile.TemporaryDirectory(prefix="check-") as scratch:
        if what == "e2e":
            summary = end_to_end(Path(scratch), failed)
        else:
            failed += lint()
        if what == "tests":
            if not other_python():
                failed.append(f"core on Python {OTHER_PYTHON}")
            summary = tests(Path(scratch), failed)
    say(f"failed: {', '.join(dict.fromkeys(failed))}" if failed else "all is well")
    if summary:
        print(summary, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
