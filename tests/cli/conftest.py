"""A profile of a few lines and a way to run the command in this process."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from injector.cli.main import main
from tests.command import in_one_process

__all__ = ["in_one_process"]  # the fixture

PROFILE = """\
name: log-shipper
keys:
  switch: logs.example.com/inject
  status: logs.example.com/status
  templates: logs.example.com/templates
defaultTemplates: [sidecar]
values: {image: "shipper:1", level: info}
foreignSidecars: [{container: other-shipper}]
catalogue: {annotations: [logs.example.com/level], domains: [logs.example.com]}
"""
SIDECAR = """\
spec:
  containers:
    - name: shipper
      image: {{ Values.image }}
      env:
        - name: LEVEL
          value: {{ ObjectMeta.annotations["logs.example.com/level"] | default(Values.level) }}
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
      - name: web
        image: web:1
"""


@dataclass(frozen=True)
class Ran:
    """What one run left behind."""

    status: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Run a command line in this process, with a text as its stdin."""

    def call(*argv: str | Path, stdin: str = "") -> Ran:
        # What must pass byte for byte is read from the buffer, so that a plain StringIO will not do.
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capfdbinary.readouterr()
        status = main([str(a) for a in argv])
        out, err = capfdbinary.readouterr()
        return Ran(status, out.decode(), err.decode())

    return call


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a profile, its configuration `c.yaml` and the manifest `web.yaml`."""
    profile = tmp_path / "logship"
    profile.mkdir()
    (profile / "profile.yaml").write_text(PROFILE)
    (profile / "sidecar.yaml.j2").write_text(SIDECAR)
    (tmp_path / "c.yaml").write_text("profile: ./logship\n")
    (tmp_path / "web.yaml").write_text(DEPLOYMENT)
    monkeypatch.chdir(tmp_path)
    return tmp_path
