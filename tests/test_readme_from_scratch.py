"""The README word by word in an empty environment: its installation of the command line, then its commands.

Nothing of this checkout is on the path: the wheel is built from a copy of the repository and installed as the
README says, with its dependencies from the package index.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from injector.config.loading import load
from injector.core.injection.pipeline import inject
from injector.core.model import AdmissionRequest, Facts, Namespace, Origin
from injector.records.writer import RecordBounds, Recorder
from tests.factories import a_pod, a_review

REPO = Path(__file__).resolve().parents[1]
README = (REPO / "README.md").read_text()
# What pip needs of a checkout.
INSTALLED = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "NOTICE",
    "CHANGELOG.md",
    "hack",
    "injector",
    "templates",
)
COPIED = (*INSTALLED, "examples")
INSTALLATION = re.compile(r"^    (pip [^\n#]*)", re.MULTILINE)
COMMANDS = re.compile(r"^(injector [a-z][^\n#]*)", re.MULTILINE)
# What pip says without a package index.
OFFLINE = ("connection broken by", "Temporary failure in name resolution")
# Commands that take an extra, and the sentence about it.
EXTRAS = {
    "injector explain deploy": "commands that read a cluster need packages that are not installed",
    "injector audit": "commands that read a cluster need packages that are not installed",
    "injector parity": "commands that read a cluster need packages that are not installed",
    "injector tag": "commands that read a cluster need packages that are not installed",
    "injector serve": "injector serve needs packages that are not installed",
}

pytestmark = pytest.mark.xdist_group("readme-from-scratch")


@dataclass(frozen=True)
class Shell:
    """A shell whose PATH begins with the new environment, and which knows nothing of this one."""

    folder: Path
    environ: Mapping[str, str]

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run one line, as somebody types it."""
        return subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=dict(self.environ),
            capture_output=True,
            text=True,
            check=False,
        )


def installation() -> list[str]:
    section = README.partition("The command line needs only Python")[2].partition("\n## ")[0]
    return [each.strip() for each in INSTALLATION.findall(section)]


def commands() -> list[str]:
    section = README.partition("\n## Commands")[2].partition("\n## ")[0]
    return [each.strip() for each in COMMANDS.findall(section)]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """The command line, installed as the README says; its folder has the README's files."""
    checkout, home = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("home")
    for name in COPIED:
        source = REPO / name
        if source.is_dir():
            shutil.copytree(source, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, checkout)
    subprocess.run([sys.executable, "-m", "venv", home / "venv"], check=True)
    passed_on = {key: value for key, value in os.environ.items() if key.startswith(("PIP_", "LANG", "LC_"))}
    path = f"{home / 'venv' / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin"
    environ = {**passed_on, "PATH": path, "HOME": str(home), "TERM": "dumb"}
    for line in installation():
        done = Shell(checkout, environ).run(line)
        if done.returncode and any(words in done.stderr for words in OFFLINE):
            pytest.skip("no package index answers, which the README's installation takes")
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    folder = tmp_path_factory.mktemp("empty")
    shutil.copytree(checkout / "examples", folder / "examples")
    write_files(folder)
    return Shell(folder, environ)


def write_files(folder: Path) -> None:
    """The files that the README's commands name."""
    shutil.copy(REPO / "examples" / "shop" / "web.yaml", folder / "shop.yaml")
    (folder / "manifests").mkdir()
    shutil.copy(folder / "shop.yaml", folder / "manifests")
    for name in ("injector.yaml", "new.yaml"):
        shutil.copy(REPO / "examples" / "injector.yaml", folder / name)
    (folder / "review.json").write_text(json.dumps(a_review(a_pod())))
    (folder / "records").mkdir()
    config = load(str(folder / "injector.yaml"))
    recorder = Recorder(
        folder / "records", b"a key of thirty-two bytes, or so", RecordBounds(per_second=1000)
    )
    recorder.start()
    facts = Facts("shop", Origin.WEBHOOK, namespace_object=Namespace("shop", {"istio-injection": "enabled"}))
    outcome = inject(a_pod(), facts, config)
    recorder.offer(AdmissionRequest("u-1", a_pod()), facts, outcome, outcome.decision.verdict, config, 100)
    recorder.close()


def test_the_readme_installs_the_command_line_in_two_steps() -> None:
    assert [line.split()[:2] for line in installation()] == [["pip", "wheel"], ["pip", "install"]]
    assert len(commands()) >= 8


def test_the_sessions_of_the_readme_run(shell: Shell) -> None:
    for line in re.findall(r"```\n\$ (injector [^\n]*)\n", README):
        done = shell.run(line)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    assert "kind: Deployment" in (shell.folder / "injected.yaml").read_text()


def test_each_command_of_the_readme_runs_or_says_what_is_missing(shell: Shell) -> None:
    for line in commands():
        # The manifests that the first command prints are the input of the second.
        done = shell.run(f"{line} >injected.yaml" if line.startswith("injector kube-inject") else line)
        missing = next((text for start, text in EXTRAS.items() if line.startswith(start)), None)
        if missing is None:
            assert done.returncode == 0, f"{line}\n{done.stderr}"
        else:
            assert done.returncode in (1, 2), line
            assert missing in done.stderr, f"{line}\n{done.stderr}"
            assert "pip install" in done.stderr, f"{line}\n{done.stderr}"
