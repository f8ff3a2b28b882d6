"""`injector audit --restart` against a real API server, with its controllers."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest

from injector.cli import audit
from injector.cli.audit import AuditFlags
from tests.apiserver.auditing import AUDITED, Mesh, restarted
from tests.apiserver.webhook_serving import (
    a_deployment,
    a_pod,
    created,
    kubectl,
    listed,
    pods_of,
    until,
    wait_until_called,
)
from tests.beds.apiserver.bed import ApiServer

pytestmark = pytest.mark.xdist_group("audit")


# No controller makes pods Ready here, so that every rollout times out.
ROLLOUT_SECONDS = 2


def a_time(text: str) -> Callable[[], datetime]:
    return lambda: datetime.fromisoformat(text)


def test_outside_of_its_windows_nothing_is_restarted_and_the_next_opening_is_reported(
    audited: Mesh, shop: str, capsys: pytest.CaptureFixture[str]
) -> None:
    created(audited.bed, shop, a_deployment("web"))
    pods_of(audited.bed, shop, "web")
    flags = AuditFlags(
        workloads=(), namespace=shop, all_namespaces=False, selector="", config_file=str(audited.after),
        config_map=None, from_istiod=None, path="", accept=(), fail_on="finding", events=False,
        restart=True, yes=True, parallel=1, timeout=ROLLOUT_SECONDS, watch=False,
        window=("Mon-Fri 22:00-04:00 Europe/Berlin",), kubeconfig=str(audited.bed.kubeconfig),
        kube_context=None, output="text",
    )  # fmt: skip
    assert audit.run(flags, a_time("2026-06-01T19:59:00+00:00")) == 1
    assert (
        "nothing was restarted: outside of the maintenance windows, the next opens 2026-06-01 22:00+02:00"
        in capsys.readouterr().out
    )
    assert not restarted(audited.bed, shop, "deployment", "web")
    assert audit.run(flags, a_time("2026-06-01T20:00:00+00:00")) == 1
    assert "restart of 1 owner: 0 done, 1 timed out" in capsys.readouterr().out
    assert restarted(audited.bed, shop, "deployment", "web")


def test_without_yes_nothing_is_restarted(audited: Mesh, shop: str) -> None:
    created(audited.bed, shop, a_deployment("web"))
    created(audited.bed, shop, a_pod("bare"))
    pods_of(audited.bed, shop, "web")
    done = audited.audit("-n", shop, "--config", audited.after, "--restart")
    assert done.status == 1, done.err
    assert f"would restart Deployment {shop}/web" in done.out
    assert f"restart manually: Pod {shop}/bare: a rolling restart does not recreate its pods" in done.out
    assert "nothing was changed; --yes restarts 1 owner" in done.out
    assert not restarted(audited.bed, shop, "deployment", "web")


def test_a_restart_stops_where_the_rollout_does_not_complete_and_says_what_is_left(
    audited: Mesh, shop: str
) -> None:
    for name in ("first", "second"):
        created(audited.bed, shop, a_deployment(name))
        pods_of(audited.bed, shop, name)
    done = audited.audit("-n", shop, "--config", audited.after, "--restart", "--yes", "--timeout", "2")
    assert done.status == 1, done.err
    assert restarted(audited.bed, shop, "deployment", "first")
    assert not restarted(audited.bed, shop, "deployment", "second")
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


def test_a_budget_that_allows_nothing_holds_a_restart_back(audited: Mesh, shop: str) -> None:
    created(audited.bed, shop, a_deployment("web"))
    pods_of(audited.bed, shop, "web")
    a_budget(audited.bed, shop, "web", least=1, allowed=0)
    dry = audited.audit("-n", shop, "--config", audited.after, "--restart")
    assert (
        f"would restart Deployment {shop}/web, now PodDisruptionBudget web allows no disruptions" in dry.out
    )
    done = audited.audit("-n", shop, "--config", audited.after, "--restart", "--yes", "--timeout", "2")
    assert done.status == 1
    assert f"timed out: Deployment {shop}/web: PodDisruptionBudget web allows no disruptions\n" in done.out
    assert not restarted(audited.bed, shop, "deployment", "web")


def test_a_budget_that_allows_one_lets_a_restart_begin(audited: Mesh, shop: str) -> None:
    created(audited.bed, shop, a_deployment("web"))
    pods_of(audited.bed, shop, "web")
    report_ready(audited.bed, shop)
    a_budget(audited.bed, shop, "web", least=0, allowed=1)
    done = audited.audit("-n", shop, "--config", audited.after, "--restart", "--yes", "--timeout", "2")
    assert restarted(audited.bed, shop, "deployment", "web"), done.out + done.err


def test_owners_are_rolled_one_after_the_other_until_all_is_well(audited: Mesh) -> None:
    bed = audited.bed
    with bed.namespace() as namespace, a_kubelet(bed, namespace):
        set_ = {**a_deployment("set"), "kind": "StatefulSet"}
        for item in (a_deployment("web"), set_):
            created(bed, namespace, item)
        pods_of(bed, namespace, "web")
        pods_of(bed, namespace, "set")
        a_budget(bed, namespace, "web", least=0, allowed=1)
        bed.kubectl("label", "namespace", namespace, "istio-injection=enabled")
        wait_until_called(bed, namespace, AUDITED)
        arguments = ("-n", namespace, "--config", audited.before)
        assert audited.audit(*arguments, "-o", "json").json["counts"] == {"missing": 2}
        done = audited.audit(*arguments, "--restart", "--yes", "--timeout", "90")
        assert done.status == 0, done.out + done.err
        assert "restart of 2 owners: 2 done" in done.out
        order = [line for line in done.err.splitlines() if not line.startswith("waiting")]
        assert order == [
            f"{word} {kind} {namespace}/{name}"
            for kind, name in (("Deployment", "web"), ("StatefulSet", "set"))
            for word in ("restarting", "restarted")
        ]
        assert audited.audit(*arguments, "-o", "json").json["counts"] == {"current": 2}


def test_a_restart_that_does_not_help_is_the_last_one(audited: Mesh, shop: str) -> None:
    """The webhook still runs with the configuration of before."""
    for name in ("first", "second"):
        created(audited.bed, shop, a_deployment(name))
        pods_of(audited.bed, shop, name)
    with a_kubelet(audited.bed, shop):
        done = audited.audit("-n", shop, "--config", audited.after, "--restart", "--yes", "--timeout", "90")
    assert done.status == 1
    assert "is still stale" in done.out
    assert not restarted(audited.bed, shop, "deployment", "second")


def test_a_paused_workload_is_listed_for_a_manual_restart(audited: Mesh, shop: str) -> None:
    created(audited.bed, shop, a_deployment("web"))
    pods_of(audited.bed, shop, "web")
    audited.bed.kubectl("rollout", "pause", "deployment/web", "-n", shop)
    done = audited.audit("-n", shop, "--config", audited.after, "--restart", "--yes", "-o", "json")
    assert done.json["restart"]["leftToYou"] == [
        {"owner": f"Deployment {shop}/web", "why": "the rollout is paused"}
    ]
