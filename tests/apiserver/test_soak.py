"""The soak in its short form, and what makes one fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from hack.bench.soak.creating import Tally, missing_of
from hack.bench.soak.run import Findings, Plan, soak
from tests.beds.apiserver.bed import ApiServer
from tests.beds.plugin import require

SHORT = Plan(
    creations=200,
    workers=2,
    lag=0.3,
    server={
        "drainSeconds": 1,
        "certificates": {"caLifetime": "60s", "leafLifetime": "20s", "settle": "1s"},
    },
)


def test_no_pod_is_refused_or_left_without_sidecar_whatever_happens_to_the_webhook(tmp_path: Path) -> None:
    require(ApiServer)
    # A bed of its own: an API server that others use must not be killed beside them.
    with ApiServer.running(audited=False) as bed:
        if bed.plane is None:
            pytest.skip("API server bed: this cluster (E2E_KUBECONFIG) cannot call a webhook on loopback")
        findings = soak(bed, tmp_path, SHORT, print)
    assert findings.faults() == []
    assert findings.tally.created >= SHORT.creations


def faults(tally: Tally, failed: int = 0, **traces: int) -> list[str]:
    return Findings(SHORT, tally, 1.0, {"leaves renewed": 1, **traces}, 0.0, failed).faults()


def test_a_soak_fails_by_each_thing_that_it_is_there_to_find() -> None:
    assert faults(Tally(created=200)) == []
    assert faults(Tally(created=199)) == ["1 creations too few"]
    assert faults(Tally(created=200), CAs=0) == ["CAs: never seen"]
    refused = Tally(created=200)
    refused.refuse("failed calling webhook")
    assert faults(refused) == ["1 creations refused", "failed calling webhook"]
    assert faults(Tally(created=200), failed=3) == ["3 calls failed, says the API server"]
    retried = Tally(created=200)
    retried.retry("no connection")
    assert faults(retried) == []
    retried.retry("status 500, webhook not reached")
    assert faults(retried) == ["1 retried because the webhook was not reached"]
    bare = Tally(created=199)
    bare.took(0.0, {"metadata": {}, "spec": {"containers": [{"name": "app"}]}})
    assert faults(bare) == ["1 pods without sidecar", "no annotation sidecar.istio.io/status"]


@pytest.mark.parametrize(
    ("listed", "names", "words"),
    [
        ('["istio-proxy"]', ["app", "istio-proxy"], ""),
        ('["istio-proxy"]', ["app"], "the status lists"),
        ("null", ["app", "istio-proxy"], "the status lists"),
        ('["istio-proxy"]', ["istio-proxy"], "the user's own"),
    ],
)
def test_a_pod_counts_as_injected_only_with_what_its_status_says(
    listed: str, names: list[str], words: str
) -> None:
    status = f'{{"initContainers": null, "containers": {listed}}}'
    pod = {
        "metadata": {"annotations": {"sidecar.istio.io/status": status}},
        "spec": {"containers": [{"name": name} for name in names]},
    }
    assert missing_of(pod).startswith(words)
    assert bool(missing_of(pod)) == bool(words)
