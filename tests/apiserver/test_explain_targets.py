"""`injector explain` for objects that are named as for kubectl, against a real API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from injector.errors import ClusterError
from injector.kube import targets
from injector.kube.client import Cluster
from tests.apiserver.test_commands import injector
from tests.apiserver.test_live import make_pod, set_status
from tests.beds.apiserver.bed import ApiServer
from tests.command import Ran

OPTED_OUT = {"sidecar.istio.io/inject": "false"}
STATUS = {"sidecar.istio.io/status": json.dumps({"containers": ["istio-proxy"], "revision": "default"})}


def a_workload(kind: str, name: str, namespace: str, **labels: str) -> dict[str, Any]:
    """An object that makes no pods: there are too many to wait for."""
    labels = {"app": name, **labels}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": name, "image": "x:1"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": name}}, "template": pod}
    meta = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": meta, "spec": spec}


@pytest.fixture(scope="module")
def shop(bed: ApiServer) -> Iterator[str]:
    """A namespace with two Deployments and a StatefulSet, one of them not injected."""
    with bed.namespace({"istio-injection": "enabled"}) as name:
        for item in (
            a_workload("Deployment", "web", name, shop=name),
            a_workload("Deployment", "quiet", name, **OPTED_OUT),
            a_workload("StatefulSet", "db", name, tier="data"),
        ):
            bed.kubectl("create", "-f", "-", manifest=item)
        yield name


def explained(bed: ApiServer, *words: str) -> Ran:
    return injector(bed, "explain", *words)


def names(ran: Ran) -> list[str]:
    return [row.split()[1].rpartition("/")[2] for row in ran.out.partition("\n\n")[0].splitlines()[1:]]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("deploy/web deploy/quiet", ["web", "quiet"]),
        ("deploy/web sts/db", ["web", "db"]),
        ("deploy web quiet", ["web", "quiet"]),
        ("deploy", ["quiet", "web"]),
        ("deploy,sts", ["quiet", "web", "db"]),
        ("deploy --skipped", ["quiet"]),
        ("deploy,sts --reason on-by-default", ["web", "db"]),
        ("deploy,sts -l tier=data -o wide", ["db"]),
    ],
)
def test_several_objects_are_a_table(bed: ApiServer, shop: str, words: str, expected: list[str]) -> None:
    ran = explained(bed, *words.split(), "-n", shop)
    assert ran.status == 0, ran.err
    assert ran.out.startswith("KIND ")
    assert names(ran) == expected


def test_one_object_is_explained_in_full(bed: ApiServer, shop: str) -> None:
    for words in ("deploy web", "deploy/web", "sts -l tier=data"):
        ran = explained(bed, *words.split(), "-n", shop)
        assert ran.status == 0, ran.err
        assert f"  (namespace {shop})\n  injected: on-by-default. " in ran.out


def test_objects_of_all_namespaces_are_judged_by_their_own(bed: ApiServer, shop: str, namespace: str) -> None:
    bed.kubectl("create", "-f", "-", manifest=a_workload("Deployment", "plain", namespace, shop=shop))
    # The label leaves out what other tests made in this API server, some of it with errors.
    ran = explained(bed, "deploy", "-A", "-l", f"shop={shop}", "-o", "json")
    assert ran.status == 0, ran.err
    reasons = {(w["namespace"], w["name"]): w["reason"] for w in json.loads(ran.out)["workloads"]}
    assert reasons[(shop, "web")] == "on-by-default"
    assert reasons[(namespace, "plain")] == "not-selected"


def test_one_that_is_not_there_is_named_and_the_others_are_explained(bed: ApiServer, shop: str) -> None:
    ran = explained(bed, "deploy", "web", "gone", "quiet", "-n", shop)
    assert ran.status == 1
    assert names(ran) == ["web", "quiet"]
    assert "gone" in ran.err


@pytest.mark.parametrize("words", ["ds", "deploy -l app=none"])
def test_a_kind_without_objects_is_said_to_have_none(bed: ApiServer, shop: str, words: str) -> None:
    ran = explained(bed, *words.split(), "-n", shop)
    assert (ran.status, ran.out) == (1, "")
    assert "there are no d" in ran.err
    assert shop in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("deploy web -A", "error: --all-namespaces: this flag cannot be combined with a name\n"),
        ("deploy/web -l app=web", "error: --selector: this flag cannot be combined with a name\n"),
        ("deplyo", "error: deplyo: not a kind of workload\n  hint: did you mean deploy?\n"),
        ("deploy/web api", "error: api: KIND/NAME is expected, as in the other arguments\n"),
    ],
)
def test_words_that_cannot_be_are_refused(bed: ApiServer, words: str, said: str) -> None:
    ran = explained(bed, *words.split())
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err


def test_several_pods_are_diagnosed_in_one_line_each(bed: ApiServer, namespace: str) -> None:
    for name, ready in (("good", True), ("bad", False)):
        make_pod(bed, namespace, name, STATUS, app="web")
        set_status(bed, namespace, name, ready=ready, waiting="" if ready else "ImagePullBackOff")
    ran = explained(bed, "pods", "-l", "app=web", "-n", namespace, "--live")
    assert ran.status == 0, ran.err
    table, _, summary = ran.out.partition("\n\n")
    headings, bad, good = (line.split() for line in table.splitlines())
    assert headings == ["KIND", "NAME", "STATE", "CAUSE", "PROBLEM"]
    assert bad[:5] == ["Pod", f"{namespace}/bad", "not", "ready", "image-missing"]
    assert good == ["Pod", f"{namespace}/good", "healthy"]
    assert summary == "2 workloads: 1 not ready, 1 healthy\n"
    wide = explained(bed, "pods", "bad", "good", "-n", namespace, "--live", "-o", "wide")
    assert "imagePullSecrets" in wide.out
    one = explained(bed, "pods", "bad", "-n", namespace, "--live")
    assert one.out.startswith("Pod bad: not ready: image-missing: ")


def test_one_that_is_not_there_does_not_hide_the_others(cluster: Cluster, shop: str) -> None:
    first, second = targets.fetched(cluster, targets.parsed(["deploy", "gone", "web"]), shop)
    assert isinstance(first, ClusterError)
    assert isinstance(second, dict)
    assert second["metadata"]["name"] == "web"
