"""Where the setting `placement` puts injected containers, and what is reported where it cannot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector.core.finding_codes import FindingCode, Level
from injector.core.injection.pipeline import inject
from injector.core.injection.recovery import recover
from injector.core.model import Facts, Finding
from injector.core.position import OrderProblem, Position
from injector.core.profile import Config, Injection, Profile
from injector.core.tree.schema import same
from injector.templating.render import RenderLimits, Templates, TemplateSource
from tests.core.generic import CONFIG, PROFILE

INJECTED = ("log", "proxy", "wait")
TEXT = "spec:\n  containers:\n" + "".join(f"  - {{name: {name}, image: x}}\n" for name in INJECTED)
Setting = Mapping[str, Position]


def configured(places: Setting, profile: Profile = PROFILE, text: str = TEXT) -> Config:
    source = TemplateSource("sidecar", text, "sidecar.yaml.j2")
    templates = Templates({"sidecar": source}, {}, RenderLimits())
    return replace(CONFIG, templates=templates, placement=places, profile=profile)


def a_pod(*own: str, part: str = "containers") -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": [{"name": "web", "image": "x"}]}
    return {"metadata": {"name": "p"}, "spec": {**spec, part: [{"name": n, "image": "x"} for n in own]}}


def order_of(pod: dict[str, Any], part: str = "containers") -> list[str]:
    return [container["name"] for container in pod["spec"][part]]


def placed(places: Setting, *own: str, profile: Profile = PROFILE) -> tuple[list[str], list[Finding]]:
    """The order of the containers, and the findings about it."""
    outcome = inject(a_pod(*own), Facts(), configured(places, profile))
    assert outcome.error is None
    return order_of(outcome.pod), [f for f in outcome.findings if f.code is FindingCode.PLACEMENT]


# Without a setting the merge puts injected containers in front of the pod's own.
@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ({}, "log proxy wait a b c"),
        ({"proxy": Position("first")}, "log proxy wait a b c"),
        ({"proxy": Position("last")}, "log wait a b c proxy"),
        ({"proxy": Position("before", "b")}, "log wait a proxy b c"),
        ({"proxy": Position("after", "b")}, "log wait a b proxy c"),
        ({"proxy": Position("after", "c")}, "log wait a b c proxy"),
        ({"wait": Position("last"), "log": Position("last")}, "proxy a b c log wait"),
        (
            {"wait": Position("after", "a"), "log": Position("before", "b")},
            "proxy a log wait b c",
        ),
        ({"proxy": Position("before", "log")}, "proxy log wait a b c"),
        ({"proxy": Position("after", "wait")}, "log wait proxy a b c"),
        ({"wait": Position("last"), "log": Position("before", "wait")}, "proxy a b c log wait"),
        (
            {
                "log": Position("after", "proxy"),
                "proxy": Position("after", "wait"),
                "wait": Position("after", "a"),
            },
            "a wait proxy log b c",
        ),
    ],
)
def test_an_injected_container_is_where_the_setting_says(places: Setting, expected: str) -> None:
    assert placed(places, "a", "b", "c") == (expected.split(), [])


def test_a_container_that_is_not_injected_is_not_placed() -> None:
    assert placed({"a": Position("last"), "other": Position("first")}, "a", "b") == (
        ["log", "proxy", "wait", "a", "b"],
        [],
    )


def test_an_author_s_own_version_of_an_injected_container_is_placed_too() -> None:
    order, findings = placed({"proxy": Position("after", "a")}, "proxy", "a", "b")
    assert (order, findings) == (["log", "wait", "a", "proxy", "b"], [])


def test_another_container_that_the_pod_does_not_have_is_noted_and_the_default_order_stays() -> None:
    order, (finding,) = placed({"proxy": Position("after", "tunnel"), "log": Position("last")}, "a")
    assert order == ["proxy", "wait", "a", "log"]
    assert finding.level is Level.NOTE
    assert finding.message == "placement of proxy is ignored: containers has no container tunnel"


def test_places_that_refer_to_each_other_are_ignored_and_others_are_not() -> None:
    circle = {
        "log": Position("after", "wait"),
        "wait": Position("after", "log"),
        "proxy": Position("before", "wait"),
    }
    order, (finding,) = placed(circle, "a")
    assert order == ["log", "proxy", "wait", "a"]
    assert finding.level is Level.WARNING
    assert finding.message == "placement of log, wait is ignored: the places refer to each other"


def test_init_containers_are_placed_among_init_containers() -> None:
    text = TEXT.replace("containers", "initContainers")
    config = configured({"proxy": Position("before", "b"), "log": Position("after", "web")}, text=text)
    outcome = inject(a_pod("a", "b", part="initContainers"), Facts(), config)
    assert order_of(outcome.pod, "initContainers") == ["log", "wait", "a", "proxy", "b"]
    assert [f.message for f in outcome.findings] == [
        "placement of log is ignored: initContainers has no container web"
    ]


@dataclass(frozen=True, slots=True)
class _Strict(Profile):
    """A profile whose `wait` has to be behind `log`, and which notes `a` in front of `proxy`."""

    def order_problems(
        self, run: Injection, part: str, containers: Sequence[str], injected: frozenset[str]
    ) -> Iterator[OrderProblem]:
        place = {name: number for number, name in enumerate(containers)}
        if place["wait"] < place["log"]:
            yield OrderProblem("wait must be behind log", frozenset({"wait", "log"}))
        if place["a"] < place["proxy"]:
            yield OrderProblem("a is early")


STRICT = _Strict(
    "strict", PROFILE.keys, default_templates=("sidecar",), extra_catalogue=PROFILE.extra_catalogue
)


def test_an_order_that_the_profile_cannot_accept_is_reported_and_the_default_order_stays() -> None:
    order, findings = placed({"log": Position("last"), "proxy": Position("last")}, "a", profile=STRICT)
    assert order == ["log", "wait", "a", "proxy"]
    assert [f.message for f in findings] == [
        "placement of log is ignored: wait must be behind log",
        "a is early",
    ]


PLACES = st.one_of(
    st.sampled_from([Position("first"), Position("last")]),
    st.builds(Position, st.sampled_from(["before", "after"]), st.sampled_from([*INJECTED, "a", "b", "x"])),
)


def passed_over(order: list[str], name: str, place: Position) -> list[str]:
    """The containers between one and the place that the setting names."""
    at = order.index(name)
    other = order.index(place.other) if place.other else -1 if place.where == "first" else len(order)
    assert (at > other) == (place.where in ("first", "after"))
    return order[min(at, other) + 1 : max(at, other)]


@given(
    st.dictionaries(st.sampled_from(INJECTED), PLACES).filter(
        lambda places: all(place.other != name for name, place in places.items())
    ),
    st.permutations(["a", "b", "proxy"]),
    st.integers(1, 3),
)
def test_the_pod_s_own_order_stays_and_the_laws_hold(places: Setting, own: list[str], count: int) -> None:
    own = own[:count]
    pod = a_pod(*own)
    config = configured(places)
    if all(name in INJECTED for name in own):
        pod["spec"]["containers"].append({"name": "web", "image": "x"})
    before = order_of(pod)
    outcome = inject(pod, Facts(), config)
    order = order_of(outcome.pod)
    theirs = [name for name in order if name not in INJECTED]
    assert theirs == [name for name in before if name not in INJECTED]
    assert sorted(order) == sorted({*before, *INJECTED})
    reports = " ".join(f.message for f in outcome.findings)
    for name in [name for name in places if name not in reports]:
        assert set(passed_over(order, name, places[name])) <= set(INJECTED)
    assert not inject(outcome.pod, Facts(), config).patch
    taken_out = recover(outcome.pod, Facts(), config)
    assert taken_out is not None
    assert same(taken_out.pod, pod)
