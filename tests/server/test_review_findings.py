"""Reviews that fuzzing found: each once ended in a defect, and has to be answered."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from injector.config.loading import Input, Text, load_input
from injector.core.model import Reason
from injector.core.profile import Config
from tests import answering
from tests.server.webhook_factories import a_pod, a_review

DEEP = 950


@pytest.fixture(scope="module")
def configs() -> dict[bool, Config]:
    raw = {quirks: {"compatibility": {"istioQuirks": quirks}} for quirks in (True, False)}
    return {quirks: load_input(Input(Text(yaml.safe_dump(r), "config"), ".")) for quirks, r in raw.items()}


def nested(text: str, depth: int = DEEP) -> str:
    return '{"a":' * depth + text + "}" * depth


def annotated(key: str, value: str) -> dict[str, Any]:
    return a_pod(annotations={key: value})


@pytest.mark.parametrize("quirks", [True, False])
@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        (annotated("sidecar.istio.io/userVolume", nested("{}")), Reason.INVALID_ANNOTATION),
        (annotated("sidecar.istio.io/userVolumeMount", "[" * 100_000), Reason.INVALID_ANNOTATION),
        (annotated("sidecar.istio.io/userVolume", f'{{"v": {nested("1", 300)}}}'), Reason.INVALID_ANNOTATION),
        (annotated("sidecar.istio.io/userVolume", '{"v": {"a": 1e999}}'), Reason.INVALID_ANNOTATION),
        (annotated("sidecar-injector/undo", "[" * DEEP + "]" * DEEP), Reason.ON_BY_DEFAULT),
        (annotated("sidecar.istio.io/status", nested("1")), Reason.ON_BY_DEFAULT),
        (a_pod(name="\ud800"), Reason.ON_BY_DEFAULT),
    ],
)
def test_the_answer_has_a_reason_that_is_no_defect(
    pod: dict[str, Any], reason: Reason, quirks: bool, configs: dict[bool, Config]
) -> None:
    answer = answering.answer(a_review(pod), configs[quirks], lambda _name: None)
    assert (answer.outcome.decision.reason, answer.defect) == (reason, "")


@pytest.mark.parametrize(
    "spec",
    [
        {"os": {"name": ["linux"]}},
        {"imagePullSecrets": [{"name": {}}]},
        {"containers": [{"name": "web"}, {"name": "web"}]},
    ],
)
def test_a_pod_of_another_shape_is_refused_before_anything_looks_at_it(
    spec: dict[str, Any], configs: dict[bool, Config]
) -> None:
    pod = a_pod()
    pod["spec"] |= spec
    answer = answering.answer(a_review(pod), configs[False], lambda _name: None)
    assert (answer.outcome.decision.reason, answer.defect) == (Reason.INVALID_POD, "")
