"""What commands read of a cluster for the workload kinds of other operators."""

from __future__ import annotations

from typing import Any

import pytest

from injector.cli import restarts, rights
from injector.cli.audit_pods import Pod
from injector.config.loading import Input, Text, load_input
from injector.core import kinds
from injector.core.diagnosis import diagnoses
from injector.core.injection.pipeline import inject
from injector.core.kinds import custom
from injector.core.model import Facts, Manifest, Owner, Reason
from injector.core.reports import audit
from injector.core.reports.audit import AuditState, Standing
from injector.errors import ConfigError
from injector.kube import targets
from injector.kube.observation import observe
from injector.kube.owners import OwnerReader
from tests.core.generic import CONFIG
from tests.test_kinds import a_cluster

STALE = Standing(AuditState.STALE, Reason.ON_BY_DEFAULT)
TEMPLATE: Manifest = {
    "metadata": {"labels": {"app": "a"}},
    "spec": {"containers": [{"name": "a", "image": "i"}]},
}


@pytest.mark.parametrize(
    ("word", "path"),
    [
        ("ro", "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web"),
        ("Rollout", "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web"),
        ("rollouts.v1alpha1.argoproj.io", "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web"),
        ("ksvc", "/apis/serving.knative.dev/v1/namespaces/shop/services/web"),
        ("services.serving.knative.dev", "/apis/serving.knative.dev/v1/namespaces/shop/services/web"),
        ("sts", "/apis/apps/v1/namespaces/shop/statefulsets/web"),
        ("asts", "/apis/apps.kruise.io/v1beta1/namespaces/shop/statefulsets/web"),
        ("statefulsets.apps.kruise.io", "/apis/apps.kruise.io/v1beta1/namespaces/shop/statefulsets/web"),
        ("job", "/apis/batch/v1/namespaces/shop/jobs/web"),
        ("vcjob", "/apis/batch.volcano.sh/v1alpha1/namespaces/shop/jobs/web"),
        ("raycluster", "/apis/ray.io/v1/namespaces/shop/rayclusters/web"),
    ],
)
def test_a_kind_is_fetched_by_the_names_of_kubectl(word: str, path: str) -> None:
    assert list(targets.fetched(a_cluster(), targets.parsed([f"{word}/web"]), "shop")) == [{"asked": path}]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("services", "not a kind of workload"),
        ("rollouts.example.com", "not a kind of workload"),
        ("taskrun", "Tekton makes the pod from the steps of the task"),
        ("workflows", "Argo Workflows makes a pod for each template"),
    ],
)
def test_other_words_say_what_is_wrong(word: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        targets.parsed([f"{word}/web"])


@pytest.mark.parametrize("row", [row for row in custom.ROWS if row.plural], ids=lambda row: row.plural)
def test_every_kind_can_be_named_and_audited(row: kinds.Kind) -> None:
    name = f"{row.plural}.{row.api_version.partition('/')[0]}"
    assert kinds.TABLE.called(name) is row
    assert ("get", f"{row.api_path}/{row.plural}") in set(rights.needed_by_audit(CONFIG))
    of = Owner(row.owner_version or row.api_version, row.kind, "web")
    by_hand = restarts.why_not_restartable(of, [Pod("shop", "web-1", {}, of, STALE)])
    assert by_hand == "restart it with the tool of its operator"
    pod = {
        "metadata": {
            "namespace": "shop", "name": "web-0", "generateName": "web-",
            "ownerReferences": [
                {"apiVersion": of.api_version, "kind": row.kind, "name": "web", "controller": True}
            ],
        },
    }  # fmt: skip
    read = OwnerReader(a_cluster()).of_pod(pod)
    assert read is not None
    assert (read["asked"], read["apiVersion"], read["kind"]) == (
        f"{row.api_path}/namespaces/shop/{row.plural}/web", row.api_version, row.kind,
    )  # fmt: skip


# What makes the pods of an object, from the object down; the last of them makes pods.
CHAINS = [
    ["argoproj.io/v1alpha1 Rollout", "apps/v1 ReplicaSet"],
    ["apps.kruise.io/v1alpha1 CloneSet"],
    ["apps.kruise.io/v1beta1 StatefulSet"],
    ["apps.kruise.io/v1alpha1 AdvancedCronJob", "batch/v1 Job"],
    ["jobset.x-k8s.io/v1alpha2 JobSet", "batch/v1 Job"],
    ["leaderworkerset.x-k8s.io/v1 LeaderWorkerSet", "apps/v1 StatefulSet"],
    ["ray.io/v1 RayCluster"],
    ["ray.io/v1 RayCronJob", "ray.io/v1 RayJob", "ray.io/v1 RayCluster"],
    ["kubeflow.org/v1 PyTorchJob"],
    ["batch.volcano.sh/v1alpha1 CronJob", "batch.volcano.sh/v1alpha1 Job"],
    [
        *(f"serving.knative.dev/v1 {kind}" for kind in ("Service", "Configuration", "Revision")),
        "apps/v1 Deployment",
        "apps/v1 ReplicaSet",
    ],
]


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain[0])
def test_the_pods_are_found_through_all_that_is_between(chain: list[str]) -> None:
    lists: dict[str, list[Manifest]] = {}
    uid = ""
    for word in [*chain, "v1 Pod"]:
        version, kind = word.split()
        row = kinds.TABLE.row(kind, version)
        assert row is not None
        references = {"ownerReferences": [{"uid": uid}]} if uid else {}
        uid = f"of-{word}"
        # The objects of a list need not have a kind.
        meta = {"name": "x", "namespace": "shop", "uid": uid, **references}
        lists.setdefault(row.plural, []).append({"metadata": meta})
    version, kind = chain[0].split()
    meta = {"name": "x", "namespace": "shop", "uid": f"of-{chain[0]}"}
    top = {"apiVersion": version, "kind": kind, "metadata": meta}
    seen = observe(a_cluster(**lists), top, lambda _pod: ())
    assert [f"{each['apiVersion']} {each['kind']}" for each in seen.owners] == chain
    assert seen.pod == lists["pods"][0]


def test_a_custom_resource_without_pods_does_not_claim_that_it_wants_none() -> None:
    item = {"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": {"name": "ml", "namespace": "shop"}}
    seen = observe(a_cluster(), item, lambda _pod: ())
    diagnosis = diagnoses.diagnose(seen, None, CONFIG.profile, frozenset())
    assert [cause.type.id for cause in diagnosis.causes] == ["no-pod-yet"]


def test_a_sidecar_in_any_of_several_templates_is_seen_by_audit() -> None:
    config = load_input(Input(Text("{}", "a test")))
    pod = inject(TEMPLATE, Facts(owner=Owner("ray.io/v1", "RayCluster", "ml")), config).pod

    def a_cluster_with(head: Any, worker: Any) -> Manifest:
        spec = {"headGroupSpec": {"template": head}, "workerGroupSpecs": [{"template": worker}]}
        return {"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": {"name": "ml"}, "spec": spec}

    for head, worker in ((pod, TEMPLATE), (TEMPLATE, pod)):
        standing = audit.standing_of_manifest(a_cluster_with(head, worker), Facts(), config)
        assert standing is not None
        assert standing.in_manifest
    assert audit.standing_of_manifest(a_cluster_with(TEMPLATE, TEMPLATE), Facts(), config) is None
