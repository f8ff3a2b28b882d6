"""A stdout that cannot be written to: one clear line and exit status 1; nothing where the reader has gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TextIO

import pytest

from tests import command
from tests.cli.conftest import DEPLOYMENT
from tests.command import in_one_process
from tests.security.test_files import REVIEW

__all__ = ["in_one_process"]  # the fixture

FULL = "/dev/full"
COMMANDS = [
    ["--help"],
    ["--version"],
    ["kube-inject", "--help"],
    ["kube-inject", "-f", "web.yaml"],
    ["kube-inject", "-f", "web.yaml", "-o", "-"],
    ["uninject", "-f", "web.yaml"],
    ["explain", "-f", "web.yaml"],
    ["explain", "-f", "web.yaml", "-o", "json"],
    ["admit", "-f", "review.json"],
    ["check"],
    ["check", "-o", "json"],
    ["webhook-config", "--service", "mesh/injector"],
    ["completion", "bash"],
]

PROCESSES = [["--help"], ["kube-inject", "-f", "web.yaml"]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("web.yaml").write_text(DEPLOYMENT)
    Path("review.json").write_text(REVIEW)
    return tmp_path


NO_SPACE = ["error: stdout: no space left on device", "  hint: check the target of the output"]


def injector(argv: list[str], stdout: int, **more: object) -> tuple[int, list[str]]:
    """Exit status and messages of a process, whose interpreter looks at its streams once more at the end."""
    started = [sys.executable, "-m", "injector.cli.main", *argv]
    done = subprocess.run(started, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False, **more)  # type: ignore[call-overload]
    return done.returncode, messages(done.stderr)


def messages(stderr: str) -> list[str]:
    """The lines that are neither findings nor the report nor name the configuration."""
    reports = ("note:", "warning:", "injected", "unchanged", "configuration:")
    return [line for line in stderr.splitlines() if not line.startswith(reports)]


@pytest.mark.usefixtures("in_one_process")
@pytest.mark.parametrize("argv", COMMANDS, ids=" ".join)
def test_a_full_stdout_is_one_clear_line_and_status_1(argv: list[str]) -> None:
    with open(FULL, "w") as full:
        ran = command.run(*argv, stdout=full)
    assert (ran.status, messages(ran.err)) == (1, NO_SPACE)


@pytest.mark.parametrize("argv", PROCESSES, ids=" ".join)
def test_a_process_with_a_full_stdout_ends_the_same(argv: list[str]) -> None:
    with open(FULL, "w") as full:
        assert injector(argv, full.fileno()) == (1, NO_SPACE)


@pytest.mark.usefixtures("in_one_process")
@pytest.mark.parametrize("argv", COMMANDS, ids=" ".join)
def test_a_closed_pipe_is_not_reported(argv: list[str]) -> None:
    with pipe_without_reader() as stdout:
        ran = command.run(*argv, stdout=stdout)
    assert messages(ran.err) == []


@pytest.mark.parametrize("argv", PROCESSES, ids=" ".join)
def test_a_process_with_a_closed_pipe_prints_nothing(argv: list[str]) -> None:
    with pipe_without_reader() as stdout:
        assert injector(argv, stdout.fileno())[1] == []


def pipe_without_reader() -> TextIO:
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w")


def test_a_closed_stdout_is_one_clear_line_and_no_file_is_written_over() -> None:
    # What is opened next gets the number of what was closed.
    status, lines = injector(
        ["kube-inject", "-f", "web.yaml"], subprocess.DEVNULL, preexec_fn=lambda: os.close(1)
    )
    assert (status, lines) == (1, ["error: stdout: it is closed", "  hint: check the target of the output"])
    assert Path("web.yaml").read_text() == DEPLOYMENT


@pytest.mark.parametrize("argv", [["kube-inject", "-f", "web.yaml"], ["uninject", "-f", "web.yaml"]])
def test_a_full_file_is_named(argv: list[str]) -> None:
    status, lines = injector([*argv, "-o", FULL], subprocess.DEVNULL)
    assert (status, lines) == (1, [f"error: {FULL}: no space left on device", "  hint: check -o"])


def test_a_closed_stderr_loses_the_report_only() -> None:
    started = [sys.executable, "-m", "injector.cli.main", "kube-inject", "-f", "web.yaml"]
    done = subprocess.run(started, stdout=subprocess.PIPE, preexec_fn=lambda: os.close(2), check=False)
    assert (done.returncode, b"istio-proxy" in done.stdout) == (0, True)
