"""`uninject`: which of the values that it restores it reports as assumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from injector.core.injection.undo_entries import LIMIT
from tests.cli.conftest import DEPLOYMENT, Run

STATUS = "sidecar.istio.io/status"
UNDO = "sidecar-injector/undo"
JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: report, namespace: shop}
spec:
  template:
    metadata: {labels: {app: report}}
    spec:
      restartPolicy: Never
      containers: [{name: report, image: "report:1"}]
"""
ASSUMED = [
    "annotation kubectl.kubernetes.io/default-container",
    "annotation kubectl.kubernetes.io/default-logs-container",
    "label security.istio.io/tlsMode",
    "label service.istio.io/canonical-name",
    "label service.istio.io/canonical-revision",
]


def assumed(err: str) -> list[str]:
    """What the warnings name as assumed, in the order of the report."""
    lines = [line.partition(": ")[2].partition(": ")[2] for line in err.splitlines() if "assumed" in line]
    return [line.removesuffix(" is assumed to be injected [uninject]") for line in lines]


def with_status(manifest: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The manifest with other fields in the status of its pods; None removes one."""
    annotations = manifest["spec"]["template"]["metadata"]["annotations"]
    status = {**json.loads(annotations[STATUS]), **changes}
    annotations[STATUS] = json.dumps({key: value for key, value in status.items() if value is not None})
    return manifest


@pytest.mark.parametrize("original", [JOB, DEPLOYMENT])
def test_nothing_is_assumed_where_this_program_injected_and_recorded_nothing(run: Run, original: str) -> None:
    once = run("kube-inject", "-f", "-", stdin=original)
    back = run("uninject", "-f", "-", stdin=once.out)
    assert (back.status, assumed(back.err)) == (0, [])
    assert yaml.safe_load(back.out) == yaml.safe_load(original)


def test_what_is_assumed_about_the_injection_of_another_program_is_reported(run: Run) -> None:
    injected = yaml.safe_load(run("kube-inject", "-f", "-", stdin=JOB).out)
    assert UNDO not in injected["spec"]["template"]["metadata"]["annotations"]
    back = run("uninject", "-f", "-", stdin=json.dumps(with_status(injected, digest=None)))
    assert assumed(back.err) == ASSUMED


def test_the_status_shows_an_undo_that_was_too_large_and_the_assumptions_are_reported(run: Run) -> None:
    manifest = yaml.safe_load(JOB)
    manifest["spec"]["template"]["spec"]["volumes"] = [{"name": "istio-data", "note": "x" * LIMIT}]
    once = run("kube-inject", "-f", "-", stdin=json.dumps(manifest))
    assert "[undo-too-large]" in once.err
    annotations = yaml.safe_load(once.out)["spec"]["template"]["metadata"]["annotations"]
    assert json.loads(annotations[STATUS])["undo"] == "incomplete"
    back = run("uninject", "-f", "-", stdin=once.out)
    assert assumed(back.err) == ASSUMED
    # What is not recorded stays unknown, however often the pod is injected again.
    twice = run("kube-inject", "-f", "-", stdin=once.out)
    again = yaml.safe_load(twice.out)["spec"]["template"]["metadata"]["annotations"]
    assert json.loads(again[STATUS])["undo"] == "incomplete"
    assert assumed(run("uninject", "-f", "-", stdin=twice.out).err) == ASSUMED


def proxy_of(manifest: dict[str, Any]) -> dict[str, Any]:
    """The injected proxy, in either list."""
    spec = manifest["spec"]["template"]["spec"]
    [proxy] = [c for c in (*spec["initContainers"], *spec["containers"]) if c["name"] == "istio-proxy"]
    assert isinstance(proxy, dict)
    return proxy


@pytest.mark.parametrize("native", ["enabled", "disabled"])
def test_changes_of_the_injected_sidecar_are_named_and_removed(run: Run, tmp_path: Path, native: str) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(f"nativeSidecars: {native}\n")
    injected = yaml.safe_load(run("kube-inject", "--config", config, "-f", "-", stdin=DEPLOYMENT).out)
    proxy = proxy_of(injected)
    # As the API server fills them in, which is nobody's change.
    proxy |= {"imagePullPolicy": "IfNotPresent", "terminationMessagePath": "/dev/termination-log"}
    proxy["image"] = "registry.example.com/mine:1"
    proxy["tty"] = True
    back = run("uninject", "-f", "-", stdin=json.dumps(injected))
    assert back.status == 0
    assert yaml.safe_load(back.out) == yaml.safe_load(DEPLOYMENT)
    part = "initContainers" if native == "enabled" else "containers"
    [line] = [line for line in back.err.splitlines() if "were removed: " in line]
    named = line.partition("were removed: ")[2].removesuffix(" [uninject]").split(", ")
    assert sorted(named) == [f"/spec/{part}/istio-proxy/{field}" for field in ("image", "tty")]


def test_a_sidecar_of_another_configuration_is_no_change(run: Run, tmp_path: Path) -> None:
    injected = run("kube-inject", "-f", "-", stdin=DEPLOYMENT).out
    config = tmp_path / "c.yaml"
    config.write_text("values: {global: {tag: 1.30.1}}\n")
    back = run("uninject", "--config", config, "-f", "-", stdin=injected)
    assert (back.status, "were removed" in back.err) == (0, False)
