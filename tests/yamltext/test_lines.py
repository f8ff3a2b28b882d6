"""Plain block YAML is read line by line as the parser reads it; everything else is left to the parser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from injector.errors import ManifestError
from injector.pointer import join
from injector.yamltext import Document, kind_of, locate, split
from injector.yamltext.alignment import same
from injector.yamltext.compose import Composer
from injector.yamltext.events import events
from injector.yamltext.layout import layout_of
from injector.yamltext.line_nodes import LinePlaces
from injector.yamltext.lines import LARGEST, TextLines, read_lines
from injector.yamltext.nodes import Node, root_of

REPO = Path(__file__).resolve().parents[2]

READ = [
    "a: 1\n",
    "a: 1",
    "a:\n  b: x\n\n  # c\n  c: y   # c\nd:\n",
    "a:\n- b: 1\n  c:\n  - x\n  -   y\n-   b: 2\n    c: {}\nd: []\n",
    "a:\n  - x\n# c\n  - w: 1\n    z:\n      - 2\nb: 3\n",
    "a: 'it''s'\nb: \"x: # y\"\n",
    'a: "\\"\\\\\\n"\nb: ["x", "y z",""]\n',
    "a: |\n  x: 1\n\n    # y\nb: |-\n  x\n\n\nc: 1\n",
    'a: {x: 1, v: "z: ,]", w: null}\nb: [ALL, 1.0 , "x", yes]\nc: [ x ]\n',
    "a:\n- |\n  x\n- b: |\n    x\n   \n  c: 1\n",
    "a: x:y\nb: http://x:80/#y\nc: -x\nd: --- x\ne: a#b\nf: =\ng: x ? y, [z] {w} & *v !u\n",
    "a: yes\nb: ~\nc: 0o14\nd: 1_000\ne: 1.0\nf: 1e3\ng: 2001-01-01\nh: 12:30:45\ni: null \nj: 012\n",
    '"a": 1\n"1": 2\n"yes": 3\nyess: 4\n',
    "a: 1\nb: ä\u00a0ö\nc: 'ü'\nd: \ue000\n# ß\n",
    "a: x   \nb: 1  \nc:   \n-  x \n",
    "kind: Pod\nmetadata:\n  name: web\napiVersion: v1\n",
    "kind: 1\napiVersion: |\n  v1\n",
]

LEFT = [
    "",
    "# c\n",
    "x\n",
    "- a\n",
    " a: 1\n",
    "a: 1\na: 2\n",
    "a: 1\n b: 2\n",
    "a:\n    b: 1\n  c: 2\n",
    "a: x\n  y\n",
    "a:\n- x\n  y\n",
    "a: 1\n- x\n",
    "a: b: c\n",
    "a: - x\n",
    "a:x\n",
    "a:\n-\n  x\n",
    "- - x\n",
    "a:\n- - x\n",
    "a: &x 1\n",
    "a: *x\n",
    "a: !!str 1\n",
    "<<: {}\n",
    "yes: 1\n",
    "1: 1\n",
    "? a\n",
    "'a': 1\n",
    "a : 1\n",
    "a: >\n  x\n",
    "a: |+\n  x\n",
    "a: |2\n   x\n",
    "a: |\n  x",
    "a: |\nb: 1\n",
    "a: |\n\n  x\n",
    "a: |\n  x\n    \n",
    "a: |\n",
    "a: [x\n",
    "a: {x: {}}\n",
    "a: {x, y}\n",
    "a: {x: 1, x: 2}\n",
    "a: {yes: 1}\n",
    "a: [x: y]\n",
    "a: [x, ]\n",
    "a: [.inf]\n",
    "a: 'x\n",
    'a: "\\x41"\n',
    'a: "x"y\n',
    'a: ["x" "y"]\n',
    "a: %x\n",
    "a: @x\n",
    "a: .inf\n",
    "a:\tx\n",
    "a: x\r\n",
    "a: x\x85\n",
    "a: x\u2028\n",
    "\ufeffa: x\n",
    "a: x\n---\n",
    "a: x\n...\n",
    "%YAML 1.1\n",
    f"{'a' * 1200}: 1\n",
    "".join(f"{' ' * level}a:\n" for level in range(150)),
    f"a: {'x' * LARGEST}\n",
]


@pytest.mark.parametrize("text", READ)
def test_plain_block_yaml_is_read_as_the_parser_reads_it(text: str) -> None:
    lines = read_lines(text)
    assert lines is not None
    check(lines, text)


@pytest.mark.parametrize("text", LEFT)
def test_anything_else_is_left_to_the_parser(text: str) -> None:
    assert read_lines(text) is None


def test_each_caller_gets_a_tree_of_its_own() -> None:
    lines = read_lines("a:\n  b: x  \n")
    assert lines is not None
    first, second = lines.tree(), lines.tree()
    assert first == second == {"a": {"b": "x"}}
    assert first["a"] is not second["a"]


def test_the_manifests_of_this_repository_are_read_as_the_parser_reads_them() -> None:
    texts = [
        document.text
        for folder in ("examples", "tests/cases", "tests/fixtures")
        for path in sorted((REPO / folder).rglob("*.yaml"))
        for document in split(path.read_bytes().decode(), "f")
    ]
    read = [(lines, text) for text in texts if (lines := read_lines(text))]
    assert len(read) >= 50
    for lines, text in read:
        check(lines, text)


INDENT = st.sampled_from(["", "", "  ", "  ", "    ", " ", "      "])
DASH = st.sampled_from(["", "", "", "- ", "-   ", "-", "- - "])
KEY = st.sampled_from(["", "a: ", "b: ", "c:", "d:", "e:  ", '"f": ', "yes: ", "? ", "<<: "])
PLAIN = ["", "", "x", "x y", "1", "~", "x:y", "x: y", "x #c", "-", "-x", "x  ", "é", "\u2028", "\ue000"]
QUOTED = ['"s"', '"\\n"', "'t'", "''", "|", "|-", ">"]
FLOW = ["{}", "[]", '["x", "y"]', "[x", "[x, 1]", "{x: y, z: 1}", "{x: {}}", "{x, y}", "[x: y]", '{x: "y"}']
OTHER = ["&x", "*x", "!t", "# c", " # c", "\t", "\r"]
VALUE = st.sampled_from([*PLAIN, *QUOTED, *FLOW, *OTHER])
LINE = st.tuples(INDENT, DASH, KEY, VALUE).map("".join)
TEXT = st.lists(LINE, min_size=1, max_size=8).flatmap(
    lambda lines: st.sampled_from(["", "\n", "\n\n", " \n"]).map(lambda end: "\n".join(lines) + end)
)


@given(TEXT)
@example("a: |\n  x\n y: 1\n")
@example("a:\n- b: |-\n   x\n\n  c: 1\n")
def test_lines_of_all_sorts_are_read_as_the_parser_reads_them(text: str) -> None:
    lines = read_lines(text)
    if lines is not None:
        check(lines, text)


def check(lines: TextLines, text: str) -> None:
    """What was read is what the parser reads: the tree with its order, the places, the kind, the lines."""
    document = Document(text, line=3)
    composer = Composer(document)
    try:
        tree = composer.compose(events(document))
    except ManifestError as error:
        pytest.fail(f"an error for the parser: {error}")
    read = lines.tree()
    assert same(read, tree)
    assert _order(read) == _order(tree)
    root = root_of(events(document), text)
    assert root is not None
    places = LinePlaces(lines)
    assert _flat(places.root) == _flat(root)
    assert places.layout == layout_of(root, text)
    by_parser = Document(f"{text}\n# \x85\n", line=3)
    assert read_lines(by_parser.text) is None
    assert kind_of(document) == kind_of(by_parser)
    for pointer in _pointers(tree, ""):
        assert locate(document, pointer) == locate(by_parser, pointer)


def _order(tree: Any) -> Any:
    if isinstance(tree, dict):
        return [(key, _order(value)) for key, value in tree.items()]
    return [_order(item) for item in tree] if isinstance(tree, list) else None


def _flat(node: Node) -> Any:
    keys, values = map(_flat, node.keys), map(_flat, node.values)
    return node.shape, node.first, node.start, node.end, node.flow, node.anchor, node.tag, [*keys], [*values]


def _pointers(tree: Any, at: str) -> Iterator[str]:
    """The pointers of all values, and some that lead nowhere."""
    yield at
    yield f"{at}/none/0"
    if isinstance(tree, dict | list):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from _pointers(value, join(at, str(key)))
