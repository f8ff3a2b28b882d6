"""Which pods are injected: the truth tables of the policy check (istio-injection 1.1, A.10) and own rules."""

from __future__ import annotations

from typing import Any

import pytest

from injector.core.injection.decisions import carries, decide
from injector.core.model import Decision, Facts, Namespace, Origin, ProxyMark, Reason, Verdict
from injector.core.policy import Policy
from injector.core.selectors import Requirement, Selector, WebhookEntry, parse

SWITCH = "mesh.example/inject"
STATUS = "mesh.example/status"
MIRROR = "kubernetes.io/config.mirror"
LABEL, ANNOTATION = "labels", "annotations"
NEVER = parse({"matchLabels": {"never": "yes"}})
ALWAYS = parse({"matchLabels": {"always": "yes"}})
PROXY = ProxyMark("proxy", ("A", "B"))
ENTRIES = (
    WebhookEntry("by-namespace", parse({"matchLabels": {"mesh": "on"}}), Selector()),
    WebhookEntry("by-pod", Selector(), parse({"matchLabels": {"mesh": "please"}})),
)


def policy(mode: str = "enabled", **changes: Any) -> Policy:
    defaults: dict[str, Any] = {
        "ignored_namespaces": frozenset({"kube-system", "kube-public"}),
        "never": (NEVER,),
        "always": (ALWAYS,),
        "operating_systems": frozenset({"linux"}),
        "foreign": (PROXY,),
    }
    return Policy(mode, SWITCH, STATUS, **(defaults | changes))


def a_pod(
    labels: dict[str, Any] | None = None, annotations: dict[str, Any] | None = None, **spec: Any
) -> dict[str, Any]:
    return {"metadata": {"labels": labels or {}, "annotations": annotations or {}}, "spec": spec}


def asking(label: str | None = None, annotation: str | None = None, *selected: str) -> dict[str, Any]:
    """A pod with the switch as label and annotation, and with labels that selectors match."""
    labels = dict.fromkeys(selected, "yes") | ({SWITCH: label} if label is not None else {})
    return a_pod(labels, {SWITCH: annotation} if annotation is not None else {})


def winner(decision: Decision) -> str:
    (won,) = [step.rule for step in decision.trace if step.decisive]
    return won


# label, annotation, selectors that match -> what the pod asks for, why, and the rule that says so
WISHES: list[tuple[dict[str, Any], bool | None, Reason | None, str]] = [
    (asking(), None, None, "policy"),
    (asking("true"), True, Reason.OPTED_IN_BY_LABEL, "label"),
    (asking("false"), False, Reason.OPTED_OUT_BY_LABEL, "label"),
    (asking(None, "true"), True, Reason.OPTED_IN_BY_ANNOTATION, "annotation"),
    (asking(None, "false"), False, Reason.OPTED_OUT_BY_ANNOTATION, "annotation"),
    # The label is stronger, in both directions.
    (asking("true", "false"), True, Reason.OPTED_IN_BY_LABEL, "label"),
    (asking("false", "true"), False, Reason.OPTED_OUT_BY_LABEL, "label"),
    # A label that says nothing still hides the annotation.
    *(
        (asking(said, said_too), None, None, "policy")
        for said in ("", "True", "yes", "on", "1", " true", "FALSE")
        for said_too in ("true", "false")
    ),
    *((asking(None, said), None, None, "policy") for said in ("", "True", "no", "0", "false ")),
    # Selectors: only for the undecided; never is stronger.
    (asking(None, None, "never"), False, Reason.NEVER_SELECTED, "never-selectors"),
    (asking(None, None, "always"), True, Reason.ALWAYS_SELECTED, "always-selectors"),
    (asking(None, None, "never", "always"), False, Reason.NEVER_SELECTED, "never-selectors"),
    (asking("true", None, "never"), True, Reason.OPTED_IN_BY_LABEL, "label"),
    (asking(None, "true", "never"), True, Reason.OPTED_IN_BY_ANNOTATION, "annotation"),
    (asking("false", None, "always"), False, Reason.OPTED_OUT_BY_LABEL, "label"),
    (asking(None, "false", "always"), False, Reason.OPTED_OUT_BY_ANNOTATION, "annotation"),
    (asking("", "true", "never"), False, Reason.NEVER_SELECTED, "never-selectors"),
    (asking("", "false", "always"), True, Reason.ALWAYS_SELECTED, "always-selectors"),
]


@pytest.mark.parametrize(("pod", "wish", "reason", "rule"), WISHES)
@pytest.mark.parametrize(
    "default",
    [("enabled", True, Reason.ON_BY_DEFAULT), ("disabled", False, Reason.OFF_BY_DEFAULT)],
)
def test_what_the_pod_asks_for_wins_and_the_policy_decides_for_the_undecided(
    pod: dict[str, Any],
    wish: bool | None,
    reason: Reason | None,
    rule: str,
    default: tuple[str, bool, Reason],
) -> None:
    mode, undecided, instead = default
    decision = decide(pod, Facts(), policy(mode))
    injected = undecided if wish is None else wish
    expected = (Verdict.INJECT if injected else Verdict.SKIP, reason or instead, rule)
    assert (decision.verdict, decision.reason, winner(decision)) == expected


@pytest.mark.parametrize(("pod", "_wish", "_reason", "_rule"), WISHES)
@pytest.mark.parametrize("mode", ["wrong", "", "Enabled", "true"])
def test_an_invalid_policy_injects_nothing_whatever_the_pod_asks_for(
    pod: dict[str, Any], _wish: bool | None, _reason: Reason | None, _rule: str, mode: str
) -> None:
    decision = decide(pod, Facts(), policy(mode))
    assert (decision.verdict, decision.reason) == (Verdict.SKIP, Reason.INVALID_POLICY)
    assert winner(decision) == "policy"
    last = decision.trace[-1]
    assert (last.seen, last.verdict) == ("policy is neither enabled nor disabled", "skip")


def test_an_empty_selector_matches_no_pod_and_any_selector_of_a_list_is_enough() -> None:
    empty_first = (Selector(), NEVER)
    assert decide(asking(), Facts(), policy(never=(Selector(),))).reason is Reason.ON_BY_DEFAULT
    assert decide(asking(), Facts(), policy("disabled", always=(Selector(),))).reason is Reason.OFF_BY_DEFAULT
    assert (
        decide(asking(None, None, "never"), Facts(), policy(never=empty_first)).reason
        is Reason.NEVER_SELECTED
    )


def test_selectors_see_labels_not_annotations_and_a_null_label_is_empty() -> None:
    assert decide(a_pod({}, {"never": "yes"}), Facts(), policy()).reason is Reason.ON_BY_DEFAULT
    empty = parse({"matchLabels": {"never": ""}})
    assert decide(a_pod({"never": None}), Facts(), policy(never=(empty,))).reason is Reason.NEVER_SELECTED


def in_namespace(name: str | None, **spec: Any) -> dict[str, Any]:
    return {"metadata": {} if name is None else {"namespace": name}, "spec": spec}


STATUS_OF_PROXY = '{"initContainers":null,"containers":["proxy"],"volumes":null,"imagePullSecrets":null}'
STATUS_OF_NATIVE = '{"initContainers":["proxy"],"containers":null}'
A_PROXY = {"name": "proxy", "env": [{"name": "B"}, {"name": "A"}, {"name": "C"}]}
WEBHOOK, FILE = Origin.WEBHOOK, Origin.FILE

# pod, facts -> verdict, reason, winning rule
GATES: list[tuple[dict[str, Any], Facts, Verdict, Reason, str]] = [
    (a_pod({}, {MIRROR: "x"}), Facts(origin=WEBHOOK), Verdict.SKIP, Reason.STATIC_POD, "static-pod"),
    (a_pod({SWITCH: "true"}, {MIRROR: ""}), Facts(), Verdict.SKIP, Reason.STATIC_POD, "static-pod"),
    (a_pod({}, {MIRROR: "x"}, hostNetwork=True), Facts(), Verdict.SKIP, Reason.STATIC_POD, "static-pod"),
    (in_namespace("b"), Facts("a", WEBHOOK), Verdict.DENY, Reason.NAMESPACE_MISMATCH, "namespace"),
    (
        in_namespace("b", hostNetwork=True),
        Facts("a", WEBHOOK),
        Verdict.DENY,
        Reason.NAMESPACE_MISMATCH,
        "namespace",
    ),
    (in_namespace("kube-system"), Facts("a", WEBHOOK), Verdict.DENY, Reason.NAMESPACE_MISMATCH, "namespace"),
    (in_namespace("a"), Facts("a", WEBHOOK), Verdict.INJECT, Reason.ON_BY_DEFAULT, "policy"),
    (in_namespace("b"), Facts("", WEBHOOK), Verdict.INJECT, Reason.ON_BY_DEFAULT, "policy"),
    (in_namespace("b"), Facts("a", FILE), Verdict.INJECT, Reason.ON_BY_DEFAULT, "policy"),
    (a_pod(hostNetwork=True), Facts(), Verdict.SKIP, Reason.HOST_NETWORK, "host-network"),
    (a_pod({SWITCH: "true"}, hostNetwork=True), Facts(), Verdict.SKIP, Reason.HOST_NETWORK, "host-network"),
    (
        in_namespace("kube-system", hostNetwork=True),
        Facts(),
        Verdict.SKIP,
        Reason.HOST_NETWORK,
        "host-network",
    ),
    (a_pod(hostNetwork=False), Facts(), Verdict.INJECT, Reason.ON_BY_DEFAULT, "policy"),
    (a_pod(hostNetwork=None), Facts(), Verdict.INJECT, Reason.ON_BY_DEFAULT, "policy"),
    (
        in_namespace(None),
        Facts("kube-system", WEBHOOK),
        Verdict.SKIP,
        Reason.IGNORED_NAMESPACE,
        "ignored-namespace",
    ),
    (
        in_namespace("kube-public"),
        Facts("", WEBHOOK),
        Verdict.SKIP,
        Reason.IGNORED_NAMESPACE,
        "ignored-namespace",
    ),
    (
        in_namespace("kube-system"),
        Facts("", FILE),
        Verdict.SKIP,
        Reason.IGNORED_NAMESPACE,
        "ignored-namespace",
    ),
    # Q1: a template in a file rarely names its namespace, so the object's own does not count.
    (in_namespace(None), Facts("kube-system", FILE), Verdict.INJECT, Reason.ON_BY_DEFAULT, "policy"),
    (a_pod(os={"name": "windows"}), Facts(), Verdict.SKIP, Reason.UNSUPPORTED_OS, "operating-system"),
    (
        a_pod({SWITCH: "true"}, os={"name": "windows"}),
        Facts(),
        Verdict.SKIP,
        Reason.UNSUPPORTED_OS,
        "operating-system",
    ),
    (a_pod(os={"name": "linux"}), Facts(), Verdict.INJECT, Reason.ON_BY_DEFAULT, "policy"),
    (a_pod(os={}), Facts(), Verdict.INJECT, Reason.ON_BY_DEFAULT, "policy"),
    (a_pod(os=None), Facts(), Verdict.INJECT, Reason.ON_BY_DEFAULT, "policy"),
    (a_pod(), Facts(namespace_object=Namespace("a")), Verdict.SKIP, Reason.NOT_SELECTED, "webhook-selectors"),
    (
        a_pod({SWITCH: "true"}),
        Facts(namespace_object=Namespace("a")),
        Verdict.SKIP,
        Reason.NOT_SELECTED,
        "webhook-selectors",
    ),
    (
        a_pod({"mesh": "please"}),
        Facts(namespace_object=Namespace("a")),
        Verdict.INJECT,
        Reason.ON_BY_DEFAULT,
        "policy",
    ),
    (
        a_pod(),
        Facts(namespace_object=Namespace("a", {"mesh": "on"})),
        Verdict.INJECT,
        Reason.ON_BY_DEFAULT,
        "policy",
    ),
    # In the webhook the API server has applied the selectors already.
    (
        a_pod(),
        Facts(origin=WEBHOOK, namespace_object=Namespace("a")),
        Verdict.INJECT,
        Reason.ON_BY_DEFAULT,
        "policy",
    ),
    (a_pod(), Facts(namespace_object=None), Verdict.INJECT, Reason.ON_BY_DEFAULT, "policy"),
    (a_pod(containers=[A_PROXY]), Facts(), Verdict.SKIP, Reason.FOREIGN_SIDECAR, "foreign-sidecar"),
    (
        a_pod({SWITCH: "true"}, containers=[A_PROXY]),
        Facts(),
        Verdict.SKIP,
        Reason.FOREIGN_SIDECAR,
        "foreign-sidecar",
    ),
    (
        a_pod(initContainers=[{"name": "x"}, A_PROXY]),
        Facts(),
        Verdict.SKIP,
        Reason.FOREIGN_SIDECAR,
        "foreign-sidecar",
    ),
    (
        a_pod(containers=None, initContainers=[A_PROXY]),
        Facts(),
        Verdict.SKIP,
        Reason.FOREIGN_SIDECAR,
        "foreign-sidecar",
    ),
    (
        a_pod({}, {STATUS: STATUS_OF_PROXY}, containers=[A_PROXY]),
        Facts(),
        Verdict.INJECT,
        Reason.ON_BY_DEFAULT,
        "policy",
    ),
    (
        a_pod({}, {STATUS: STATUS_OF_NATIVE}, containers=[A_PROXY]),
        Facts(),
        Verdict.INJECT,
        Reason.ON_BY_DEFAULT,
        "policy",
    ),
    # A status that is none, or lists something else, explains nothing.
    *(
        (
            a_pod({}, {STATUS: text}, containers=[A_PROXY]),
            Facts(),
            Verdict.SKIP,
            Reason.FOREIGN_SIDECAR,
            "foreign-sidecar",
        )
        for text in ("", "nonsense", "[]", "{}", '{"containers":["other"]}', '{"containers":"proxy"}', None)
    ),
    # The user's own version of the sidecar lacks what makes a running one.
    (a_pod(containers=[{"name": "proxy"}]), Facts(), Verdict.INJECT, Reason.ON_BY_DEFAULT, "policy"),
    (
        a_pod(containers=[{"name": "proxy", "env": None}]),
        Facts(),
        Verdict.INJECT,
        Reason.ON_BY_DEFAULT,
        "policy",
    ),
    (
        a_pod(containers=[{"name": "proxy", "env": [{"name": "A"}]}]),
        Facts(),
        Verdict.INJECT,
        Reason.ON_BY_DEFAULT,
        "policy",
    ),
    (
        a_pod(containers=[{**A_PROXY, "name": "other"}]),
        Facts(),
        Verdict.INJECT,
        Reason.ON_BY_DEFAULT,
        "policy",
    ),
    # A pod that is not injected anyway gets the more specific reason.
    (
        a_pod({SWITCH: "false"}, containers=[A_PROXY]),
        Facts(),
        Verdict.SKIP,
        Reason.OPTED_OUT_BY_LABEL,
        "label",
    ),
]


@pytest.mark.parametrize(("pod", "facts", "verdict", "reason", "rule"), GATES)
def test_the_first_gate_that_objects_decides_before_the_policy(
    pod: dict[str, Any], facts: Facts, verdict: Verdict, reason: Reason, rule: str
) -> None:
    decision = decide(pod, facts, policy(entries=ENTRIES))
    assert (decision.verdict, decision.reason, winner(decision)) == (verdict, reason, rule)


def test_every_reason_that_deciding_can_give_has_a_row() -> None:
    # In test_node_selection.py, test_callers.py, and those of later stages.
    words = "unsupported-nodes runtime-class caller-skipped caller-denied unsupported-kind invalid-pod "
    words += (
        "annotation-not-allowed invalid-annotation template-failed merge-failed too-expensive internal-error"
    )
    later = {Reason(word) for word in words.split()}
    shown = {row[2] for row in WISHES if row[2]} | {row[3] for row in GATES}
    assert shown | later | {Reason.OFF_BY_DEFAULT, Reason.INVALID_POLICY} == set(Reason)


def test_every_reason_has_a_sentence() -> None:
    assert all(reason.sentence.endswith(".") for reason in Reason)


BEFORE_THE_POD = ["static-pod", "namespace", "host-network", "ignored-namespace", "operating-system"]
UNDECIDED = ["annotation", "never-selectors", "always-selectors", "policy"]
FIT = ["node-selection", "foreign-sidecar"]


@pytest.mark.parametrize(
    ("pod", "facts", "expected"),
    [
        (
            a_pod(),
            Facts("a", WEBHOOK),
            [*BEFORE_THE_POD, *UNDECIDED, *FIT],
        ),
        (asking("true"), Facts("a", WEBHOOK), [*BEFORE_THE_POD, "label", "policy", *FIT]),
        (asking("false"), Facts("a", WEBHOOK), [*BEFORE_THE_POD, "label", "policy"]),
        (
            asking(None, None, "never"),
            Facts("a", WEBHOOK),
            [*BEFORE_THE_POD, "annotation", "never-selectors", "policy"],
        ),
        (a_pod({}, {MIRROR: "x"}), Facts("a", WEBHOOK), BEFORE_THE_POD[:1]),
        (in_namespace("b"), Facts("a", WEBHOOK), BEFORE_THE_POD[:2]),
        (a_pod(hostNetwork=True), Facts("a", WEBHOOK), BEFORE_THE_POD[:3]),
        (a_pod(), Facts("kube-system", WEBHOOK), BEFORE_THE_POD[:4]),
        (a_pod(os={"name": "windows"}), Facts("a", WEBHOOK), BEFORE_THE_POD),
        # A file has no request whose namespace could differ, and may have the namespace.
        (
            a_pod(),
            Facts(namespace_object=Namespace("a")),
            ["static-pod", *BEFORE_THE_POD[2:], "webhook-selectors"],
        ),
        (
            asking("false"),
            Facts(),
            ["static-pod", *BEFORE_THE_POD[2:], "webhook-selectors", "label", "policy"],
        ),
        (
            a_pod(containers=[A_PROXY]),
            Facts("a", WEBHOOK),
            [*BEFORE_THE_POD, *UNDECIDED, *FIT],
        ),
    ],
)
def test_the_trace_names_every_rule_tried_in_order(
    pod: dict[str, Any], facts: Facts, expected: list[str]
) -> None:
    decision = decide(pod, facts, policy(entries=ENTRIES))
    assert [step.rule for step in decision.trace] == expected


@pytest.mark.parametrize(
    ("pod", "facts", "changes", "steps"),
    [
        (
            a_pod({SWITCH: "true"}),
            Facts("ns", WEBHOOK),
            {},
            {
                "static-pod": (f"no annotation {MIRROR}", "no objection"),
                "namespace": ("request ns, pod not named", "no objection"),
                "host-network": ("spec.hostNetwork not set", "no objection"),
                "ignored-namespace": ("namespace ns", "no objection"),
                "operating-system": ("spec.os.name not named", "no objection"),
                "label": (f"{SWITCH}: true", "yes"),
                "policy": ("policy enabled", "inject"),
                "foreign-sidecar": ("no proxy without a status", "no objection"),
            },
        ),
        (
            a_pod({}, {SWITCH: "false"}, hostNetwork=False, os={"name": "linux"}),
            Facts(namespace_object=Namespace("ns", {"mesh": "on", "a": "b"})),
            {},
            {
                "host-network": ("spec.hostNetwork false", "no objection"),
                "ignored-namespace": ("namespace not named", "no objection"),
                "operating-system": ("spec.os.name linux", "no objection"),
                "webhook-selectors": ("namespace ns {a=b, mesh=on}", "entry by-namespace matches"),
                "annotation": (f"{SWITCH}: false", "no"),
                "policy": ("policy enabled", "skip"),
            },
        ),
        (
            a_pod({SWITCH: "secret text"}),
            Facts(),
            {"mode": "disabled"},
            {
                "webhook-selectors": ("namespace unknown", "no objection"),
                "label": (f"{SWITCH} has another value", "undecided"),
                "never-selectors": ("1 selectors", "none matches"),
                "always-selectors": ("1 selectors", "none matches"),
                "policy": ("policy disabled", "skip"),
            },
        ),
        (
            a_pod({"always": "yes"}),
            Facts(),
            {},
            {
                "annotation": (f"{SWITCH} not set", "undecided"),
                "always-selectors": ("always In [yes]", "yes"),
            },
        ),
        (a_pod({"never": "yes"}), Facts(), {}, {"never-selectors": ("never In [yes]", "no")}),
        (a_pod({}, {MIRROR: "x"}), Facts(), {}, {"static-pod": (f"annotation {MIRROR}", "skip")}),
        (a_pod(hostNetwork=True), Facts(), {}, {"host-network": ("spec.hostNetwork true", "skip")}),
        (in_namespace("b"), Facts("a", WEBHOOK), {}, {"namespace": ("request a, pod b", "deny")}),
        (in_namespace("kube-system"), Facts(), {}, {"ignored-namespace": ("namespace kube-system", "skip")}),
        (a_pod(os={"name": "windows"}), Facts(), {}, {"operating-system": ("spec.os.name windows", "skip")}),
        (
            a_pod(),
            Facts(namespace_object=Namespace("ns")),
            {},
            {"webhook-selectors": ("namespace ns {}", "skip")},
        ),
        (a_pod(containers=[A_PROXY]), Facts(), {}, {"foreign-sidecar": ("container proxy", "skip")}),
    ],
)
def test_a_step_records_its_input_and_its_verdict(
    pod: dict[str, Any], facts: Facts, changes: dict[str, Any], steps: dict[str, tuple[str, str]]
) -> None:
    decision = decide(pod, facts, policy(**changes, entries=ENTRIES))
    steps_by_rule = {step.rule: (step.seen, step.verdict) for step in decision.trace}
    assert {rule: steps_by_rule.get(rule) for rule in steps} == steps


def test_rules_that_a_profile_does_not_have_are_not_tried() -> None:
    bare = policy(entries=(), foreign=(), operating_systems=frozenset())
    decision = decide(
        a_pod(os={"name": "windows"}, containers=[A_PROXY]), Facts(namespace_object=Namespace("a")), bare
    )
    assert decision.verdict is Verdict.INJECT
    tried = {step.rule for step in decision.trace}
    assert tried.isdisjoint({"operating-system", "webhook-selectors", "foreign-sidecar"})


@pytest.mark.parametrize(
    ("pod", "facts"),
    [
        (in_namespace("x" * 100), Facts("y" * 100, WEBHOOK)),
        (in_namespace(None), Facts("y" * 100, WEBHOOK)),
        (a_pod(os={"name": "x" * 100}), Facts()),
        (a_pod({SWITCH: "x" * 100}), Facts()),
    ],
)
def test_a_long_value_is_cut_and_never_repeated_as_a_whole(pod: dict[str, Any], facts: Facts) -> None:
    seen = " ".join(step.seen for step in decide(pod, facts, policy()).trace)
    assert "x" * 65 not in seen
    assert "y" * 65 not in seen


@pytest.mark.parametrize("pod", [{}, {"metadata": None, "spec": None}, {"metadata": {"labels": None}}])
def test_a_pod_without_metadata_or_spec_is_undecided(pod: dict[str, Any]) -> None:
    assert decide(pod, Facts(), policy()).reason is Reason.ON_BY_DEFAULT
    assert decide(pod, Facts("a", WEBHOOK), policy("disabled")).reason is Reason.OFF_BY_DEFAULT


@pytest.mark.parametrize(
    ("container", "mark", "is_one"),
    [
        ({"name": "p"}, ProxyMark("p"), True),
        ({"name": "q"}, ProxyMark("p"), False),
        ({}, ProxyMark("p"), False),
        ({"name": "p", "env": [{"name": "A"}]}, ProxyMark("p", ("A",)), True),
        ({"name": "p", "env": [{"name": "A"}]}, ProxyMark("p", ("A", "B")), False),
        ({"name": "p", "env": []}, ProxyMark("p", ("A",)), False),
    ],
)
def test_a_proxy_is_known_by_its_name_and_all_of_its_variables(
    container: dict[str, Any], mark: ProxyMark, is_one: bool
) -> None:
    assert carries(container, mark) is is_one


def test_a_selector_is_shown_in_the_words_of_kubernetes() -> None:
    chosen = Selector((Requirement("a", "NotIn", frozenset({"y", "x"})), Requirement("b", "Exists")))
    decision = decide(a_pod({"b": ""}), Facts(), policy(never=(chosen,)))
    assert "a NotIn [x, y] and b Exists" in [step.seen for step in decision.trace]
