"""Status, undo and overrides annotations are untrusted input: every author of a pod can write them."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import jsonpatch
import pytest

from injector.config.loading import load
from injector.core.annotation_rule import AnnotationRule
from injector.core.finding_codes import FindingCode
from injector.core.injection.pipeline import inject
from injector.core.injection.recovery import recover, removed
from injector.core.injection.undo_entries import NEVER
from injector.core.model import Facts, Namespace, Origin, Reason, Verdict
from injector.core.outcome import Outcome
from injector.core.profile import Config
from injector.core.selectors import Selector

Pod = dict[str, Any]
STATUS = "sidecar.istio.io/status"
UNDO = "sidecar-injector/undo"
OVERRIDES = "proxy.istio.io/overrides"
TEMPLATES = "inject.istio.io/templates"
SWITCH = "sidecar.istio.io/inject"
WEBHOOK = Facts("shop", Origin.WEBHOOK, Namespace("shop", {"istio-injection": "enabled"}))
FILE = replace(WEBHOOK, origin=Origin.FILE)
BOTH = pytest.mark.parametrize("facts", [WEBHOOK, FILE], ids=["webhook", "file"])


@cache
def config(quirks: bool = False, allow: tuple[str, ...] = ("*",), deny: tuple[str, ...] = ()) -> Config:
    rule = AnnotationRule(Selector(()), allow, deny)
    ruled = () if (allow, deny) == (("*",), ()) else (rule,)
    return replace(load(None), quirks=quirks, annotation_rules=ruled)


def a_pod(status: Any = None, undo: Any = None, annotations: Pod | None = None, **spec: Any) -> Pod:
    written = dict(annotations or {})
    if status is not None:
        written[STATUS] = json.dumps(status)
    if undo is not None:
        written[UNDO] = json.dumps(undo)
    app = {"name": "app", "image": "app:1"}
    meta = {"name": "web", "labels": {SWITCH: "true"}, "annotations": written}
    return {"metadata": meta, "spec": {"containers": [app], **spec}}


def injected(pod: Pod, facts: Facts = WEBHOOK, of: Config | None = None) -> Outcome:
    before = copy.deepcopy(pod)
    outcome = inject(pod, facts, of or config())
    assert outcome.decision.verdict is Verdict.INJECT, outcome.error
    assert pod == before
    operations = [operation.as_json() for operation in outcome.patch]
    assert jsonpatch.JsonPatch(operations).apply(pod) == outcome.pod
    return outcome


def refusal(pod: Pod, facts: Facts = WEBHOOK, of: Config | None = None) -> Reason:
    outcome = inject(pod, facts, of or config())
    assert outcome.decision.verdict is Verdict.DENY
    assert outcome.patch == ()
    return outcome.decision.reason


# ---- what an undo may touch ------------------------------------------------------------------------------

FOREIGN_FIELDS: dict[str, Any] = {
    "hostNetwork": True,
    "hostPID": True,
    "hostIPC": True,
    "os": {"name": "windows"},
    "nodeName": "node-1",
    "serviceAccountName": "admin",
    "serviceAccount": "admin",
    "priority": 2_000_000_000,
    "priorityClassName": "system-node-critical",
    "dnsPolicy": "None",
    "runtimeClassName": "other",
    "tolerations": [{"operator": "Exists"}],
    "ephemeralContainers": [{"name": "debug"}],
    "newerThanUs": {"a": 1},
}


@BOTH
@pytest.mark.parametrize("quirks", [False, True])
@pytest.mark.parametrize("field", FOREIGN_FIELDS)
def test_an_undo_sets_no_field_that_no_template_writes(field: str, quirks: bool, facts: Facts) -> None:
    pod = a_pod(status={}, undo=[[f"/spec/{field}", FOREIGN_FIELDS[field]]])
    outcome = injected(pod, facts, config(quirks))
    assert field not in outcome.pod["spec"]


@BOTH
@pytest.mark.parametrize("field", FOREIGN_FIELDS)
def test_an_undo_removes_no_field_that_no_template_writes(field: str, facts: Facts) -> None:
    others: dict[str, Any] = {**FOREIGN_FIELDS, "hostNetwork": False, "os": {"name": "linux"}}
    value = others[field]
    pod = a_pod(status={}, undo=[[f"/spec/{field}"], [f"/spec/{field}/name"]], **{field: value})
    assert injected(pod, facts).pod["spec"][field] == value


@pytest.mark.parametrize("field", sorted(NEVER))
def test_an_undo_never_sets_some_fields_even_where_a_template_writes_them(field: str) -> None:
    value = json.dumps(FOREIGN_FIELDS[field])
    templates = copy.copy(config()).templates
    sources = {**templates._made_of[0]}
    sidecar = sources["sidecar"]
    spec = f"spec:\n  {field}: {value}\n" if field not in ("hostNetwork", "os") else f"spec:\n  {field}:\n"
    sources["sidecar"] = replace(sidecar, text=sidecar.text.replace("spec:\n", spec, 1))
    of = replace(config(), templates=type(templates)(sources, *templates._made_of[1:]))
    outcome = injected(a_pod(status={}, undo=[[f"/spec/{field}", "forged"]]), of=of)
    assert outcome.pod["spec"].get(field) != "forged"


@BOTH
@pytest.mark.parametrize(
    "entry",
    [
        ["/metadata/finalizers", ["example.com/f"]],
        ["/metadata/finalizers/example.com~1f", "example.com/f"],
        ["/metadata/name", "other"],
        ["/metadata/namespace", "other"],
        ["/metadata/ownerReferences", [{"uid": "u"}]],
        ["/metadata", {"finalizers": ["example.com/f"]}],
        ["/spec", {"containers": [], "hostNetwork": True}],
        ["", {"metadata": {}, "spec": {}}],
        ["/kind", "Job"],
        ["/status/phase", "Running"],
    ],
)
def test_an_undo_changes_nothing_else_of_a_pod(entry: list[Any], facts: Facts) -> None:
    plain, forged = a_pod(status={}), a_pod(status={}, undo=[entry])
    want, have = injected(plain, facts).pod, injected(forged, facts).pod
    for pod in (want, have):
        pod["metadata"]["annotations"].pop(UNDO, None)
    assert have == want


def test_with_quirks_on_no_undo_is_applied() -> None:
    entries = [["/metadata/labels/new", "v"], ["/spec/containers/app/tty", True]]
    outcome = injected(a_pod(status={}, undo=entries), of=config(quirks=True))
    assert "new" not in outcome.pod["metadata"]["labels"]
    assert all("tty" not in container for container in outcome.pod["spec"]["containers"])


def test_an_undo_that_is_too_long_is_not_applied() -> None:
    entries = [[f"/metadata/labels/l{i:06}", "v"] for i in range(2000)]
    assert len(injected(a_pod(status={}, undo=entries)).pod["metadata"]["labels"]) < 20


# ---- the decision ----------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("status", "undo"),
    [
        ({}, [[f"/metadata/labels/{SWITCH.replace('/', '~1')}", "false"]]),
        ({}, [[f"/metadata/labels/{SWITCH.replace('/', '~1')}"]]),
        ({}, [["/metadata/annotations/kubernetes.io~1config.mirror", "x"]]),
        ({}, [["/metadata/labels"]]),
    ],
)
def test_a_pod_that_would_be_decided_about_differently_is_refused(
    status: Any, undo: Any, facts: Facts
) -> None:
    assert refusal(a_pod(status=status, undo=undo), facts) is Reason.INVALID_ANNOTATION


@BOTH
def test_a_status_does_not_hide_the_proxy_of_another_mesh(facts: Facts) -> None:
    other = {"name": "linkerd-proxy", "image": "linkerd:1"}
    pod = a_pod(status={"containers": ["linkerd-proxy"]})
    pod["spec"]["containers"].append(other)
    assert refusal(pod, facts) is Reason.INVALID_ANNOTATION


def test_a_pod_that_was_injected_is_decided_about_as_before() -> None:
    for labels in ({SWITCH: "true"}, {}):
        pod = a_pod()
        pod["metadata"]["labels"] = labels
        once = injected(pod)
        again = injected(once.pod)
        assert again.decision.reason is once.decision.reason
        assert again.patch == ()


# ---- containers, volumes and pull secrets ----------------------------------------------------------------

LISTS = {
    "initContainers": {"name": "mine", "image": "mine:1"},
    "containers": {"name": "mine", "image": "mine:1"},
    "volumes": {"name": "mine", "emptyDir": {}},
    "imagePullSecrets": {"name": "mine"},
}


@BOTH
@pytest.mark.parametrize("part", LISTS)
@pytest.mark.parametrize("digest", ["", "0123456789abcdef"])
def test_a_status_takes_nothing_of_the_authors_away(part: str, digest: str, facts: Facts) -> None:
    pod = a_pod(status={part: ["mine"], "digest": digest})
    pod["spec"].setdefault(part, []).append(LISTS[part])
    outcome = injected(pod, facts)
    assert LISTS[part] in outcome.pod["spec"][part]
    assert [f.code for f in outcome.findings].count(FindingCode.STATUS_NAME) == 1
    undone = removed(outcome.pod, facts, config())
    assert undone is not None
    assert LISTS[part] in undone.pod["spec"][part]


@BOTH
@pytest.mark.parametrize("part", LISTS)
@pytest.mark.parametrize(
    "entry",
    [
        ["/spec/{part}/forged", {"name": "forged", "image": "evil:1"}],
        ["/spec/{part}", [{"name": "forged", "image": "evil:1"}]],
        ["/spec/{part}/mine"],
        ["/spec/{part}/mine", None],
        ["/spec/{part}/mine", {"name": "forged"}],
        ["/spec/{part}/mine/name", "forged"],
        ["/spec/{part}"],
        ["/spec/{part}", []],
        ["/spec/{part}", None],
        ["/spec/{part}", {}],
    ],
)
@pytest.mark.parametrize("listed", [[], ["forged", "mine"]])
def test_an_undo_gives_and_takes_no_element_of_a_list(
    part: str, entry: list[Any], listed: list[str], facts: Facts
) -> None:
    pod = a_pod(status={part: listed}, undo=[[entry[0].format(part=part), *entry[1:]]])
    pod["spec"].setdefault(part, []).append(LISTS[part])
    outcome = injected(pod, facts)
    names = [item.get("name") for item in outcome.pod["spec"][part]]
    assert "mine" in names
    assert "forged" not in names


@BOTH
def test_overrides_give_no_container_that_the_status_does_not_list(facts: Facts) -> None:
    stored = {"containers": [{"name": "forged", "image": "evil:1"}]}
    pod = a_pod(status={}, annotations={OVERRIDES: json.dumps(stored)})
    names = [c["name"] for c in injected(pod, facts).pod["spec"]["containers"]]
    assert "forged" not in names


@BOTH
def test_a_status_that_lists_every_container_leaves_no_pod_without_one(facts: Facts) -> None:
    pod = a_pod(status={"containers": ["istio-proxy"]})
    pod["spec"]["containers"] = [{"name": "istio-proxy", "image": "mine:1"}]
    outcome = inject(pod, facts, config())
    assert outcome.decision.verdict is Verdict.DENY or outcome.pod["spec"]["containers"]
    undone = removed(pod, facts, config())
    assert undone is not None
    assert undone.pod["spec"]["containers"]


@BOTH
@pytest.mark.parametrize("template", ["grpc-simple", "grpc-agent"])
@pytest.mark.parametrize(
    "stored", [None, {"initContainers": [{"name": "app"}]}, {"containers": [{"name": "x"}]}]
)
def test_a_container_that_a_template_only_adds_to_is_the_authors(
    template: str, stored: Any, facts: Facts
) -> None:
    annotations = {TEMPLATES: template} | ({OVERRIDES: json.dumps(stored)} if stored else {})
    pod = a_pod(status={"containers": ["app"], "initContainers": ["app"]}, annotations=annotations)
    names = [c["name"] for c in injected(pod, facts).pod["spec"]["containers"]]
    assert "app" in names


@pytest.mark.parametrize("template", ["grpc-simple", "grpc-agent"])
def test_what_a_template_adds_to_containers_is_taken_out_again(template: str) -> None:
    pod = a_pod(annotations={TEMPLATES: template})
    once = injected(pod)
    assert injected(once.pod).patch == ()
    undone = recover(once.pod, WEBHOOK, config())
    assert undone is not None
    assert undone.pod == pod


@BOTH
@pytest.mark.parametrize("template", ["sidecar", "grpc-simple", "grpc-agent"])
@pytest.mark.parametrize("status", [None, {}, {"containers": ["forged"]}])
def test_overrides_give_templates_no_container_to_add(template: str, status: Any, facts: Facts) -> None:
    stored = json.dumps({"containers": [{"name": "forged", "image": "evil:1"}]})
    pod = a_pod(status=status, annotations={OVERRIDES: stored, TEMPLATES: template})
    assert "forged" not in [c["name"] for c in injected(pod, facts).pod["spec"]["containers"]]


OURS: dict[str, dict[str, Any]] = {
    "initContainers": {"name": "istio-init"},
    "containers": {"name": "istio-proxy"},
    "volumes": {"name": "istio-envoy", "emptyDir": {}},
}


@BOTH
@pytest.mark.parametrize("part", OURS)
def test_an_undo_replaces_no_list_of_the_author_by_an_injected_one(part: str, facts: Facts) -> None:
    pod = a_pod(status={part: [OURS[part]["name"]]}, undo=[[f"/spec/{part}", [OURS[part]]]])
    pod["spec"].setdefault(part, []).append(LISTS[part])
    assert LISTS[part] in injected(pod, facts).pod["spec"][part]


@pytest.mark.parametrize("secrets", [[{}], [{}, {"name": "mine"}], [{"name": "registry"}, {}]])
def test_pull_secrets_without_a_name_come_back(secrets: list[Any]) -> None:
    values = {**config().values, "global": {**config().values["global"], "imagePullSecrets": ["registry"]}}
    of = replace(config(), values=values)
    pod = a_pod(annotations={"mine": "x"}, imagePullSecrets=secrets)
    undone = recover(injected(pod, of=of).pod, WEBHOOK, of)
    assert undone is not None
    assert undone.pod["spec"]["imagePullSecrets"] == secrets


@BOTH
@pytest.mark.parametrize("text", ["{", "[]", '{"containers":[{}]}', '{"containers":[{"name":"x","tty":1}]}'])
def test_an_undo_that_brings_unreadable_overrides_is_refused(text: str, facts: Facts) -> None:
    pod = a_pod(status={}, undo=[[f"/metadata/annotations/{OVERRIDES.replace('/', '~1')}", text]])
    assert refusal(pod, facts) is Reason.INVALID_ANNOTATION


@pytest.mark.parametrize(
    "fields",
    [
        {"livenessProbe": {"httpGet": {"port": 10**20}}},
        {"readinessProbe": {"httpGet": {"path": {}, "port": 80}}},
        {"lifecycle": {"preStop": {"tcpSocket": {"port": 10**20}}}},
    ],
)
def test_a_field_of_a_wrong_type_comes_back_where_the_author_wrote_it(fields: Pod) -> None:
    pod = a_pod(annotations={"mine": "x"}, containers=[{"name": "app", **fields}])
    once = injected(pod)
    assert injected(once.pod).patch == ()
    undone = recover(once.pod, WEBHOOK, config())
    assert undone is not None
    assert undone.pod == pod


# ---- rules about annotations -----------------------------------------------------------------------------

ORDINARY = {
    "plain": a_pod(),
    "probes": a_pod(
        volumes=[{"name": "data", "emptyDir": {}}],
        containers=[
            {
                "name": "app",
                "ports": [{"name": "http", "containerPort": 8080}],
                "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
            }
        ],
    ),
    "own proxy": a_pod(containers=[{"name": "app"}, {"name": "istio-proxy", "image": "auto", "tty": True}]),
    "annotated": a_pod(annotations={"example.com/note": "mine"}),
}


@BOTH
@pytest.mark.parametrize("quirks", [False, True])
@pytest.mark.parametrize("name", ORDINARY)
def test_where_no_annotation_is_allowed_an_ordinary_pod_passes_twice(
    name: str, quirks: bool, facts: Facts
) -> None:
    of = config(quirks, allow=())
    once = injected(ORDINARY[name], facts, of)
    injected(once.pod, facts, of)


IMAGE = "sidecar.istio.io/proxyImage"
FORGED_IMAGE = "evil/evil:1"


@BOTH
@pytest.mark.parametrize("quirks", [False, True])
@pytest.mark.parametrize("rule", [{"deny": (IMAGE,)}, {"allow": ()}])
@pytest.mark.parametrize(
    "undo",
    [
        None,
        [[f"/metadata/annotations/{IMAGE.replace('/', '~1')}"]],
        [["/metadata/annotations"]],
        [["/metadata", None]],
        [["/metadata/annotations", {}]],
        [[f"/metadata/annotations/{IMAGE.replace('/', '~1')}", "good:1"]],
    ],
)
def test_no_undo_hides_an_annotation_from_the_rules(undo: Any, rule: Pod, quirks: bool, facts: Facts) -> None:
    pod = a_pod(status={}, undo=undo, annotations={IMAGE: FORGED_IMAGE})
    assert refusal(pod, facts, config(quirks, **rule)) in (
        Reason.ANNOTATION_NOT_ALLOWED,
        Reason.INVALID_ANNOTATION,
    )


@BOTH
@pytest.mark.parametrize("quirks", [False, True])
def test_an_undo_brings_no_annotation_past_the_rules(quirks: bool, facts: Facts) -> None:
    entry = [f"/metadata/annotations/{IMAGE.replace('/', '~1')}", FORGED_IMAGE]
    outcome = inject(a_pod(status={}, undo=[entry]), facts, config(quirks, deny=(IMAGE,)))
    assert FORGED_IMAGE not in json.dumps(outcome.pod["spec"])


# ---- duplicates ------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    "spec",
    [
        {"initContainers": [{"name": "app", "image": "x:1"}]},
        {"containers": [{"name": "app"}, {"name": "istio-init", "image": "x:1"}]},
        {"containers": [{"name": "app"}, {"name": "istio-validation", "image": "x:1"}]},
    ],
)
def test_a_result_with_two_containers_of_a_name_never_leaves(spec: Pod, facts: Facts) -> None:
    for native in ("enabled", "disabled"):
        pod = a_pod(**spec)
        outcome = inject(pod, facts, replace(config(), native_sidecars=native))
        before, after = (_names(p) for p in (pod, outcome.pod))
        assert len(after) == len(set(after)) or len(before) != len(set(before))


@BOTH
@pytest.mark.parametrize("name", ["istio-validation", "istio-init"])
def test_a_container_that_templates_give_to_both_lists_is_refused(name: str, facts: Facts) -> None:
    """Not by an internal error, which failureMode may turn into an admission."""
    pod = a_pod(annotations={TEMPLATES: "grpc-simple,sidecar"}, containers=[{"name": name}])
    # The first template writes into each container of the pod, the second has one of that name itself.
    outcome = inject(pod, facts, replace(config(), values=with_cni(name == "istio-validation")))
    assert outcome.decision.reason is Reason.INVALID_ANNOTATION


def with_cni(enabled: bool) -> Pod:
    return {**config().values, "pilot": {"cni": {"enabled": enabled}}}


def _names(pod: Pod) -> list[str]:
    return [c["name"] for part in ("initContainers", "containers") for c in pod["spec"].get(part) or []]


def test_a_container_of_an_injected_name_that_templates_add_to_is_refused_and_no_defect(
    tmp_path: Path,
) -> None:
    file = tmp_path / "injector.yaml"
    file.write_text("values: {pilot: {cni: {enabled: true}}}\n")
    pod = a_pod(annotations={"inject.istio.io/templates": "grpc-simple,sidecar"})
    pod["spec"]["containers"] = [{"name": "istio-validation", "image": "mine:1"}]
    assert refusal(pod, of=load(str(file))) in (Reason.INVALID_POD, Reason.INVALID_ANNOTATION)
