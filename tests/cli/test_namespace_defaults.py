"""Defaults of a Namespace by both doors: the same pods, findings and layers for the same objects."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
import yaml

from tests.cli.conftest import Run
from tests.factories import a_pod, a_review

CPU, IMAGE = "sidecar.istio.io/proxyCPU", "sidecar.istio.io/proxyImage"
CONFIG = f"""\
nativeSidecars: enabled
namespaceDefaults: [{CPU}, {IMAGE}]
annotations: [{{withhold: [image]}}]
"""
POD = a_pod(namespace="shop")
pytestmark = pytest.mark.usefixtures("in_one_process")


@pytest.fixture
def flags(tmp_path: Path) -> list[str | Path]:
    """The configuration, and a Namespace with one default that counts and one that the rules refuse."""
    meta = {
        "name": "shop",
        "labels": {"istio-injection": "enabled"},
        "annotations": {CPU: "300m", IMAGE: "x:1"},
    }
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}
    config, objects, manifest, review = (
        tmp_path / name for name in ("c.yaml", "o.yaml", "pod.yaml", "r.json")
    )
    config.write_text(CONFIG)
    objects.write_text(yaml.safe_dump(namespace))
    manifest.write_text(yaml.safe_dump(POD))
    review.write_text(json.dumps(a_review(POD)))
    return ["--config", config, "--objects", objects]


def proxy_of(pod: dict[str, Any]) -> dict[str, Any]:
    (proxy,) = [c for c in pod["spec"]["initContainers"] if c["name"] == "istio-proxy"]
    return dict(proxy)


def test_webhook_and_command_line_use_the_same_defaults(
    run: Run, flags: list[str | Path], tmp_path: Path
) -> None:
    by_file = run("kube-inject", *flags, "-f", tmp_path / "pod.yaml")
    by_review = run("admit", *flags, "-f", tmp_path / "r.json")
    response = json.loads(by_review.out)["response"]
    patch = json.loads(base64.b64decode(response["patch"]))
    pods = [yaml.safe_load(by_file.out), jsonpatch.apply_patch(POD, patch)]
    for pod in pods:
        assert proxy_of(pod)["resources"]["requests"] == {"cpu": "300m"}
        assert CPU not in pod["metadata"]["annotations"]
    assert pods[0]["spec"] == pods[1]["spec"]
    assert [text.partition(":")[0] for text in response["warnings"]] == ["namespace-default"]
    assert f"annotation {IMAGE} of the namespace shop is ignored" in by_file.err


def test_without_the_namespace_the_defaults_are_not_known(
    run: Run, flags: list[str | Path], tmp_path: Path
) -> None:
    by_file = run("kube-inject", *flags[:2], "-f", tmp_path / "pod.yaml")
    assert proxy_of(yaml.safe_load(by_file.out))["resources"]["requests"]["cpu"] == "100m"


def test_explain_shows_the_namespace_as_the_layer(run: Run, flags: list[str | Path], tmp_path: Path) -> None:
    explained = run("explain", *flags, "-f", tmp_path / "pod.yaml")
    lines = [line.split() for line in explained.out.splitlines() if "[namespace shop" in line]
    assert ["resources.requests.cpu", "300m", "[namespace", "shop:", "annotation", f"{CPU}]"] in lines


def test_an_injected_manifest_stays_the_same_and_can_be_taken_back(
    run: Run, flags: list[str | Path], tmp_path: Path
) -> None:
    once = run("kube-inject", *flags, "-f", tmp_path / "pod.yaml")
    again = run("kube-inject", *flags, "-f", "-", stdin=once.out)
    assert again.out == once.out
    back = run("uninject", *flags[:2], "-f", "-", stdin=once.out)
    assert yaml.safe_load(back.out) == POD
