"""The quick look at containers agrees with the rules: no problem of one that is usual."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from injector.core.kubernetes_fields import TYPES
from injector.core.validation import pod
from injector.core.validation.pod import problems
from injector.core.validation.usual import is_usual
from tests.core.test_field_soundness import drawn
from tests.core.validation.test_pod import WRONG

PODS = [tree for _, tree in WRONG]
GOOD = {"name": "app", "image": "app:1"}


def containers_of(tree: Any) -> list[Any]:
    spec = tree["spec"]
    return [(each, part) for part in ("initContainers", "containers") for each in spec.get(part, [])]


def drawn_pods(count: int) -> list[Any]:
    random, out = Random(5), []
    fields = ("env", "resources", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle")
    for number in range(count):
        field = fields[number % len(fields)]
        container = GOOD | {field: drawn(random, TYPES["Container"][field], 5)}
        container |= {"restartPolicy": "Always"} if random.random() < 0.5 else {}
        part = random.choice(["containers", "initContainers"])
        out.append({"spec": {"containers": [{**GOOD, "name": "other"}], part: [container]}})
    return out


@pytest.mark.parametrize("pods", [PODS, drawn_pods(3000)], ids=["wrong", "drawn"])
def test_problems_are_those_that_each_rule_finds_by_itself(
    pods: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = [list(problems(tree)) for tree in pods]
    usual = [is_usual(*each) for tree in pods for each in containers_of(tree)]
    monkeypatch.setattr(pod, "is_usual", lambda *_: False)
    assert quick == [list(problems(tree)) for tree in pods]
    assert min(usual.count(True), usual.count(False)) > 20
