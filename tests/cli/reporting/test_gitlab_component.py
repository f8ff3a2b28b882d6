"""The script of the GitLab component, by a shell, with the variables of its job. Not here: GitLab itself."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import DEPLOYMENT
from tests.cli.reporting.shellcheck import shellcheck

REPO = Path(__file__).resolve().parents[3]
COMPONENT = REPO / "ci/gitlab/templates/injector.yml"
REFUSED = DEPLOYMENT.replace("        app: web\n", "        app: 1\n")
SKIPPED = DEPLOYMENT.replace("    spec:\n      c", "    spec:\n      hostNetwork: true\n      c")


@dataclass(frozen=True)
class Job:
    """The job of the component, with its inputs."""

    folder: Path
    job: dict[str, Any]

    def run(self) -> subprocess.CompletedProcess[str]:
        """Its script, by the shell of an image, with the variables of the job."""
        environ = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "PYTHONPATH": str(REPO),
            "GITLAB_CI": "true",
        }
        environ |= {"CI_PROJECT_DIR": str(self.folder), **self.job["variables"]}
        script = "set -eu\n" + "\n".join(self.job["script"])
        return subprocess.run(
            ["sh", "-c", script], cwd=self.folder, env=environ, capture_output=True, text=True, check=False
        )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "web.yaml").write_text(DEPLOYMENT)
    return tmp_path


def job_of(folder: Path, **inputs: str) -> Job:
    header, body = yaml.safe_load_all(COMPONENT.read_text())
    values = {name: each.get("default") for name, each in header["spec"]["inputs"].items()} | inputs
    assert None not in values.values()

    def interpolated(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: interpolated(each) for key, each in value.items()}
        if isinstance(value, list):
            return [interpolated(each) for each in value]
        return re.sub(r"\$\[\[ inputs\.(\w+) \]\]", lambda m: values[m[1]], value)

    return Job(folder, interpolated(body["injector"]))


def test_the_component_reports_each_workload_as_a_test(folder: Path) -> None:
    (folder / "manifests" / "agent.yaml").write_text(SKIPPED)
    job = job_of(folder, image="injector:1", manifests="manifests")
    done = job.run()
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("--- a/manifests/web.yaml")
    top = ET.parse(folder / job.job["artifacts"]["reports"]["junit"]).getroot()
    assert (top.attrib["failures"], top.attrib["skipped"]) == ("0", "1")
    assert len(top.findall("testsuite/testcase[@name='Deployment shop/web']")) == 2


def test_the_component_fails_with_the_report_of_what_is_wrong(folder: Path) -> None:
    (folder / "manifests" / "x.yaml").write_text(REFUSED)
    done = job_of(folder, image="injector:1", manifests="manifests").run()
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing was written" in done.stderr
    failures = ET.parse(folder / "injector.xml").getroot().findall("testsuite/testcase/failure")
    assert len(failures) == 1


def test_an_input_of_the_component_is_one_argument_per_line(folder: Path) -> None:
    (folder / "my manifests").mkdir()
    (folder / "my manifests" / "a*.yaml").write_text(DEPLOYMENT)
    names = "my manifests/a*.yaml\n$(touch pwned)"
    done = job_of(folder, image="injector:1", manifests=names, args="--strict\n-n\nmy shop").run()
    assert "error: $(touch pwned): " in done.stderr
    assert "my manifests/a*.yaml: no such" not in done.stderr
    assert not list(folder.rglob("pwned"))


def test_the_inputs_of_the_component_are_described_and_used() -> None:
    text = COMPONENT.read_text()
    header, body = yaml.safe_load_all(text)
    inputs = header["spec"]["inputs"]
    assert all(each["description"].endswith(".") for each in inputs.values())
    assert set(re.findall(r"\$\[\[ inputs\.(\w+) \]\]", text)) == set(inputs)
    assert "$[[" not in "".join(body["injector"]["script"])


def test_shellcheck_accepts_the_script() -> None:
    _, body = yaml.safe_load_all(COMPONENT.read_text())
    # SC2086: inputs are split at line ends.
    assert shellcheck("sh", "\n".join(body["injector"]["script"]), "SC2086") == ""
