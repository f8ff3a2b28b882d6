"""The generated pods are worth something: every feature is among them, and Kubernetes would take them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from injector.core.workload import check_pod
from tests.generators import features as names
from tests.generators.features import EARLIER, FEATURES, STATUS, FeatureCount, features
from tests.generators.strategies import pods


def marked(pod: dict[str, Any]) -> dict[str, Any]:
    return {**pod, "metadata": {"annotations": {STATUS: "{}"}}}


def test_every_feature_appears_in_at_least_two_of_a_hundred_pods() -> None:
    count = FeatureCount()

    @settings(max_examples=300, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(pods(marked))
    def collect(pod: dict[str, Any]) -> None:
        count.add(pod)

    collect()
    assert count.rare() == [], "\n".join(count.lines())


@given(pods())
def test_a_generated_pod_is_shaped_as_kubernetes_wants_it(pod: dict[str, Any]) -> None:
    check_pod(pod)
    assert EARLIER not in features(pod)


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        ({"spec": {"containers": [{"name": "istio-proxy"}]}}, {names.OWN_PROXY}),
        (marked({"spec": {"containers": [{"name": "istio-proxy"}]}}), {EARLIER}),
        (
            {"spec": {"containers": [{"name": "a", "livenessProbe": {"tcpSocket": {"port": "http"}}}]}},
            {names.NAMED_PROBES},
        ),
        ({"spec": {"containers": [{"name": "a", "livenessProbe": {"tcpSocket": {"port": 80}}}]}}, set()),
        (
            {"metadata": {"annotations": {"prometheus-io/port": "1"}}},
            {names.PROMETHEUS, "spelling prometheus-io/"},
        ),
        (
            {"spec": {"initContainers": [{"name": "a", "restartPolicy": "Always"}]}},
            {names.NATIVE},
        ),
        ({"spec": {"volumes": None}}, {names.NULLS}),
        ({"spec": {"volumes": []}}, {names.EMPTY_LISTS}),
        ({"metadata": {"labels": {"a": "é"}}}, {names.UNICODE}),
        ({"spec": {"fieldNewerThanUs": 1}}, {names.UNKNOWN}),
        ({"spec": {"containers": [{"name": str(i)} for i in range(50)]}}, {names.FIFTY}),
    ],
)
def test_a_feature_is_read_from_the_pod(pod: dict[str, Any], expected: set[str]) -> None:
    assert features(pod) == expected


def test_a_count_tells_shares_and_what_is_rare() -> None:
    count = FeatureCount()
    assert count.rare() == list(FEATURES)
    for pod in [{"spec": {"volumes": None}}, {}, {}, {}]:
        count.add(pod)
    assert count.share(names.NULLS) == 0.25
    assert names.NULLS not in count.rare()
    assert count.rare(0.3) == list(FEATURES)
    assert any(line.startswith(names.NULLS) and line.endswith(" 25.0%") for line in count.lines())
