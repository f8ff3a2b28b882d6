"""Writing, and the laws that hold between writing and reading."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from injector.errors import ManifestError
from injector.yamltext import dump, load_text

FRAGMENTS = [
    *"ab 0189_eE+-.:#'\"\\{}[],&*!|>%@`?~=<yn\n\t\r\0\x1b\x7f\x85\xa0é😀\ufeff\u2028\u2029\uffff\ue000",
    "\n\n", "- ", "---", "...", ": ", " #", "? ", "<<", ":20", "0x", "0o", "true", "null", "2001-01-01",
    "k" * 1001,
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(FRAGMENTS), max_size=8).map("".join) | st.text(
    st.characters(exclude_categories=["Cs"])
)
NUMBERS = (
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(10**300), 10**300)
    | st.integers(-(10**25), 10**25).map(float)
)
TREES = st.recursive(
    TEXTS | NUMBERS | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def typed(tree: Any) -> Any:
    """Distinguish what == does not: booleans and numbers."""
    if isinstance(tree, dict):
        return {key: typed(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [typed(item) for item in tree]
    return (isinstance(tree, bool), tree)


@given(TREES, st.booleans())
@settings(deadline=None)
def test_what_is_written_is_read_back(tree: Any, sort_keys: bool) -> None:
    text = dump(tree, sort_keys=sort_keys)
    read = load_text(text, "f")
    assert typed(tree) == typed(read)
    assert text == dump(read, sort_keys=sort_keys)


@given(TREES)
@settings(deadline=None)
def test_a_reader_of_yaml_1_1_reads_the_same(tree: Any) -> None:
    assert typed(load_text(dump(tree), "f")) == typed(yaml.load(dump(tree), Loader=yaml.SafeLoader))


@given(TEXTS, TEXTS)
def test_a_line_that_is_written_is_never_folded_and_never_a_separator(key: str, value: str) -> None:
    text = dump({key: [value]})
    assert not re.search(r"^(---|\.\.\.)", text, re.MULTILINE)
    assert text.endswith("\n")
    if "\n" not in value and len(key) < 160:
        assert text.count("\n") == 2


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        ({}, "{}\n"),
        ([], "[]\n"),
        (None, "null\n"),
        ("", '""\n'),
        ({"a": {}, "b": [], "c": None, "d": ""}, 'a: {}\nb: []\nc: null\nd: ""\n'),
        ({"b": True, "a": False}, "b: true\na: false\n"),
        ({"a": {"b": [1, {"c": 2, "d": [3]}]}}, "a:\n  b:\n  - 1\n  - c: 2\n    d:\n    - 3\n"),
        ([[1, [2]], {"a": [{"b": 1}]}], "- - 1\n  - - 2\n- a:\n  - b: 1\n"),
        ([1.0, -0.0, 0.5, 1e-7, 1e16, 1e21], "- 1\n- 0\n- 0.5\n- 1.0e-07\n- 10000000000000000\n- 1.0e+21\n"),
        ({"y": "y", "1": "1e3"}, '"y": "y"\n"1": "1e3"\n'),
        (["a b", " a", "a ", "a: b", "a:", "a #b", "#a", "a#b"],
         "- a b\n- ' a'\n- 'a '\n- 'a: b'\n- 'a:'\n- 'a #b'\n- '#a'\n- a#b\n"),
        (["-", "- a", "-a", "---a", "it's", "'it", '{"a":"b"}'],
         "- '-'\n- '- a'\n- -a\n- '---a'\n- it's\n- '''it'\n- '{\"a\":\"b\"}'\n"),
        (["a\tb", "a\rb", "\0", "\x7f", "\x85", "\u2028", "\ufeff", '"\x1b'],
         '- "a\\tb"\n- "a\\rb"\n- "\\0"\n- "\\x7F"\n- "\\x85"\n- "\\u2028"\n- "\\uFEFF"\n- "\\"\\x1B"\n'),
        (["é😀\ue000\u200d", "x" * 500], f"- é😀\ue000\u200d\n- {'x' * 500}\n"),
        ({"a": "x\ny\n", "b": "x\n\ny", "c": "x\n\n"}, "a: |\n  x\n  y\nb: |-\n  x\n\n  y\nc: |+\n  x\n\n"),
        ({"a": [" x\ny"], "b": "\nx\n"}, "a:\n- |2-\n   x\n  y\nb: |2\n\n  x\n"),
        (["a\nb ", "\n", "a\r\nb", "a\n\x07"], '- "a\\nb "\n- "\\n"\n- "a\\r\\nb"\n- "a\\n\\x07"\n'),
        ({"a\nb": 1}, '"a\\nb": 1\n'),
        ({"k" * 1001: {"a": [1]}}, f"? {'k' * 1001}\n:\n  a:\n  - 1\n"),
    ],
)  # fmt: skip
def test_the_layout_is_that_of_kubectl(tree: Any, text: str) -> None:
    assert text == dump(tree)


def test_keys_are_sorted_on_demand_at_every_level() -> None:
    assert dump({"b": [{"d": 1, "c": 2}], "a": 0}, sort_keys=True) == "a: 0\nb:\n- c: 2\n  d: 1\n"


def nested(levels: int) -> list[Any]:
    tree: list[Any] = []
    for _ in range(levels - 1):
        tree = [tree]
    return tree


def test_the_deepest_tree_that_can_be_read_can_be_written() -> None:
    assert nested(200) == load_text(dump(nested(200)), "f")
    mapping = {"a": nested(199)}
    assert mapping == load_text(dump(mapping), "f")


@pytest.mark.parametrize(
    "tree",
    [float("nan"), float("inf"), -(10**309), "\ud800", {"\udfff": 1}, nested(201), {"a": nested(200)}],
    ids=["nan", "infinity", "huge", "surrogate", "surrogate key", "deep list", "deep map"],
)
def test_what_could_not_be_read_back_is_not_written(tree: Any) -> None:
    with pytest.raises(ManifestError):
        dump(tree)


@pytest.mark.parametrize(
    "tree", [(1, 2), b"x", {1: 2}, {"a": object()}], ids=["tuple", "bytes", "number as key", "object"]
)
def test_what_is_not_json_shaped_is_an_error_of_the_program(tree: Any) -> None:
    with pytest.raises(TypeError, match="JSON-shaped"):
        dump(tree)
