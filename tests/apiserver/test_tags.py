"""`injector tag` on a real API server: a tag moves in one write, and no pod misses its sidecar meanwhile."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.test_revisions import TAG, Two, both_served, known, rev
from tests.apiserver.webhook_serving import a_pod, created, kubectl, until
from tests.beds.apiserver.bed import ApiServer
from tests.command import Ran, run

pytestmark = pytest.mark.xdist_group("tags")

Item = dict[str, Any]
# How many pods are created while a tag moves.
PODS = 40


@pytest.fixture(scope="module")
def two(bed: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    with both_served(bed, tmp_path_factory) as running, known(bed, running, tagged=""):
        yield running


@pytest.fixture(autouse=True)
def no_tags(bed: ApiServer) -> Iterator[None]:
    yield
    for item in tags_of(bed):
        kubectl(bed, "delete", "mutatingwebhookconfiguration", item["object"])


def tag(bed: ApiServer, *arguments: str | Path) -> Ran:
    return run("tag", *arguments, "--kubeconfig", bed.kubeconfig)


def tags_of(bed: ApiServer) -> list[Item]:
    rows: list[Item] = json.loads(tag(bed, "list", "-o", "json").out)["tags"]
    return rows


def raw(bed: ApiServer, name: str) -> Item:
    item: Item = json.loads(bed.kubectl("get", "mutatingwebhookconfiguration", name, "-o", "json"))
    return item


def sidecar_of(bed: ApiServer, namespace: str, name: str) -> str | None:
    """Which revision's injector changed a pod; None where none did."""
    pod = created(bed, namespace, a_pod(name), "--dry-run=server")
    by: str | None = (pod["metadata"].get("annotations") or {}).get("istio.io/rev")
    return by


def test_a_tag_is_set_listed_moved_and_removed(bed: ApiServer, two: Two) -> None:
    assert tag(bed, "list").err.strip() == "no revision tags"
    done = tag(bed, "set", TAG, "--revision", "canary")
    assert (done.status, done.out) == (
        0,
        f"tag {TAG}: points to revision canary (sidecar-injector-istio-tag-{TAG})\n",
    )
    with bed.namespace(rev(TAG)) as namespace:
        until("the tag is served by canary", lambda: sidecar_of(bed, namespace, "a") == "canary")
        (row,) = tags_of(bed)
        assert (row["tag"], row["revision"], row["namespaces"]) == (TAG, "canary", [namespace])
        assert tag(bed, "set", TAG, "--revision", "default", "--overwrite").status == 0
        until("the tag is served by default", lambda: sidecar_of(bed, namespace, "a") == "default")
        refused = tag(bed, "remove", TAG)
        assert refused.status == 2
        assert f"1 namespaces use tag {TAG}: {namespace}" in refused.err
        assert tag(bed, "remove", TAG, "--yes").status == 0
    assert tags_of(bed) == []


def test_the_object_carries_the_ca_bundle_and_the_settings_of_the_revision_from_the_first_write(
    bed: ApiServer, two: Two
) -> None:
    assert tag(bed, "set", TAG, "--revision", "canary").status == 0
    made, revision = raw(bed, f"sidecar-injector-istio-tag-{TAG}"), raw(bed, "injector-canary")
    assert made["metadata"]["generation"] == 1
    own = ("name", "namespaceSelector", "objectSelector")
    for entry in made["webhooks"]:
        assert entry["clientConfig"]["caBundle"]
        assert {k: v for k, v in entry.items() if k not in own} == {
            k: v for k, v in revision["webhooks"][0].items() if k not in own
        }


def test_every_pod_that_is_created_while_a_tag_moves_gets_a_sidecar(bed: ApiServer, two: Two) -> None:
    assert tag(bed, "set", TAG, "--revision", "canary").status == 0
    with bed.namespace(rev(TAG)) as namespace:
        until("the tag is served", lambda: sidecar_of(bed, namespace, "first") == "canary")
        by: list[str | None] = []
        moving = threading.Event()

        def create_pods() -> None:
            for number in range(PODS):
                by.append(sidecar_of(bed, namespace, f"pod-{number}"))
                moving.set()

        creating = threading.Thread(target=create_pods)
        creating.start()
        moving.wait()
        assert tag(bed, "set", TAG, "--revision", "default", "--overwrite").status == 0
        creating.join()
        until("the tag has moved", lambda: sidecar_of(bed, namespace, "last") == "default")
    assert len(by) == PODS
    assert None not in by
    assert raw(bed, f"sidecar-injector-istio-tag-{TAG}")["metadata"]["generation"] == 2


def test_what_would_surprise_somebody_is_refused_and_changes_nothing(bed: ApiServer, two: Two) -> None:
    assert tag(bed, "set", TAG, "--revision", "canary").status == 0
    before = raw(bed, f"sidecar-injector-istio-tag-{TAG}")
    for arguments, words in (
        (("set", TAG, "--revision", "default"), f"tag {TAG} points to revision canary"),
        (("set", TAG, "--revision", "nobody"), "no injector serves revision nobody"),
        (("set", "canary", "--revision", "default"), "canary is the name of a revision"),
        (("set", "Prod", "--revision", "default"), "not a valid Kubernetes name"),
        (("remove", "other"), "there is no tag other"),
    ):
        done = tag(bed, *arguments)
        assert (done.status, words in done.err, "hint" in done.err) == (2, True, True), done.err
    assert raw(bed, f"sidecar-injector-istio-tag-{TAG}") == before


def test_an_object_of_a_helm_release_needs_overwrite_and_the_next_upgrade_is_named(
    bed: ApiServer, two: Two
) -> None:
    assert tag(bed, "set", TAG, "--revision", "canary").status == 0
    name = f"sidecar-injector-istio-tag-{TAG}"
    bed.kubectl("label", "mutatingwebhookconfiguration", name, "app.kubernetes.io/managed-by=Helm")
    owner = ("meta.helm.sh/release-name=canary", "meta.helm.sh/release-namespace=mesh")
    bed.kubectl("annotate", "mutatingwebhookconfiguration", name, *owner)
    refused = tag(bed, "set", TAG, "--revision", "default")
    assert refused.status == 2
    assert "belongs to the Helm release mesh/canary: its next upgrade points the tag back" in refused.err
    moved = tag(bed, "set", TAG, "--revision", "default", "--overwrite")
    assert moved.status == 0
    assert "warning: " in moved.err
    assert "its next upgrade points the tag back" in moved.err
    assert raw(bed, name)["metadata"]["annotations"]["meta.helm.sh/release-name"] == "canary"
    assert tag(bed, "remove", TAG).status == 2
    assert tag(bed, "remove", TAG, "--overwrite").status == 0


def behind_a_service(revision: Item, namespace: str) -> Item:
    """The object of a revision `inside`, whose entries call a Service."""
    item: Item = json.loads(json.dumps(revision).replace('"canary"', '"inside"'))
    item["metadata"] = {"name": "injector-inside", "labels": {"app.kubernetes.io/name": "sidecar-injector"}}
    for entry in item["webhooks"]:
        client = entry["clientConfig"]
        service = {"namespace": namespace, "name": "injector", "path": "/mutate"}
        entry["clientConfig"] = {"service": service, "caBundle": client["caBundle"]}
    return item


def permissions(name: str, namespace: str, rights: list[str]) -> list[Item]:
    """Rights of the account `injector` to patch objects by their names."""
    group = "rbac.authorization.k8s.io"
    rule = {
        "apiGroups": ["admissionregistration.k8s.io"],
        "resources": ["mutatingwebhookconfigurations"],
        "resourceNames": rights,
        "verbs": ["patch"],
    }
    role = {"apiGroup": group, "kind": "ClusterRole", "name": name}
    account = {"kind": "ServiceAccount", "name": "injector", "namespace": namespace}
    shape = {"apiVersion": f"{group}/v1", "metadata": {"name": name}}
    return [
        {**shape, "kind": "ClusterRole", "rules": [rule]},
        {**shape, "kind": "ClusterRoleBinding", "roleRef": role, "subjects": [account]},
    ]


@contextlib.contextmanager
def with_a_service(bed: ApiServer, rights: list[str]) -> Iterator[str]:
    """A revision `inside` whose injector has a Service, a pod, and rights for these objects."""
    labels, at = {"app": "injector"}, {"name": "injector"}
    with bed.namespace({}) as namespace:
        where = {**at, "namespace": namespace}
        service = {"selector": labels, "ports": [{"port": 443}]}
        items = [
            behind_a_service(raw(bed, "injector-canary"), namespace),
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": where},
            {"apiVersion": "v1", "kind": "Service", "metadata": where, "spec": service},
            *permissions(f"tags-{namespace}", namespace, rights),
        ]
        pod = a_pod("injector", labels=labels, spec={"serviceAccountName": "injector"})
        try:
            for item in items:
                assert kubectl(bed, "create", "-f", "-", manifest=item).status == 0
            create = ("create", "-n", namespace, "-f", "-")
            until("the account is known", lambda: kubectl(bed, *create, manifest=pod).status == 0)
            yield namespace
        finally:
            kubectl(bed, "delete", "mutatingwebhookconfiguration", "injector-inside")
            kubectl(bed, "delete", "clusterrole,clusterrolebinding", f"tags-{namespace}")


def test_a_revision_whose_injector_could_not_renew_the_ca_bundle_gets_no_tag(
    bed: ApiServer, two: Two
) -> None:
    with with_a_service(bed, ["injector-inside"]) as namespace:
        done = tag(bed, "set", TAG, "--revision", "inside")
        assert done.status == 1
        assert (
            f"ServiceAccount {namespace}/injector may not patch sidecar-injector-istio-tag-{TAG}" in done.err
        )
        assert f"add {TAG} to webhook.tags" in done.err
        assert tags_of(bed) == []


@pytest.mark.parametrize(
    "rights",
    [
        pytest.param(
            ["injector-inside", f"sidecar-injector-istio-tag-{TAG}"], id="it may patch the tag's object"
        ),
        pytest.param(["another"], id="it does not write caBundle at all"),
    ],
)
def test_a_revision_inside_the_cluster_gets_a_tag(bed: ApiServer, two: Two, rights: list[str]) -> None:
    with with_a_service(bed, rights) as namespace:
        done = tag(bed, "set", TAG, "--revision", "inside")
        assert done.status == 0, done.err
        (row,) = tags_of(bed)
        assert (row["revision"], row["service"]) == ("inside", f"{namespace}/injector")


def test_pods_of_a_tag_are_explained_and_audited_by_the_revision_that_it_points_to(
    bed: ApiServer, two: Two
) -> None:
    assert tag(bed, "set", TAG, "--revision", "canary").status == 0
    with bed.namespace(rev(TAG)) as namespace:
        until("the tag is served", lambda: sidecar_of(bed, namespace, "first") == "canary")
        created(bed, namespace, a_pod("web"))
        flags = ("-n", namespace, "--config", two.config["canary"], "--kubeconfig", bed.kubeconfig)
        explained = json.loads(run("explain", "pod/web", *flags, "-o", "json").out)
        assert explained["workloads"][0]["reason"] == "on-by-default"
        assert json.loads(run("audit", *flags, "-o", "json").out)["pods"] == []
