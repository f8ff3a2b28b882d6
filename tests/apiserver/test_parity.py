"""`injector parity` against a real API server that calls a real webhook."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from injector.core import owner, workload
from injector.core.created_pod import created_pod
from tests.apiserver.parity_doors import ENABLED, Doors, doors, everything_same, written
from tests.apiserver.webhook_serving import (
    a_deployment,
    create,
    listed,
    pods_of,
)
from tests.beds.apiserver.bed import ApiServer
from tests.command import run

pytestmark = pytest.mark.xdist_group("parity")

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def shop(bed: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """The webhook with the configuration of the example."""
    with doors(bed, tmp_path_factory.mktemp("parity"), EXAMPLES / "injector.yaml", ENABLED) as running:
        yield running


def in_namespace(folder: Path, source: Path, namespace: str) -> Path:
    """The manifests of the shop in another namespace, which has their service accounts."""
    folder.mkdir(exist_ok=True)
    for path in sorted(source.glob("*.yaml")):
        if "namespace" not in path.name:
            text = re.sub(r'(namespace"?: "?)shop\b', rf"\g<1>{namespace}", path.read_text())
            (folder / path.name).write_text(text)
    return folder


def test_no_example_differs_and_nothing_is_stored(shop: Doors, tmp_path: Path) -> None:
    manifests = in_namespace(tmp_path / "shop", EXAMPLES / "shop", shop.namespace)
    accounts = (manifests / "accounts.yaml").read_text()
    assert create(shop.bed, shop.namespace, *yaml.safe_load_all(accounts)).status == 0
    workloads = everything_same(shop, manifests)
    kinds = {each["workload"].split()[0] for each in workloads}
    assert kinds == {"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"}
    assert len(workloads) == 10
    assert listed(shop.bed, shop.namespace, "pods") == []


def test_a_profile_folder_does_not_differ(bed: ApiServer, tmp_path: Path) -> None:
    example = EXAMPLES / "log-shipper"
    switch = {"logs.example.com/ship": "true"}
    manifests = tmp_path / "manifests"
    manifests.mkdir()
    with doors(bed, tmp_path, example / "injector.yaml", {}, switch) as running:
        text = (example / "deployment.yaml").read_text()
        (manifests / "deployment.yaml").write_text(re.sub("namespace: .*", "", text))
        (workload,) = everything_same(running, manifests)
        assert workload["result"] == "same"
        assert listed(bed, running.namespace, "pods") == []


def test_another_value_in_the_configuration_is_named_by_its_pointer(shop: Doors, tmp_path: Path) -> None:
    config = yaml.safe_load(shop.config.read_text())
    config["values"]["global"]["tag"] = "1.30.9"
    (tmp_path / "planted.yaml").write_text(yaml.safe_dump(config))
    manifests = written(tmp_path / "m", a_deployment("web"))
    flags = ("--config", tmp_path / "planted.yaml")
    (workload,) = shop.workloads(manifests, *flags)
    assert workload["result"] == "different"
    images = {d["pointer"]: (d["webhook"], d["commandLine"]) for d in workload["differences"]}
    hub = "registry.example.com/istio/proxyv2"
    for name in ("istio-init", "istio-proxy"):
        assert images.pop(f"/spec/initContainers/{name}/image") == (f"{hub}:1.30.0", f"{hub}:1.30.9")
    # The digest of the configuration, and what repeats the image.
    assert all(
        pointer.startswith("/metadata/annotations/") or "1.30" in str(v) for pointer, v in images.items()
    )

    done = shop.parity(manifests, *flags)
    assert done.status == 1
    line = f'/spec/initContainers/istio-proxy/image: webhook "{hub}:1.30.0", command line "{hub}:1.30.9"'
    assert f"  {line}\n" in done.out
    assert done.out.endswith("1 workload: 1 different; nothing was stored\n")


def test_a_bundle_is_compared_without_the_configuration_of_the_machine(shop: Doors, tmp_path: Path) -> None:
    packed = run("bundle", "--config", shop.config, "-o", tmp_path / "b.yaml")
    done = shop.parity(written(tmp_path / "m", a_deployment("web")), "--bundle", packed.err.strip())
    assert done.status == 0, done.out + done.err
    assert done.out.startswith("same         Deployment web: ")


def test_a_pod_that_only_one_door_injects_is_a_difference(shop: Doors, tmp_path: Path) -> None:
    (tmp_path / "off.yaml").write_text(shop.config.read_text() + "policy: disabled\n")
    manifests = written(tmp_path / "m", a_deployment("web"))
    (workload,) = shop.workloads(manifests, "--config", tmp_path / "off.yaml")
    assert workload["result"] == "different"
    assert any(d["pointer"] == "/spec/initContainers" for d in workload["differences"])


ABSENT = {**a_deployment("absent"), "metadata": {"name": "absent", "namespace": "no-such-namespace"}}


def test_what_the_api_server_refuses_is_not_compared_and_says_why(shop: Doors, tmp_path: Path) -> None:
    account = a_deployment("account")
    account["spec"]["template"]["spec"]["serviceAccountName"] = "nobody"
    template = {
        "apiVersion": "v1",
        "kind": "PodTemplate",
        "metadata": {"name": "unused"},
        "template": a_deployment("unused")["spec"]["template"],
    }
    refused = [ABSENT, account, template]
    manifests = written(tmp_path / "m", *refused)
    reasons = [each["reason"] for each in shop.workloads(manifests)]
    assert "no-such-namespace" in reasons[0]
    assert 'serviceaccount "nobody" not found' in reasons[1]
    assert reasons[2] == "no controller creates pods of a PodTemplate"
    # Nothing was compared, which proves nothing.
    assert shop.parity(manifests).status == 1

    written(manifests / "more", a_deployment("web"))
    done = shop.parity(manifests)
    assert done.status == 0
    assert done.out.endswith("4 workloads: 1 same, 3 not-compared; nothing was stored\n")
    assert shop.parity(manifests, "--fail-on", "not-compared").status == 1


def test_a_refusal_by_the_webhook_alone_is_a_difference(shop: Doors, tmp_path: Path) -> None:
    strict = shop.config.read_text() + "annotations: [{deny: [sidecar.istio.io/proxyCPU]}]\n"
    (tmp_path / "strict.yaml").write_text(strict)
    annotated = a_deployment("web", annotations={"sidecar.istio.io/proxyCPU": "5m"})
    wrong = a_deployment("wrong", annotations={"sidecar.istio.io/proxyCPU": "much"})
    manifests = written(tmp_path / "m", annotated, wrong)
    only_command, both = shop.workloads(manifests, "--config", tmp_path / "strict.yaml")
    assert only_command["result"] == "different"
    assert only_command["reason"].startswith("the command line refuses it, the cluster does not: ")
    assert both["result"] == "same"
    assert both["reason"].startswith("both refuse it: ")


def test_with_quirks_on_it_says_that_the_doors_differ_by_design(shop: Doors, tmp_path: Path) -> None:
    (tmp_path / "q.yaml").write_text(shop.config.read_text() + "compatibility: {istioQuirks: true}\n")
    done = shop.parity(written(tmp_path / "m", a_deployment("web")), "--config", tmp_path / "q.yaml")
    assert done.out.splitlines()[0].endswith("(row Q28 of the register)")


def test_what_others_set_is_counted_and_listed_on_request(shop: Doors, tmp_path: Path) -> None:
    manifests = written(tmp_path / "m", a_deployment("web"))
    (workload,) = shop.workloads(manifests)
    others = {each["pointer"]: each["stored"] for each in workload["setByOthers"]}
    assert others["/spec/dnsPolicy"] == "ClusterFirst"
    assert "/spec/volumes/kube-api-access-token" in others
    short, long = shop.parity(manifests), shop.parity(manifests, "--all")
    assert short.out.startswith(f"same         Deployment web: {len(others)} fields set by others\n")
    assert '  set by others: /spec/dnsPolicy: "ClusterFirst"\n' in long.out


def test_the_right_to_create_pods_is_enough(shop: Doors, tmp_path: Path) -> None:
    bed, space = shop.bed, shop.namespace
    bed.kubectl("create", "serviceaccount", "ci", "-n", space)
    bed.kubectl("create", "role", "ci", "-n", space, "--verb=create", "--resource=pods")
    bed.kubectl("create", "rolebinding", "ci", "-n", space, "--role=ci", f"--serviceaccount={space}:ci")
    token = bed.kubectl("create", "token", "ci", "-n", space).strip()
    flags = ("--kubeconfig", bed.kubeconfig_with_token(token))
    labelled = {**ENABLED, "kubernetes.io/metadata.name": space}
    objects = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space, "labels": labelled}}
    (tmp_path / "ns.yaml").write_text(yaml.safe_dump(objects))
    packed = run("bundle", "--config", shop.config, "-o", tmp_path / "b.yaml").err.strip()
    done = shop.parity(
        written(tmp_path / "m", a_deployment("web")),
        "--bundle",
        packed,
        *flags,
        "--objects",
        tmp_path / "ns.yaml",
    )
    assert done.status == 0, done.out + done.err
    assert "not read: " in done.err


def test_kinds_of_workloads_become_the_pods_of_their_controllers(shop: Doors, tmp_path: Path) -> None:
    """The real controllers make these pods, and the webhook sees the same owner in both."""
    manifests = [a_deployment("web")]
    for kind, version in (("StatefulSet", "apps/v1"), ("ReplicaSet", "apps/v1"), ("Job", "batch/v1")):
        item = {**a_deployment(kind.lower()), "kind": kind, "apiVersion": version}
        if kind == "Job":
            item["spec"] = {"template": item["spec"]["template"]}
            item["spec"]["template"]["spec"]["restartPolicy"] = "Never"
        manifests.append(item)
    answer = create(shop.bed, shop.namespace, *manifests)
    assert answer.status == 0, answer.err
    for item in manifests:
        name = item["metadata"]["name"]
        (real,) = pods_of(shop.bed, shop.namespace, name)
        (located,) = workload.locate_all(item)
        made = created_pod(located, located.template, shop.namespace)["metadata"]
        stored = real["metadata"]
        assert owner.of_pod(made) == owner.of_pod(stored)
        assert set(made["labels"]) == {k for k in stored["labels"] if "istio" not in k}
        assert bool(made.get("generateName")) == bool(stored.get("generateName"))
        reference, actual = made["ownerReferences"][0], stored["ownerReferences"][0]
        assert (reference["kind"], reference["apiVersion"]) == (actual["kind"], actual["apiVersion"])
    shop.bed.kubectl("delete", "deploy,sts,rs,job", "--all", "-n", shop.namespace, "--wait=true")
