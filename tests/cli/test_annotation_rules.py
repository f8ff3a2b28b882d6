"""Annotation rules: webhook and command line refuse the same pods, and `check` lists what is open."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from injector.config.server_settings import ConfigMapSource, IstioSource
from injector.config.source import Source
from tests.cli.conftest import Run
from tests.factories import a_pod, a_review

IMAGE = "sidecar.istio.io/proxyImage"
SECRET = "registry.example.com/hunter2:1"
RULES = """\
annotations:
- namespaceSelector: {matchLabels: {team: platform}}
- deny: [sidecar.istio.io/proxyImage*, "*/userVolume*"]
"""
pytestmark = pytest.mark.usefixtures("in_one_process")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "injector.yaml"
    file.write_text(RULES)
    return file


@pytest.mark.parametrize(("team", "denied"), [("platform", False), ("shop", True)])
def test_webhook_and_command_line_refuse_the_same_pods(
    run: Run, config: Path, tmp_path: Path, team: str, denied: bool
) -> None:
    labels = {"team": team, "istio-injection": "enabled"}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels}}
    objects, manifest, review = (tmp_path / name for name in ("ns.yaml", "pod.yaml", "review.json"))
    objects.write_text(yaml.safe_dump(namespace))
    pod = a_pod(namespace="shop", annotations={IMAGE: SECRET})
    manifest.write_text(yaml.safe_dump(pod))
    review.write_text(json.dumps(a_review(pod)))
    common = ("--config", config, "--objects", objects)
    by_file = run("kube-inject", *common, "-f", manifest)
    by_review = run("admit", *common, "-f", review)
    assert by_file.status == int(denied)
    response = json.loads(by_review.out)["response"]
    assert response["allowed"] is not denied
    if denied:
        assert "annotation-not-allowed" in by_file.err
        assert "annotation-not-allowed" in response["status"]["message"]
        assert IMAGE in by_file.err
        assert IMAGE in by_review.out
        assert "hunter2" not in by_file.err + by_review.out + by_review.err


def test_check_lists_what_everybody_may_use_and_can_change_much(run: Run, config: Path) -> None:
    def listed(*flags: str | Path) -> str:
        checked = run("check", "-o", "json", *flags)
        assert checked.status == 0, checked.out
        [note] = [r for r in json.loads(checked.out)["results"] if r["code"] == "open-annotations"]
        assert note["level"] == "note"
        assert "annotations" in note["hint"]
        return str(note["message"])

    assert f"{IMAGE} (image)" in listed()
    restricted = listed("--config", config)
    assert IMAGE not in restricted
    assert "userVolume" not in restricted
    assert "proxy.istio.io/config (" in restricted


def test_check_lists_no_power_that_is_withheld_in_all_namespaces(run: Run, config: Path) -> None:
    config.write_text("annotations: [{withhold: [image, control-plane]}]\n")
    checked = run("check", "-o", "json", "--config", config)
    [note] = [r for r in json.loads(checked.out)["results"] if r["code"] == "open-annotations"]
    assert IMAGE not in note["message"]
    assert "sidecar.istio.io/capNetBindService (user, capabilities)" in note["message"]
    assert "sidecar.istio.io/userVolume (volumes, trust-root)" in note["message"]
    config.write_text(
        "annotations: [{withhold: [image, user, capabilities, volumes, trust-root, control-plane]}]\n"
    )
    checked = run("check", "--config", config)
    assert (checked.status, "open-annotations" in checked.out) == (0, False)


def test_check_reports_nothing_where_all_powers_are_withheld(run: Run, config: Path) -> None:
    config.write_text("annotations: [{allow: [sidecar.istio.io/proxyCPU]}]\n")
    checked = run("check", "--config", config)
    assert (checked.status, "open-annotations" in checked.out) == (0, False)


def test_the_rules_of_the_documentation_load_and_serve(run: Run, config: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/how-to/limit-annotations.md").read_text()
    config.write_text(page.partition("```yaml\n")[2].partition("```")[0])
    checked = run("check", "--config", config)
    assert (checked.status, "error:" in checked.out) == (0, False), checked.out
    source = Source(str(config), ConfigMapSource(), IstioSource(), None, lambda *_: "")
    assert len(source.read().annotation_rules) == 3
