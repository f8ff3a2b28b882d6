"""Parts of JSON pointers, and values at them."""

from __future__ import annotations

import pytest

from injector import pointer

TREE = {"metadata": {"annotations": {"a/b~1": "x"}}, "list": [1]}
AT = "/metadata/annotations/a~1b~01"


def test_escaped_parts_come_back() -> None:
    assert pointer.join(pointer.join("", "a/b"), "~1") == "/a~1b/~01"
    assert pointer.split("/a~1b/~01") == ["a/b", "~1"]
    assert pointer.split("") == []


@pytest.mark.parametrize(
    ("at", "value"),
    [(AT, "x"), ("", TREE), ("/metadata/labels", None), ("/list/0", 1), ("/list/1", None), ("/a/b", None)],
)
def test_a_value_is_read_through_maps_and_lists(at: str, value: object) -> None:
    assert pointer.get(TREE, at) == value


def test_a_value_is_set_and_removed_without_touching_the_tree() -> None:
    changed = pointer.put(TREE, AT, "y")
    assert pointer.get(changed, AT) == "y"
    assert changed["list"] is TREE["list"]
    assert pointer.drop(changed, AT) == {"metadata": {"annotations": {}}, "list": [1]}
    assert pointer.put({}, "/a/b~1c", 1) == {"a": {"b/c": 1}}
    assert pointer.get(TREE, AT) == "x"


def test_a_value_in_a_list_is_set_and_removed_without_touching_the_tree() -> None:
    tree = {"jobs": [{"spec": {"a": 1}}, {"spec": {"a": 2}}]}
    assert pointer.put(tree, "/jobs/1/spec/a", 3) == {"jobs": [{"spec": {"a": 1}}, {"spec": {"a": 3}}]}
    assert pointer.drop(tree, "/jobs/0/spec/a") == {"jobs": [{"spec": {}}, {"spec": {"a": 2}}]}
    assert pointer.get(tree, "/jobs/1/spec/a") == 2


@pytest.mark.parametrize(
    ("pattern", "pointers"),
    [
        ("", ("",)),
        ("/spec", ("/spec",)),
        ("/jobs/*/spec", ("/jobs/0/spec", "/jobs/1/spec")),
        ("/jobs/*/steps/*", ("/jobs/1/steps/0",)),
        ("/none/*/spec", ()),
        ("/map/*/spec", ("/map/a~1b/spec",)),
        ("/number/*/spec", ()),
    ],
)
def test_a_pattern_is_the_pointers_of_the_elements(pattern: str, pointers: tuple[str, ...]) -> None:
    tree = {"jobs": [{}, {"steps": [1]}], "map": {"a/b": 1}, "number": 1}
    assert pointer.expanded(tree, pattern) == pointers
