"""Running pods against a configuration: the state of each, and what differs."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from injector.config.loading import Input, Text, load_input
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Manifest, Namespace, Origin, Owner, Reason
from injector.core.profile import Config
from injector.core.reports import audit
from injector.core.reports.audit import AuditState
from injector.core.tree.compare import changes, value_at
from tests.factories import a_pod


def a_config(text: str = "") -> Config:
    return load_input(Input(Text(f"values: {{global: {{hub: example.com, tag: v1}}}}\n{text}", "test")))


CONFIG = a_config()
NEWER = load_input(Input(Text("values: {global: {hub: example.com, tag: v2}}", "test")))
# Without the CNI plugin its provider is not used.
NOT_SHOWN = load_input(
    Input(Text("values: {global: {hub: example.com, tag: v1}, pilot: {cni: {provider: multus}}}", "test"))
)
KNOWN = Namespace("shop", {"istio-injection": "enabled"})
FACTS = Facts("shop", namespace_object=KNOWN)


def admitted(pod: Manifest, config: Config = CONFIG) -> Manifest:
    """The pod as a cluster has it some time later."""
    out = deepcopy(inject(pod, replace(FACTS, origin=Origin.WEBHOOK), config).pod)
    later = {"uid": "u", "resourceVersion": "1", "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {**out, "metadata": {**out["metadata"], **later}, "status": {"phase": "Running"}}


def state(pod: Manifest, facts: Facts = FACTS, config: Config = CONFIG) -> tuple[AuditState, Reason]:
    standing = audit.standing(pod, facts, config)
    return standing.state, standing.reason


def test_a_pod_of_this_configuration_is_current() -> None:
    assert state(admitted(a_pod())) == (AuditState.CURRENT, Reason.ON_BY_DEFAULT)


def test_what_the_api_server_and_others_wrote_is_no_difference() -> None:
    pod = admitted(a_pod())
    proxy = next(c for c in pod["spec"]["initContainers"] if c["name"] == "istio-proxy")
    proxy |= {"terminationMessagePath": "/dev/termination-log", "somebody": "else"}
    assert state(pod)[0] is AuditState.CURRENT


def test_another_configuration_makes_a_pod_stale_where_it_shows() -> None:
    standing = audit.standing(admitted(a_pod()), FACTS, NEWER)
    images = tuple(f"/spec/initContainers/{name}/image" for name in ("istio-init", "istio-proxy"))
    assert (standing.state, standing.pointers, standing.revision) == (AuditState.STALE, images, "default")


def test_another_digest_with_the_same_result_is_the_same() -> None:
    assert state(admitted(a_pod()), config=NOT_SHOWN)[0] is AuditState.SAME


def test_a_configuration_that_contributes_the_same_leaves_a_pod_current() -> None:
    same = a_config("aliases: {both: [sidecar]}\n")
    assert same.digest != CONFIG.digest
    assert state(admitted(a_pod()), config=same)[0] is AuditState.CURRENT


def test_a_field_that_may_have_been_injected_counts_under_another_configuration() -> None:
    pod = admitted(a_pod(), a_config())
    proxy = next(c for c in pod["spec"]["initContainers"] if c["name"] == "istio-proxy")
    proxy["env"] = [*proxy["env"], {"name": "OF_BEFORE", "value": "x"}]
    proxy["imagePullPolicy"] = "IfNotPresent"
    standing = audit.standing(pod, FACTS, NOT_SHOWN)
    assert standing.pointers == ("/spec/initContainers/istio-proxy/env/OF_BEFORE",)


def test_a_setting_of_the_pod_that_was_changed_afterwards_is_stale() -> None:
    pod = admitted(a_pod())
    pod["metadata"]["annotations"]["sidecar.istio.io/proxyCPU"] = "77m"
    assert state(pod)[0] is AuditState.STALE


@pytest.mark.parametrize(
    ("pod", "facts", "expected"),
    [
        (a_pod(), FACTS, (AuditState.MISSING, Reason.ON_BY_DEFAULT)),
        (
            a_pod(),
            Facts("shop", namespace_object=Namespace("shop")),
            (AuditState.CURRENT, Reason.NOT_SELECTED),
        ),
        (
            a_pod(labels={"sidecar.istio.io/inject": "false"}),
            FACTS,
            (AuditState.CURRENT, Reason.OPTED_OUT_BY_LABEL),
        ),
        (
            a_pod(annotations={"sidecar.istio.io/inject": "false"}),
            FACTS,
            (AuditState.CURRENT, Reason.OPTED_OUT_BY_ANNOTATION),
        ),
        (
            a_pod(annotations={"traffic.sidecar.istio.io/includeInboundPorts": "x"}),
            FACTS,
            (AuditState.REFUSED, Reason.INVALID_ANNOTATION),
        ),
    ],
)
def test_a_pod_without_a_sidecar(pod: Manifest, facts: Facts, expected: tuple[AuditState, Reason]) -> None:
    assert state(pod, facts) == expected


def test_a_sidecar_that_is_no_longer_selected_is_unwanted() -> None:
    pod = admitted(a_pod())
    assert state(pod, Facts("shop", namespace_object=Namespace("shop"))) == (
        AuditState.UNWANTED,
        Reason.NOT_SELECTED,
    )
    assert state(pod, config=a_config("policy: disabled")) == (AuditState.UNWANTED, Reason.OFF_BY_DEFAULT)


def a_workload(tag: str = "v1", namespace: str = "plain", **pod: Any) -> Manifest:
    """A Deployment as `kube-inject` wrote it, with defaults of the API server."""
    written = load_input(Input(Text(f"values: {{global: {{hub: example.com, tag: {tag}}}}}", "test")))
    template = inject(a_pod(name=None, **pod), Facts(namespace, owner=WEB), written).pod
    for container in template["spec"]["containers"]:
        container["terminationMessagePath"] = "/dev/termination-log"
    meta = {"name": "web", "namespace": "plain", "uid": "u"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {"template": template}}


WEB = Owner("apps/v1", "Deployment", "web")
PLAIN = Facts("plain", namespace_object=Namespace("plain"))


@pytest.mark.parametrize("namespace", ["plain", ""])
def test_a_sidecar_that_is_in_the_manifest_of_the_owner_is_its_own_state(namespace: str) -> None:
    standing = audit.standing_of_manifest(a_workload(namespace=namespace), PLAIN, CONFIG)
    assert standing == audit.Standing(
        AuditState.MANUAL, Reason.ON_BY_DEFAULT, revision="default", in_manifest=True
    )


def test_a_sidecar_in_a_manifest_that_kube_inject_would_write_otherwise_is_stale() -> None:
    standing = audit.standing_of_manifest(a_workload("v0"), PLAIN, CONFIG)
    assert standing is not None
    assert (standing.state, standing.in_manifest) == (AuditState.STALE, True)
    assert "/spec/initContainers/istio-proxy/image" in standing.pointers


def test_a_sidecar_in_the_manifest_of_a_pod_that_opted_out_afterwards_is_unwanted() -> None:
    item = a_workload()
    item["spec"]["template"]["metadata"]["labels"]["sidecar.istio.io/inject"] = "false"
    standing = audit.standing_of_manifest(item, PLAIN, CONFIG)
    assert standing is not None
    assert (standing.state, standing.in_manifest) == (AuditState.UNWANTED, True)


def test_a_manifest_without_a_sidecar_says_nothing_about_its_pods() -> None:
    item = a_workload()
    item["spec"]["template"] = a_pod(name=None)
    assert audit.standing_of_manifest(item, PLAIN, CONFIG) is None


@pytest.mark.parametrize(
    ("applied", "expected"),
    [
        ('{"metadata": {"annotations": {"sidecar.istio.io/status": "{}"}}}', True),
        ('{"metadata": {"annotations": {}}}', False),
        ('{"metadata": []}', False),
        ('{"metadata": {"annotations": 1}}', False),
        ("no JSON", False),
        (None, False),
    ],
)
def test_what_kubectl_recorded_on_a_pod_shows_whether_its_manifest_had_the_sidecar(
    applied: str | None, expected: bool
) -> None:
    annotations = {} if applied is None else {"kubectl.kubernetes.io/last-applied-configuration": applied}
    assert audit.applied_with_sidecar(a_pod(annotations=annotations), CONFIG) is expected


def test_a_pod_that_was_applied_with_its_sidecar_is_compared_by_itself() -> None:
    pod = {**inject(a_pod(), Facts("plain"), CONFIG).pod, "kind": "Pod"}
    standing = audit.standing_of_manifest(pod, PLAIN, CONFIG)
    assert standing is not None
    assert standing.state is AuditState.MANUAL


def test_a_difference_has_both_values_and_long_ones_are_cut() -> None:
    pod = admitted(a_pod())
    proxy = next(c for c in pod["spec"]["initContainers"] if c["name"] == "istio-proxy")
    proxy["image"] = "x" * 100
    changed = {change.pointer: change for change in audit.standing(pod, FACTS, NEWER).differences}
    change = changed["/spec/initContainers/istio-proxy/image"]
    assert change.before == "x" * 63 + "…"
    assert str(change).endswith(" -> example.com/proxyv2:v2")


def test_a_proxy_that_no_status_explains_is_foreign() -> None:
    pod = admitted(a_pod())
    del pod["metadata"]["annotations"]["sidecar.istio.io/status"]
    assert state(pod)[0] is AuditState.FOREIGN


def test_another_revision_is_a_difference() -> None:
    pod = admitted(a_pod(labels={"istio.io/rev": "canary"}), a_config("revision: canary"))
    known = Namespace("shop", {"istio.io/rev": "default"})
    standing = audit.standing(pod, Facts("shop", namespace_object=known), CONFIG)
    assert standing.revision == "canary"
    assert "revision" in standing.pointers or standing.state is AuditState.UNWANTED


def test_a_generated_name_was_not_there_at_admission() -> None:
    made = admitted(a_pod(name=None, generateName="web-"))
    made["metadata"]["name"] = "web-x7k2p"
    assert state(made)[0] is AuditState.CURRENT
    assert "name" not in audit.as_received(made)["metadata"]
    of_a_set = {"metadata": {"name": "web-0", "generateName": "web-"}, "spec": {}}
    assert audit.as_received(of_a_set)["metadata"]["name"] == "web-0"


@pytest.mark.parametrize(
    ("pod", "over"),
    [
        ({"status": {"phase": "Succeeded"}}, True),
        ({"status": {"phase": "Failed"}}, True),
        ({"metadata": {"deletionTimestamp": "x"}}, True),
        ({"status": {"phase": "Running"}}, False),
        ({}, False),
    ],
)
def test_pods_that_have_ended_do_not_matter(pod: Manifest, over: bool) -> None:
    assert audit.is_over(pod) is over


def test_with_quirks_a_pod_is_compared_with_what_upstream_would_do_to_the_original() -> None:
    quirks = a_config("compatibility: {istioQuirks: true}")
    assert state(admitted(a_pod(), quirks), config=quirks)[0] in (AuditState.CURRENT, AuditState.SAME)


def test_changes_name_elements_by_their_key() -> None:
    before = {
        "spec": {"containers": [{"name": "a", "args": ["x"]}, {"name": "b"}], "volumes": [{"name": "v"}]}
    }
    after = {"spec": {"containers": [{"name": "b"}, {"name": "a", "args": ["y"], "tty": True}]}}
    values_by_pointer = {change.pointer: (change.before, change.after) for change in changes(before, after)}
    assert values_by_pointer == {
        "/spec/containers/a/args": (["x"], ["y"]),
        "/spec/containers/a/tty": (None, True),
        "/spec/containers": ("another order", "another order"),
        "/spec/volumes": ([{"name": "v"}], None),
    }
    assert changes(before, before) == ()
    assert value_at(before, "/spec/containers/a/args/0") == "x"
    assert value_at(before, "/spec/containers/c/args") is None
