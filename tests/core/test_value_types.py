"""Values of a profile: what a type accepts, what it means, and that its JSON schema says the same."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from injector.core import value_types as types
from injector.core.value_types import ValueType, check
from injector.profiles.istio.value_table import TYPES

PORT = types.integer(1, 65535)
COUNT = types.integer(0, 2**31 - 1)
LEVEL = types.one_of("", "debug", "info")
WORD = types.pattern("[a-z]+", "a word")
LIFECYCLE = types.pod_type("Lifecycle", "a map with postStart and preStop")

TABLE = types.by_path(
    {
        "global.port": PORT,
        "global.proxy.privileged": types.BOOLEAN,
        "global.proxy.logLevel": LEVEL,
        "global.tag": WORD,
        "names": types.NAMES,
    }
)


@pytest.mark.parametrize(
    ("of", "value", "meaning"),
    [
        (types.BOOLEAN, "false", False),
        (types.BOOLEAN, "true", True),
        (types.BOOLEAN, True, True),
        (PORT, "15020", 15020),
        (PORT, 65535, 65535),
        (COUNT, 0, 0),
        (COUNT, "2147483647", 2147483647),
        (LEVEL, "", ""),
        (WORD, "abc", "abc"),
        (types.NAMES, ["regcred"], ["regcred"]),
        (types.RESOURCES, {"limits": {"cpu": 2, "memory": None}}, {"limits": {"cpu": 2, "memory": None}}),
        (types.RESOURCES, {}, {}),
        (LIFECYCLE, {"preStop": {"sleep": {"seconds": 5}}}, {"preStop": {"sleep": {"seconds": 5}}}),
        (types.SETTINGS, {"A": True, "B": "x", "C": 1}, {"A": True, "B": "x", "C": 1}),
    ],
)
def test_a_value_is_read_as_it_is_meant(of: ValueType, value: object, meaning: object) -> None:
    read, problems = of.read(value)
    assert (read, type(read), problems) == (meaning, type(meaning), ())
    assert accepted_by_schema(of, value)


@pytest.mark.parametrize(
    ("of", "value", "expected"),
    [
        (types.BOOLEAN, "yes", "true or false is expected"),
        (types.BOOLEAN, "True", "true or false is expected"),
        (types.BOOLEAN, 1, "true or false is expected, not a number"),
        (types.BOOLEAN, "", "true or false is expected"),
        (types.BOOLEAN, {}, "true or false is expected, not a map"),
        (PORT, 0, "a whole number from 1 to 65535 is expected, not a number"),
        (PORT, "0", "a whole number from 1 to 65535 is expected"),
        (PORT, "65536", "a whole number from 1 to 65535 is expected"),
        (PORT, 1.5, "a whole number from 1 to 65535 is expected, not a number"),
        (PORT, True, "a whole number from 1 to 65535 is expected, not a boolean"),
        (COUNT, "four", "a whole number from 0 to 2147483647 is expected"),
        (COUNT, -1, "a whole number from 0 to 2147483647 is expected, not a number"),
        (LEVEL, "trace", 'one of "", debug, info is expected'),
        (WORD, "a b", "a word is expected"),
        (WORD, ["a"], "a word is expected, not a list"),
        (types.NAMES, "regcred", "a list of names is expected"),
        (types.NAMES, [{"name": "regcred"}], "a list of names is expected"),
        (types.RESOURCES, "lots", "a map with requests and limits is expected, not a string"),
        (
            types.RESOURCES,
            {"limits": {"cpu": "lots"}},
            "a quantity such as 100m or 1Gi is expected, not a string",
        ),
        (LIFECYCLE, {"preStop": ["sleep"]}, "a map is expected, not a list"),
        (LIFECYCLE, {"preStop": {"exec": {"command": "sleep"}}}, "a list is expected, not a string"),
        (types.SETTINGS, {"A": []}, "a map of texts, numbers or booleans is expected, not a map"),
    ],
)
def test_another_value_is_refused_by_the_type_and_by_its_schema(
    of: ValueType, value: object, expected: str
) -> None:
    _, [problem] = of.read(value)
    assert (problem.message, problem.refused) == (expected, True)
    assert not accepted_by_schema(of, value)


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.floats(allow_nan=False), st.text(max_size=8),
    st.sampled_from(["true", "false", "15020", "debug", "abc", "1Gi", "100m", "-1", "007", ""]),
)  # fmt: skip
ANY = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(value=ANY.filter(lambda value: value is not None))
@pytest.mark.parametrize(
    "of", [types.BOOLEAN, PORT, COUNT, LEVEL, WORD, types.NAMES, types.SETTINGS, types.TEXT]
)
def test_type_and_schema_agree(of: ValueType, value: Any) -> None:
    """A whole number is one in JSON whether it is written 1 or 1.0."""
    _, problems = of.read(int(value) if isinstance(value, float) and value.is_integer() else value)
    assert accepted_by_schema(of, value) == (not problems)


def accepted_by_schema(of: ValueType, value: object) -> bool:
    return bool(Draft7Validator(dict(of.schema())).is_valid(value))


def test_a_tree_is_checked_with_the_places_of_its_problems() -> None:
    tree = {
        "global": {"port": "80", "proxy": {"privileged": "false", "logLevell": "x"}, "tag": None},
        "names": "a",
        "somethingElse": {"of": "somebody"},
    }
    result = check(tree, TABLE, printed=None)
    assert result.values["global"]["port"] == 80
    assert result.values["global"]["proxy"]["privileged"] is False
    assert result.values["somethingElse"] == tree["somethingElse"]
    assert [(p.pointer, p.refused, p.hint) for p in result.problems] == [
        ("/global/proxy/logLevell", False, "did you mean global.proxy.logLevel?"),
        ("/names", True, "write it as a list: [NAME]"),
    ]


def test_a_section_that_is_no_map_is_refused() -> None:
    [problem] = check({"global": {"proxy": "x"}}, TABLE, printed=None).problems
    assert (problem.pointer, problem.message) == ("/global/proxy", "a map is expected, not a string")


def test_a_number_in_place_of_a_text_lost_its_quotes() -> None:
    tag: types.Types = {"tag": types.pattern("[0-9.]+", "an image tag")}
    [problem] = check({"tag": 1.30}, tag, printed=None).problems
    assert (problem.message, problem.refused) == ("an image tag is expected, not a number", True)
    assert "quotes" in problem.hint

    result = check({"tag": 1.30}, tag, printed=str)
    [problem] = result.problems
    assert (result.values, problem.refused) == ({"tag": "1.3"}, False)


def test_usual_texts_are_what_the_expression_accepts() -> None:
    types = [each for each in TYPES.values() if each.usual]
    assert len(types) > 10
    for each in types:
        unlooked = replace(each, usual=())
        assert unlooked == each or each.text
        for text in each.usual:
            assert re.search(each.schema()["pattern"], text), (each.expected, text)
            assert each.read(text) == (text, ())
