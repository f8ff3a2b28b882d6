"""The real programs of the pipelines, and those of this project as an installation puts them on PATH."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.beds.plugin import required
from tests.beds.programs import build
from tests.cli.conftest import PROFILE, SIDECAR

REPO = Path(__file__).resolve().parents[2]
DEPLOYMENT = """\
# The shop's pages.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web  # its name
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: web
        image: "web:1"  # pinned
"""


@dataclass(frozen=True)
class Programs:
    """The folder on PATH, and the working directory of what is run."""

    bin: Path
    folder: Path
    variables: Mapping[str, str]

    def run(
        self,
        *command: str | Path,
        stdin: str = "",
        status: int | None = 0,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as a shell of the user would, which must end with the status."""
        done = subprocess.run(
            [str(part) for part in command],
            input=stdin,
            cwd=cwd or self.folder,
            env={**self.variables, **(env or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        assert status in (None, done.returncode), done.stderr + done.stdout
        return done

    def without(self, *names: str) -> Programs:
        """The same without some of the programs."""
        for name in names:
            (self.bin / name).unlink()
        return self


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    """`injector` and its other programs, helm3, helm4, kustomize and kubectl, with a profile at work.

    The file injector.yaml in the working directory is the configuration of all of them.
    """
    names = build.PIPELINES
    required("pipelines", build.unavailable(names))
    folder, home = tmp_path / "bin", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    for name, path in build.programs(names).items():
        (folder / name).symlink_to(path)
    for name, call in tomllib.loads((REPO / "pyproject.toml").read_text())["project"]["scripts"].items():
        module, _, function = call.partition(":")
        code = f"import sys; from {module} import {function}; sys.exit({function}())"
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c "{code}" "$@"\n')
        script.chmod(0o755)
    work = tmp_path / "work"
    (work / "logship").mkdir(parents=True)
    (work / "logship" / "profile.yaml").write_text(PROFILE)
    (work / "logship" / "sidecar.yaml.j2").write_text(SIDECAR)
    (work / "injector.yaml").write_text("profile: ./logship\n")
    variables = {
        "PATH": f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "HOME": str(home),
        "PYTHONPATH": str(REPO),
        "LANG": "C.UTF-8",
    }
    return Programs(folder, work, variables)
