"""Problems of injected sample pods are errors before a configuration is taken."""

from __future__ import annotations

import json

import pytest

from injector.config.loading import Input, Overrides, Text
from injector.config.samples import SAMPLES
from injector.config.trials import trial
from injector.core.finding_codes import FindingCode, Level
from injector.core.validation.pod import problems

ABOVE = """
values:
  global: {proxy: {resources: {requests: {cpu: 100m}, limits: {cpu: 50m}}}}
"""
TWO_HANDLERS = """
values:
  global:
    proxy:
      lifecycle: {preStop: {exec: {command: [sleep, "5"]}, sleep: {seconds: 5}}}
"""
WITHOUT_VOLUME = """
templates:
  extra: |
    spec:
      containers:
      - name: istio-proxy
        volumeMounts:
        - name: of-the-pod
          mountPath: /of-the-pod
"""


def tried(text: str, more: str = "") -> list[tuple[FindingCode, Level, str]]:
    inputs = Input(Text(f"profile: istio\n{text}\n{more}", "injector.yaml"), "", Overrides())
    return [(p.code, p.level, p.message) for p in trial(inputs).problems]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ABOVE, "container istio-proxy: resources.requests.cpu exceeds resources.limits.cpu"),
        (TWO_HANDLERS, "container istio-proxy: preStop has exec and sleep; only one is allowed"),
        (
            WITHOUT_VOLUME + "defaultTemplates: [sidecar, extra]",
            "container istio-proxy: volumeMounts has volume of-the-pod, which the pod does not have",
        ),
    ],
)
def test_what_makes_samples_that_the_api_server_refuses_is_an_error(text: str, message: str) -> None:
    problems = tried(text)
    assert {(code.value, level) for code, level, _ in problems} == {("result", Level.ERROR)}
    assert any(f"{message} (6 of 6 sample pods" in each for _, _, each in problems)


def test_a_template_that_pods_select_may_need_a_volume_of_theirs() -> None:
    assert tried(WITHOUT_VOLUME) == []


def test_with_quirks_on_the_samples_are_not_judged() -> None:
    assert tried(ABOVE, "compatibility: {istioQuirks: true}") == []


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: json.dumps(sample)[:40])
def test_no_sample_has_a_problem_by_itself(sample: dict[str, object]) -> None:
    assert list(problems(sample)) == []
