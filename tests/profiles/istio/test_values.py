"""Looking into values (istio-injection 2.7, A.4)."""

from __future__ import annotations

from typing import Any

import pytest

from injector.profiles.istio.values import dig, omit_nil, printed


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"a": 1, "b": [2]}, {"a": 1, "b": [2]}),
        ({"a": None, "b": "c"}, {"b": "c"}),
        ({"a": {"x": None, "y": 2}, "b": "c"}, {"a": {"y": 2}, "b": "c"}),
        ([1, None, 3], [1, 3]),
        ({"a": [None, {"x": None}]}, None),
        ({"a": None, "b": {"x": None}}, None),
        # What was empty before stays; zero and false are values.
        ({"a": {}, "b": [], "c": 0, "d": False, "e": ""}, {"a": {}, "b": [], "c": 0, "d": False, "e": ""}),
        ({}, {}),
        ([], []),
        (None, None),
        ("x", "x"),
    ],
)
def test_nulls_are_left_out_and_what_is_empty_because_of_it(tree: Any, expected: Any) -> None:
    assert omit_nil(tree) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.b", 0),
        ("a", {"b": 0, "n": None}),
        ("a.n", "default"),
        ("a.x", "default"),
        ("x.y", "default"),
        ("a.b.c", "default"),
    ],
)
def test_a_path_that_leads_nowhere_or_to_null_gives_the_default(path: str, expected: Any) -> None:
    assert dig({"a": {"b": 0, "n": None}}, path, "default") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "<nil>"),
        (True, "true"),
        (False, "false"),
        (1, "1"),
        (1.5, "1.5"),
        (2.0, "2"),
        ("x", "x"),
        ("", ""),
    ],
)
def test_values_are_printed_as_go_prints_them(value: Any, expected: str) -> None:
    assert printed(value) == expected
