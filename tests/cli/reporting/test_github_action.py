"""The scripts of the GitHub Action and its workflow, in a shell as the runner calls them.

Not here: the service itself, and `gh`, for which a stand-in writes down its arguments.
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
from typing import Any

import pytest
import yaml

from tests.cli.conftest import DEPLOYMENT
from tests.cli.reporting.shellcheck import shellcheck
from tests.test_readme_from_scratch import INSTALLED, OFFLINE

REPO = Path(__file__).resolve().parents[3]
ACTION = yaml.safe_load((REPO / "action.yml").read_text())
WORKFLOW = yaml.safe_load((REPO / "ci/github/pull-request.yml").read_text())
REFUSED = DEPLOYMENT.replace("        app: web\n", "        app: 1\n")


@dataclass(frozen=True)
class Runner:
    """The folders and files that a runner of GitHub Actions names in variables."""

    workspace: Path
    temp: Path
    environ: dict[str, str]

    def step(self, script: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """A step with `shell: bash`."""
        path = self.temp / "script.sh"
        path.write_text(script)
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", path],
            cwd=self.workspace,
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            check=False,
        )

    def action(self, **inputs: str) -> subprocess.CompletedProcess[str]:
        """The step Run of the Action, with inputs; a name has _ for -."""
        values = {name: each["default"] for name, each in ACTION["inputs"].items()}
        values |= {name.replace("_", "-"): value for name, value in inputs.items()}
        assert values.keys() == ACTION["inputs"].keys()
        run = step_of(ACTION["runs"]["steps"], "Run")
        return self.step(run["run"], {key: resolved(value, values) for key, value in run["env"].items()})

    def named(self, variable: str) -> str:
        """What the steps wrote to the file of a variable."""
        return Path(self.environ[variable]).read_text()


def step_of(steps: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(step for step in steps if step.get("name") == name)


def resolved(value: str, inputs: Mapping[str, str]) -> str:
    """A value with its one expression."""
    match = re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) \}\}", value)
    assert match
    return inputs[match[1]]


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A runner whose step Install has put this environment's command in its place."""
    workspace, temp = tmp_path / "workspace", tmp_path / "temp"
    (workspace / "manifests").mkdir(parents=True)
    (workspace / "manifests" / "web.yaml").write_text(DEPLOYMENT)
    (temp / "injector" / "bin").mkdir(parents=True)
    for name in ("injector", "python"):
        (temp / "injector" / "bin" / name).symlink_to(Path(sys.executable).parent / name)
    environ = {key: value for key, value in os.environ.items() if key.startswith(("PIP_", "LANG", "LC_"))}
    environ |= {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(REPO),
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(workspace),
        "GITHUB_ACTION_PATH": str(REPO),
        "RUNNER_TEMP": str(temp),
    }
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        path = tmp_path / name.lower()
        path.touch()
        environ[name] = str(path)
    return Runner(workspace, temp, environ)


def test_no_script_of_the_action_contains_an_expression() -> None:
    steps = ACTION["runs"]["steps"]
    assert all(step["shell"] == "bash" for step in steps)
    assert not [step["name"] for step in steps if "${{" in step["run"]]


def test_each_input_and_output_is_described_and_each_input_is_used() -> None:
    used = {value for step in ACTION["runs"]["steps"] for value in step["env"].values()}
    assert used == {f"${{{{ inputs.{name} }}}}" for name in ACTION["inputs"]}
    described = [*ACTION["inputs"].values(), *ACTION["outputs"].values()]
    assert all(each["description"].endswith(".") for each in described)


def test_the_action_annotates_the_files_and_fails(runner: Runner) -> None:
    (runner.workspace / "manifests" / "bad name.yaml").write_text(REFUSED)
    done = runner.action(manifests="manifests")
    assert done.returncode == 1
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("::error ")]
    line = 1 + REFUSED.splitlines().index("        app: 1")
    assert error.startswith(f"::error file=manifests/bad name.yaml,line={line},title=invalid-pod::")
    assert "### injector render" in runner.named("GITHUB_STEP_SUMMARY")


def test_the_action_shows_the_diff_in_the_log_and_in_a_file(runner: Runner) -> None:
    done = runner.action(args="--diff\n\n", output="the diff.txt")
    assert done.returncode == 0
    diff = (runner.workspace / "the diff.txt").read_text()
    assert diff.startswith("--- a/")
    first, _, rest = done.stdout.partition("\n")
    assert rest == f"{diff}::{first.removeprefix('::stop-commands::')}::\n"


def test_the_log_of_the_action_has_no_commands_of_manifests(runner: Runner) -> None:
    tokens = {runner.action(args="--diff").stdout.splitlines()[0] for _ in range(2)}
    assert len(tokens) == 2
    assert all(re.fullmatch("::stop-commands::[0-9a-f]{32}", token) for token in tokens)


def test_the_action_takes_the_folder_of_its_runner_as_the_root(runner: Runner) -> None:
    folder = runner.workspace / "apps"
    folder.mkdir()
    (folder / "x.yaml").write_text(REFUSED)
    done = runner.action(manifests="apps\nmanifests/web.yaml")
    assert "::error file=apps/x.yaml,line=10," in done.stderr


def test_an_argument_of_the_action_is_never_a_command(runner: Runner) -> None:
    done = runner.action(manifests="$(touch pwned)\n; touch pwned", args="--namespace=`touch pwned`")
    assert done.returncode == 1
    assert "error: $(touch pwned): " in done.stderr
    assert not list(runner.workspace.rglob("pwned"))


def test_the_action_writes_a_report_for_code_scanning(runner: Runner) -> None:
    done = runner.action(manifests="manifests", report="sarif", report_file="out/injector.sarif")
    assert done.returncode == 2
    (runner.workspace / "out").mkdir()
    done = runner.action(manifests="manifests", report="sarif", report_file="out/injector.sarif")
    assert done.returncode == 0
    assert json.loads((runner.workspace / "out" / "injector.sarif").read_text())["version"] == "2.1.0"
    assert runner.named("GITHUB_OUTPUT").splitlines()[-1] == "report=out/injector.sarif"


def test_the_action_checks_a_configuration(runner: Runner) -> None:
    (runner.workspace / "injector.yaml").write_text("profile: istio\npolicyy: enabled\n")
    done = runner.action(command="check", config="injector.yaml")
    assert done.returncode == 2
    assert "::error file=injector.yaml,line=2,title=load::" in done.stderr


def test_the_action_installs_the_command_from_its_own_checkout(runner: Runner, tmp_path: Path) -> None:
    checkout = tmp_path / "action"
    checkout.mkdir()
    for name in INSTALLED:
        source = REPO / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, checkout / name)
    shutil.rmtree(runner.temp / "injector")
    install = step_of(ACTION["runs"]["steps"], "Install")["run"]
    environ = {"PYTHON": sys.executable, "GITHUB_ACTION_PATH": str(checkout), "PYTHONPATH": ""}
    done = runner.step(install, environ)
    if done.returncode and any(words in done.stderr for words in OFFLINE):
        pytest.skip("no package index answers, which the installation of the Action takes")
    assert done.returncode == 0, done.stderr
    runner.environ["PYTHONPATH"] = ""
    assert runner.action(manifests="manifests").returncode == 0


def commit(folder: Path, environ: Mapping[str, str], message: str) -> str:
    for words in (["add", "--all"], ["commit", "--quiet", "--message", message]):
        subprocess.run(["git", *words], cwd=folder, env=environ, check=True)
    head = ["git", "rev-parse", "HEAD"]
    done = subprocess.run(head, cwd=folder, env=environ, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("is_new", [False, True])
def test_the_workflow_comments_on_what_a_changed_configuration_does(runner: Runner, is_new: bool) -> None:
    who = {
        f"GIT_{role}_{key}": "test@example.com"
        for role in ("AUTHOR", "COMMITTER")
        for key in ("NAME", "EMAIL")
    }
    environ = {**runner.environ, **who}
    steps = WORKFLOW["jobs"]["sidecars"]["steps"]
    names = WORKFLOW["jobs"]["sidecars"]["env"]
    config = runner.workspace / names["CONFIG"]
    config.write_text("nativeSidecars: enabled\n")
    if is_new:
        config.unlink()
    subprocess.run(["git", "init", "--quiet"], cwd=runner.workspace, env=environ, check=True)
    base = commit(runner.workspace, environ, "before")
    config.write_text("nativeSidecars: enabled\nneverInjectSelector: [{matchLabels: {app: web}}]\n")
    commit(runner.workspace, environ, "after")

    before = step_of(steps, "The configuration before")
    assert runner.step(before["run"], {**names, "BASE": base}).returncode == 0
    # The steps of the Action, with the expressions of the workflow resolved.
    known = {"runner.temp": str(runner.temp), **{f"env.{key}": value for key, value in names.items()}}
    settings = step_of(steps, "What the changed configuration does to all manifests")["with"]
    inputs = {
        key: re.sub(r"\$\{\{ (\S+) \}\}", lambda m: known[m[1]], each) for key, each in settings.items()
    }
    done = runner.action(**inputs)
    assert done.returncode == 0, done.stderr

    # Stands in for GitHub, which no test can reach.
    fake = runner.temp / "gh"
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$RUNNER_TEMP/called"\n')
    fake.chmod(0o755)
    for name in ("The same on the page of the run", "The same as a comment"):
        environ = {"NUMBER": "7", "PATH": f"{runner.temp}:{runner.environ['PATH']}"}
        assert runner.step(step_of(steps, name)["run"], environ).returncode == 0
    summary = (runner.temp / "summary.md").read_text()
    row = "| `decision` | `injected: on-by-default` | `skipped: never-selected` | `1: Deployment shop/web` |"
    assert row in summary.splitlines()
    assert runner.named("GITHUB_STEP_SUMMARY").endswith(summary)
    called = (runner.temp / "called").read_text().splitlines()
    assert called[:3] == ["pr", "comment", "7"]
    assert called[-1] == str(runner.temp / "summary.md")


def test_the_workflow_has_the_least_rights_and_no_expression_in_a_script() -> None:
    assert WORKFLOW["permissions"] == {}
    job = WORKFLOW["jobs"]["sidecars"]
    assert job["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert not [step["name"] for step in job["steps"] if "${{" in step.get("run", "")]
    ours = [step["with"] for step in job["steps"] if step.get("uses", "").startswith("OWNER")]
    used = {key for each in ours for key in each}
    assert used <= ACTION["inputs"].keys()


def scripts() -> dict[str, str]:
    steps = [*ACTION["runs"]["steps"], *WORKFLOW["jobs"]["sidecars"]["steps"]]
    return {step["name"]: step["run"] for step in steps if "run" in step}


@pytest.mark.parametrize("name", scripts())
def test_shellcheck_accepts_each_script(name: str) -> None:
    # SC2154: the runner sets the variables.
    assert shellcheck("bash", scripts()[name], "SC2154") == ""
