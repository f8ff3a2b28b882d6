"""The account of an admission: the units of a tree, however often and in whatever company it is measured."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from injector.core.tree.strategic_merge import merge
from injector.work import TooExpensive, Work
from tests.core.tree.test_patches import trees
from tests.generators.strategies import overlays, pods

LIMIT = 10**9


def units_of(tree: Any) -> int:
    """One for each item, and one for 64 bytes of each text and key; others than ASCII are escapes of 12."""
    if isinstance(tree, str):
        return 1 + len(tree) * (1 if tree.isascii() else 12) // 64
    if isinstance(tree, dict):
        return 1 + sum(units_of(key) - 1 + units_of(value) for key, value in tree.items())
    if isinstance(tree, list):
        return 1 + sum(map(units_of, tree))
    return 1


def test_a_tree_is_charged_for_each_walk() -> None:
    work = Work(LIMIT)
    assert work.measure({"a": [1, "x" * 64, None], "k" * 130: "é" * 6}, 3) == 6 + 1 + 2 + 1
    assert work.spent == 30
    assert work.measure("x" * 128) == 3
    assert work.measure("x") == 1


@given(trees)
def test_any_tree_has_its_units(tree: Any) -> None:
    assert Work(LIMIT).measure(tree) == units_of(tree)


@given(pods(), overlays())
def test_what_is_shared_counts_as_often_as_it_stands_there(
    pod: dict[str, Any], overlay: dict[str, Any]
) -> None:
    work, after = Work(LIMIT), merge(pod, overlay)
    twice = {"one": after, "other": after, "pod": pod}
    for tree in (pod, overlay, after, pod, twice):
        assert work.measure(tree) == units_of(tree)
    assert work.spent == sum(map(units_of, (pod, overlay, after, pod, twice)))


def test_trees_that_go_leave_nothing_for_those_that_come() -> None:
    # A new tree may get the identity of one that went.
    work = Work(LIMIT)
    for size in range(200):
        assert work.measure(json.loads(json.dumps({"a": {"b": ["x"] * size}}))) == 3 + size


@pytest.mark.parametrize("limit", [0, 5, 99, 100])
def test_a_tree_past_the_limit_is_refused_and_the_account_stays_closed(limit: int) -> None:
    work = Work(limit)
    with pytest.raises(TooExpensive):
        work.measure({"a": [["x"] * 10 for _ in range(10)]})
    with pytest.raises(TooExpensive):
        work.charge(1)


def test_a_tree_that_fits_exactly_is_accepted() -> None:
    tree = {"a": [["x"] * 10 for _ in range(10)]}
    assert Work(112).measure(tree) == 112
    with pytest.raises(TooExpensive):
        Work(111).measure(tree)


def test_a_tree_of_aliases_is_refused_before_it_is_walked() -> None:
    # 2 to the power of 60 items.
    tree: Any = ["x"]
    for _ in range(60):
        tree = [tree, tree]
    with pytest.raises(TooExpensive):
        Work(10**6).measure(tree)


def test_keys_count_the_same_however_often_and_however_many_were_met() -> None:
    keys = {"name": 0, "é": 0, "k" * 63: 0, "k" * 64: 1, "k" * 128: 2, "é" * 6: 1}
    many = {f"key-{number}": None for number in range(5_000)}
    for _ in range(2):
        assert [Work(10**6).measure({key: None}) - 2 for key in keys] == [*keys.values()]
        assert Work(10**6).measure({1: None, None: None}) == 3
        assert Work(10**6).measure(many) == len(many) + 1
