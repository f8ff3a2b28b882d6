"""Composing: structure, limits, positions and errors."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from injector.yamltext import (
    Document,
    Marked,
    YamlError,
    events,
    kind_of,
    load,
    load_styled,
    load_text,
    locate,
)


@pytest.fixture(autouse=True, params=["libyaml", "python"])
def _parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    # The parser is chosen at import, by what is installed; both must give the same.
    if request.param == "libyaml" and not hasattr(yaml, "CSafeLoader"):
        pytest.skip("PyYAML is installed without libyaml")
    loader = yaml.CSafeLoader if request.param == "libyaml" else yaml.SafeLoader
    monkeypatch.setattr(events, "_loader", lambda: loader)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", None),
        ("# c\n", None),
        ("---\n", None),
        ("\ufeffa: 1", {"a": 1}),
        ("a:\nb: [null, ~, ]", {"a": None, "b": [None, None]}),
        ("- a\n- b: [1, {c: d}]\n  e:\n", ["a", {"b": [1, {"c": "d"}], "e": None}]),
        ("{a, b: }", {"a": None, "b": None}),
        ("a: &x 1\n*x : *x", {"a": 1, "1": 1}),
        ("a: &x {b: [1.0]}\nc: *x", {"a": {"b": [1]}, "c": {"b": [1]}}),
        ("a: &x 1\nb: &x 2\nc: *x", {"a": 1, "b": 2, "c": 2}),
        ("{<<: {a: 2}, a: 1}", {"a": 1}),
        ("{a: 1, <<: {a: 2, b: 3}}", {"a": 2, "b": 3}),
        ("<<: [{k: 1}, {k: 2, l: 3}]", {"k": 1, "l": 3}),
        ("a: &a {k: 1}\nc: {<<: [*a, {k: 2, l: 3}]}", {"a": {"k": 1}, "c": {"k": 1, "l": 3}}),
        ("<<: {a: 1}\n<<: {a: 2, c: 3}", {"a": 2, "c": 3}),
        ("!!merge <<: {a: 1}", {"a": 1}),
        ("'<<': {a: 1}", {"<<": {"a": 1}}),
        ("!!set {a, b}", {"a": None, "b": None}),
        ("!!omap [a: 1]", [{"a": 1}]),
        ("%YAML 1.1\n---\na: 1\n...\n", {"a": 1}),
    ],
)  # fmt: skip
def test_a_document_is_read_as_kubernetes_reads_it(text: str, tree: Any) -> None:
    assert tree == load_text(text, "f")


@pytest.mark.parametrize("_parser", ["libyaml"], indirect=True)  # PyYAML's own parser refuses tabs
def test_json_indented_with_tabs_is_read() -> None:
    assert load_text('{\n\t"a":\t[1,\t2]\n}', "f") == {"a": [1, 2]}


def test_an_alias_gives_a_copy() -> None:
    tree = load_text("a: &x {b: []}\nc: *x", "f")
    assert tree["a"] is not tree["c"]
    assert tree["a"]["b"] is not tree["c"]["b"]


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a: 1\nb: [\n", 3, 1, "not valid YAML"),
        ("[", 1, 1, "not valid YAML"),
        ("a: 1\n\tb: 2\n", 2, 1, "not valid YAML"),
        ("a: b: c", 1, 5, "not valid YAML: mapping values are not allowed"),
        ("a: x\nb: y\x07z", 2, 5, "U+0007"),
        ("a: \ud800", 1, 4, "U+D800"),
        ("a: 1\n---\nb: 2", 2, 1, "second document"),
        ("a: 1\nb: *x", 2, 4, "alias without an anchor"),
        ("a: &x [*x]", 1, 8, "contains itself"),
        ("<<: 1", 1, 5, "merge key"),
        ("<<: [{}, 1]", 1, 11, "merge key"),
        ("a:\n  b: 1\n  c: 2\n  b: 3", 4, 3, "duplicate key /a/b, already on line 12"),
        ("a:\n- {x~/y: 1, 'x~/y': 2}", 2, 13, "duplicate key /a/0/x~0~1y, already on line 12"),
        ("1: a\n0x1: b", 2, 1, "duplicate key /1,"),
        ("1: a\n'1': b", 2, 1, "duplicate key /1,"),
        ("<<: {a: 1, a: 2}", 1, 12, "duplicate key /<</a,"),
        (f"{'k' * 90}: 1\n{'k' * 90}: 2", 2, 1, f"duplicate key /{'k' * 63}…,"),
    ],
)  # fmt: skip
def test_an_error_says_where_and_what(text: str, line: int, column: int, words: str) -> None:
    with pytest.raises(YamlError) as caught:
        load(Document(text, line=11, source="pods.yaml"))
    assert (f"pods.yaml:{line + 10}", line + 10) == (caught.value.where, caught.value.line)
    assert words in caught.value.message
    if not words.startswith("not valid YAML") or ":" in words:  # parsers differ in columns
        assert column == caught.value.column


@pytest.mark.parametrize("escape", ["\\ud83d\\ude00", "\\U00110000", "\\UFFFFFFFF"])
def test_an_escape_that_is_no_character_is_refused(escape: str) -> None:
    with pytest.raises(YamlError, match="not valid YAML"):
        load_text(f'a: "{escape}"', "f")


@pytest.mark.parametrize(
    ("_parser", "levels"),
    [("libyaml", 10_000), ("python", 501)],  # the second takes the square of the time
    indirect=["_parser"],
)
@pytest.mark.parametrize("level", ["[", "- ", "{a: "])
def test_a_text_of_many_levels_is_refused(level: str, levels: int) -> None:
    text = level * levels + "x"
    with pytest.raises(YamlError, match="200 levels"):
        load_text(text, "f")
    with pytest.raises(YamlError, match="500 levels"):
        kind_of(Document(text))


def test_the_deepest_tree_that_is_allowed_can_be_read() -> None:
    assert len(str(load_text("[" * 200 + "]" * 200, "f"))) == 400


def test_aliases_cannot_make_a_tree_deeper_than_allowed() -> None:
    text = f"a: &a {'[' * 150}{']' * 150}\nb: {'[' * 50}*a{']' * 50}"
    with pytest.raises(YamlError, match="200 levels"):
        load_text(text, "f")


def test_aliases_cannot_make_a_tree_large() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(YamlError, match="400000"):
        load_text("\n".join(lines), "f")


POD = """\
apiVersion: v1
kind: Pod
spec:
  containers:
  - name: a
    env:
    - name: X
      value:
        "y"
  - name: b
  x/y~: 1
base: &base {p: 1}
copy: *base
merged:
  <<: *base
  q: 2
"""


@pytest.mark.parametrize(
    ("pointer", "line"),
    [
        ("", 1),
        ("/kind", 2),
        ("/spec", 3),
        ("/spec/containers", 4),
        ("/spec/containers/0", 5),
        ("/spec/containers/0/env/0/value", 8),
        ("/spec/containers/1/name", 10),
        ("/spec/x~1y~0", 11),
        ("/copy/p", 13),
        ("/merged/q", 16),
        ("/merged/p", 14),
        ("/spec/containers/7/name", 4),
        ("/spec/containers/-", 4),
        ("/nowhere/at/all", 1),
        ("/kind/0", 2),
    ],
)
def test_a_pointer_is_found_on_its_line_or_its_parent_s(pointer: str, line: int) -> None:
    assert line + 100 == locate(Document(POD, line=101), pointer)


def test_an_empty_document_is_where_it_begins() -> None:
    assert locate(Document("", line=7), "/spec") == 7


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (POD, ("v1", "Pod")),
        ("kind: 'Job'\nmetadata: {kind: x, ? [a, {kind: b}] : 1}", ("", "Job")),
        ("{kind: &k List, apiVersion: *k}", ("List", "List")),
        ("{items: &i [], apiVersion: *i, kind: Pod}", ("", "Pod")),
        ("kind: A\nkind: B\n~: 1", ("", "B")),
        ("apiVersion: v1", None),
        ("kind:", None),
        ("- kind\n- Pod", None),
        ("- kind: Pod", None),
        ("kind", None),
        ("# nothing", None),
    ],
)
def test_the_kind_is_read_without_looking_at_the_rest(text: str, kind: tuple[str, str] | None) -> None:
    assert kind == kind_of(Document(text))


def test_a_document_that_is_no_yaml_has_no_kind() -> None:
    with pytest.raises(YamlError, match="not valid YAML") as caught:
        kind_of(Document("kind: Pod\na: [\n- b", line=5, source="f"))
    assert caught.value.where == "f:7"


def test_a_marked_scalar_is_left_unresolved_and_keeps_its_style() -> None:
    text = "\n".join(
        [
            "a: \ue0001",
            "b: '\ue000'",
            'c: "x \ue000"',
            "d: |\n  \ue000",
            "e: !!str \ue000",
            "\ue000k: [1e3, \ue000]",
        ]
    )
    assert load_styled(text, "f") == {
        "a": Marked("\ue0001", plain=True),
        "b": Marked("\ue000", plain=False),
        "c": Marked("x \ue000", plain=False),
        "d": Marked("\ue000\n", plain=False),
        "e": Marked("\ue000", plain=False),
        Marked("\ue000k", plain=True): [1000, Marked("\ue000", plain=True)],
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x: 1\n\ue000: 1\n\ue000: 2", "duplicate key /\ue000, already on line 2"),
        ("x: 1\n\n<<: \ue000", "merge key"),
        ("x: 1\n\ny: !!int \ue000", "a tag on a value that is not known yet"),
    ],
)
def test_an_error_about_a_marked_scalar_says_the_line_in_the_text(text: str, words: str) -> None:
    with pytest.raises(YamlError) as caught:
        load_styled(text, "sidecar.yaml")
    assert caught.value.line == 3
    assert words in caught.value.message


def test_without_styles_the_mark_is_a_character_like_others() -> None:
    assert load_text("a: \ue000", "f") == {"a": "\ue000"}
