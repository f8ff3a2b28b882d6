"""What a skeleton gives again, and that nobody sees from the overlay or from the account that it did."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from injector.core.tree.schema import same
from injector.errors import RenderError
from injector.templating.render import RenderLimits, Templates
from injector.work import Work
from tests.templating.rendering import POD, templates

TEXT = """\
spec:
  containers:
  - name: proxy
    image: {{ image }}
    args: {{ args }}
    env:
    - {name: "A", value: "{{ prefix }}-a"}
    - {name: B, value: {{ name }}}
  volumes:
  - {name: fixed, emptyDir: {}}
"""
ARGS = ["proxy", {"deep": [1, 2]}]
FIRST: dict[str, Any] = {"image": "i:1", "args": ARGS, "prefix": "p", "name": "one"}
OTHER = {**FIRST, "name": "two"}


def rendered(one: Templates, context: dict[str, Any]) -> tuple[Any, int]:
    """An overlay and the units that it took."""
    work = Work(10**6)
    return one.render("main", context, POD, work), work.spent


@pytest.mark.parametrize(
    "contexts",
    [
        [FIRST, FIRST, FIRST],
        [FIRST, OTHER, FIRST, OTHER],
        [FIRST, {**FIRST, "args": copy.deepcopy(ARGS)}, {**FIRST, "args": []}, FIRST],
        [{**FIRST, "args": 1}, {**FIRST, "args": True}, {**FIRST, "args": 1.0}, {**FIRST, "args": None}],
        [{**FIRST, "name": "x" * 100_000}, FIRST, {**FIRST, "name": "x" * 100_000}],
        [{**FIRST, "name": 1}, {**FIRST, "name": "1"}, {**FIRST, "name": True}, {**FIRST, "prefix": 0}],
    ],
)
def test_renderings_one_after_the_other_are_those_of_new_templates(contexts: list[dict[str, Any]]) -> None:
    one = templates(TEXT)
    for context in contexts:
        overlay, units = rendered(one, context)
        expected, expected_units = rendered(templates(TEXT), context)
        assert same(overlay, expected)
        assert units == expected_units


def test_what_no_other_value_reaches_is_the_same_object_again() -> None:
    one = templates(TEXT)
    first, second = rendered(one, FIRST)[0]["spec"], rendered(one, OTHER)[0]["spec"]
    again = rendered(one, OTHER)[0]["spec"]
    (container,), (other,) = first["containers"], second["containers"]
    assert container is not other
    assert container["env"][0] is other["env"][0]
    assert container["env"][1] is not other["env"][1]
    assert container["args"] is other["args"]
    assert container["args"] is not ARGS
    assert first["volumes"] is second["volumes"]
    assert again is second


def test_what_is_the_same_object_again_is_a_part() -> None:
    one = templates(TEXT)
    for context in (FIRST, OTHER, {**OTHER, "name": "three"}):
        spec = rendered(one, context)[0]["spec"]
    (container,) = spec["containers"]
    for tree in (container["env"][0], container["args"], spec["volumes"], spec["volumes"][0]):
        part = one.parts.of(id(tree))
        assert part is not None
        assert part.tree is tree
    for tree in (spec, container, container["env"], container["env"][1]):
        assert one.parts.of(id(tree)) is None


def test_a_value_that_was_changed_in_place_is_seen() -> None:
    one, args = templates(TEXT), ["a"]
    rendered(one, {**FIRST, "args": args})
    args.append("b")
    assert rendered(one, {**FIRST, "args": args})[0]["spec"]["containers"][0]["args"] == ["a", "b"]


def test_a_value_that_is_refused_leaves_no_part_of_its_rendering() -> None:
    one = templates(TEXT)
    static = {id(part) for part in _trees(rendered(one, FIRST)[0]["spec"]["volumes"])}
    rendered(one, OTHER)
    for name in ("three", "four"):
        with pytest.raises(RenderError):
            rendered(one, {**FIRST, "args": [object()], "name": name})
    assert same(rendered(one, OTHER)[0], rendered(templates(TEXT), OTHER)[0])
    known = {id(part.tree) for part in one.parts.all()}
    assert static <= known


def test_parts_go_with_their_skeleton() -> None:
    text = "a:\n{% for i in range(n) %}\n- {b: {{ i }}, c: [1]}\n{% endfor %}"
    one = templates(text, RenderLimits(skeletons=4_000))
    for n in (2, 2, 3, 3, 2, 4, 5, 6, 7, 8, 2):
        one.render("main", {"n": n}, POD)
    rest = len(one._skeletons)
    assert 0 < rest < 5
    for _ in range(3):
        one.render("main", {"n": 8}, POD)
    while one._skeletons:
        one._skeletons.popitem()[1].forget(one.parts)
    assert len(one.parts) == 0


def _trees(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = [value] if isinstance(value, dict | list) else []
    return own + [tree for each in inner for tree in _trees(each)]
