"""Reviews of a known outline and what stands around the pod: managedFields, request, world, and limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from injector.core.model import Namespace
from tests.server import outlining as outlining_module
from tests.server.beside import Beside, MiB, body_of, config_of, pod_of, unhurried
from tests.server.outlining import TIMES, Bodies, learn, noted, outlined, outlining
from tests.server.plan_places import (
    PROXY_CONFIG,
    Manifest,
    at,
    owned,
    planning,
    review_with,
    rich,
    with_text,
)

UNIQUE: Final = "unique-text"


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    with unhurried():
        yield


@pytest.fixture(autouse=True, params=[TIMES, TIMES + 1], ids=["digest", "text"])
def times(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How often a review is asked before: once more, and its text is known too."""
    monkeypatch.setattr(outlining_module, "TIMES", request.param)


@pytest.fixture(autouse=True)
def parsed(monkeypatch: pytest.MonkeyPatch) -> Bodies:
    return noted(monkeypatch)


# managedFields.


def with_fields(fields: bytes, *, entries: int = 1) -> bytes:
    """A review whose managedFields have this text as fields, in so many entries."""
    pod = rich()
    managed = pod["metadata"]["managedFields"][0]
    pod["metadata"]["managedFields"] = [{**managed, "fieldsV1": UNIQUE} for _ in range(entries)]
    return body_of(review_with(pod)).replace(b'"%b"' % UNIQUE.encode(), fields)


FIELDS: Final = {
    "none": b"{}",
    "others": b'{"f:x":{"k:{\\"uid\\":\\"7a1f3c52-8f3e-4a77-9d1c-0c4c6d2a9b3e\\"}":{}}}',
    "text": b'{"f:x":"}}]},\\"spec\\":{"}',
    "numbers": b'{"a":1.5e3,"b":[1,null]}',
    "a key twice": b'{"a":1,"a":2}',
    "a uid that goes on": b'{"k:{\\"uid\\":\\"7a1f3c52-8f3e-4a77-9d1c-0c4c6d2a9b3e":{}}',
    "what stands for them": b'{"left":"out"}',
    "half of a character": b'{"a":"\\ud800"}',
    "194 levels": b'{"a":' * 193 + b"{}" + b"}" * 193,
}
NO_FIELDS: Final = {
    "195 levels": b'{"a":' * 194 + b"{}" + b"}" * 194,
    "very deep": b'{"a":' * 100_0 + b"{}" + b"}" * 100_0,
    "not closed": b"{",
    "closed twice": b"{}}",
    "more": b'{},"x":{}',
    "comma": b'{"a":1,}',
    "NaN": b'{"a":NaN}',
    "infinite": b'{"a":1e999}',
    "long number": b'{"a":' + b"9" * 5000 + b"}",
    "list": b"[]",
    "nothing": b"null",
    "a uid that is none": b'{"k:{\\"uid\\":\\"' + b"a" * 35 + b'\n\\"}":{}}',
    "blank": b" {}",
    "byte": b'{"a":"\xff"}',
}


@pytest.mark.parametrize("name", FIELDS)
def test_managed_fields_may_be_any(parsed: Bodies, name: str) -> None:
    both = outlining()
    for _ in range(2):
        assert outlined(parsed, both, with_fields(FIELDS[name]))
    learn(both, with_fields(FIELDS[name]))


@pytest.mark.parametrize("name", NO_FIELDS)
def test_managed_fields_that_are_none_are_parsed(parsed: Bodies, name: str) -> None:
    both = outlining()
    for _ in range(TIMES + 1):
        # Of some the shape is another, and then their outline is learned.
        assert not outlined(parsed, both, with_fields(NO_FIELDS[name])) or name in (
            "list",
            "nothing",
            "more",
            "blank",
        )
    assert outlined(parsed, both, body_of(review_with(rich())))


def test_each_manager_has_fields(parsed: Bodies) -> None:
    both = outlining()
    two = with_fields(FIELDS["none"], entries=2)
    learn(both, two)
    assert outlined(parsed, both, two)
    assert outlined(parsed, both, with_fields(FIELDS["others"], entries=2))
    assert not outlined(parsed, both, with_fields(NO_FIELDS["comma"], entries=2))


def test_fields_in_another_place_are_part_of_the_shape(parsed: Bodies) -> None:
    for path in (("spec",), ("metadata",)):
        bodies = []
        for value in (1, 2):
            pod = rich()
            tree: Any = at
            tree = pod[path[0]]
            tree["more"] = {"fieldsType": "FieldsV1", "fieldsV1": {"a": value}}
            bodies.append(body_of(review_with(pod)))
        both = outlining()
        learn(both, bodies[0])
        assert not outlined(parsed, both, bodies[1])


# What stands around a pod.


def test_what_is_logged_and_answered_is_of_the_review(parsed: Bodies) -> None:
    both = outlining()
    for uid in ("a", "A-0", "x" * 64):
        review = review_with(owned(rich(), "other", "abc"))
        review["request"]["uid"] = uid
        assert outlined(parsed, both, body_of(review))
    for value in ("", "x" * 65, "a b", None, 7):
        review = review_with(rich())
        review["request"]["uid"] = value
        assert not outlined(parsed, both, body_of(review))


def test_another_request_is_another_outline(parsed: Bodies) -> None:
    both = outlining()
    for change in (
        {"namespace": "other"},
        {"dryRun": True},
        {"operation": "UPDATE"},
        {"name": "cart-0"},
        {"userInfo": {"username": "someone"}},
    ):
        body = body_of({**review_with(rich()), "request": review_with(rich())["request"] | change})
        assert not outlined(parsed, both, body), change
        learn(both, body)
        both.ask(body)
    assert not outlined(parsed, both, body_of(review_with(rich())), "/mutate")


def test_what_the_world_says_is_asked_each_time(parsed: Bodies) -> None:
    both, body = outlining(), body_of(review_with(rich()))
    assert outlined(parsed, both, body)
    both.world.native = False
    assert not outlined(parsed, both, body)
    both.world.native = True
    both.world.namespaces = {"shop": Namespace("shop", {"istio-injection": "disabled"})}
    assert not outlined(parsed, both, body)
    both.world.namespaces = {}
    assert not outlined(parsed, both, body)


def test_other_rules_forget_the_outlines(parsed: Bodies) -> None:
    never = {"neverInjectSelector": [{"matchLabels": {"team": "search"}}]}
    both = outlining()
    both.world.config = config_of({"policy": "enabled", **never})
    learn(both, body_of(review_with(rich())))
    assert not outlined(parsed, both, body_of(review_with(with_text("free label", "search"))))
    assert outlined(parsed, both, body_of(review_with(with_text("image", "x"))))
    both.world.objects = (PROXY_CONFIG,)
    learn(both, body_of(review_with(rich())))
    assert not outlined(parsed, both, body_of(review_with(with_text("free label", "other"))))


def test_a_key_that_stands_there_twice_has_no_outline(parsed: Bodies) -> None:
    both, body = outlining(), body_of(review_with(rich()))
    twice = body.replace(b'"image":', b'"image":"auto","image":', 1)
    learn(both, twice)
    assert not outlined(parsed, both, twice)


def test_reviews_whose_pods_somebody_reads_are_parsed(parsed: Bodies) -> None:
    notified: list[Manifest] = []
    both = outlining(notify=lambda asked, _outcome, _decision: notified.append(asked.pod))
    assert not outlined(parsed, both, body_of(review_with(rich())))
    assert all(each["spec"] == pod_of(review_with(rich()))["spec"] for each in notified)


def test_outlines_stay_within_their_bytes(parsed: Bodies) -> None:
    limit = 4 * MiB
    both = Beside(config_of({"policy": "enabled"}), plans=limit)
    for number in range(40):
        pod = at("metadata", "annotations")(rich(), {f"key-{n}": "x" * 40 for n in range(number)})
        body = body_of(review_with(pod))
        for _ in range(TIMES):
            both.of(both.cached, body)
        assert both.number("injector_cache_bytes", cache="plans") <= limit
        assert outlined(parsed, both, body)


def test_plans_of_one_shape_are_shared_by_several_outlines(parsed: Bodies) -> None:
    both = planning()
    bodies = [
        body_of(review_with(at("spec", "containers", 0, "args")(rich(), ["x"] * number)))
        for number in (1, 2, 3)
    ]
    for body in bodies:
        both.ask(body)
        both.ask(body)
        assert outlined(parsed, both, body)
