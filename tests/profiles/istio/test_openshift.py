"""Ids of a namespace on OpenShift (istio-injection 2.13.6)."""

from __future__ import annotations

from typing import Any

import pytest

from injector.core.model import Namespace
from injector.profiles.istio.openshift import GROUPS, UID_RANGE, identity, without_stamped_ids


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({UID_RANGE: "1000620000/10000"}, (1000629999, 1000629999)),
        ({UID_RANGE: "1000620000/10000", GROUPS: "5-10"}, (1000629999, 10)),
        ({UID_RANGE: "1000620000/10000", GROUPS: "5/3,100-200"}, (1000629999, 7)),
        ({UID_RANGE: "100-200"}, (200, 200)),
        ({UID_RANGE: "100/1"}, (100, 100)),
        ({GROUPS: "5-10"}, (1337, 10)),
        ({}, (1337, 1337)),
        ({UID_RANGE: "many"}, (1337, 1337)),
        ({UID_RANGE: "1/2/3"}, (1337, 1337)),
        ({UID_RANGE: "100"}, (1337, 1337)),
    ],
)
def test_the_proxy_takes_the_last_ids_of_the_namespace(
    annotations: dict[str, str], expected: tuple[int, int]
) -> None:
    assert identity(Namespace("shop", annotations=annotations), "openshift") == expected


@pytest.mark.parametrize(
    ("namespace", "platform"),
    [(None, "openshift"), (Namespace("shop", annotations={UID_RANGE: "100-200"}), "")],
)
def test_elsewhere_and_without_a_namespace_the_usual_ids_count(
    namespace: Namespace | None, platform: str
) -> None:
    assert identity(namespace, platform) == (1337, 1337)


def a_pod(proxy: dict[str, Any] | None, *others: dict[str, Any] | None) -> dict[str, Any]:
    containers = [{"name": f"app{n}", "securityContext": context} for n, context in enumerate(others)]
    return {"spec": {"containers": [*containers, {"name": "istio-proxy", "securityContext": proxy}]}}


@pytest.mark.parametrize(
    ("pod", "left"),
    [
        (
            a_pod({"runAsUser": 7, "runAsGroup": 8, "privileged": False}, {"runAsUser": 7}),
            {"privileged": False},
        ),
        (a_pod({"runAsUser": 7}, {"runAsUser": 6}), {"runAsUser": 7}),
        # The last of the others that sets one is looked at.
        (a_pod({"runAsUser": 7}, {"runAsUser": 6}, {"runAsUser": 7}, {}), {}),
        # Nothing set on either side counts as 0 on both.
        (a_pod({"runAsGroup": 8}, {}), {}),
        (a_pod({"runAsUser": 7}, None), {"runAsUser": 7}),
        (a_pod(None, {"runAsUser": 7}), None),
    ],
)
def test_a_stamped_uid_is_not_the_users(pod: dict[str, Any], left: dict[str, Any] | None) -> None:
    assert without_stamped_ids(pod)["spec"]["containers"][-1]["securityContext"] == left


def test_injected_containers_alone_are_no_evidence_of_a_stamp() -> None:
    pod = a_pod({"runAsUser": 7})
    pod["spec"]["initContainers"] = [{"name": "istio-init", "securityContext": {"runAsUser": 7}}]
    assert without_stamped_ids(pod) == pod


def test_a_pod_without_a_stamp_stays_the_same_object() -> None:
    pod = a_pod({"runAsUser": 7}, {"runAsUser": 6})
    assert without_stamped_ids(pod) is pod
