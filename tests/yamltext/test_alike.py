"""JSON that is read without a YAML parser: the tree is the parser's, and what may differ is left to it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from injector.yamltext import Document, YamlError, load_text
from injector.yamltext.json_read import alike
from injector.yamltext.read import composed

_TEXTS = st.one_of(st.text(max_size=8), st.text(alphabet='"\\/ntu:{}[],#&*!|>%@`<-= ~01e.', max_size=8))
_TREES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), _TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_TEXTS, inner, max_size=4)),
    max_leaves=12,
)


@given(
    st.dictionaries(_TEXTS, _TREES, max_size=4),
    st.sampled_from([None, 0, 1, 4]),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,", " :")]),
    st.booleans(),
)
@example({"<<": {"a": 1}, "y": "no", "0o14": "1:20"}, None, (",", ":"), True)
def test_the_tree_is_that_of_the_yaml_parser(
    tree: dict[str, Any], indent: int | None, between: tuple[str, str], ascii_only: bool
) -> None:
    text = json.dumps(tree, indent=indent, separators=between, ensure_ascii=ascii_only)
    read = alike(text)
    assert read is None or repr(read) == repr(composed(Document(text)))


@pytest.mark.parametrize(
    "text",
    [
        '{"nativeSidecars": "enabled"}',
        ' \n{"a": {"b": [1, -2, true, null, "x\\ny\\t\\"\\\\"]}}\n',
        '{"a": "--- # : {{ }} & * \'"}',
    ],
)
def test_usual_json_is_read_without_it(text: str) -> None:
    assert alike(text) == composed(Document(text)) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        '{"a": 1.5}',
        '{"a": -0}',
        '{"a": 1e3}',
        '{"a": NaN}',
        '{"a": 1234567890123456789}',
        '{"a": "\\ud83d\\ude00"}',
        '{"a": "\\/"}',
        '{"a": "\\b"}',
        '{"a": "ä"}',
        '{"a":\t1}',
        '{"a"\n: 1}',
        '{"' + "a" * 1025 + '": 1}',
        "{a: 1}",
        '{"a": 1}\n---\n{"b": 2}',
        '{"a": 1} # a remark',
        "[1]",
        '"a"',
        "",
        '{"a":' * 5000 + "1" + "}" * 5000,
    ],
)
def test_what_may_be_read_otherwise_is_left_to_the_parser(text: str) -> None:
    assert alike(text) is None


@pytest.mark.parametrize("levels", [199, 200])
def test_as_many_levels_as_the_parser_allows(levels: int) -> None:
    text = '{"a":' * levels + "1" + "}" * levels
    assert load_text(text, "x") == composed(Document(text))


def test_more_levels_are_refused() -> None:
    text = '{"a":' * 201 + "1" + "}" * 201
    with pytest.raises(YamlError, match="200 levels"):
        load_text(text, "x")
