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
    ("at", "value"), [(AT, "x"), ("", TREE), ("/metadata/labels", None), ("/list/0", None), ("/a/b", None)]
)
def test_a_value_is_read_through_maps(at: str, value: object) -> None:
    assert pointer.get(TREE, at) == value


def test_a_value_is_set_and_removed_without_touching_the_tree() -> None:
    changed = pointer.put(TREE, AT, "y")
    assert pointer.get(changed, AT) == "y"
    assert changed["list"] is TREE["list"]
    assert pointer.drop(changed, AT) == {"metadata": {"annotations": {}}, "list": [1]}
    assert pointer.put({}, "/a/b~1c", 1) == {"a": {"b/c": 1}}
    assert pointer.get(TREE, AT) == "x"
