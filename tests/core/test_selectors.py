"""Label selectors, and the table of istio-injection 1.4: which entry of which revision fires."""

from __future__ import annotations

from typing import Any

import pytest

from injector.core.model import Namespace
from injector.core.selectors import Requirement, Selector, WebhookEntry, parse, selected
from injector.profiles.istio import revisions

REV = "istio.io/rev"
INJECTION = "istio-injection"
SWITCH = "sidecar.istio.io/inject"
OTHER = "z"

# The columns of the table; "R" stands for the revision whose entries are asked.
PODS: dict[str, dict[str, str]] = {
    "none": {},
    "true": {SWITCH: "true"},
    "false": {SWITCH: "false"},
    "other": {SWITCH: "perhaps"},
    "R": {REV: "R"},
    "Z": {REV: OTHER},
    "true+R": {SWITCH: "true", REV: "R"},
    "true+Z": {SWITCH: "true", REV: OTHER},
}
NAMESPACES: dict[str, dict[str, str]] = {
    "none": {},
    "enabled": {INJECTION: "enabled"},
    "disabled": {INJECTION: "disabled"},
    "any other value": {INJECTION: "true"},
    "empty value": {INJECTION: ""},
    "R": {REV: "R"},
    "Z": {REV: OTHER},
    "enabled+R": {INJECTION: "enabled", REV: "R"},
    "enabled+Z": {INJECTION: "enabled", REV: OTHER},
    "disabled+R": {INJECTION: "disabled", REV: "R"},
    "disabled+Z": {INJECTION: "disabled", REV: OTHER},
}

# Row -> the entry that fires, by column; "-" is none.
_NEVER = "- - - - - - - -"
_BY_NAMESPACE = "namespace namespace - namespace namespace namespace namespace namespace"
_BY_REVISION = " ".join(["rev.namespace"] * 2 + ["-"] + ["rev.namespace"] * 5)
UNNAMED = {
    "none": "- object - - rev.object - rev.object -",
    "enabled": _BY_NAMESPACE,
    "disabled": _NEVER,
    "any other value": _NEVER,
    "empty value": _NEVER,
    "R": _BY_REVISION,
    "Z": _NEVER,
    "enabled+R": _BY_NAMESPACE,
    "enabled+Z": _BY_NAMESPACE,
    "disabled+R": _NEVER,
    "disabled+Z": _NEVER,
}
NAMED = dict.fromkeys(NAMESPACES, _NEVER) | {"none": "- - - - rev.object - rev.object -", "R": _BY_REVISION}
EVERYWHERE = UNNAMED | {"none": "auto object - - rev.object - rev.object -"}


def cells(table: dict[str, str]) -> list[tuple[str, str, str]]:
    return [
        (row, column, entry)
        for row, line in table.items()
        for column, entry in zip(PODS, line.split(), strict=True)
    ]


def fires(
    entries: tuple[WebhookEntry, ...], revision: str, namespace: str, pod: str, name: str = "shop"
) -> str:
    def named(labels: dict[str, str]) -> dict[str, str]:
        return {key: revision if value == "R" else value for key, value in labels.items()}

    entry = selected(entries, Namespace(name, named(NAMESPACES[namespace])), named(PODS[pod]))
    return entry.name.removesuffix(".sidecar-injector.istio.io") if entry else "-"


@pytest.mark.parametrize(("namespace", "pod", "entry"), cells(UNNAMED))
@pytest.mark.parametrize("unnamed", ["", "default"])
def test_the_default_revision_selects_as_in_the_table(
    namespace: str, pod: str, entry: str, unnamed: str
) -> None:
    assert fires(revisions.of_revision(unnamed), "default", namespace, pod) == entry


@pytest.mark.parametrize(("namespace", "pod", "entry"), cells(EVERYWHERE))
def test_with_namespaces_by_default_one_more_cell_fires(namespace: str, pod: str, entry: str) -> None:
    assert fires(revisions.of_revision("", everywhere=True), "default", namespace, pod) == entry


@pytest.mark.parametrize("name", ["kube-system", "kube-public", "kube-node-lease", "local-path-storage"])
def test_namespaces_by_default_leaves_out_the_clusters_own(name: str) -> None:
    entries = revisions.of_revision("", everywhere=True)
    assert fires(entries, "default", "none", "none", name) == "-"
    assert fires(entries, "default", "none", "true", name) == "object"


@pytest.mark.parametrize(("namespace", "pod", "entry"), cells(NAMED))
@pytest.mark.parametrize("everywhere", [False, True])
def test_a_named_revision_listens_to_its_own_name_only(
    namespace: str, pod: str, entry: str, everywhere: bool
) -> None:
    assert fires(revisions.of_revision("blue", everywhere=everywhere), "blue", namespace, pod) == entry


@pytest.mark.parametrize(("namespace", "pod", "entry"), cells(NAMED))
def test_a_tag_fires_for_its_own_name_whatever_the_revision(namespace: str, pod: str, entry: str) -> None:
    assert fires(revisions.of_tag("prod"), "prod", namespace, pod) == entry


@pytest.mark.parametrize(("namespace", "pod", "entry"), cells(EVERYWHERE))
def test_the_tag_default_stands_in_for_the_unnamed_install(namespace: str, pod: str, entry: str) -> None:
    assert fires(revisions.of_tag("default", everywhere=True), "default", namespace, pod) == entry


# ---- selectors -------------------------------------------------------------------------------------

IN, NOT_IN = {"operator": "In", "values": ["a", "b"]}, {"operator": "NotIn", "values": ["a", "b"]}
EXISTS, ABSENT = {"operator": "Exists"}, {"operator": "DoesNotExist"}


@pytest.mark.parametrize(
    ("expression", "absent", "empty", "listed", "other"),
    [
        (IN, False, False, True, False),
        (NOT_IN, True, True, False, True),
        (EXISTS, False, True, True, True),
        (ABSENT, True, False, False, False),
    ],
)
def test_operators_mean_what_kubernetes_says(
    expression: dict[str, Any], absent: bool, empty: bool, listed: bool, other: bool
) -> None:
    chosen = parse({"matchExpressions": [{"key": "k", **expression}]})
    labels: list[dict[str, str]] = [{}, {"k": ""}, {"k": "a"}, {"k": "c"}]
    assert [chosen.matches(label_set) for label_set in labels] == [absent, empty, listed, other]


def test_all_requirements_of_a_selector_hold_and_none_at_all_matches_everything() -> None:
    both = parse({"matchLabels": {"a": "1"}, "matchExpressions": [{"key": "b", "operator": "Exists"}]})
    assert both.matches({"a": "1", "b": ""})
    assert not both.matches({"a": "1"})
    assert not both.matches({"b": ""})
    assert parse({}).matches({})
    assert parse({"matchLabels": None, "matchExpressions": None}) == Selector()


def test_the_first_entry_that_matches_is_the_one_that_is_called() -> None:
    every = WebhookEntry("every", Selector(), Selector())
    mine = WebhookEntry("mine", parse({"matchLabels": {"kubernetes.io/metadata.name": "me"}}), Selector())
    assert selected((mine, every), Namespace("me"), {}) is mine
    assert selected((mine, every), Namespace("you"), {}) is every
    assert selected((mine,), Namespace("you"), {}) is None


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (None, "a map with matchLabels or matchExpressions"),
        ([], "a map with matchLabels or matchExpressions"),
        ({"matchLabel": {}}, "unknown key 'matchLabel'"),
        ({"matchLabels": ["a"]}, "matchLabels must be a map of strings"),
        ({"matchLabels": {"a": True}}, "matchLabels must be a map of strings"),
        ({"matchLabels": {"a": None}}, "matchLabels must be a map of strings"),
        ({"matchExpressions": {"key": "a"}}, "matchExpressions must be a list"),
        ({"matchExpressions": ["a"]}, "a map with a key and an operator"),
        ({"matchExpressions": [{"operator": "Exists"}]}, "a map with a key and an operator"),
        ({"matchExpressions": [{"key": "", "operator": "Exists"}]}, "a map with a key and an operator"),
        ({"matchExpressions": [{"key": "a"}]}, "operator of 'a' must be one of In, NotIn, Exists"),
        ({"matchExpressions": [{"key": "a", "operator": "in"}]}, "operator of 'a' must be one of"),
        ({"matchExpressions": [{"key": "a", "operator": "In"}]}, "In of 'a' needs values"),
        (
            {"matchExpressions": [{"key": "a", "operator": "NotIn", "values": []}]},
            "NotIn of 'a' needs values",
        ),
        (
            {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]},
            "Exists of 'a' takes no values",
        ),
        (
            {"matchExpressions": [{"key": "a", "operator": "In", "values": "abc"}]},
            "values of 'a' must be a list of strings",
        ),
        (
            {"matchExpressions": [{"key": "a", "operator": "In", "values": [1]}]},
            "values of 'a' must be a list of strings",
        ),
    ],
)
def test_what_the_api_server_would_refuse_is_refused_with_its_place(raw: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(raw)


@pytest.mark.parametrize("entry", revisions.of_revision("", everywhere=True))
def test_a_selector_survives_being_written_and_read(entry: WebhookEntry) -> None:
    for chosen in (entry.namespaces, entry.objects):
        assert parse(chosen.as_manifest()) == chosen


def test_a_selector_is_written_as_expressions() -> None:
    chosen = Selector((Requirement("a", "NotIn", frozenset({"c", "b"})), Requirement("d", "DoesNotExist")))
    assert chosen.as_manifest() == {
        "matchExpressions": [
            {"key": "a", "operator": "NotIn", "values": ["b", "c"]},
            {"key": "d", "operator": "DoesNotExist"},
        ]
    }
    assert Selector().as_manifest() == {}
    assert (str(chosen), str(Selector())) == ("a NotIn [b, c] and d DoesNotExist", "everything")
