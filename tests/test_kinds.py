"""All code about workload kinds covers each kind of the table, and one that is added to it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.chart import facts
from hack.reference import kinds as page
from injector.cli import restarts, rights
from injector.cli.audit_pods import Pod
from injector.config.loading import Input, Text, load_input
from injector.config.server_settings import Server
from injector.core import kinds, owner, workload
from injector.core.diagnosis import creation
from injector.core.injection.pipeline import inject
from injector.core.kinds import Kind, Parent, Rolling
from injector.core.model import Facts, Manifest, Owner, Reason
from injector.core.registration.checks import template_of
from injector.core.reports import rollouts
from injector.core.reports.audit import AuditState, Standing
from injector.errors import ConfigError
from injector.kube import events, targets
from injector.kube.observation import observe
from injector.kube.rolling import Target
from injector.kube.survey import SurveyReader
from injector.pointer import get, put
from injector.records.redaction import literal_words
from tests.core.generic import CONFIG, PROFILE
from tests.generators.workloads import VERSIONS

ROOT = Path(__file__).resolve().parent.parent
ISTIO = load_input(Input(Text("{}", "a test")))
STALE = Standing(AuditState.STALE, Reason.ON_BY_DEFAULT)
# A kind that exists nowhere: it makes its pods itself, and a Harbour may have made it.
FLEET = Kind(
    "Fleet",
    "ships.example/v2",
    frozenset({"ships.example"}),
    "fleets",
    ("fleet", "fl"),
    templates=("/spec/ship/template",),
    replicas="/spec/ships",
    made=("ships",),
    rolling=Rolling("refit", "refitted", "afloat"),
    parents=(Parent("Harbour", "v2", hash_label="harbour-hash"),),
)
# kind -> path in a cluster, pointer of the template, whether it makes pods, is restartable, and ends.
EXPECTED = {
    "Pod": ("/api/v1/namespaces/shop/pods/web", "", False, False, False),
    "ReplicationController": (
        "/api/v1/namespaces/shop/replicationcontrollers/web", "/spec/template", True, False, False,
    ),
    "Deployment": ("/apis/apps/v1/namespaces/shop/deployments/web", "/spec/template", False, True, False),
    "ReplicaSet": ("/apis/apps/v1/namespaces/shop/replicasets/web", "/spec/template", True, False, False),
    "DaemonSet": ("/apis/apps/v1/namespaces/shop/daemonsets/web", "/spec/template", True, True, False),
    "StatefulSet": ("/apis/apps/v1/namespaces/shop/statefulsets/web", "/spec/template", True, True, False),
    "Job": ("/apis/batch/v1/namespaces/shop/jobs/web", "/spec/template", True, False, True),
    "CronJob": (
        "/apis/batch/v1/namespaces/shop/cronjobs/web", "/spec/jobTemplate/spec/template", False, False, True,
    ),
    "DeploymentConfig": ("", "/spec/template", False, False, False),
    "PodTemplate": ("", "/template", False, False, False),
    "Fleet": ("/apis/ships.example/v2/namespaces/shop/fleets/web", "/spec/ship/template", True, True, False),
}  # fmt: skip
SPEC = {"containers": [{"name": "app", "image": "app:1"}]}
POD: Manifest = {"metadata": {"labels": {"app": "web"}}, "spec": SPEC}


@pytest.fixture(params=list(EXPECTED))
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a kind of Kubernetes, or of one that is added to the table for this test."""
    if request.param == FLEET.kind:
        extended = kinds.TABLE.with_more([FLEET])
        monkeypatch.setattr(kinds.TABLE, "rows", extended.rows)
        monkeypatch.setattr(kinds.TABLE, "_named", extended._named)
        monkeypatch.setitem(kinds.KINDS, FLEET.kind, FLEET)
    return str(request.param)


def an_object(kind: str, **spec: Any) -> Manifest:
    row = kinds.KINDS[kind]
    meta = {"name": "web", "namespace": "shop", "uid": "of-web"}
    item: Manifest = {"apiVersion": row.api_version, "kind": kind, "metadata": meta, "spec": spec}
    if not row.template:
        return {**item, **POD, "metadata": {**meta, **POD["metadata"]}}
    return put(item, row.template, POD)


def a_cluster(**lists: list[Manifest]) -> Any:
    """One that answers from its lists, in place of a connection."""
    return FakeCluster(**lists)


class FakeCluster:
    """Objects by the path of their list or by their own; what is not there is an empty list."""

    def __init__(self, **lists: list[Manifest]) -> None:
        self.lists = lists

    def get(self, path: str) -> Manifest:
        return {"asked": path}

    def list(self, path: str, _params: Any = None) -> list[Manifest]:
        return self.lists.get(path.rpartition("/")[2], [])


def test_the_expectations_are_about_every_kind_of_kubernetes() -> None:
    assert set(EXPECTED) == {*kinds.KINDS, FLEET.kind}


def test_its_template_is_found(kind: str) -> None:
    item = an_object(kind)
    located = workload.locate(item)
    assert located is not None
    assert located.spec == f"{EXPECTED[kind][1]}/spec"
    assert located.template["spec"] == POD["spec"]
    assert workload.template_of(item)["spec"] == POD["spec"]
    assert template_of(item)["spec"] == POD["spec"]
    assert kinds.TABLE.may_hold_pods(item["apiVersion"], kind)


def test_a_kind_that_is_not_in_the_table_is_not_known() -> None:
    item = put({"apiVersion": FLEET.api_version, "kind": FLEET.kind}, FLEET.template, POD)
    assert workload.locate(item) is None
    assert not kinds.TABLE.may_hold_pods(FLEET.api_version, FLEET.kind)
    with pytest.raises(ConfigError):
        targets.parsed(["fl/web"])


def test_it_is_fetched_by_all_its_names(kind: str) -> None:
    row, path = kinds.KINDS[kind], EXPECTED[kind][0]
    names = (row.plural, *row.aliases) if path else ()
    group, slash, _ = row.api_version.partition("/")
    for name in (*names, *(f"{name}.{group}" for name in names if slash)):
        target = targets.parsed([f"{name}/web"])
        assert list(targets.fetched(a_cluster(), target, "shop")) == [{"asked": path}]
    assert bool(names) == bool(path)


def test_events_are_written_on_it_where_it_makes_pods(kind: str) -> None:
    path, _, makes_pods, _, _ = EXPECTED[kind]
    controller = events.EventOwner("shop", kinds.KINDS[kind].api_version, kind, "web", "of-web")
    assert controller.path() == (path if makes_pods else None)
    needed = set(rights.needed(CONFIG, Server(events="all"), ()))
    assert (("get", path.replace("/namespaces/shop", "").removesuffix("/web")) in needed) is makes_pods


def test_the_owner_is_derived_from_its_name_and_the_pods_labels(kind: str) -> None:
    row = kinds.KINDS[kind]
    for parent in row.parents:
        end = "-29012345" if parent.suffix else "-abc" if parent.hash_label else ""
        label = parent.hash_label or parent.name_label
        reference = {"apiVersion": row.api_version, "kind": kind, "name": f"web{end}", "controller": True}
        labels = {label: end[1:] or "web"} if label else {}
        meta = {"generateName": "web-", "ownerReferences": [reference], "labels": labels}
        assert owner.of_pod(meta) == Owner(parent.api_version or row.api_version, parent.kind, "web")


def test_how_many_pods_it_is_short_of(kind: str) -> None:
    row, makes_pods = kinds.KINDS[kind], EXPECTED[kind][2]
    item = an_object(kind)
    if row.replicas:
        item = put(item, row.replicas, 2)
        assert kinds.wanted(item) == 2
    assert creation.short(item) is makes_pods
    for field in row.made:
        assert not creation.short(put(item, f"/status/{field}", 2))


def test_the_pods_behind_it_are_found_in_a_cluster(kind: str) -> None:
    """Its own, or those of the newest object between."""
    between = kinds.child(kind)
    of_web = {"ownerReferences": [{"uid": "of-web"}]}
    pod: Manifest = {"kind": "Pod", "metadata": {"name": "web-1", "namespace": "shop", **of_web}}
    lists = {"pods": [pod]}
    if between:
        pod["metadata"] = {**pod["metadata"], "ownerReferences": [{"uid": "between"}]}
        meta = {"name": "between", "uid": "between", **of_web}
        lists[between.plural] = [{"kind": between.kind, "metadata": meta}]
    item = an_object(kind)
    seen = observe(a_cluster(**lists), item, lambda _pod: ())
    assert seen.pod == (item if kind == "Pod" else pod)


def test_a_rolling_restart_covers_it_or_lists_it_for_a_manual_restart(kind: str) -> None:
    path, pointer, _, restartable, _ = EXPECTED[kind]
    row = kinds.KINDS[kind]
    of = Owner(row.api_version, kind, "web")
    by_hand = restarts.why_not_restartable(of, [Pod("shop", "web-1", {}, of, STALE)])
    assert ("does not recreate its pods" in by_hand) is (not restartable)
    if not restartable:
        return
    assert Target("shop", kind, "web").path == path
    patch = rollouts.restart(row, "2026-01-02T03:04:05Z")
    assert rollouts.restarted({"kind": kind, **patch}, "2026-01-02T03:04:05Z")
    assert get(patch, f"{pointer}/metadata/annotations")
    item = put(an_object(kind), row.replicas, 2)
    assert row.rolling is not None
    assert rollouts.progress(item).step is rollouts.RolloutStep.UNDER_WAY
    for field in (row.rolling.updated, row.rolling.available):
        item = put(item, f"/status/{field}", 2)
    assert rollouts.progress(item).step is rollouts.RolloutStep.DONE
    assert rollouts.objection(item) == ""
    assert rollouts.takes_down(item) in (0, 1)
    assert rollouts.objection(put(item, f"/spec/{row.rolling.strategy}", {"type": "OnDelete"}))


def test_its_template_stands_for_the_pods_behind_a_service(kind: str) -> None:
    restartable = EXPECTED[kind][3]
    cluster = a_cluster(**{kinds.KINDS[kind].plural: [an_object(kind)]}) if kind != "Pod" else a_cluster()
    service = {"metadata": {"namespace": "shop"}, "spec": {"selector": {"app": "web"}}}
    templates = list(SurveyReader(cluster).behind(service))
    assert bool(templates) is restartable


def test_what_ends_is_warned_about_a_sidecar_that_does_not(kind: str) -> None:
    of = Owner(kinds.KINDS[kind].api_version, kind, "web")
    codes = [finding.code for finding in inject(POD, Facts(owner=of, native_sidecars=False), ISTIO).findings]
    assert ("job-never-ends" in codes) is EXPECTED[kind][4]


def test_the_chart_may_read_it(kind: str) -> None:
    _, _, makes_pods, restartable, _ = EXPECTED[kind]
    row, made = kinds.KINDS[kind], yaml.safe_load(facts())
    resource = {"group": row.api_version.rpartition("/")[0], "resource": row.plural}
    assert (resource in made["owners"]) is makes_pods
    assert (resource in made["restartable"]) is restartable


def test_a_record_keeps_its_name(kind: str) -> None:
    row, words = kinds.KINDS[kind], literal_words(PROFILE, frozenset())
    labels = {parent.hash_label or parent.name_label for parent in row.parents} - {""}
    assert {kind, row.api_version, *labels, *(parent.kind for parent in row.parents)} <= words


def test_the_reference_page_has_it(kind: str) -> None:
    assert f"| `{kind}` |" in page()


def test_the_differential_check_draws_all_kinds_of_kubernetes_itself() -> None:
    """istioctl looks into no others."""
    drawn = {kind for kind in kinds.KINDS if kind in VERSIONS}
    assert drawn == kinds.KINDS.keys() - {"DeploymentConfig", "PodTemplate"}


def test_no_other_module_has_a_list_of_kinds() -> None:
    names = r'"(?:replicasets|replicationcontrollers|statefulsets|daemonsets|cronjobs)"'
    modules = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "injector").rglob("*.py"))
        if re.search(names, path.read_text())
    ]
    assert modules == ["injector/core/kinds/custom.py", "injector/core/kinds/kubernetes.py"]
