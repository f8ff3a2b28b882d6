"""Problems of the injected pod: refused in files, reported by each command in the same words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command import run
from tests.factories import a_review

CONFIG = "values: {global: {hub: example.com/mesh, tag: 1.30.0}}\nnativeSidecars: enabled\n"
OWN = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: own, namespace: shop}
spec:
  selector: {matchLabels: {app: own}}
  template:
    metadata: {labels: {app: own}}
    spec:
      containers:
      - name: first
        image: example.com/first:1
      - name: app
        image: example.com/app:1
        resources:
          requests: {cpu: 200m}
          limits: {cpu: 100m}
"""
CAUSED = """\
apiVersion: v1
kind: Pod
metadata:
  name: caused
  namespace: shop
  annotations: {sidecar.istio.io/proxyCPU: "3"}
spec:
  containers:
  - {name: app, image: "example.com/app:1"}
  - name: istio-proxy
    image: auto
    resources: {limits: {cpu: "2"}}
"""
ABOVE = "resources.requests.cpu exceeds resources.limits.cpu"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "injector.yaml"
    path.write_text(CONFIG)
    return path


def injected(config: Path, text: str, *flags: str) -> Any:
    file = config.parent / "in.yaml"
    file.write_text(text)
    return run("kube-inject", "--config", config, *flags, "-f", file)


def test_what_the_injection_makes_wrong_is_refused_with_its_place(
    config: Path,
) -> None:
    done = injected(config, f"{OWN}---\n{CAUSED}")
    assert (done.status, done.out) == (1, "")
    assert f"in.yaml:29: Pod shop/caused: refused-result: container istio-proxy: {ABOVE}" in done.err
    assert "refused   Pod shop/caused: refused-result" in done.err


def test_what_the_manifest_has_wrong_is_a_warning_and_with_strict_an_error(
    config: Path,
) -> None:
    done = injected(config, OWN)
    assert done.status == 0
    assert f"warning: Deployment shop/own: container app: {ABOVE}" in done.err
    strict = injected(config, OWN, "--strict")
    assert (strict.status, strict.out) == (1, "")
    assert f"in.yaml:15: Deployment shop/own: refused-pod: container app: {ABOVE}" in strict.err
    assert strict.err.count(ABOVE) == 1


def test_with_quirks_on_the_findings_change_no_status(config: Path) -> None:
    config.write_text(f"{CONFIG}compatibility: {{istioQuirks: true}}\n")
    for flags in ((), ("--strict",)):
        done = injected(config, f"{OWN}---\n{CAUSED}", *flags)
        assert done.status == 0
        assert "[refused-result]" in done.err
        assert "[refused-pod]" in done.err


@pytest.mark.parametrize("text", [OWN, CAUSED])
def test_file_webhook_and_explain_report_the_same(config: Path, text: str) -> None:
    manifest = yaml.safe_load(text)
    pod = manifest if manifest["kind"] == "Pod" else {**manifest["spec"]["template"], "apiVersion": "v1"}
    review = a_review({**pod, "kind": "Pod"})
    file = config.parent / "pod.yaml"
    file.write_text(text)
    explained = json.loads(run("explain", "--config", config, "-o", "json", "-f", file).out)
    reported = run("kube-inject", "--config", config, "-f", file).err
    answered = run("admit", "--config", config, "-f", "-", stdin=json.dumps(review))
    (expected,) = explained["workloads"][0]["findings"]
    assert expected["code"] in ("refused-pod", "refused-result")
    assert reported.count(f": {expected['message']}") == 1
    response = json.loads(answered.out)["response"]
    assert response["allowed"] is True
    assert response["patch"]
    assert response["warnings"] == [f"{expected['code']}: {expected['message']}"]


def test_a_problem_of_the_own_proxy_container_is_its_authors_also_where_it_is_moved(
    config: Path,
) -> None:
    limits = 'resources: {requests: {cpu: "3"}, limits: {cpu: "2"}}'
    done = injected(config, CAUSED.replace('resources: {limits: {cpu: "2"}}', limits))
    assert done.status == 0
    assert f"warning: Pod shop/caused: container istio-proxy: {ABOVE}" in done.err


def test_an_injected_file_keeps_the_problem_of_its_author(config: Path) -> None:
    once = injected(config, OWN)
    twice = injected(config, once.out)
    assert twice.status == 0
    assert twice.out == once.out
    assert "[refused-pod]" in twice.err
    assert "[refused-result]" not in twice.err
