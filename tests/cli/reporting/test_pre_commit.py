"""The hooks of this repository under the real pre-commit, in a repository of somebody else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import DEPLOYMENT
from tests.test_readme_from_scratch import INSTALLED, OFFLINE

REPO = Path(__file__).resolve().parents[3]
HOOKS = REPO / ".pre-commit-hooks.yaml"
BIN = Path(sys.executable).parent
REFUSED = DEPLOYMENT.replace("        app: web\n", "        app: 1\n")


@dataclass(frozen=True)
class Repository:
    """A repository with manifests that uses hooks of another one."""

    folder: Path
    environ: Mapping[str, str]

    def call(self, *argv: str | Path) -> subprocess.CompletedProcess[str]:
        words = [str(each) for each in argv]
        return subprocess.run(
            words, cwd=self.folder, env=self.environ, capture_output=True, text=True, check=False
        )

    def run(self, *hooks: str) -> tuple[int, str]:
        """Run hooks over all files; gives the exit status and the output."""
        assert self.call("git", "add", "--all").returncode == 0
        done = self.call(BIN / "pre-commit", "run", "--all-files", "--color", "never", *hooks)
        return done.returncode, done.stdout + done.stderr


def commit(folder: Path, environ: Mapping[str, str]) -> str:
    """Make a repository of a folder; gives its commit."""
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "first"]):
        subprocess.run(["git", *words], cwd=folder, env=environ, check=True)
    head = ["git", "rev-parse", "HEAD"]
    return subprocess.run(
        head, cwd=folder, env=environ, capture_output=True, text=True, check=True
    ).stdout.strip()


def environment(home: Path) -> dict[str, str]:
    home.mkdir()
    passed_on = ("PIP_", "LANG", "LC_", "SSL_", "REQUESTS_", "http", "HTTP", "no_proxy", "NO_PROXY")
    environ = {key: value for key, value in os.environ.items() if key.startswith(passed_on)}
    who = {
        f"GIT_{role}_{key}": "test@example.com"
        for role in ("AUTHOR", "COMMITTER")
        for key in ("NAME", "EMAIL")
    }
    path = os.pathsep.join([str(BIN), "/usr/local/bin", "/usr/bin", "/bin"])
    return {**environ, **who, "PATH": path, "HOME": str(home), "PRE_COMMIT_HOME": str(home / "cache")}


def consumer(tmp_path: Path, hooks: Path, environ: Mapping[str, str], **override: str) -> Repository:
    """A repository with the manifest of a shop that uses all hooks."""
    revision = commit(hooks, environ)
    folder = tmp_path / "shop"
    (folder / "manifests").mkdir(parents=True)
    (folder / "manifests" / "web.yaml").write_text(DEPLOYMENT)
    (folder / "injector.yaml").write_text("profile: istio\n")
    used: list[dict[str, Any]] = [
        {"id": each["id"], **override} for each in yaml.safe_load(HOOKS.read_text())
    ]
    for hook in used:
        if hook["id"] != "injector-check":
            hook["files"] = "^manifests/"
    config = {"repos": [{"repo": str(hooks), "rev": revision, "hooks": used}]}
    (folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    subprocess.run(["git", "init", "--quiet"], cwd=folder, env=environ, check=True)
    return Repository(folder, environ)


@pytest.fixture
def shop(tmp_path: Path) -> Repository:
    """The hooks as they are, with the command of this environment in place of an installed one."""
    environ = environment(tmp_path / "home")
    environ["PYTHONPATH"] = str(REPO)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    shutil.copy(HOOKS, hooks)
    return consumer(tmp_path, hooks, environ, language="system")


def test_pre_commit_accepts_the_file_of_the_hooks() -> None:
    done = subprocess.run(
        [BIN / "pre-commit", "validate-manifest", HOOKS], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_a_manifest_without_its_sidecar_gets_it_and_then_all_hooks_pass(shop: Repository) -> None:
    status, text = shop.run()
    assert status == 1
    assert text.count("Passed") == 2
    gate, change = text.split("Failed")[1:]
    assert "hook id: injector-rendered" in gate
    assert "manifests/web.yaml:1: Deployment shop/web" in gate
    assert "hook id: injector-render-in-place" in change
    assert "files were modified by this hook" in change
    assert "istio-proxy" in (shop.folder / "manifests" / "web.yaml").read_text()
    status, text = shop.run()
    assert status == 0, text
    assert text.count("Passed") == 4


def test_a_manifest_that_is_refused_fails_with_its_line_and_stays(shop: Repository) -> None:
    manifest = shop.folder / "manifests" / "web.yaml"
    manifest.write_text(REFUSED)
    status, text = shop.run("injector-render")
    assert status == 1
    assert f"manifests/web.yaml:{1 + REFUSED.splitlines().index('        app: 1')}: " in text
    assert manifest.read_text() == REFUSED


def test_a_broken_configuration_fails_with_its_line(shop: Repository) -> None:
    (shop.folder / "injector.yaml").write_text("profile: istio\npolicyy: enabled\n")
    status, text = shop.run("injector-check")
    assert status == 1
    assert "injector.yaml:2: " in text
    assert "did you mean policy?" in text


def test_pre_commit_installs_the_hooks_from_a_checkout(tmp_path: Path) -> None:
    environ = environment(tmp_path / "home")
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in (*INSTALLED, HOOKS.name):
        source = REPO / name
        if source.is_dir():
            shutil.copytree(source, hooks / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, hooks)
    # Without this environment's command, so that the installed one is run.
    environ["PATH"] = os.pathsep.join(["/usr/local/bin", "/usr/bin", "/bin"])
    shop = consumer(tmp_path, hooks, environ)
    status, text = shop.run("injector-render")
    if status and any(words in text for words in OFFLINE):
        pytest.skip("no package index answers, which pre-commit's installation takes")
    assert status == 0, text
    assert list((tmp_path / "home" / "cache").glob("*/py_env-*/bin/injector"))
