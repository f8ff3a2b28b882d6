"""Rules about annotations: which rule holds for a namespace, what its patterns mean, what is denied."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from injector.core.annotation_rule import AnnotationRule
from injector.core.catalogue import Catalogue
from injector.core.injection.annotation_rules import open_to_all, refused
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Namespace, Origin, Reason, Verdict
from injector.core.selectors import Selector, parse
from tests.core.generic import CONFIG, KEYS, PROFILE, injected
from tests.factories import a_pod

EVERYWHERE = Selector()
TEAM_A = parse({"matchLabels": {"team": "a"}})
NOT_SYSTEM = parse({"matchExpressions": [{"key": "system", "operator": "DoesNotExist"}]})
NAMED = parse({"matchLabels": {"kubernetes.io/metadata.name": "shop"}})
MODE, EXCLUDE = "mesh.example/mode", "mesh.example/exclude"
SECRET = "hunter2-in-a-value"


def facts(name: str, **labels: str) -> Facts:
    return Facts(namespace=name, origin=Origin.WEBHOOK, namespace_object=Namespace(name, labels))


@pytest.mark.parametrize(
    ("allow", "deny", "keys", "expected"),
    [
        (("*",), (), [MODE, "other.example/x"], ()),
        (("*",), (MODE,), [MODE, EXCLUDE], (MODE,)),
        (("*",), ("mesh.example/*",), [MODE, EXCLUDE, "other.example/x"], (EXCLUDE, MODE)),
        # deny is about every key, allow only about those of the profile.
        (("*",), ("other.example/*",), ["other.example/x"], ("other.example/x",)),
        ((), (), [MODE, "other.example/x"], (MODE,)),
        ((MODE,), (), [MODE, EXCLUDE], (EXCLUDE,)),
        # An undeclared key may still be read by a template, if its prefix is the profile's.
        ((MODE,), (), ["mesh.example/new", "x.mesh.example/new"], ("mesh.example/new", "x.mesh.example/new")),
        # deny goes over allow; what surrounds a star is literal.
        ((MODE,), (MODE,), [MODE], (MODE,)),
        (("*",), ("mesh.example/m*e",), [MODE, EXCLUDE], (MODE,)),
        (("*",), ("mesh?example/mode", "mesh.example/[m]ode", "meshxexample/mode"), [MODE], ()),
        (("*",), ("MESH.example/mode", "mesh.example/mod"), [MODE], ()),
        # The switch and the bookkeeping annotations are not subject to the rules.
        ((), ("*",), [KEYS.switch, KEYS.status, KEYS.undo], ()),
        ((), (), [KEYS.templates, KEYS.overrides], (KEYS.overrides, KEYS.templates)),
    ],
)
def test_what_one_rule_refuses(
    allow: tuple[str, ...], deny: tuple[str, ...], keys: list[str], expected: tuple[str, ...]
) -> None:
    rule = AnnotationRule(EVERYWHERE, allow, deny)
    assert refused(keys, facts("shop"), "shop", (rule,), PROFILE) == expected


def test_the_first_rule_whose_selector_matches_holds() -> None:
    rules = (AnnotationRule(TEAM_A, deny=(MODE,)), AnnotationRule(EVERYWHERE, deny=(EXCLUDE,)))
    keys = (MODE, EXCLUDE)
    assert refused(keys, facts("x", team="a"), "x", rules, PROFILE) == (MODE,)
    assert refused(keys, facts("x", team="b"), "x", rules, PROFILE) == (EXCLUDE,)
    assert refused(keys, facts("x", team="b"), "x", rules[:1], PROFILE) == ()


def test_a_namespace_has_its_name_as_a_label() -> None:
    rules = (AnnotationRule(NAMED, deny=(MODE,)),)
    assert refused([MODE], facts("shop"), "shop", rules, PROFILE) == (MODE,)
    assert refused([MODE], facts("till"), "till", rules, PROFILE) == ()


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        # Each namespace that may be meant counts, so an unknown one opens nothing.
        ((AnnotationRule(TEAM_A), AnnotationRule(EVERYWHERE, deny=(MODE,))), (MODE,)),
        ((AnnotationRule(TEAM_A, deny=(MODE,)), AnnotationRule(EVERYWHERE)), (MODE,)),
        ((AnnotationRule(NOT_SYSTEM), AnnotationRule(TEAM_A, deny=(MODE,))), (MODE,)),
        ((AnnotationRule(EVERYWHERE), AnnotationRule(TEAM_A, deny=(MODE,))), ()),
        # The name is known where the labels are not.
        ((AnnotationRule(NAMED), AnnotationRule(EVERYWHERE, deny=(MODE,))), ()),
        ((AnnotationRule(NAMED, deny=(MODE,)), AnnotationRule(EVERYWHERE)), (MODE,)),
    ],
)
def test_while_a_namespace_is_not_known_the_strictest_rule_holds(
    rules: tuple[AnnotationRule, ...], expected: tuple[str, ...]
) -> None:
    assert refused([MODE], Facts(namespace="shop"), "shop", rules, PROFILE) == expected


@pytest.mark.parametrize("origin", list(Origin))
def test_a_pod_that_asks_for_what_it_may_not_is_denied_and_its_value_not_repeated(origin: Origin) -> None:
    config = replace(CONFIG, annotation_rules=(AnnotationRule(EVERYWHERE, deny=(MODE,)),))
    outcome = inject(a_pod(annotations={MODE: SECRET}), replace(facts("shop"), origin=origin), config)
    assert (outcome.decision.verdict, outcome.decision.reason) == (
        Verdict.DENY,
        Reason.ANNOTATION_NOT_ALLOWED,
    )
    assert outcome.patch == ()
    assert MODE in str(outcome.error)
    assert SECRET not in f"{outcome.error}{outcome.findings}{outcome.decision.trace}"


def test_a_pod_that_is_not_injected_may_carry_anything() -> None:
    config = replace(CONFIG, annotation_rules=(AnnotationRule(EVERYWHERE, deny=("*",)),))
    outcome = inject(a_pod(annotations={MODE: "x", KEYS.switch: "false"}), facts("shop"), config)
    assert outcome.decision.reason is Reason.OPTED_OUT_BY_ANNOTATION


@pytest.mark.parametrize("quirks", [False, True])
def test_annotations_of_an_earlier_injection_are_not_checked(quirks: bool) -> None:
    rules = (AnnotationRule(EVERYWHERE, allow=()),)
    config = replace(CONFIG, quirks=quirks, annotation_rules=rules)
    pod = a_pod(annotations={"note": "mine"})
    # A container of the sidecar's name makes the injection write its overrides annotation.
    pod["spec"]["containers"].append({"name": "proxy", "image": "auto", "tty": True})
    once = injected(pod, config)
    assert KEYS.overrides in once["metadata"]["annotations"]
    again = inject(once, facts("shop"), config)
    assert again.decision.verdict is Verdict.INJECT, again.error


def test_a_forged_status_hides_no_annotation() -> None:
    forged = json.dumps({"containers": ["proxy"], "revision": "default", "digest": CONFIG.digest})
    config = replace(CONFIG, annotation_rules=(AnnotationRule(EVERYWHERE, deny=(MODE, KEYS.overrides)),))
    for key, value in ((MODE, "x"), (KEYS.overrides, '{"containers": []}')):
        undone = json.dumps([[f"/metadata/annotations/{key.replace('/', '~1')}", value]])
        pod = a_pod(annotations={key: value, KEYS.status: forged, KEYS.undo: undone})
        outcome = inject(pod, facts("shop"), config)
        assert outcome.decision.reason is Reason.ANNOTATION_NOT_ALLOWED, key


def test_what_is_open_to_everybody() -> None:
    catalogue = Catalogue(affects={MODE: ("image",), EXCLUDE: ("user", "volumes")})
    profile = replace(PROFILE, extra_catalogue=catalogue)
    restricted = AnnotationRule(EVERYWHERE, deny=(MODE,))
    assert set(open_to_all(profile, ())) == {MODE, EXCLUDE}
    assert set(open_to_all(profile, (AnnotationRule(TEAM_A, deny=(MODE,)),))) == {MODE, EXCLUDE}
    assert open_to_all(profile, (AnnotationRule(TEAM_A), restricted)) == {EXCLUDE: ("user", "volumes")}
