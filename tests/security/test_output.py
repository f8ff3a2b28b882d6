"""A stdout that cannot be written to: one clear line and exit status 1; nothing where the reader has gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import DEPLOYMENT
from tests.security.test_files import REVIEW

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


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("web.yaml").write_text(DEPLOYMENT)
    Path("review.json").write_text(REVIEW)
    return tmp_path


def injector(argv: list[str], stdout: int, **more: object) -> tuple[int, list[str]]:
    """Exit status, and the lines on stderr that are neither findings nor the report."""
    command = [sys.executable, "-m", "injector.cli.main", *argv]
    done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False, **more)  # type: ignore[call-overload]
    told = done.stderr.splitlines()
    return done.returncode, [
        line for line in told if not line.startswith(("note:", "warning:", "injected", "unchanged"))
    ]


@pytest.mark.parametrize("argv", COMMANDS, ids=" ".join)
def test_a_full_stdout_is_one_clear_line_and_status_1(argv: list[str]) -> None:
    with open(FULL, "w") as full:
        status, told = injector(argv, full.fileno())
    assert (status, told) == (
        1,
        ["error: stdout: no space left on device", "  hint: check the target of the output"],
    )


@pytest.mark.parametrize("argv", COMMANDS, ids=" ".join)
def test_a_reader_that_has_gone_is_not_told(argv: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert injector(argv, writing)[1] == []
    finally:
        os.close(writing)


def test_a_closed_stdout_is_one_clear_line_and_no_file_is_written_over() -> None:
    # What is opened next gets the number of what was closed.
    status, told = injector(
        ["kube-inject", "-f", "web.yaml"], subprocess.DEVNULL, preexec_fn=lambda: os.close(1)
    )
    assert (status, told) == (1, ["error: stdout: it is closed", "  hint: check the target of the output"])
    assert Path("web.yaml").read_text() == DEPLOYMENT


@pytest.mark.parametrize("argv", [["kube-inject", "-f", "web.yaml"], ["uninject", "-f", "web.yaml"]])
def test_a_full_file_is_named(argv: list[str]) -> None:
    status, told = injector([*argv, "-o", FULL], subprocess.DEVNULL)
    assert (status, told) == (1, [f"error: {FULL}: no space left on device", "  hint: check -o"])


def test_a_closed_stderr_loses_the_report_only() -> None:
    command = [sys.executable, "-m", "injector.cli.main", "kube-inject", "-f", "web.yaml"]
    done = subprocess.run(command, stdout=subprocess.PIPE, preexec_fn=lambda: os.close(2), check=False)
    assert (done.returncode, b"istio-proxy" in done.stdout) == (0, True)
