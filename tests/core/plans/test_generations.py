"""The cache in two generations: what it keeps, drops and counts."""

from __future__ import annotations

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from injector.core.plans.generations import Generations

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 40), st.integers(0, 30_000)),
        st.tuples(st.sampled_from(["get", "met", "drop"]), st.integers(0, 40), st.just(0)),
        st.tuples(st.just("clear"), st.just(0), st.just(0)),
    ),
    max_size=200,
)


def key(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def known(cache: Generations[int], count: int) -> list[int]:
    return [number for number in range(count) if cache.get(key(number)) is not None]


@settings(max_examples=150)
@given(st.integers(0, 200_000), STEPS)
def test_no_sequence_takes_more_bytes_than_the_limit(limit: int, steps: list[tuple[str, int, int]]) -> None:
    sizes: dict[bytes, int] = {}
    cache: Generations[int] = Generations(limit)
    for step, number, size in steps:
        name = key(number)
        match step:
            case "put":
                if cache.put(name, number, size):
                    sizes[name] = size
            case "get":
                assert cache.get(name) in (None, number)
            case "met":
                cache.met(name)
            case "drop":
                cache.drop(name)
                assert cache.get(name) is None
            case _:
                cache.clear()
        assert 0 <= cache.size <= limit
        # Never less than the values that are there need.
        there = [each for each in sizes if each in {**cache._young, **cache._old}]
        assert cache.size >= sum(sizes[each] for each in there)


def test_every_value_is_there_or_was_counted_as_evicted() -> None:
    evicted: list[int] = []
    cache: Generations[int] = Generations(100_000, evicted.append)
    for number in range(500):
        assert cache.put(key(number), number, 1000)
    assert sum(evicted) == 500 - len(cache) > 400
    assert len(cache) > 40, "no more is dropped than has to be"


def test_what_is_put_again_or_dropped_is_no_eviction() -> None:
    evicted: list[int] = []
    cache: Generations[int] = Generations(100_000, evicted.append)
    for number in range(100):
        cache.put(key(7), number, 1000)
        assert cache.get(key(7)) == number
        cache.put(key(8), number, 1000)
        cache.drop(key(8))
    assert (sum(evicted), len(cache)) == (0, 1)


def test_a_value_that_is_read_now_and_then_survives_a_flood() -> None:
    cache: Generations[int] = Generations(100_000)
    cache.put(key(-1), -1, 1000)
    cache.put(key(-2), -2, 1000)
    for number in range(1000):
        cache.put(key(number), number, 1000)
        if number % 20 == 0:
            assert cache.get(key(-1)) == -1
    assert cache.get(key(-2)) is None, "the flood drops what nobody reads"


def test_a_key_that_is_met_once_takes_no_place_of_a_value() -> None:
    evicted: list[int] = []
    cache: Generations[int] = Generations(100_000, evicted.append)
    for number in range(20):
        cache.put(key(number), number, 1000)
    for number in range(20, 50_000):
        assert not cache.met(key(number))
    assert known(cache, 20) == list(range(20))
    assert (evicted, len(cache)) == ([], 20)


def test_a_key_that_comes_again_soon_was_met() -> None:
    cache: Generations[int] = Generations(1 << 20)
    assert not cache.met(key(1))
    for number in range(2, 400):
        cache.met(key(number))
    assert cache.met(key(1))
    for number in range(400, 2000):
        cache.met(key(number))
    assert not cache.met(key(1)), "and forgotten after long"


def test_a_value_that_is_too_large_for_the_cache_is_not_kept() -> None:
    cache: Generations[int] = Generations(160_000)
    cache.put(key(1), 1, 100)
    assert not cache.put(key(2), 2, 10_000)
    assert cache.put(key(3), 3, 9_000)
    assert known(cache, 4) == [1, 3]


def test_one_of_nothing_keeps_nothing() -> None:
    cache: Generations[int] = Generations(0)
    assert not cache.put(key(1), 1, 0)
    assert not cache.met(key(1))
    assert not cache.met(key(1))
    assert (len(cache), cache.size) == (0, 0)


def test_clear_forgets_values_and_keys() -> None:
    evicted: list[int] = []
    cache: Generations[int] = Generations(1 << 20, evicted.append)
    cache.met(key(1))
    cache.put(key(2), 2, 1000)
    cache.clear()
    assert not cache.met(key(1))
    cache.clear()
    assert (cache.get(key(2)), len(cache), cache.size, evicted) == (None, 0, 0, [])
