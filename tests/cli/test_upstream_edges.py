"""Edges of upstream that random cases against its own tool have shown; with quirks on they are kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "c.yaml").write_text(
        "compatibility: {istioQuirks: true}\nvalues: {global: {network: net-v}}\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def injected(folder: Path, run: Run, metadata: dict[str, Any], *containers: dict[str, Any]) -> Any:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "default", **metadata},
        "spec": {"containers": [{"name": "web", "image": "web:1"}, *containers]},
    }
    (folder / "pod.json").write_text(json.dumps(pod))
    done = run("kube-inject", "--config", "c.yaml", "-f", "pod.json")
    return yaml.safe_load(done.out) if done.status == 0 else done


def test_an_empty_network_label_wins_over_the_meshs_network(folder: Path, run: Run) -> None:
    key = "topology.istio.io/network"
    assert injected(folder, run, {})["metadata"]["labels"][key] == "net-v"
    assert injected(folder, run, {"labels": {key: ""}})["metadata"]["labels"][key] == ""


def test_an_empty_text_in_place_of_the_users_containers_is_refused(folder: Path, run: Run) -> None:
    done = injected(folder, run, {"annotations": {"proxy.istio.io/overrides": ""}})
    assert done.status == 1
    assert "a JSON object is expected" in done.err


@pytest.mark.parametrize(
    ("status", "is_kept"), [({}, True), ({"sidecar.istio.io/status": "injected"}, False)]
)
def test_the_users_proxy_is_kept_unless_a_status_is_there(
    folder: Path, run: Run, status: dict[str, str], is_kept: bool
) -> None:
    own = {"name": "istio-proxy", "image": "auto"}
    pod = injected(folder, run, {"annotations": status}, own)
    assert ("proxy.istio.io/overrides" in pod["metadata"]["annotations"]) is is_kept
