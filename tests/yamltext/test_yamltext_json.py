"""Reading untrusted JSON."""

from __future__ import annotations

import pytest

from injector.yamltext import load_json


def test_json_is_read_as_it_is() -> None:
    assert load_json('{"a": [1, 1.5, -0.0, null, "[[["], "b": {"a": true}}') == {
        "a": [1, 1.5, 0, None, "[[["],
        "b": {"a": True},
    }
    assert load_json("9" * 30) == int("9" * 30)


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", "[Infinity]", "-Infinity", "1e999", '{"a": -1e999}', "9" * 5000]
)
def test_what_json_does_not_know_or_cannot_write_again_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        load_json(text)


@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
@pytest.mark.parametrize("levels", [201, 900, 100_000])
def test_what_nests_deeper_than_recursion_may_go_is_refused(opened: str, closed: str, levels: int) -> None:
    with pytest.raises(ValueError, match="too many levels"):
        load_json(opened * levels + "1" + closed * levels)


def test_many_brackets_on_few_levels_are_read() -> None:
    assert load_json("[" + ",".join(["[]"] * 1000) + "]") == [[]] * 1000
    assert load_json("[" * 200 + "]" * 200) is not None
