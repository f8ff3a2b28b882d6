"""The text of a patch, and whether it holds the patch."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from injector.core.model import Operation
from injector.core.tree.patch_text import is_json, text_of
from injector.parts import Parts
from tests.core.tree.test_patches import trees


def as_the_library_writes_it(*operations: Operation) -> str:
    return json.dumps([each.as_json() for each in operations], separators=(",", ":"))


@given(trees)
def test_the_text_is_that_of_the_library(tree: Any) -> None:
    operations = (
        Operation("add", '/a/"~1é', tree),
        Operation("remove", "/b"),
        Operation("replace", "/c", tree),
    )
    known = Parts()
    if isinstance(tree, dict | list):
        known.add(tree)
    expected = as_the_library_writes_it(*operations)
    for parts in (Parts(), known, known):
        assert text_of(operations, parts) == expected


def test_each_part_has_its_own_text() -> None:
    known, first, other = Parts(), {"a": [1]}, {"a": [True]}
    known.add(first)
    known.add(other)
    for tree in (first, other, first, other):
        operation = Operation("add", "/x", tree)
        assert text_of([operation], known) == as_the_library_writes_it(operation)


def test_a_number_that_json_does_not_have_has_no_text() -> None:
    with pytest.raises(ValueError, match="JSON"):
        text_of([Operation("add", "/x", {"a": float("nan")})])


@given(trees)
def test_trees_of_json_are_json(tree: Any) -> None:
    assert is_json(tree)


@pytest.mark.parametrize(
    "value", [{1: 2}, {"a": [(1, 2)]}, [{"a": {1}}], {None: 1}, b"x", type("Text", (str,), {})("x")]
)
def test_what_json_writes_as_something_else_is_not_json(value: Any) -> None:
    assert not is_json(value)
    known = Parts()
    if isinstance(value, dict | list):
        known.add(value)
    assert [is_json({"a": value}, known) for _ in range(2)] == [False, False]
