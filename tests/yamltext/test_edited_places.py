"""Where an edit goes, one place after the other; each expected text follows from the rules of ADR 21.

Members come behind the last one of their map, elements at their index, in the layout of the document.
No comment is lost. Nothing else of the text changes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from injector import yamltext
from injector.yamltext import Document, Obstacle

Tree = dict[str, Any]


def set_to(*path: Any, value: Any) -> Callable[[Tree], None]:
    """Sets what is at the end of a path."""

    def change(tree: Any) -> None:
        for part in path[:-1]:
            tree = tree[part]
        tree[path[-1]] = value

    return change


def insert(key: str, index: int, value: Any) -> Callable[[Tree], None]:
    """Puts an element into a list."""
    return lambda tree: tree[key].insert(index, value)


def remove(*path: Any) -> Callable[[Tree], None]:
    """Takes out what is at the end of a path."""

    def change(tree: Any) -> None:
        for part in path[:-1]:
            tree = tree[part]
        del tree[path[-1]]

    return change


def edited(text: str, change: Callable[[Tree], None], document: Document | None = None) -> str | Obstacle:
    document = document or Document(text, is_json=text.startswith('{"'))
    before = yamltext.load(document)
    after = copy.deepcopy(before)
    change(after)
    return yamltext.edited(document, before, after)


INSERTIONS = {
    "a member, behind the last one and its comment": (
        "a: 1 # one\n# the end\n",
        set_to("b", value=2),
        "a: 1 # one\nb: 2\n# the end\n",
    ),
    "a member with the step of the document": (
        "a:\n    b: 1\nc:\n    d: 1\n",
        set_to("c", "e", value={"f": {"g": 1}}),
        "a:\n    b: 1\nc:\n    d: 1\n    e:\n        f:\n            g: 1\n",
    ),
    "a list that is indented as the others are": (
        "a:\n  - 1\n",
        set_to("b", value=[{"c": [2]}]),
        "a:\n  - 1\nb:\n  - c:\n      - 2\n",
    ),
    "a list that is not indented, as the others are not": (
        "a:\n- 1\n",
        set_to("b", value=[{"c": [2]}]),
        "a:\n- 1\nb:\n- c:\n  - 2\n",
    ),
    "dashes as wide as the others": (
        "a:\n-   b: 1\n",
        insert("a", 1, {"c": 1, "d": 2}),
        "a:\n-   b: 1\n-   c: 1\n    d: 2\n",
    ),
    "an element above the comment of the first one": (
        "a:\n# one\n- 1\n",
        insert("a", 0, 0),
        "a:\n- 0\n# one\n- 1\n",
    ),
    "an element between two": (
        "a:\n- 1 # one\n\n# three\n- 3\n",
        insert("a", 1, 2),
        "a:\n- 1 # one\n- 2\n\n# three\n- 3\n",
    ),
    "an element of a list on the line of another dash": (
        "a:\n- - 1\n",
        lambda tree: tree["a"][0].insert(0, 0),
        "a:\n- - 0\n  - 1\n",
    ),
    "behind a block": ("a: |\n  x\n\n\n", set_to("b", value=1), "a: |\n  x\nb: 1\n\n\n"),
    "behind a block that keeps its blank lines": (
        "a: |+\n  x\n\n",
        set_to("b", value=1),
        "a: |+\n  x\n\nb: 1\n",
    ),
    "before the end of the document": ("a: 1\n...\n", set_to("b", value=1), "a: 1\nb: 1\n...\n"),
    "a text without a last line break": ("a: 1", set_to("b", value=2), "a: 1\nb: 2"),
    "no line break for a string at the end that would get one": (
        "a: 1",
        set_to("b", value="x\n"),
        'a: 1\nb: "x\\n"',
    ),
    "before a block that ends the text": ("a: 1\nb: |\n  x", set_to("c", value=2), "a: 1\nc: 2\nb: |\n  x"),
    "the line ends of the document": (
        "a: 1\r\n\r\n",
        set_to("b", value="x\ny"),
        "a: 1\r\nb: |-\r\n  x\r\n  y\r\n\r\n",
    ),
    "nothing becomes a map": ("a: # todo\nb: 1\n", set_to("a", value={"c": 1}), "a: # todo\n  c: 1\nb: 1\n"),
    "a member between braces": (
        "a: {b: 1} # b\n",
        set_to("a", "c", value="x,y"),
        "a: {b: 1, c: 'x,y'} # b\n",
    ),
    "before a comma that ends a list": ("a: [1, 2,]\n", insert("a", 2, 3), "a: [1, 2, 3,]\n"),
    "an element between brackets": ("a: [2]\n", insert("a", 0, {"b": "x\ny"}), 'a: [{b: "x\\ny"}, 2]\n'),
    "a line of its own where the others have one": (
        "a: [\n  1\n]\n",
        insert("a", 1, 2),
        "a: [\n  1,\n  2\n]\n",
    ),
    "compact JSON": ('{"a":{"b":1}}', set_to("a", "c", value=[1, "x"]), '{"a":{"b":1,"c":[1,"x"]}}'),
    "JSON in lines": (
        '{\n    "a": {\n        "b": 1\n    }\n}\n',
        set_to("a", "c", value=[1]),
        '{\n    "a": {\n        "b": 1,\n        "c": [\n            1\n        ]\n    }\n}\n',
    ),
    "an anchor that nobody names": ("a: &a\n  b: 1\n", set_to("a", "c", value=2), "a: &a\n  b: 1\n  c: 2\n"),
    "a map with a merge key": (
        "a: &a {b: 1}\nc:\n  <<: *a\n",
        set_to("c", "d", value=2),
        "a: &a {b: 1}\nc:\n  <<: *a\n  d: 2\n",
    ),
    "a key with a question mark elsewhere": (
        "? a\n: 1\nb:\n  c: 1\n",
        set_to("b", "d", value=2),
        "? a\n: 1\nb:\n  c: 1\n  d: 2\n",
    ),
}

REPLACEMENTS = {
    "a scalar, and its comment stays": (
        "a: 0x10   # why\nb: 1\n",
        set_to("a", value=17),
        "a: 17   # why\nb: 1\n",
    ),
    "a string is quoted where it must be": ("a: 'x'\n", set_to("a", value="1e3"), 'a: "1e3"\n'),
    "a block by a scalar": ("a: | # why\n  x\n  y\nb: 1\n", set_to("a", value="z"), "a: z  # why\nb: 1\n"),
    "a scalar by a block": (
        "a: x # why\nb: 1\n",
        set_to("a", value="y\nz\n"),
        "a: | # why\n  y\n  z\nb: 1\n",
    ),
    "a scalar by a map": ("a: x # why\nb: 1\n", set_to("a", value={"c": 1}), "a: # why\n  c: 1\nb: 1\n"),
    "a map by a scalar, and the comments in it stay": (
        "a: # one\n  # two\n  b: 1 # three\nc: 1\n",
        set_to("a", value=2),
        "a: 2  # one\n# two\n# three\nc: 1\n",
    ),
    "an empty map that gets members": ("a: {} # why\n", set_to("a", value={"b": 1}), "a: # why\n  b: 1\n"),
    "a map that loses its last member": ("a:\n  b: 1\nc: 1\n", set_to("a", value={}), "a: {}\nc: 1\n"),
    "a map that becomes nothing": ("a:\n  b: 1\nc: 1\n", set_to("a", value=None), "a:\nc: 1\n"),
    "a tag goes with its scalar": ("a: !!str 1 # why\n", set_to("a", value=2), "a: 2 # why\n"),
    "an anchor stays with its scalar": ("a: &a 1\n", set_to("a", value=2), "a: &a 2\n"),
    "an alias by the value": (
        "a: &a {b: 1}\nc: *a # why\n",
        set_to("c", "d", value=2),
        "a: &a {b: 1}\nc: # why\n  b: 1\n  d: 2\n",
    ),
    "an element": ("a:\n- 1 # one\n- 2\n", set_to("a", 0, value="x"), "a:\n- x # one\n- 2\n"),
    "a value between braces": ("a: {b: 1, c: 2}\n", set_to("a", "b", value=[3]), "a: {b: [3], c: 2}\n"),
}

REMOVALS = {
    "a member in the middle": ("a: 1\nb: 2\nc: 3\n", remove("b"), "a: 1\nc: 3\n"),
    "a member at the end of a text without a last line break": ("a: 1\nb: 2", remove("b"), "a: 1"),
    "the first member behind a dash": ("a:\n- b: 1\n  c: 2\n", remove("a", 0, "b"), "a:\n- c: 2\n"),
    "an element, and the comments in it stay": (
        "a:\n- 1\n- b: 1 # one\n  # two\n  c: 2\n- 3\n",
        remove("a", 1),
        "a:\n- 1\n# one\n# two\n- 3\n",
    ),
    "a member between braces": ("a: {b: 1, c: 2, d: 3}\n", remove("a", "c"), "a: {b: 1, d: 3}\n"),
    "the first one between braces": ("a: {b: 1, c: 2}\n", remove("a", "b"), "a: {c: 2}\n"),
    "a number sign in a block is no comment": ("a: 1\nb: |\n  # x\nc: 1\n", remove("b"), "a: 1\nc: 1\n"),
}


@pytest.mark.parametrize(("text", "change", "expected"), INSERTIONS.values(), ids=INSERTIONS)
def test_what_is_put_in(text: str, change: Callable[[Tree], None], expected: str) -> None:
    document = Document(text, is_json=text.startswith('{"'))
    new = edited(text, change)
    assert new == expected
    before, after = yamltext.load(document), yamltext.load(Document(expected, is_json=document.is_json))
    if not text.startswith("a: # todo") and "|\n  x" not in text[-8:]:
        back = yamltext.edited(Document(expected, is_json=document.is_json), after, before)
        assert back == text, "removal does not return the text"


@pytest.mark.parametrize(("text", "change", "expected"), REPLACEMENTS.values(), ids=REPLACEMENTS)
def test_what_is_replaced(text: str, change: Callable[[Tree], None], expected: str) -> None:
    assert edited(text, change) == expected


@pytest.mark.parametrize(("text", "change", "expected"), REMOVALS.values(), ids=REMOVALS)
def test_what_is_taken_out(text: str, change: Callable[[Tree], None], expected: str) -> None:
    assert edited(text, change) == expected


@pytest.mark.parametrize(
    ("text", "change", "obstacle"),
    [
        ("a: &a\n  b: 1\nc: *a\n", set_to("a", "d", value=2), Obstacle.ALIAS),
        ("a: &a {b: 1}\nc:\n  <<: *a\n", set_to("c", "b", value=2), Obstacle.READ_BACK),
        ("? a\n: 1\n", set_to("a", value=2), Obstacle.EXPLICIT_KEY),
        ("a: &a\n  b: 1\n", set_to("a", value=2), Obstacle.PROPERTY),
        ("a: {\n  b: 1, # why\n  c: 2}\n", remove("a", "c"), Obstacle.COMMENT),
        ("a: [b: 1]\n", set_to("a", 0, "c", value=2), Obstacle.IMPLICIT_MAP),
        ("a: 1\rb: 2\r", set_to("a", value=2), Obstacle.LINE_BREAKS),
        ("a: 1\u2028b: 2\n", set_to("a", value=2), Obstacle.LINE_BREAKS),
        ("a:\n- |\n  x", insert("a", 1, 2), Obstacle.LAST_LINE),
    ],
)
def test_what_cannot_be_edited(text: str, change: Callable[[Tree], None], obstacle: Obstacle) -> None:
    assert edited(text, change) is obstacle
