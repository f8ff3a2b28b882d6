"""Streams of JSON values: where they are cut, how they are read and written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector.yamltext import Document, YamlError, dump_json, kind_of, load, locate, split

A = '{"kind":"A"}'
B = '{"kind":"B"}'
TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)
OBJECTS = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), TREES, min_size=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{A}\n{B}\n", [f"{A}\n", f"{B}\n"]),
        (A + B, [A, B]),
        (f"\n  {A} \r\n{B}", [f"\n  {A} \r\n", B]),
        (f"{A}\n---\n{B}\n", [f"{A}\n", f"{B}\n"]),
        (f"{A}\nnull\n{B}", [f"{A}\n", "null\n", B]),
        # What is no JSON is YAML from there on, as for kubectl.
        (f"{A}\nkind: Y\n---\n{B}\n", [f"{A}\n", "kind: Y\n", f"{B}\n"]),
        (f'{A}\n{{"kind":"B",}}\n', [f"{A}\n", '{"kind":"B",}\n']),
        (f"{A}\n# end\n", [f"{A}\n", "# end\n"]),
        ("{kind: A}\n---\n" + B, ["{kind: A}\n", B]),
        # A text that does not begin with a brace is YAML.
        (f"---\n{A}\n{B}\n", [f"{A}\n{B}\n"]),
        (f"[{A},{B}]", [f"[{A},{B}]"]),
    ],
)
def test_json_values_one_after_another_are_documents(text: str, expected: list[str]) -> None:
    assert [document.text for document in split(text, "-")] == expected


@given(
    st.lists(st.sampled_from([A, B, " ", "\n", "\r\n", "---\n", ",", "{", "}", "5", "a: 1\n", "\ufeff", '"']))
)
def test_joining_the_values_gives_the_stream_again(pieces: list[str]) -> None:
    text = A + "".join(pieces)
    read = split(text, "f")
    assert text == "".join(document.raw for document in read)
    before = 1
    for document in read:
        before += document.separator.count("\n")
        assert document.line == before
        before += document.text.count("\n")


def test_a_byte_order_mark_is_no_part_of_the_first_value() -> None:
    first, second = split(f"\ufeff{A}\n{B}", "-")
    assert (first.separator, first.text, second.separator) == ("\ufeff", f"{A}\n", "")


@given(OBJECTS, st.sampled_from([None, 1, 4, "\t"]))
def test_json_is_read_as_its_own_standard_says(tree: dict[str, Any], indent: int | str | None) -> None:
    (document,) = split(json.dumps(tree, indent=indent), "-")
    assert document.is_json
    assert load(document) == tree


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"\ud83d\ude00"', "\U0001f600"),
        (r'"\/\b\f\u003c"', "/\b\f<"),
        ('"\x7f"', "\x7f"),
        ('"yes"', "yes"),
        ("1e3", 1000),
        ("1.0", 1),
        ("0.1", 0.1),
        ("9223372036854775808", 2**63),
        ("-0", 0),
    ],
)
def test_scalars_of_json_have_the_values_that_kubernetes_reads(text: str, value: object) -> None:
    (document,) = split(f'{{"kind": {text}}}', "-")
    read = load(document)["kind"]
    assert (read, type(read)) == (value, type(value))


def test_a_long_key_a_merge_key_in_quotes_and_a_word_in_quotes_are_plain_text() -> None:
    tree = {"k" * 2000: 1, "<<": {"a": 1}, "null": "~"}
    (document,) = split(json.dumps(tree), "-")
    assert load(document) == tree


def test_places_in_a_stream_are_lines_of_the_file() -> None:
    text = f'{A}\n{{\n  "kind": "B",\n  "items": [\n    {{"a": 1}},\n    {{"b":\n 2}}\n  ]\n}}\n'
    document = split(text, "-")[1]
    assert kind_of(document) == ("", "B")
    assert [locate(document, p) for p in ("", "/kind", "/items/1", "/items/1/b")] == [2, 3, 6, 6]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (f'{A}\n{{"kind":\n"B",\n"kind": "C"}}', 4, "duplicate key /kind, already on line 2"),
        (f'{A}\n{B}\n{{"x":\n"\\ud800"}}', 4, "half of a character"),
        (f'{A}\n{B}\n{{"x":\n[1}}', 4, "not valid YAML"),
        (A + "\n" + '{"x":' + "[" * 300 + "]" * 300 + "}", 2, "more than 200 levels"),
        (A + "\n" + '{"x":' + "[" * 5000 + "]" * 5000 + "}", 2, "more than"),
    ],
)
def test_an_error_in_a_later_value_has_the_line_of_the_file(text: str, line: int, what: str) -> None:
    with pytest.raises(YamlError, match=what) as error:
        load(split(text, "f.json")[-1])
    assert error.value.where == f"f.json:{line}"


def test_a_second_value_behind_yaml_is_refused_with_what_to_do() -> None:
    with pytest.raises(YamlError) as error:
        load(split(f"---\n{A}\n{B}\n", "f")[0])
    assert error.value.where == "f:3"
    assert "each JSON object needs a line ---" in error.value.hint


@pytest.mark.parametrize(
    "like",
    [
        '{"a":1,"b":[1,{"c":null}],"d":{},"e":[]}',
        '{"a": 1, "b": [1, {"c": null}]}',
        '{\n  "a": 1,\n  "b": [\n    1,\n    {}\n  ]\n}',
        '{\n    "a": "\u00e9 \U0001f600",\n    "b": [\n        1\n    ]\n}',
        '{\n\t"z": 1,\n\t"a": [\n\t\t"\\u007f\\u2028"\n\t]\n}',
    ],
)
def test_json_is_written_in_the_style_that_it_was_read(like: str) -> None:
    assert dump_json(json.loads(like), like) == like


@given(TREES, st.booleans())
def test_written_json_is_yaml_as_well(tree: object, lines: bool) -> None:
    text = dump_json({"a": tree}, "{\n}" if lines else "{}")
    assert load(Document(text)) == {"a": tree}


@given(OBJECTS, st.sampled_from(["{}", '{"a":1}', '{\n\t"a" : "\\u00e9"}', "{a: 1}", "{\n a: 1}"]))
def test_written_json_is_read_as_the_same_tree(tree: dict[str, Any], like: str) -> None:
    assert load(Document(dump_json(tree, like), is_json=True)) == tree
