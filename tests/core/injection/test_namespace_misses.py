"""Labels of a Namespace that are nearly right, and revisions without effect (istio-injection 1.3, 1.4)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from injector.core.catalogue import Catalogue
from injector.core.injection.namespace_misses import find
from injector.core.model import Facts, Namespace, Origin
from injector.core.profile import Config, Profile
from injector.core.selectors import Selector, WebhookEntry, parse
from injector.profiles.istio import revisions
from tests.core import generic
from tests.core.test_selectors import INJECTION, REV, SWITCH

BOTH = (Origin.FILE, Origin.WEBHOOK)


class Mesh(Profile):
    """The generic profile with the keys of a mesh."""

    def catalogue(self) -> Catalogue:
        return Catalogue(namespace_labels=frozenset({INJECTION}), revision_label=REV)


def config(revision: str = "", *tags: str, profile: Profile | None = None) -> Config:
    entries = revisions.of_revision(revision)
    for tag in tags:
        entries += revisions.of_tag(tag)
    return with_entries(entries, profile or Mesh("mesh", generic.PROFILE.keys))


def with_entries(entries: tuple[WebhookEntry, ...], profile: Profile) -> Config:
    base = generic.CONFIG
    return replace(base, profile=profile, policy=replace(base.policy, switch=SWITCH, entries=entries))


def looked(
    labels: dict[str, str],
    *,
    annotations: dict[str, str] | None = None,
    pod: dict[str, str] | None = None,
    settings: Config | None = None,
    origin: Origin = Origin.FILE,
) -> list[str]:
    """Code and message of what is noticed about a pod in the namespace shop."""
    facts = Facts("shop", origin, Namespace("shop", labels, annotations or {}))
    findings = find({"metadata": {"labels": pod or {}}}, facts, settings or config())
    return [f"{finding.code}: {finding.message}" for finding in findings]


VALUE = "namespace-label: label istio-injection of namespace shop is"


@pytest.mark.parametrize("origin", BOTH)
@pytest.mark.parametrize("value", ["true", "Enabled", " enabled ", '"enabled"', "yes", "on", "TRUE"])
def test_a_value_that_was_meant_to_enable_is_reported(value: str, origin: Origin) -> None:
    assert looked({INJECTION: value}, origin=origin) == [f'{VALUE} "{value}"; did you mean "enabled"?']


@pytest.mark.parametrize("value", ["enabled", "disabled", "false", "Disabled", "off", "no"])
def test_a_value_that_enables_or_disables_is_in_order(value: str) -> None:
    assert looked({INJECTION: value}) == []


@pytest.mark.parametrize("value", ["", "perhaps", "istio"])
def test_any_other_value_of_a_key_of_the_profile_is_reported(value: str) -> None:
    assert looked({INJECTION: value}) == [
        f'{VALUE} "{value}", which no webhook entry requires; use "enabled"'
    ]


@pytest.mark.parametrize("origin", BOTH)
@pytest.mark.parametrize(
    ("key", "value", "meant"),
    [
        ("istio-injecton", "enabled", INJECTION),
        ("istio_injection", "enabled", INJECTION),
        ("Istio-Injection", "enabled", INJECTION),
        ("istio.io/injection", "enabled", INJECTION),
        ("istio-injection-", "anything", INJECTION),
        ("istio.io/revision", "default", REV),
        ("istio.io/Rev", "default", REV),
    ],
)
def test_a_misspelt_key_is_reported(key: str, value: str, meant: str, origin: Origin) -> None:
    assert looked({key: value}, origin=origin) == [
        f"namespace-label: label {key} of namespace shop is unknown; did you mean {meant}?"
    ]


@pytest.mark.parametrize(
    "labels",
    [
        {"team": "a", "kubernetes.io/metadata.name": "shop"},
        {"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "none"},
        {"topology.istio.io/network": "n", "istio-operator-managed": "Reconcile"},
        {"istio.io/rev-history": "of-another-tool"},
        {"istio-injecton": "x", INJECTION: "enabled"},
        {"x" * 400: "enabled"},
    ],
)
def test_keys_of_others_and_a_slip_beside_the_right_key_are_in_order(labels: dict[str, str]) -> None:
    assert looked(labels) == []


def test_the_switch_of_pods_has_no_effect_on_a_namespace() -> None:
    assert looked({SWITCH: "true"}) == [
        f"namespace-label: label {SWITCH} of namespace shop has no effect there; set it on pods"
    ]


@pytest.mark.parametrize("key", [INJECTION, REV])
def test_an_annotation_in_place_of_a_label_is_reported(key: str) -> None:
    expected = f"namespace-label: annotation {key} of namespace shop has no effect; set it as a label"
    assert looked({}, annotations={key: "enabled"}) == [expected]
    assert looked({INJECTION: "enabled", REV: "default"}, annotations={key: "x"}) == []


def test_a_named_revision_does_not_recommend_what_only_the_unnamed_one_reads() -> None:
    for labels, written in (({"istio-injecton": "enabled"}, {}), ({}, {INJECTION: "enabled"})):
        assert looked(labels, annotations=written, settings=config("canary")) == []


OF_ANOTHER = (
    'namespace-revision: label istio.io/rev of namespace shop is "stable", and this configuration is for'
)
LOSES = (
    "pod-revision: label istio.io/rev of the pod has no effect, because the labels of namespace shop decide"
)
IS_NOT = "pod-revision: label istio.io/rev of the pod names a revision or tag that this configuration is not"


# Labels of the namespace, of the pod -> what a file shows, what the webhook of the revision canary shows.
@pytest.mark.parametrize(
    ("labels", "pod", "in_file", "in_webhook"),
    [
        ({REV: "canary"}, {}, [], []),
        ({REV: "canary"}, {REV: "canary"}, [], []),
        ({REV: "canary"}, {REV: "stable"}, [LOSES], [LOSES]),
        ({REV: "stable"}, {}, [f"{OF_ANOTHER} canary; if that is a tag, set --tag"], []),
        # Of two other revisions it does not matter here which one wins; the webhook was called by a tag.
        (
            {REV: "stable"},
            {REV: "old"},
            [f"{OF_ANOTHER} canary; if that is a tag, set --tag"],
            [LOSES],
        ),
        (
            {REV: "stable"},
            {REV: "canary"},
            [f"{OF_ANOTHER} canary; if that is a tag, set --tag", LOSES],
            [],
        ),
        (
            {REV: "Canary"},
            {},
            ['namespace-label: label istio.io/rev of namespace shop is "Canary"; did you mean "canary"?'],
            ['namespace-label: label istio.io/rev of namespace shop is "Canary"; did you mean "canary"?'],
        ),
        ({}, {REV: "canary"}, [], []),
        # The webhook was called by a tag of this name.
        ({}, {REV: "stable"}, [IS_NOT], []),
        ({INJECTION: "enabled"}, {REV: "canary"}, [LOSES], []),
    ],
)
def test_revisions_that_lose_or_are_of_another_are_reported(
    labels: dict[str, str], pod: dict[str, str], in_file: list[str], in_webhook: list[str]
) -> None:
    canary = config("canary")
    assert looked(labels, pod=pod, settings=canary) == in_file
    assert looked(labels, pod=pod, settings=canary, origin=Origin.WEBHOOK) == in_webhook


def test_a_revision_beside_the_label_that_decides_has_no_effect() -> None:
    for origin in BOTH:
        assert looked({INJECTION: "enabled", REV: "stable"}, origin=origin) == [
            "namespace-label: label istio.io/rev of namespace shop has no effect, because another label of "
            "it decides"
        ]


def test_a_tag_that_is_known_is_in_order() -> None:
    assert looked({REV: "prod"}, settings=config("canary", "prod")) == []
    assert looked({REV: "stable"}, settings=config("canary", "prod")) == [
        f"{OF_ANOTHER} canary or prod; if that is a tag, set --tag"
    ]


# --- profiles without a mesh ----------------------------------------------------------------------------

TEAMS = WebhookEntry("e", parse({"matchLabels": {"team": "logs"}}), Selector())
SWITCHED = WebhookEntry("e", parse({"matchLabels": {"logs": "on"}}), Selector())


@pytest.mark.parametrize(
    ("entry", "labels", "expected"),
    [
        # A label that is there for other reasons has other values.
        (TEAMS, {"team": "shop"}, []),
        (TEAMS, {"teams": "shop"}, []),
        (TEAMS, {"team": "true"}, []),
        (TEAMS, {"team": "Logs"}, ['label team of namespace shop is "Logs"; did you mean "logs"?']),
        (TEAMS, {"teams": "logs"}, ["label teams of namespace shop is unknown; did you mean team?"]),
        (SWITCHED, {"logs": "true"}, ['label logs of namespace shop is "true"; did you mean "on"?']),
        (SWITCHED, {"logs": "off"}, []),
        (SWITCHED, {"logs": "perhaps"}, []),
    ],
)
def test_the_selectors_of_a_profile_of_ones_own_say_what_is_nearly_right(
    entry: WebhookEntry, labels: dict[str, str], expected: list[str]
) -> None:
    settings = with_entries((entry,), generic.PROFILE)
    assert looked(labels, settings=settings) == [f"namespace-label: {each}" for each in expected]


def test_nothing_is_noticed_where_the_namespace_or_the_selectors_are_unknown() -> None:
    assert list(find({}, Facts("shop"), config())) == []
    assert looked({INJECTION: "true"}, settings=with_entries((), Mesh("mesh", generic.PROFILE.keys))) == []
