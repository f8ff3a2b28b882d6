"""Annotations of a Namespace as defaults for its pods: which count, which are ignored, and the laws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector.core import status
from injector.core.annotation_rule import AnnotationRule
from injector.core.catalogue import Catalogue
from injector.core.finding_codes import FindingCode
from injector.core.injection.pipeline import inject
from injector.core.injection.recovery import recover
from injector.core.model import Facts, Namespace, Origin, Reason, Verdict
from injector.core.outcome import Outcome
from injector.core.profile import Config, Injection, Profile
from injector.core.reports.provenance import explain
from injector.core.selectors import Selector, parse
from injector.core.tree.schema import same
from injector.errors import AnnotationError
from injector.templating.render import RenderLimits, Templates, TemplateSource
from tests.core.generic import CONFIG, KEYS

MODE, IMAGE, LEVEL, OLD = (f"mesh.example/{name}" for name in ("mode", "image", "level", "old-level"))
TEMPLATE = """
{% set a = ObjectMeta.annotations %}
metadata:
  annotations:
    mesh.example/port: "15000"
{% if a.get("mesh.example/level") %}
    mesh.example/level: {{ a.get("mesh.example/level") }}
{% endif %}
spec:
  containers:
  - name: proxy
    image: {{ a.get("mesh.example/image", "proxy:1") }}
    args: [{{ a.get("mesh.example/mode", "strict") }}]
{% if a.get("mesh.example/mode") == "double" %}
    command: {{ ObjectMeta.nothing.there }}
{% endif %}
"""


@dataclass(frozen=True, slots=True)
class _Checking(Profile):
    """A profile that accepts few modes, and reads one key as another one."""

    def canonical_key(self, key: str) -> str:
        return LEVEL if key == OLD else key

    def problems(self, run: Injection) -> Sequence[AnnotationError]:
        wrong = run.annotations.get(MODE) in ("wrong", "")
        return [AnnotationError(MODE, "a mode is expected", where=f"annotation {MODE}")] if wrong else []

    def finish(self, run: Injection) -> None:
        if run.annotations.get(MODE) == "late":
            raise AnnotationError(MODE, "the mode does not fit the pod")


CATALOGUE = Catalogue(
    annotations=frozenset({MODE, IMAGE, LEVEL, OLD}),
    domains=("mesh.example",),
    affects={IMAGE: ("image",)},
)
CHECKING = _Checking("checking", KEYS, default_templates=("sidecar",), extra_catalogue=CATALOGUE)


def configured(*keys: str, rules: tuple[AnnotationRule, ...] = ()) -> Config:
    source = TemplateSource("sidecar", TEMPLATE, "sidecar.yaml.j2")
    return replace(
        CONFIG,
        profile=CHECKING,
        templates=Templates({"sidecar": source}, {}, RenderLimits()),
        namespace_defaults=keys,
        annotation_rules=rules,
    )


def facts(annotations: Mapping[str, Any] | None, **labels: str) -> Facts:
    known = None if annotations is None else Namespace("shop", labels, annotations)
    return Facts("shop", Origin.WEBHOOK, known)


def a_pod(**annotations: str) -> dict[str, Any]:
    meta = {"name": "p", "annotations": {f"mesh.example/{key}": value for key, value in annotations.items()}}
    return {"metadata": meta, "spec": {"containers": [{"name": "app", "image": "x"}]}}


def proxy_of(outcome: Outcome) -> dict[str, Any]:
    assert outcome.decision.verdict is Verdict.INJECT, outcome.error
    (proxy,) = [c for c in outcome.pod["spec"]["containers"] if c["name"] == "proxy"]
    return dict(proxy)


def ignored(outcome: Outcome) -> list[str]:
    return [f.message for f in outcome.findings if f.code is FindingCode.NAMESPACE_DEFAULT]


def test_a_default_acts_and_is_not_written_on_the_pod() -> None:
    outcome = inject(a_pod(), facts({MODE: "soft", IMAGE: "proxy:2"}), configured(MODE))
    proxy = proxy_of(outcome)
    assert (proxy["args"], proxy["image"]) == (["soft"], "proxy:1")
    assert not {MODE, IMAGE} & outcome.pod["metadata"]["annotations"].keys()
    assert (outcome.defaults, ignored(outcome)) == ({MODE: "soft"}, [])


def test_a_default_that_the_template_copies_is_on_the_pod() -> None:
    outcome = inject(a_pod(), facts({LEVEL: "debug"}), configured(LEVEL))
    assert outcome.pod["metadata"]["annotations"][LEVEL] == "debug"


@pytest.mark.parametrize("name", ["level", "old-level"])
def test_the_pod_s_own_annotation_wins_in_any_spelling(name: str) -> None:
    outcome = inject(a_pod(**{name: "info"}), facts({LEVEL: "debug"}), configured(LEVEL))
    assert outcome.defaults == {}
    assert outcome.pod["metadata"]["annotations"][f"mesh.example/{name}"] == "info"


@pytest.mark.parametrize(("annotations", "keys"), [(None, (MODE,)), ({}, (MODE,)), ({MODE: "soft"}, ())])
def test_without_a_default_nothing_changes(
    annotations: Mapping[str, str] | None, keys: tuple[str, ...]
) -> None:
    outcome = inject(a_pod(), facts(annotations), configured(*keys))
    assert proxy_of(outcome)["args"] == ["strict"]


def test_a_value_that_is_not_accepted_is_ignored_and_the_same_on_the_pod_denies_it() -> None:
    outcome = inject(a_pod(), facts({MODE: "wrong", LEVEL: "debug"}), configured(MODE, LEVEL))
    assert proxy_of(outcome)["args"] == ["strict"]
    assert ignored(outcome) == [f"annotation {MODE} of the namespace shop is ignored: a mode is expected"]
    assert outcome.defaults == {LEVEL: "debug"}
    denied = inject(a_pod(mode="wrong"), facts({}), configured(MODE))
    assert denied.decision.reason is Reason.INVALID_ANNOTATION


@pytest.mark.parametrize("value", [None, 1, ["soft"]])
def test_a_value_that_is_no_text_is_ignored(value: Any) -> None:
    outcome = inject(a_pod(), facts({MODE: value}), configured(MODE))
    assert ignored(outcome) == [
        f"annotation {MODE} of the namespace shop is ignored: its value is not a string"
    ]


def a_rule(selector: dict[str, Any] | None = None, **rule: tuple[str, ...]) -> AnnotationRule:
    return AnnotationRule(parse(selector) if selector else Selector(), **rule)


@pytest.mark.parametrize(
    "rule",
    [
        a_rule(deny=(IMAGE,)),
        a_rule(allow=(MODE,)),
        a_rule(withhold=("image",)),
        a_rule({"matchLabels": {"team": "a"}}, deny=("*",)),
    ],
)
def test_a_key_that_the_rules_refuse_is_ignored_and_denies_no_pod(rule: AnnotationRule) -> None:
    config = configured(IMAGE, rules=(rule,))
    outcome = inject(a_pod(), facts({IMAGE: "proxy:2"}, team="a"), config)
    assert proxy_of(outcome)["image"] == "proxy:1"
    assert len(ignored(outcome)) == 1
    assert "not allowed for pods in this namespace" in ignored(outcome)[0]
    denied = inject(a_pod(image="proxy:2"), facts({}, team="a"), config)
    assert denied.decision.reason is Reason.ANNOTATION_NOT_ALLOWED


def test_a_default_without_the_withheld_power_counts_under_the_same_rule() -> None:
    config = configured(IMAGE, MODE, rules=(a_rule(withhold=("image", "trust-root")),))
    outcome = inject(a_pod(), facts({IMAGE: "proxy:2", MODE: "soft"}), config)
    assert proxy_of(outcome)["args"] == ["soft"]
    assert outcome.defaults == {MODE: "soft"}


@pytest.mark.parametrize("mode", ["late", "double"])
def test_a_default_that_only_the_build_refuses_is_ignored_too(mode: str) -> None:
    config = configured(MODE, LEVEL)
    outcome = inject(a_pod(), facts({MODE: mode, LEVEL: "debug"}), config)
    assert proxy_of(outcome)["args"] == ["strict"]
    assert "with it the pod would be denied" in ignored(outcome)[0]
    assert MODE not in outcome.defaults
    # An error that names an annotation leaves the others alone.
    assert outcome.defaults == ({LEVEL: "debug"} if mode == "late" else {})
    assert inject(a_pod(mode=mode), facts({}), config).decision.verdict is Verdict.DENY


def test_a_pod_that_is_denied_without_defaults_is_denied_for_its_own_reason() -> None:
    outcome = inject(a_pod(mode="wrong"), facts({LEVEL: "debug"}), configured(MODE, LEVEL))
    assert outcome.decision.reason is Reason.INVALID_ANNOTATION
    assert outcome.error is not None
    assert outcome.error.message == "a mode is expected"


def digest_of(outcome: Outcome) -> str:
    assert outcome.added is not None
    return outcome.added.digest


def test_the_defaults_that_count_are_a_part_of_the_digest_and_others_are_not() -> None:
    config = configured(MODE)
    outcomes = [{}, {MODE: "soft"}, {MODE: "hard"}, {MODE: "hard", IMAGE: "proxy:2", "x": "y"}]
    digests = [digest_of(inject(a_pod(), facts(each), config)) for each in outcomes]
    assert digests[2] == digests[3]
    assert len({*digests}) == 3


def test_explain_names_the_namespace_and_the_annotation() -> None:
    config = configured(MODE, IMAGE)
    origins = explain(a_pod(image="proxy:3"), facts({MODE: "soft", IMAGE: "proxy:2"}), config).origins
    by_value = {origin.value: (origin.layer, origin.detail) for origin in origins}
    assert by_value["soft"] == ("namespace shop", f"annotation {MODE}")
    assert by_value["proxy:3"] == ("pod annotation", IMAGE)


def test_explain_of_a_pod_with_a_refused_default_names_the_lower_layer() -> None:
    explanation = explain(a_pod(), facts({MODE: "late"}), configured(MODE))
    assert explanation.outcome.decision.verdict is Verdict.INJECT
    assert {origin.layer for origin in explanation.origins} == {"profile"}


VALUES = st.dictionaries(
    st.sampled_from([MODE, IMAGE, LEVEL, OLD]), st.sampled_from(["soft", "late", "wrong", "debug"])
)


@given(st.one_of(st.none(), VALUES), st.one_of(st.none(), VALUES), VALUES)
def test_the_laws_hold_and_another_namespace_gives_what_it_gives_to_a_new_pod(
    first: Mapping[str, str] | None, second: Mapping[str, str] | None, own: Mapping[str, str]
) -> None:
    config = configured(MODE, IMAGE, LEVEL)
    pod = a_pod()
    pod["metadata"]["annotations"] = {k: v for k, v in own.items() if v not in ("late", "wrong")}
    once = inject(pod, facts(first), config)
    assert once.decision.verdict is Verdict.INJECT
    assert not inject(once.pod, facts(first), config).patch
    again = inject(once.pod, facts(second), config)
    assert same(again.pod, inject(pod, facts(second), config).pod)
    taken_out = recover(once.pod, facts(second), config)
    assert taken_out is not None
    assert same(taken_out.pod, pod)
    own_keys = pod["metadata"]["annotations"].keys()
    assert status.annotations_of(once.pod).keys() - own_keys <= {
        KEYS.status,
        KEYS.undo,
        "mesh.example/port",
        LEVEL,
    }
