"""`injector audit` against a real API server: pods of real controllers, and their states."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.apiserver.auditing import Mesh, restarted
from tests.apiserver.webhook_serving import (
    a_deployment,
    a_pod,
    create,
    created,
    kubectl,
    listed,
    pods_of,
    until,
)
from tests.command import run

pytestmark = pytest.mark.xdist_group("audit")


def test_pods_as_the_webhook_made_them_are_no_finding(audited: Mesh, shop: str) -> None:
    for item in (a_deployment("web"), a_pod("bare"), a_pod("", generateName="made-", labels={"app": "made"})):
        assert create(audited.bed, shop, item).status == 0
    pods_of(audited.bed, shop, "web")
    done = audited.audit("-n", shop, "--config", audited.before, "-o", "json")
    assert (done.status, done.json["pods"]) == (0, []), done.out + done.err
    assert done.json["counts"] == {"current": 3}
    assert audited.audit("-n", shop, "--config", audited.before).out == "3 pods, all up to date\n"


def test_another_configuration_makes_them_stale_and_names_the_values(audited: Mesh, shop: str) -> None:
    created(audited.bed, shop, a_deployment("web"))
    [pod] = pods_of(audited.bed, shop, "web")
    done = audited.audit("-n", shop, "--config", audited.after, "-o", "json")
    [pod_entry] = done.json["pods"]
    assert (done.status, pod_entry["state"], pod_entry["name"]) == (1, "stale", pod["metadata"]["name"])
    assert pod_entry["owner"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    assert pod_entry["pointers"] == [
        "/spec/initContainers/istio-init/image",
        "/spec/initContainers/istio-proxy/image",
    ]
    text = audited.audit("-n", shop, "--config", audited.after)
    assert f"Deployment {shop}/web" in text.out
    assert "/spec/initContainers/istio-proxy/image: registry.example.com/istio/proxyv2:1.30.0 -> " in text.out
    assert text.out.endswith("\n1 pod of 1 owner needs a restart: 1 stale\n")
    [headings, row, _] = audited.audit("-n", shop, "--config", audited.after, "-o", "wide").out.splitlines()
    assert headings.split() == ["NAMESPACE", "OWNER", "POD", "STATE", "REASON", "REVISION", "DIFFERS"]
    assert row.split()[:4] == [shop, "Deployment/web", pod["metadata"]["name"], "stale"]


def test_a_setting_that_changes_nothing_for_a_pod_is_no_finding(
    audited: Mesh, shop: str, tmp_path: Path
) -> None:
    created(audited.bed, shop, a_pod("bare"))
    same = tmp_path / "same.yaml"
    same.write_text(audited.before.read_text() + "aliases: {both: [sidecar]}\n")
    done = audited.audit("-n", shop, "--config", same, "-o", "json")
    assert (done.status, done.json["counts"]) == (0, {"current": 1}), done.out


def test_a_pod_from_before_the_label_is_missing_its_sidecar(audited: Mesh) -> None:
    with audited.bed.namespace() as namespace:
        created(audited.bed, namespace, a_pod("early", labels={"app": "early"}))
        assert audited.audit("-n", namespace, "--config", audited.before).status == 0
        audited.bed.kubectl("label", "namespace", namespace, "istio-injection=enabled")
        done = audited.audit("-n", namespace, "--config", audited.before, "-o", "json")
        [pod_entry] = done.json["pods"]
        assert (done.status, pod_entry["state"], pod_entry["reason"]) == (1, "missing", "on-by-default")


def test_a_pod_of_a_namespace_without_the_label_is_unwanted(audited: Mesh, shop: str) -> None:
    created(audited.bed, shop, a_pod("web"))
    audited.bed.kubectl("label", "namespace", shop, "istio-injection-")
    [pod_entry] = audited.audit("-n", shop, "--config", audited.before, "-o", "json").json["pods"]
    assert (pod_entry["state"], pod_entry["reason"]) == ("unwanted", "not-selected")


def test_a_sidecar_in_a_manifest_is_no_finding_while_kube_inject_would_write_the_same(
    audited: Mesh, tmp_path: Path
) -> None:
    """In a namespace without the label; one of the pods has no owner."""
    with audited.bed.namespace() as namespace:
        plain = tmp_path / "plain.yaml"
        items = [a_deployment("web"), a_pod("bare"), a_pod("copied")]
        plain.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        written = run("kube-inject", "-f", plain, "--config", audited.before)
        assert written.status == 0, written.err
        deployment, bare, copied = yaml.safe_load(written.out)["items"]
        created(audited.bed, namespace, deployment)
        created(audited.bed, namespace, copied)
        assert kubectl(audited.bed, "apply", "-n", namespace, "-f", "-", manifest=bare).status == 0
        pods_of(audited.bed, namespace, "web")
        arguments = ("-n", namespace, "--config")
        done = audited.audit(*arguments, audited.before, "-o", "json")
        # Nothing on the third pod shows how it was made.
        assert [(pod["name"], pod["state"]) for pod in done.json["pods"]] == [("copied", "unwanted")]
        assert done.json["counts"] == {"manual": 2, "unwanted": 1}, done.out
        accepting = audited.audit(*arguments, audited.before, "--accept", "unwanted")
        assert (accepting.status, accepting.out) == (
            0,
            "2 up to date; 1 unwanted, accepted; 2 of them injected in the manifest of the owner\n",
        )
        later = audited.audit(*arguments, audited.after, "--restart", "--accept", "unwanted")
        assert "2 pods of 2 owners need a look: 2 stale" in later.out
        assert f"restart manually: Deployment {namespace}/web: its manifest has the sidecar" in later.out


def test_owners_and_labels_select_the_pods(audited: Mesh, shop: str) -> None:
    for item in (a_deployment("web"), a_deployment("api"), a_pod("bare", labels={"app": "bare"})):
        created(audited.bed, shop, item)
    for name in ("web", "api"):
        pods_of(audited.bed, shop, name)

    def owners(*arguments: str) -> list[str]:
        done = audited.audit("-n", shop, "--config", audited.after, "-o", "json", *arguments)
        return [pod["owner"]["name"] for pod in done.json["pods"]]

    assert owners() == ["api", "web", "bare"]
    assert owners("deploy/web") == owners("deploy", "web") == ["web"]
    assert owners("deploy") == ["api", "web"]
    assert owners("sts") == []
    assert owners("deploy/web", "pod/bare") == ["web", "bare"]
    assert owners("-l", "app in (api, bare)") == ["api", "bare"]
    [replica_set] = listed(audited.bed, shop, "replicasets", "--selector=app=web")
    assert owners(f"rs/{replica_set['metadata']['name']}") == ["web"]
    gone = audited.audit("deploy/gone", "-n", shop, "--config", audited.after)
    assert (gone.status, gone.out) == (1, "")
    assert f"deployments.apps gone in namespace {shop} does not exist" in gone.err


def test_a_namespace_that_does_not_exist_is_an_error(audited: Mesh) -> None:
    done = audited.audit("-n", "nope", "--config", audited.before)
    assert (done.status, done.out) == (1, "")
    assert "namespace nope does not exist" in done.err


def test_a_missing_right_is_named_with_verb_and_resource(audited: Mesh, shop: str) -> None:
    bed = audited.bed
    bed.kubectl("create", "serviceaccount", "auditor", "-n", shop)
    token = bed.kubectl("create", "token", "auditor", "-n", shop).strip()
    kubeconfig = bed.kubeconfig_with_token(token)
    done = audited.audit("-n", shop, "--config", audited.after, kubeconfig=kubeconfig)
    assert done.status == 1
    assert "not allowed to list namespaces" in done.err

    role = f"audit-{shop}"
    rules = [
        {"apiGroups": [group], "resources": ["*"], "verbs": ["get", "list"]}
        for group in ("", "apps", "policy", "networking.istio.io")
    ]
    manifest = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
                "metadata": {"name": role}, "rules": rules}  # fmt: skip
    assert kubectl(bed, "create", "-f", "-", manifest=manifest).status == 0
    try:
        bed.kubectl("create", "clusterrolebinding", role, f"--clusterrole={role}",
                        f"--serviceaccount={shop}:auditor")  # fmt: skip
        created(bed, shop, a_deployment("web"))
        pods_of(bed, shop, "web")
        arguments = ("-n", shop, "--config", audited.after, "--restart", "--yes")
        until(
            "the role counts", lambda: "list" not in audited.audit(*arguments[:4], kubeconfig=kubeconfig).err
        )
        done = audited.audit(*arguments, kubeconfig=kubeconfig)
        assert done.status == 1
        assert "not allowed to patch deployments.apps" in done.out
        assert not restarted(bed, shop, "deployment", "web")
    finally:
        bed.kubectl("delete", "clusterrolebinding,clusterrole", role, "--ignore-not-found")
