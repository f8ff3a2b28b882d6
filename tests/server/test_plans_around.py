"""What plans depend on beside the pod, what they are counted by, and pods that get none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from injector.core.model import Namespace
from injector.server import admitting
from tests.server.beside import Beside, MiB, a_review, body_of, config_of, pod_of, unhurried
from tests.server.plan_places import (
    PROXY_CONFIG,
    Change,
    Manifest,
    asked,
    at,
    learn,
    of_rich,
    other_config,
    planning,
    reasons,
    review_with,
    rich,
    with_text,
)
from tests.server.webhook_factories import Broken, a_config


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    with unhurried():
        yield


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("configuration", other_config),
        ("labels of the namespace", lambda b: b.world.namespaces.update(shop=Namespace("shop", {"a": "b"}))),
        ("annotations", lambda b: b.world.namespaces.update(shop=Namespace("shop", {}, {"a": "b"}))),
        ("an unknown namespace", lambda b: b.world.namespaces.clear()),
        ("native sidecars", lambda b: setattr(b.world, "native", False)),
        ("ProxyConfig objects", lambda b: setattr(b.world, "objects", (PROXY_CONFIG,))),
    ],
)
def test_a_plan_ends_with_the_world_that_it_was_made_in(what: str, change: Callable[[Beside], None]) -> None:
    both = planning()
    assert asked(both, rich())
    change(both)
    assert not asked(both, rich()), what
    learn(both, rich())
    assert asked(both, rich())


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("user", lambda r: r["request"]["userInfo"].update(username="somebody")),
        ("groups", lambda r: r["request"]["userInfo"].update(groups=["some"])),
        ("no user", lambda r: r["request"].pop("userInfo")),
        ("operation", lambda r: r["request"].update(operation="UPDATE")),
        ("subresource", lambda r: r["request"].update(subResource="status")),
        ("namespace", lambda r: r["request"].update(namespace="other")),
        ("version", lambda r: r.update(apiVersion="admission.k8s.io/v1beta1")),
    ],
)
def test_another_request_is_answered_by_no_plan_of_this_one(what: str, change: Change) -> None:
    both = planning()
    review = review_with(rich())
    change(review)
    before = both.planned
    both.ask(body_of(review))
    assert both.planned == before, what


@pytest.mark.parametrize("change", [{"dryRun": True}, {"uid": 'a"b\\é'}, {"name": "x"}, {"options": None}])
def test_what_an_answer_does_not_depend_on_keeps_its_plan(change: Manifest) -> None:
    both = planning()
    before = both.planned
    both.ask(body_of(review_with(rich()) | {"request": {**review_with(rich())["request"], **change}}))
    assert both.planned == before + 1


def test_the_path_of_a_request_has_plans_of_its_own() -> None:
    both = planning()
    before = both.planned
    for path in (
        "/inject/cluster/two",
        "/inject/net/two",
        "/mutate",
        '/inject/cluster/a"b',
        "/inject/cluster/q7x000q7x",
    ):
        for _ in range(3):
            both.ask(body_of(review_with(rich())), path)
    assert both.planned == before + 4, "one of them has the text of a mark"


MARKS = ("q7x", "q7x000q7x", "q7x001q7x", "q7xuq7x", "aq7xb")


@pytest.mark.parametrize("mark", MARKS)
def test_a_pod_with_the_text_of_a_mark_is_answered_as_without_plans(mark: str) -> None:
    for place in ("label app", "name of a container", "owner", "serviceAccountName", "image"):
        pod = with_text(place, mark)
        asked(of_rich(), pod)
        both = planning(pod)
        asked(both, rich())
        asked(both, pod)


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("where", ["namespace", "user", "annotation", "revision", "value"])
def test_a_mark_in_what_is_around_a_pod_fills_no_hole(mark: str, where: str) -> None:
    raw: Manifest = {"namespaceDefaults": ["proxy.istio.io/config"]}
    if where == "revision":
        raw["revision"] = mark
    if where == "value":
        raw["values"] = {"global": {"network": mark}}
    both = Beside(config_of({"policy": "enabled", **raw}), plans=8 * MiB)
    review = review_with(rich())
    if where == "namespace":
        review["request"]["namespace"] = mark
    if where == "user":
        review["request"]["userInfo"]["username"] = mark
    if where == "annotation":
        config = json.dumps({"proxyMetadata": {"A": mark}})
        both.world.namespaces["shop"] = Namespace("shop", {}, {"proxy.istio.io/config": config})
    for text in ("cart", "other", "cart", "third"):
        pod_of(review)["metadata"]["labels"]["app"] = text
        both.ask(body_of(review))


def test_a_shape_that_comes_once_gets_no_plan() -> None:
    both = Beside(config_of({"policy": "enabled"}), plans=8 * MiB)
    before = both.number("injector_cache_bytes", cache="plans")
    assert [asked(both, rich()) for _ in range(4)] == [False, False, True, True]
    assert reasons(both) == {"first": 1, "new": 1}
    size = both.number("injector_cache_bytes", cache="plans")
    for number in range(20):
        asked(both, at("spec", "priority")(rich(), number + 1))
    assert both.number("injector_cache_bytes", cache="plans") < size + 20 * 200
    assert size > before + 5000


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("container", lambda pod: pod["spec"]["containers"][0].update(name="istio-proxy")),
        (
            "annotation",
            lambda pod: pod["metadata"]["annotations"].update({"inject.istio.io/templates": "sidecar"}),
        ),
        ("annotation", lambda pod: pod["metadata"]["annotations"].update({"sidecar.istio.io/status": "{}"})),
        ("value", lambda pod: pod.update(spec=7)),
    ],
)
def test_the_metric_says_why_a_pod_took_the_ordinary_way(reason: str, change: Change) -> None:
    both = Beside(config_of({"policy": "enabled"}), plans=8 * MiB)
    pod = rich()
    change(pod)
    assert not any(asked(both, pod) for _ in range(3))
    assert reasons(both) == {reason: 3}


def test_a_denial_gets_no_plan() -> None:
    both = Beside(config_of({"policy": "enabled"}), plans=8 * MiB)
    pod = at("metadata", "annotations", "sidecar.istio.io/proxyCPU")(rich(), "much")
    assert not any(asked(both, pod) for _ in range(4))
    assert reasons(both) == {"first": 1, "new": 1, "no-plan": 2}


def test_a_defect_gets_no_plan() -> None:
    both = Beside(a_config(Broken), plans=8 * MiB)
    assert not any(asked(both, rich()) for _ in range(3))


def test_a_limit_of_nothing_switches_plans_off() -> None:
    both = Beside(config_of({"policy": "enabled"}), plans=0)
    assert not any(asked(both, rich()) for _ in range(3))
    assert both.number("injector_cache_bytes", cache="plans") == 0
    assert reasons(both) == {"off": 3}


def test_plans_stay_within_their_bytes_and_one_in_use_survives_a_flood() -> None:
    limit = 400_000
    both = Beside(config_of({"policy": "enabled"}), plans=limit)
    learn(both, rich())
    served = 0
    for number in range(400):
        # Of another patch each, as plans with the same text are one.
        flood = at("metadata", "annotations", "sidecar.istio.io/proxyCPU")(rich(), f"{number + 1}m")
        for _ in range(2):
            both.of(both.cached, body_of(review_with(flood)))
        assert both.number("injector_cache_bytes", cache="plans") <= limit
        if number % 6 == 0:
            served += asked(both, with_text("owner", f"shop{number}"))
    assert both.number("injector_cache_eviction_total", cache="plans") > 20
    assert served == 67


def test_plans_of_many_namespaces_take_little_more_than_that_of_one() -> None:
    names = [f"team-{number}" for number in range(100)]
    both = Beside(config_of({"policy": "enabled"}), plans=1 * MiB)
    both.world.namespaces = {name: Namespace(name, {"istio-injection": "enabled"}) for name in names}
    bodies = [body_of(a_review(object=rich(), namespace=name)) for name in names]
    for body in bodies[:1] * 2:
        both.ask(body)
    size = both.number("injector_cache_bytes", cache="plans")
    for body in bodies[1:] * 2:
        both.of(both.cached, body)
    assert both.number("injector_cache_bytes", cache="plans") - size < 99 * 1000
    before = both.planned
    for body in bodies:
        both.ask(body)
    assert both.planned - before == len(names)


@pytest.mark.parametrize(
    "name", ["a", "default", "istio", "http", "app", "true", "0", "Shop", "shop.x", "a-b"]
)
def test_the_name_of_a_namespace_may_be_any_word(name: str) -> None:
    both = Beside(config_of({"policy": "enabled"}), plans=8 * MiB)
    both.world.namespaces[name] = Namespace(name, {"istio-injection": "enabled"})
    for text in ("cart", "other", name.lower(), "third"):
        review = a_review(object=with_text("label app", text), namespace=name)
        both.ask(body_of(review))
    assert both.planned == 2


def test_groups_of_a_user_are_part_of_the_bytes_of_a_plan() -> None:
    both = Beside(config_of({"policy": "enabled"}), plans=8 * MiB)
    review = review_with(rich())
    review["request"]["userInfo"]["groups"] = [f"group-{number:094}" for number in range(60)]
    both.ask(body_of(review))
    before = both.number("injector_cache_bytes", cache="plans")
    both.ask(body_of(review))
    assert both.number("injector_cache_bytes", cache="plans") - before > 6000 + 5000


def test_log_lines_records_and_events_are_of_the_pod_itself() -> None:
    recorded: list[Any] = []
    noticed: list[Any] = []
    both = Beside(
        config_of({"policy": "enabled"}),
        plans=8 * MiB,
        record=lambda *record: recorded.append(record),
        notify=lambda *notice: noticed.append(notice),
    )
    learn(both, rich())
    pod = with_text("owner", "other")
    assert asked(both, pod)
    (cached, facts, outcome, verdict, _, size), (wanted, other_facts, plain, plain_verdict, _, plain_size) = (
        recorded[-2:]
    )
    assert (cached, facts, verdict, size) == (wanted, other_facts, plain_verdict, plain_size)
    assert cached.pod == pod
    assert [(o.op, o.path) for o in outcome.patch] == [(o.op, o.path) for o in plain.patch]
    assert (outcome.findings, outcome.decision.reason, outcome.added) == (
        plain.findings,
        plain.decision.reason,
        plain.added,
    )
    assert noticed[-2][0] == noticed[-1][0] == cached


def with_variables(count: int) -> Manifest:
    pod = rich()
    pod["spec"]["containers"][0]["env"] = [{"name": f"SETTING_{n}", "value": "text"} for n in range(count)]
    return pod


def test_the_plan_of_a_pod_that_takes_a_thread_is_made_there_and_used_in_the_loop() -> None:
    count = 500
    body = body_of(review_with(with_variables(count)))
    assert admitting.LOOP_BYTES < len(body) < admitting.PLANNED_BYTES
    both = planning(with_variables(count))
    threads = both.number("injector_admission_threaded_total", cause="size")
    assert threads == 2
    assert asked(both, with_variables(count + 1))


def test_no_plan_is_looked_up_for_a_pod_that_is_too_large_for_the_loop() -> None:
    pod = with_variables(2000)
    assert len(body_of(review_with(pod))) > admitting.PLANNED_BYTES
    both = planning(pod)
    assert not asked(both, pod)
    assert reasons(both) == {"size": 3}
