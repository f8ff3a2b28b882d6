"""`make demo`: one screen, and the command that it names afterwards runs."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from hack import setup

REPO = Path(__file__).resolve().parents[1]
SCREEN_LINES = 45


def test_the_demo_fits_on_a_screen_and_names_a_command_that_runs() -> None:
    environ = {**os.environ, "PYTHONPATH": str(REPO)}
    command = [sys.executable, "-m", "hack.demo"]
    done = subprocess.run(command, cwd=REPO, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed = (done.stdout + done.stderr).splitlines()
    assert len(printed) <= SCREEN_LINES
    assert "The patched pod equals the pod of the Deployment that the command line injected." in printed
    named = printed[printed.index("Next") + 2].partition("#")[0]
    again = subprocess.run(
        shlex.split(named), cwd=REPO, env=environ, capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    assert "Deployment shop/payments" in again.stdout


def test_the_demo_uses_the_environment_of_development_where_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "bin" / "python"
    inside.parent.mkdir()
    inside.symlink_to(sys.executable)
    development = setup._digest((setup.DEVELOPMENT,), editable=True)
    (tmp_path / setup.STAMP).write_text(development)

    def install(*_: object) -> None:
        raise AssertionError("nothing has to be installed")

    monkeypatch.setattr(setup, "_install", install)
    python = setup.environment(
        tmp_path,
        sys.executable,
        editable=True,
        requirements=setup.OF_THE_DEMO,
        or_made_from=(setup.DEVELOPMENT,),
        compiled=False,
    )
    assert python == inside


def test_an_environment_of_the_demo_is_made_again_for_development(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "bin" / "python"
    inside.parent.mkdir()
    inside.symlink_to(sys.executable)
    (tmp_path / setup.STAMP).write_text(setup._UNCOMPILED + setup._digest(setup.OF_THE_DEMO, editable=True))
    steps: list[str] = []
    monkeypatch.setattr(setup, "_make", lambda *_: steps.append("made"))
    monkeypatch.setattr(setup, "_install", lambda *_: steps.append("installed"))
    monkeypatch.setattr(setup, "_pip", lambda *_: None)
    setup.environment(tmp_path, sys.executable, editable=True)
    assert steps == ["made", "installed"]
