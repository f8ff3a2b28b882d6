"""`injector audit` against a real API server: pods of real controllers, and restarts of their owners.

No kubelet runs here: pods stay Pending, and so do rollouts, unless a test itself reports the pods as
ready. The API server and its controllers cannot distinguish that.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from injector.cli import audit
from injector.cli.audit import AuditFlags
from tests.apiserver.webhook_serving import (
    a_deployment,
    a_pod,
    create,
    created,
    kubectl,
    listed,
    pods_of,
    registered,
    serving,
    until,
    wait_until_called,
)
from tests.beds.apiserver.bed import ApiServer
from tests.command import run

pytestmark = pytest.mark.xdist_group("audit")

NAME = "sidecar-injector-audit"
CONFIG = "profile: istio\nvalues: {global: {hub: registry.example.com/istio, tag: %s}}\n"
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Mesh:
    """A running webhook with the configuration of before, and one of after."""

    bed: ApiServer
    before: Path
    after: Path

    def audit(self, *arguments: str | Path, kubeconfig: Path | None = None) -> Ran:
        ran = run("audit", *arguments, "--kubeconfig", kubeconfig or self.bed.kubeconfig)
        return Ran(ran.status, ran.out, ran.err)


@pytest.fixture(scope="module")
def mesh(bed: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    folder = tmp_path_factory.mktemp("audit")
    mesh = Mesh(bed, folder / "before.yaml", folder / "after.yaml")
    mesh.before.write_text(CONFIG % "1.30.0")
    mesh.after.write_text(CONFIG % "1.30.1")
    with serving(bed, folder, "--config", mesh.before) as served, registered(bed, served, NAME, "/mutate"):
        yield mesh


@pytest.fixture
def shop(mesh: Mesh) -> Iterator[str]:
    """A namespace whose pods the webhook is called for."""
    with mesh.bed.namespace({"istio-injection": "enabled"}) as name:
        wait_until_called(mesh.bed, name, NAME)
        yield name


def restarted(bed: ApiServer, namespace: str, kind: str, name: str) -> bool:
    item = json.loads(bed.kubectl("get", kind, name, "-n", namespace, "-o", "json"))
    return RESTARTED_AT in (item["spec"]["template"]["metadata"].get("annotations") or {})


def test_pods_as_the_webhook_made_them_are_no_finding(mesh: Mesh, shop: str) -> None:
    for item in (a_deployment("web"), a_pod("bare"), a_pod("", generateName="made-", labels={"app": "made"})):
        assert create(mesh.bed, shop, item).status == 0
    pods_of(mesh.bed, shop, "web")
    done = mesh.audit("-n", shop, "--config", mesh.before, "-o", "json")
    assert (done.status, done.json["pods"]) == (0, []), done.out + done.err
    assert done.json["counts"] == {"current": 3}
    assert mesh.audit("-n", shop, "--config", mesh.before).out == "3 pods, all up to date\n"


def test_another_configuration_makes_them_stale_and_names_the_values(mesh: Mesh, shop: str) -> None:
    created(mesh.bed, shop, a_deployment("web"))
    [pod] = pods_of(mesh.bed, shop, "web")
    done = mesh.audit("-n", shop, "--config", mesh.after, "-o", "json")
    [pod_entry] = done.json["pods"]
    assert (done.status, pod_entry["state"], pod_entry["name"]) == (1, "stale", pod["metadata"]["name"])
    assert pod_entry["owner"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    assert pod_entry["pointers"] == [
        "/spec/initContainers/istio-init/image",
        "/spec/initContainers/istio-proxy/image",
    ]
    text = mesh.audit("-n", shop, "--config", mesh.after)
    assert f"Deployment {shop}/web" in text.out
    assert "/spec/initContainers/istio-proxy/image: registry.example.com/istio/proxyv2:1.30.0 -> " in text.out
    assert text.out.endswith("\n1 pod of 1 owner needs a restart: 1 stale\n")
    [headings, row, _] = mesh.audit("-n", shop, "--config", mesh.after, "-o", "wide").out.splitlines()
    assert headings.split() == ["NAMESPACE", "OWNER", "POD", "STATE", "REASON", "REVISION", "DIFFERS"]
    assert row.split()[:4] == [shop, "Deployment/web", pod["metadata"]["name"], "stale"]


def test_a_setting_that_changes_nothing_for_a_pod_is_no_finding(
    mesh: Mesh, shop: str, tmp_path: Path
) -> None:
    created(mesh.bed, shop, a_pod("bare"))
    same = tmp_path / "same.yaml"
    same.write_text(mesh.before.read_text() + "aliases: {both: [sidecar]}\n")
    done = mesh.audit("-n", shop, "--config", same, "-o", "json")
    assert (done.status, done.json["counts"]) == (0, {"current": 1}), done.out


def test_a_pod_from_before_the_label_is_missing_its_sidecar(mesh: Mesh) -> None:
    with mesh.bed.namespace() as namespace:
        created(mesh.bed, namespace, a_pod("early", labels={"app": "early"}))
        assert mesh.audit("-n", namespace, "--config", mesh.before).status == 0
        mesh.bed.kubectl("label", "namespace", namespace, "istio-injection=enabled")
        done = mesh.audit("-n", namespace, "--config", mesh.before, "-o", "json")
        [pod_entry] = done.json["pods"]
        assert (done.status, pod_entry["state"], pod_entry["reason"]) == (1, "missing", "on-by-default")


def test_a_pod_of_a_namespace_without_the_label_is_unwanted(mesh: Mesh, shop: str) -> None:
    created(mesh.bed, shop, a_pod("web"))
    mesh.bed.kubectl("label", "namespace", shop, "istio-injection-")
    [pod_entry] = mesh.audit("-n", shop, "--config", mesh.before, "-o", "json").json["pods"]
    assert (pod_entry["state"], pod_entry["reason"]) == ("unwanted", "not-selected")


def test_a_sidecar_in_a_manifest_is_no_finding_while_kube_inject_would_write_the_same(
    mesh: Mesh, tmp_path: Path
) -> None:
    """In a namespace without the label; one of the pods has no owner."""
    with mesh.bed.namespace() as namespace:
        plain = tmp_path / "plain.yaml"
        items = [a_deployment("web"), a_pod("bare"), a_pod("copied")]
        plain.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        written = run("kube-inject", "-f", plain, "--config", mesh.before)
        assert written.status == 0, written.err
        deployment, bare, copied = yaml.safe_load(written.out)["items"]
        created(mesh.bed, namespace, deployment)
        created(mesh.bed, namespace, copied)
        assert kubectl(mesh.bed, "apply", "-n", namespace, "-f", "-", manifest=bare).status == 0
        pods_of(mesh.bed, namespace, "web")
        arguments = ("-n", namespace, "--config")
        done = mesh.audit(*arguments, mesh.before, "-o", "json")
        # Nothing on the third pod shows how it was made.
        assert [(pod["name"], pod["state"]) for pod in done.json["pods"]] == [("copied", "unwanted")]
        assert done.json["counts"] == {"manual": 2, "unwanted": 1}, done.out
        accepting = mesh.audit(*arguments, mesh.before, "--accept", "unwanted")
        assert (accepting.status, accepting.out) == (
            0,
            "2 up to date; 1 unwanted, accepted; 2 of them injected in the manifest of the owner\n",
        )
        later = mesh.audit(*arguments, mesh.after, "--restart", "--accept", "unwanted")
        assert "2 pods of 2 owners need a look: 2 stale" in later.out
        assert f"restart manually: Deployment {namespace}/web: its manifest has the sidecar" in later.out


def test_owners_and_labels_select_the_pods(mesh: Mesh, shop: str) -> None:
    for item in (a_deployment("web"), a_deployment("api"), a_pod("bare", labels={"app": "bare"})):
        created(mesh.bed, shop, item)
    for name in ("web", "api"):
        pods_of(mesh.bed, shop, name)

    def owners(*arguments: str) -> list[str]:
        done = mesh.audit("-n", shop, "--config", mesh.after, "-o", "json", *arguments)
        return [pod["owner"]["name"] for pod in done.json["pods"]]

    assert owners() == ["api", "web", "bare"]
    assert owners("deploy/web") == ["web"]
    assert owners("deploy/web", "pod/bare") == ["web", "bare"]
    assert owners("-l", "app in (api, bare)") == ["api", "bare"]
    [replica_set] = listed(mesh.bed, shop, "replicasets", "--selector=app=web")
    assert owners(f"rs/{replica_set['metadata']['name']}") == ["web"]
    gone = mesh.audit("deploy/gone", "-n", shop, "--config", mesh.after)
    assert (gone.status, gone.out) == (1, "")
    assert f"deployments.apps gone in namespace {shop} does not exist" in gone.err


def test_a_namespace_that_does_not_exist_is_an_error(mesh: Mesh) -> None:
    done = mesh.audit("-n", "nope", "--config", mesh.before)
    assert (done.status, done.out) == (1, "")
    assert "namespace nope does not exist" in done.err


def a_time(text: str) -> Callable[[], datetime]:
    return lambda: datetime.fromisoformat(text)


def test_outside_of_its_windows_nothing_is_restarted_and_the_next_opening_is_reported(
    mesh: Mesh, shop: str, capsys: pytest.CaptureFixture[str]
) -> None:
    created(mesh.bed, shop, a_deployment("web"))
    pods_of(mesh.bed, shop, "web")
    flags = AuditFlags(
        workloads=(), namespace=shop, all_namespaces=False, selector="", config_file=str(mesh.after),
        from_istiod=None, path="", accept=(), restart=True, yes=True, parallel=1, timeout=2,
        window=("Mon-Fri 22:00-04:00 Europe/Berlin",), kubeconfig=str(mesh.bed.kubeconfig),
        kube_context=None, output="text",
    )  # fmt: skip
    assert audit.run(flags, a_time("2026-06-01T19:59:00+00:00")) == 1
    assert (
        "nothing was restarted: outside of the maintenance windows, the next opens 2026-06-01 22:00+02:00"
        in capsys.readouterr().out
    )
    assert not restarted(mesh.bed, shop, "deployment", "web")
    assert audit.run(flags, a_time("2026-06-01T20:00:00+00:00")) == 1
    assert "restart of 1 owner: 0 done, 1 timed out" in capsys.readouterr().out
    assert restarted(mesh.bed, shop, "deployment", "web")


def test_without_yes_nothing_is_restarted(mesh: Mesh, shop: str) -> None:
    created(mesh.bed, shop, a_deployment("web"))
    created(mesh.bed, shop, a_pod("bare"))
    pods_of(mesh.bed, shop, "web")
    done = mesh.audit("-n", shop, "--config", mesh.after, "--restart")
    assert done.status == 1, done.err
    assert f"would restart Deployment {shop}/web" in done.out
    assert f"restart manually: Pod {shop}/bare: a rolling restart does not recreate its pods" in done.out
    assert "nothing was changed; --yes restarts 1 owner" in done.out
    assert not restarted(mesh.bed, shop, "deployment", "web")


def test_a_restart_stops_where_the_rollout_does_not_complete_and_says_what_is_left(
    mesh: Mesh, shop: str
) -> None:
    for name in ("first", "second"):
        created(mesh.bed, shop, a_deployment(name))
        pods_of(mesh.bed, shop, name)
    done = mesh.audit("-n", shop, "--config", mesh.after, "--restart", "--yes", "--timeout", "2")
    assert done.status == 1, done.err
    assert restarted(mesh.bed, shop, "deployment", "first")
    assert not restarted(mesh.bed, shop, "deployment", "second")
    assert "restart of 2 owners: 0 done, 1 timed out, 1 not started" in done.out
    assert f"timed out: Deployment {shop}/first: not complete after 2 s" in done.out
    assert "; its rollout continues\n" in done.out
    assert f"not started: Deployment {shop}/second" in done.out


READY = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}


def report_ready(bed: ApiServer, namespace: str) -> None:
    """Report every pod that is not ready as ready, as a kubelet would."""
    for pod in listed(bed, namespace, "pods"):
        if pod["status"]["phase"] == "Pending":
            kubectl(bed, "patch", "pod", pod["metadata"]["name"], "-n", namespace, "--subresource=status",
                    "--type=merge", "-p", json.dumps(READY))  # fmt: skip


@contextlib.contextmanager
def a_kubelet(bed: ApiServer, namespace: str) -> Iterator[None]:
    """While the body runs, pods become ready soon after they are made."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(0.2):
            report_ready(bed, namespace)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def a_budget(bed: ApiServer, namespace: str, app: str, *, least: int, allowed: int) -> None:
    """A budget, once its controller has counted that so many pods may go."""
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": app},
        "spec": {"minAvailable": least, "selector": {"matchLabels": {"app": app}}},
    }
    created(bed, namespace, budget)

    def counted() -> bool:
        made = json.loads(bed.kubectl("get", "pdb", app, "-n", namespace, "-o", "json"))
        status = made.get("status") or {}
        return bool(status.get("observedGeneration")) and status["disruptionsAllowed"] == allowed

    until("the controller has counted the budget", counted)


def test_a_budget_that_allows_nothing_holds_a_restart_back(mesh: Mesh, shop: str) -> None:
    created(mesh.bed, shop, a_deployment("web"))
    pods_of(mesh.bed, shop, "web")
    a_budget(mesh.bed, shop, "web", least=1, allowed=0)
    dry = mesh.audit("-n", shop, "--config", mesh.after, "--restart")
    assert (
        f"would restart Deployment {shop}/web, now PodDisruptionBudget web allows no disruptions" in dry.out
    )
    done = mesh.audit("-n", shop, "--config", mesh.after, "--restart", "--yes", "--timeout", "2")
    assert done.status == 1
    assert f"timed out: Deployment {shop}/web: PodDisruptionBudget web allows no disruptions\n" in done.out
    assert not restarted(mesh.bed, shop, "deployment", "web")


def test_a_budget_that_allows_one_lets_a_restart_begin(mesh: Mesh, shop: str) -> None:
    created(mesh.bed, shop, a_deployment("web"))
    pods_of(mesh.bed, shop, "web")
    report_ready(mesh.bed, shop)
    a_budget(mesh.bed, shop, "web", least=0, allowed=1)
    done = mesh.audit("-n", shop, "--config", mesh.after, "--restart", "--yes", "--timeout", "2")
    assert restarted(mesh.bed, shop, "deployment", "web"), done.out + done.err


def test_owners_are_rolled_one_after_the_other_until_all_is_well(mesh: Mesh) -> None:
    bed = mesh.bed
    with bed.namespace() as namespace, a_kubelet(bed, namespace):
        set_ = {**a_deployment("set"), "kind": "StatefulSet"}
        for item in (a_deployment("web"), set_):
            created(bed, namespace, item)
        pods_of(bed, namespace, "web")
        pods_of(bed, namespace, "set")
        a_budget(bed, namespace, "web", least=0, allowed=1)
        bed.kubectl("label", "namespace", namespace, "istio-injection=enabled")
        wait_until_called(bed, namespace, NAME)
        arguments = ("-n", namespace, "--config", mesh.before)
        assert mesh.audit(*arguments, "-o", "json").json["counts"] == {"missing": 2}
        done = mesh.audit(*arguments, "--restart", "--yes", "--timeout", "90")
        assert done.status == 0, done.out + done.err
        assert "restart of 2 owners: 2 done" in done.out
        order = [line for line in done.err.splitlines() if not line.startswith("waiting")]
        assert order == [
            f"{word} {kind} {namespace}/{name}"
            for kind, name in (("Deployment", "web"), ("StatefulSet", "set"))
            for word in ("restarting", "restarted")
        ]
        assert mesh.audit(*arguments, "-o", "json").json["counts"] == {"current": 2}


def test_a_restart_that_does_not_help_is_the_last_one(mesh: Mesh, shop: str) -> None:
    """The webhook still runs with the configuration of before."""
    for name in ("first", "second"):
        created(mesh.bed, shop, a_deployment(name))
        pods_of(mesh.bed, shop, name)
    with a_kubelet(mesh.bed, shop):
        done = mesh.audit("-n", shop, "--config", mesh.after, "--restart", "--yes", "--timeout", "90")
    assert done.status == 1
    assert "is still stale" in done.out
    assert not restarted(mesh.bed, shop, "deployment", "second")


def test_a_paused_workload_is_listed_for_a_manual_restart(mesh: Mesh, shop: str) -> None:
    created(mesh.bed, shop, a_deployment("web"))
    pods_of(mesh.bed, shop, "web")
    mesh.bed.kubectl("rollout", "pause", "deployment/web", "-n", shop)
    done = mesh.audit("-n", shop, "--config", mesh.after, "--restart", "--yes", "-o", "json")
    assert done.json["restart"]["leftToYou"] == [
        {"owner": f"Deployment {shop}/web", "why": "the rollout is paused"}
    ]


def test_a_missing_right_is_named_with_verb_and_resource(mesh: Mesh, shop: str) -> None:
    bed = mesh.bed
    bed.kubectl("create", "serviceaccount", "auditor", "-n", shop)
    token = bed.kubectl("create", "token", "auditor", "-n", shop).strip()
    kubeconfig = bed.kubeconfig_with_token(token)
    done = mesh.audit("-n", shop, "--config", mesh.after, kubeconfig=kubeconfig)
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
        arguments = ("-n", shop, "--config", mesh.after, "--restart", "--yes")
        until("the role counts", lambda: "list" not in mesh.audit(*arguments[:4], kubeconfig=kubeconfig).err)
        done = mesh.audit(*arguments, kubeconfig=kubeconfig)
        assert done.status == 1
        assert "not allowed to patch deployments.apps" in done.out
        assert not restarted(bed, shop, "deployment", "web")
    finally:
        bed.kubectl("delete", "clusterrolebinding,clusterrole", role, "--ignore-not-found")
