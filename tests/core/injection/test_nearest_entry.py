"""The hint for a pod that no webhook entry matches: whoever does what it says gets an injected pod."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector.core import names
from injector.core.injection.decisions import decide
from injector.core.injection.nearest_entry import LabelChange, Unselected, advise, objection
from injector.core.injection.not_injected import explained
from injector.core.model import Decision, Facts, Manifest, Namespace, Origin, Reason, Verdict
from injector.core.policy import Policy
from injector.core.selectors import Requirement, Selector, WebhookEntry, parse
from injector.profiles.istio import revisions
from tests.core.test_selectors import INJECTION, NAMED, NAMESPACES, PODS, REV, SWITCH, UNNAMED

DEPLOYMENT: Manifest = {"kind": "Deployment"}
COMMAND = re.compile(r"kubectl label namespace shop (.*?)( --overwrite)?\)")
OF_POD = re.compile(r"(set|remove) labels? (.*?) (?:on|from) the pod template")
NO_ENTRY = "-"


def policy(entries: tuple[WebhookEntry, ...], **changes: Any) -> Policy:
    return Policy("enabled", SWITCH, "status", entries=entries, **changes)


def why(pod: Manifest, namespace: Namespace, rules: Policy, holder: Manifest | None = DEPLOYMENT) -> Decision:
    facts = Facts(namespace.name, Origin.FILE, namespace)
    return explained(decide(pod, facts, rules), pod, facts, rules, holder)


def a_pod(labels: Mapping[str, str], annotation: str | None = None, **spec: Any) -> Manifest:
    annotations = {} if annotation is None else {SWITCH: annotation}
    return {"metadata": {"labels": dict(labels), "annotations": annotations}, "spec": spec}


def edited(labels: Mapping[str, str], words: list[str]) -> dict[str, str]:
    """Labels after `key=value` and `key-`, as kubectl takes them."""
    out = dict(labels)
    for word in words:
        key, sign, value = word.partition("=")
        if sign:
            out[key] = value
        else:
            del out[word.removesuffix("-")]
    return out


def followed(hint: str, pod: Manifest, namespace: Namespace) -> list[tuple[Manifest, Namespace]]:
    """Pod and namespace after each of the alternatives of a hint, by its words alone."""
    out = []
    for alternative in hint.partition(";")[0].split(", or "):
        labels, space = pod["metadata"]["labels"], namespace.labels
        command = COMMAND.search(alternative)
        if command:
            words = command[1].split(" ")
            # Without the flag kubectl refuses to change a label.
            changed = [w for w in words if "=" in w and w.partition("=")[0] in space]
            assert bool(changed) == bool(command[2])
            space = edited(space, words)
        for verb, listed in OF_POD.findall(alternative):
            words = listed.split(" and ")
            labels = edited(labels, words if verb == "set" else [f"{word}-" for word in words])
        assert (labels, space) != (pod["metadata"]["labels"], namespace.labels)
        meta = {**pod["metadata"], "labels": labels}
        out.append(({**pod, "metadata": meta}, Namespace(namespace.name, space)))
    return out


def cells(table: Mapping[str, str], revision: str) -> list[Any]:
    """The cells of the specification's table in which no entry fires."""
    rows = []
    for row, line in table.items():
        for column, entry in zip(PODS, line.split(), strict=True):
            # A pod that says `false` is left out by its own label.
            if entry == NO_ENTRY and column != "false":
                rows.append(pytest.param(revision, row, column, id=f"{revision or 'unnamed'}-{row}-{column}"))
    return rows


CELLS = [*cells(UNNAMED, ""), *cells(NAMED, "1-30")]


def test_the_table_has_as_many_cells_as_the_specification_leaves_uninjected() -> None:
    # 11 rows of namespaces, 8 columns of pods, without the column of `false`.
    assert (len(cells(UNNAMED, "")), len(cells(NAMED, ""))) == (4 + 6 * 7, 5 + 9 * 7)


@pytest.mark.parametrize(("revision", "row", "column"), CELLS)
@pytest.mark.parametrize("annotation", [None, "true", "false"])
def test_a_pod_that_does_what_the_hint_says_is_injected(
    revision: str, row: str, column: str, annotation: str | None
) -> None:
    def named(labels: Mapping[str, str]) -> dict[str, str]:
        return {k: (revision or "default") if v == "R" else v for k, v in labels.items()}

    rules = policy(revisions.of_revision(revision))
    namespace, pod = Namespace("shop", named(NAMESPACES[row])), a_pod(named(PODS[column]), annotation)
    decision = why(pod, namespace, rules)
    assert decision.reason is Reason.NOT_SELECTED
    after = followed(decision.hint, pod, namespace)
    assert after
    for changed, space in after:
        assert decide(changed, Facts("shop", Origin.FILE, space), rules).verdict is Verdict.INJECT
    assert ("; the API server selects by labels" in decision.hint) == (
        annotation == "true" and SWITCH not in PODS[column]
    )


NAMESPACE = "namespace.sidecar-injector.istio.io"
BY_REVISION = "rev.namespace.sidecar-injector.istio.io"
BY_POD = "rev.object.sidecar-injector.istio.io"
TRUE_ON_POD = "set label sidecar.istio.io/inject=true on the pod template"


# Namespace, pod -> the sentence, the hint.
@pytest.mark.parametrize(
    ("revision", "space", "labels", "detail", "hint"),
    [
        (
            "",
            {INJECTION: "true"},
            {},
            f'Entry {NAMESPACE} requires istio-injection=enabled on namespace shop, which has "true".',
            "label the namespace (kubectl label namespace shop istio-injection=enabled --overwrite)",
        ),
        (
            "",
            {},
            {},
            f"Entry {NAMESPACE} requires istio-injection=enabled on namespace shop, which does not have it.",
            f"label the namespace (kubectl label namespace shop istio-injection=enabled), or {TRUE_ON_POD}",
        ),
        (
            "",
            {},
            {SWITCH: "True"},
            "Entry object.sidecar-injector.istio.io requires sidecar.istio.io/inject=true on the pod "
            'template, which has "True".',
            f"label the namespace (kubectl label namespace shop istio-injection=enabled), or {TRUE_ON_POD}",
        ),
        (
            "1-30",
            {REV: "1-28"},
            {},
            f'Entry {BY_REVISION} requires istio.io/rev=1-30 on namespace shop, which has "1-28".',
            "label the namespace (kubectl label namespace shop istio.io/rev=1-30 --overwrite)",
        ),
        (
            "1-30",
            {},
            {REV: "1-28"},
            f'Entry {BY_POD} requires istio.io/rev=1-30 on the pod template, which has "1-28".',
            "label the namespace (kubectl label namespace shop istio.io/rev=1-30), or set label "
            "istio.io/rev=1-30 on the pod template",
        ),
        (
            "1-30",
            {INJECTION: "enabled"},
            {},
            f"Entry {BY_REVISION} requires istio.io/rev=1-30 on namespace shop, which does not have it, and "
            'requires no label istio-injection on namespace shop, which has "enabled".',
            "label the namespace (kubectl label namespace shop istio.io/rev=1-30 istio-injection-)",
        ),
    ],
)
def test_the_nearest_entry_and_the_smallest_change_are_named(
    revision: str, space: dict[str, str], labels: dict[str, str], detail: str, hint: str
) -> None:
    decision = why(a_pod(labels), Namespace("shop", space), policy(revisions.of_revision(revision)))
    assert (decision.sentence, decision.hint) == (detail, hint)


def test_a_pod_that_is_no_template_of_a_workload_is_labelled_itself() -> None:
    rules = policy(revisions.of_revision(""))
    for holder in (None, {"kind": "Pod"}):
        assert why(a_pod({}), Namespace("shop"), rules, holder).hint.endswith("inject=true on the pod")


def test_a_namespace_that_an_entry_excludes_by_its_name_is_not_helped_by_labels() -> None:
    outside = Requirement(names.METADATA_NAME_LABEL, "NotIn", frozenset({"shop"}))
    decision = why(
        a_pod({}), Namespace("shop"), policy((WebhookEntry("e", Selector((outside,)), Selector()),))
    )
    assert decision.detail == "Entry e excludes namespace shop."
    assert decision.hint == (
        "labels do not help; move the pod to another namespace, or change the selectors of the entry"
    )
    only = Requirement(names.METADATA_NAME_LABEL, "In", frozenset({"bank", "mill"}))
    decision = why(a_pod({}), Namespace("shop"), policy((WebhookEntry("e", Selector((only,)), Selector()),)))
    assert decision.detail == "Entry e is for namespace bank or mill."


@pytest.mark.parametrize(
    ("requirement", "labels", "words"),
    [
        ({"key": "a", "operator": "In", "values": ["y", "x"]}, {}, "requires a=x or y on the pod"),
        ({"key": "a", "operator": "Exists"}, {}, "requires label a on the pod, which does not have it"),
        (
            {"key": "a", "operator": "DoesNotExist"},
            {"a": "1"},
            'requires no label a on the pod, which has "1"',
        ),
        (
            {"key": "a", "operator": "NotIn", "values": ["1"]},
            {"a": "1"},
            'requires another value of a on the pod, which has "1"',
        ),
        ({"key": "a", "operator": "Exists"}, {"a": ""}, ""),
    ],
)
def test_each_kind_of_requirement_has_its_words(
    requirement: Manifest, labels: dict[str, str], words: str
) -> None:
    entry = WebhookEntry("e", Selector(), parse({"matchExpressions": [requirement]}))
    text = objection(entry, Unselected(Namespace("shop"), labels, SWITCH))
    assert text.startswith(words)
    assert bool(text) == bool(words)


def test_a_pod_that_is_skipped_for_another_reason_as_well_is_not_promised_anything() -> None:
    rules = policy(revisions.of_revision(""), skip_runtime_classes=frozenset({"kata"}))
    decision = why(a_pod({}, runtimeClassName="kata"), Namespace("shop"), rules)
    assert decision.hint == (
        "labels alone do not help: with an entry that matches, the pod is skipped as runtime-class"
    )


def test_a_name_that_is_none_is_not_part_of_a_command_for_a_shell() -> None:
    hint = why(a_pod({}), Namespace("x; rm -rf ."), policy(revisions.of_revision(""))).hint
    assert hint.startswith("label namespace x; rm -rf . with istio-injection=enabled")
    assert "kubectl" not in hint


def test_labels_that_are_no_texts_are_shown_as_yaml_has_them() -> None:
    decision = why(
        a_pod({}),
        Namespace("shop", {INJECTION: True}),  # type: ignore[dict-item]
        policy(revisions.of_revision("")),
    )
    assert 'which has "true"' in decision.detail


# --- any selectors ------------------------------------------------------------------------------------

KEYS, VALUES = ("a", "b", SWITCH), ("true", "false", "v")
LABELS = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES))
REQUIREMENTS = st.one_of(
    st.builds(Requirement, st.sampled_from(KEYS), st.sampled_from(("Exists", "DoesNotExist"))),
    st.builds(
        Requirement,
        st.sampled_from(KEYS),
        st.sampled_from(("In", "NotIn")),
        st.frozensets(st.sampled_from(VALUES), min_size=1),
    ),
    st.builds(
        Requirement,
        st.just(names.METADATA_NAME_LABEL),
        st.just("NotIn"),
        st.sampled_from([frozenset({"shop"}), frozenset({"bank"})]),
    ),
)
ENTRIES = st.lists(
    st.builds(
        lambda spaces, pods: WebhookEntry("e", Selector(tuple(spaces)), Selector(tuple(pods))),
        st.lists(REQUIREMENTS, max_size=3),
        st.lists(REQUIREMENTS.filter(lambda r: r.key in KEYS), max_size=3),
    ),
    min_size=1,
    max_size=3,
)


def every_change(size: int) -> list[LabelChange]:
    """All changes of so many labels of namespace and pod."""
    out = []
    for places in itertools.combinations([(where, key) for where in (0, 1) for key in KEYS], size):
        for values in itertools.product((None, *VALUES, "other"), repeat=size):
            edits: tuple[dict[str, str | None], dict[str, str | None]] = ({}, {})
            for (where, key), value in zip(places, values, strict=True):
                edits[where][key] = value
            out.append(LabelChange(*edits))
    return out


SMALL = {size: every_change(size) for size in (0, 1, 2)}


@given(entries=ENTRIES, spaces=LABELS, labels=LABELS)
def test_the_change_is_true_and_there_is_no_smaller_one(
    entries: list[WebhookEntry], spaces: dict[str, str], labels: dict[str, str]
) -> None:
    seen = Unselected(Namespace("shop", spaces), labels, SWITCH)

    def matched(change: LabelChange) -> bool:
        space, of_pod = change.applied(seen)
        return any(entry.matches(space, of_pod) for entry in entries)

    if matched(LabelChange({}, {})):
        return
    advice = advise(entries, seen, lambda *_: Reason.ON_BY_DEFAULT)
    assert all(map(matched, advice.changes))
    smaller = [size for size in SMALL if any(map(matched, SMALL[size]))]
    if advice.changes:
        assert len({len(change) for change in advice.changes}) == 1
        assert not [size for size in smaller if size < len(advice.changes[0])]
    else:
        assert not smaller
    assert advice.objection == objection(advice.entry, seen) != ""


@given(entries=ENTRIES, spaces=LABELS, labels=LABELS, mode=st.sampled_from(["enabled", "disabled"]))
def test_a_changed_pod_of_any_policy_is_injected(
    entries: list[WebhookEntry], spaces: dict[str, str], labels: dict[str, str], mode: str
) -> None:
    never = (parse({"matchLabels": {"b": "v"}}),)
    rules = Policy(mode, SWITCH, "status", never=never, entries=tuple(entries))
    pod, namespace = a_pod(labels), Namespace("shop", spaces)
    decision = why(pod, namespace, rules)
    if decision.reason is not Reason.NOT_SELECTED:
        assert not decision.hint
        return
    if decision.hint.startswith("labels "):
        return
    for changed, space in followed(decision.hint, pod, namespace):
        assert decide(changed, Facts("shop", Origin.FILE, space), rules).verdict is Verdict.INJECT
