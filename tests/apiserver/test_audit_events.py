"""`injector audit --events`: an Event on each owner with a finding, one for all runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from injector.core.reports.audit import EVENT_REASONS, REPORTED
from tests.apiserver.auditing import Mesh, Ran
from tests.apiserver.webhook_serving import a_deployment, a_pod, created, kubectl, listed, pods_of
from tests.beds.apiserver.bed import ApiServer

pytestmark = pytest.mark.xdist_group("audit")


def events(bed: ApiServer, namespace: str) -> list[dict[str, Any]]:
    """The Events of the audit, by the kind and name of what they are on."""
    made = listed(bed, namespace, "events")
    own = [event for event in made if event["reason"] in EVENT_REASONS.values()]
    return sorted(own, key=lambda event: (event["involvedObject"]["kind"], event["involvedObject"]["name"]))


def audit(mesh: Mesh, namespace: str, config: Path, *arguments: str) -> Ran:
    return mesh.audit("-n", namespace, "--config", config, "--events", *arguments)


def test_a_missing_sidecar_becomes_one_event_on_the_owner_which_is_counted_up(audited: Mesh) -> None:
    bed = audited.bed
    with bed.namespace() as namespace:
        web = created(bed, namespace, a_deployment("web"))
        created(bed, namespace, a_pod("bare"))
        [pod] = pods_of(bed, namespace, "web")
        bed.kubectl("label", "namespace", namespace, "istio-injection=enabled")
        for _ in range(3):
            done = audit(audited, namespace, audited.before)
            assert (done.status, done.err) == (1, "Events on 2 owners\n")
        on_web, on_pod = events(bed, namespace)
        assert (on_web["reason"], on_web["type"], on_web["count"]) == ("SidecarMissing", "Warning", 3)
        assert on_web["involvedObject"]["uid"] == web["metadata"]["uid"]
        assert on_web["message"] == (
            f"1 pod: 1 missing ({pod['metadata']['name']}). "
            "The pod runs without a sidecar; a new pod would be injected."
        )
        assert (on_pod["involvedObject"]["kind"], on_pod["count"]) == ("Pod", 3)
        described = bed.kubectl("describe", "deployment", "web", "-n", namespace)
        assert "SidecarMissing" in described


def test_another_state_is_another_event_and_an_accepted_one_is_none(audited: Mesh, shop: str) -> None:
    created(audited.bed, shop, a_deployment("web"))
    pods_of(audited.bed, shop, "web")
    assert audit(audited, shop, audited.before).status == 0
    assert events(audited.bed, shop) == []
    accepting = audit(audited, shop, audited.after, "--accept", "stale")
    assert (accepting.status, events(audited.bed, shop)) == (0, [])
    assert audit(audited, shop, audited.after).status == 1
    assert audit(audited, shop, audited.after, "--fail-on", "error").status == 0
    assert [(event["reason"], event["count"]) for event in events(audited.bed, shop)] == [("SidecarStale", 2)]


def test_events_that_may_not_be_written_are_an_error_that_names_the_right(audited: Mesh) -> None:
    bed = audited.bed
    with bed.namespace() as namespace:
        created(bed, namespace, a_pod("bare"))
        bed.kubectl("label", "namespace", namespace, "istio-injection=enabled")
        bed.kubectl("create", "serviceaccount", "viewer", "-n", namespace)
        role = f"audit-events-{namespace}"
        rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}]
        manifest = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
                    "metadata": {"name": role}, "rules": rules}  # fmt: skip
        assert kubectl(bed, "create", "-f", "-", manifest=manifest).status == 0
        try:
            bed.kubectl("create", "clusterrolebinding", role, f"--clusterrole={role}",
                        f"--serviceaccount={namespace}:viewer")  # fmt: skip
            kubeconfig = bed.kubeconfig_with_token(
                bed.kubectl("create", "token", "viewer", "-n", namespace).strip()
            )
            arguments = ("-n", namespace, "--config", audited.before, "--events", "--fail-on", "error")
            done = audited.audit(*arguments, kubeconfig=kubeconfig)
            assert done.status == 1
            assert f"not allowed to create events in namespace {namespace}" in done.err
            assert "1 pod of 1 owner needs a restart: 1 missing" in done.out
        finally:
            bed.kubectl("delete", "clusterrolebinding,clusterrole", role, "--ignore-not-found")


def test_each_reported_state_has_a_reason_of_its_own() -> None:
    assert set(EVENT_REASONS) == set(REPORTED)
    assert len(set(EVENT_REASONS.values())) == len(REPORTED)
