"""The cache of answers for replicas is bounded by bytes (condition e), and pods by chance evict nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server.beside import Beside, a_review, body_of, config_of, pod_of, unhurried
from tests.server.replica_reviews import (
    beside,
    labelled,
    primed,
)


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    with unhurried():
        yield


def test_condition_e_the_bytes_of_all_answers_stay_within_the_limit() -> None:
    both = Beside(config_of({"policy": "enabled"}), replicas=500_000)
    for number in range(70):
        body = body_of(labelled(number))
        both.of(both.cached, body)
        both.of(both.cached, body)
        assert both.number("injector_cache_bytes", cache="replicas") <= 500_000
    assert both.number("injector_cache_eviction_total", cache="replicas") > 20
    assert both.number("injector_cache_bytes", cache="replicas") > 100_000


@pytest.mark.parametrize("where", ["groups", "username", "pod", "path"])
def test_condition_e_what_a_caller_makes_long_is_counted(where: str) -> None:
    both = beside()
    review, path, long = a_review(), "/inject", "x" * 30_000
    match where:
        case "groups":
            review["request"]["userInfo"]["groups"] = [long[:100] + str(number) for number in range(300)]
        case "username":
            review["request"]["userInfo"]["username"] = long
        case "pod":
            pod_of(review)["metadata"]["generateName"] = long
            pod_of(review)["spec"]["hostNetwork"] = True
        case _:
            path = "/inject/cluster/" + long
    for _ in range(3):
        both.ask(body_of(review), path)
    assert both.repeated == 1
    assert both.number("injector_cache_bytes", cache="replicas") > 30_000


def test_pods_that_are_all_different_evict_no_answer_that_is_asked_for() -> None:
    both = Beside(config_of({"policy": "enabled"}), replicas=500_000)
    primed(both)
    wanted = 0
    for number in range(80):
        body = body_of(labelled(number))
        # An author who sends each pod twice gets it into the cache, and past others that nobody asks for.
        both.of(both.cached, body)
        both.of(both.cached, body)
        if number % 5 == 0:
            before = both.repeated
            both.of(both.cached, body_of(a_review(token=f"{number:05}")))
            wanted += int(both.repeated - before)
    assert both.number("injector_cache_eviction_total", cache="replicas") > 40
    assert wanted == 16


def test_a_pod_that_comes_once_takes_no_bytes_of_an_answer() -> None:
    both = beside()
    primed(both)
    before = both.number("injector_cache_bytes", cache="replicas")
    for number in range(20):
        both.of(both.cached, body_of(labelled(number)))
    assert both.number("injector_cache_bytes", cache="replicas") - before < 20 * 200
