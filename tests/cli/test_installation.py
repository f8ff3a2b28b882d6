"""What is said where an optional dependency is missing: it fits how the program was installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from injector import installation

WHEEL = {"url": "file:///opt/dist/injector.whl", "archive_info": {}}
CHECKOUT = {"url": "file:///src/the%20injector", "dir_info": {"editable": True}}
FOLDER = {"url": "file:///src/injector", "dir_info": {}}
REPOSITORY = {"url": "https://user:secret@git.example.com/x.git", "vcs_info": {"vcs": "git"}}
UNKNOWN = "install this program again with its extra 'cluster', from where you have it"


@pytest.mark.parametrize(
    ("recorded", "prefix", "hint"),
    [
        (WHEEL, "/venv", f"run: {sys.executable} -m pip install '/opt/dist/injector.whl[cluster]'"),
        (CHECKOUT, "/venv", f"run: {sys.executable} -m pip install -e '/src/the injector[cluster]'"),
        (FOLDER, "/venv", f"run: {sys.executable} -m pip install '/src/injector[cluster]'"),
        (
            WHEEL,
            "/home/me/.local/share/pipx/venvs/sidecar-injector",
            "run: pipx install --force '/opt/dist/injector.whl[cluster]'",
        ),
        (
            WHEEL,
            "/home/me/.local/share/uv/tools/sidecar-injector",
            "run: uv tool install --force '/opt/dist/injector.whl[cluster]'",
        ),
        (REPOSITORY, "/venv", UNKNOWN),
        (None, "/venv", UNKNOWN),
        ([], "/venv", UNKNOWN),
    ],
)
def test_the_hint_fits_the_installation(
    recorded: Any, prefix: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded_in = tmp_path / "sidecar_injector-0.1.0.dist-info"
    recorded_in.mkdir()
    (recorded_in / "METADATA").write_text("Metadata-Version: 2.1\nName: sidecar-injector\nVersion: 0.1.0\n")
    if recorded is not None:
        (recorded_in / "direct_url.json").write_text(json.dumps(recorded))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "prefix", prefix)
    words = installation.missing("kubernetes.client")
    assert words is not None
    assert words == (
        "commands that read a cluster need packages that are not installed (extra 'cluster')",
        hint,
    )


def test_modules_without_an_extra_are_no_missing_extra() -> None:
    assert installation.missing("injector.nope") is None


HIDE = """\
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {hidden!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
from injector.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("arguments", "hidden", "status", "message"),
    [
        (("serve", "--namespaces", "off"), ["uvicorn", "fastapi"], 2, "injector serve needs packages"),
        (("serve", "--namespaces", "off"), ["prometheus_client"], 2, "injector serve needs packages"),
        (("serve", "--namespaces", "off"), ["uvloop"], 2, "injector serve needs packages"),
        (("explain", "deploy/web"), ["kubernetes"], 1, "commands that read a cluster need packages"),
        (("audit",), ["kubernetes"], 1, "commands that read a cluster need packages"),
        (("check", "--cluster"), ["kubernetes"], 1, "commands that read a cluster need packages"),
    ],
)
def test_a_command_without_its_extra_says_so_in_one_sentence(
    arguments: tuple[str, ...], hidden: list[str], status: int, message: str, tmp_path: Path
) -> None:
    (tmp_path / "tls.pem").write_text("")
    if arguments[0] == "serve":
        arguments += ("--tls-bundle", "tls.pem", "--listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0")
    command = [sys.executable, "-c", HIDE.format(hidden=hidden), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == status, done.stderr
    # A check prints it among its results.
    printed = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
    (error,) = [line for line in printed if line.startswith("error: ")]
    assert error.startswith(f"error: {message} that are not installed")
    assert "sidecar-injector" not in error
    assert "bug" not in done.stderr


def test_the_package_is_a_command() -> None:
    command = [sys.executable, "-m", "injector", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("injector, version ")
