"""The status annotation: written as istiod writes it, read whatever it contains."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector.core import status
from injector.core.model import AnnotationKeys
from injector.core.status import Status

KEYS = AnnotationKeys("m/inject", "m/status", "m/overrides", "m/templates", "m/undo")


def carrying(text: str | None) -> dict[str, Any]:
    return {"metadata": {"annotations": {KEYS.status: text}}}


def test_the_text_is_compact_json_in_a_fixed_order_with_null_for_an_empty_list() -> None:
    written = Status(("i",), (), ("v", "w"), (), "blue")
    expected = '{"initContainers":["i"],"containers":null,"volumes":["v","w"],"imagePullSecrets":null,'
    expected += '"revision":"blue"}'
    assert written.text() == expected
    assert Status(digest="d").text().endswith('"revision":"","digest":"d"}')
    assert Status(undo_incomplete=True).text().endswith('"revision":"","undo":"incomplete"}')


def test_a_status_lists_what_the_templates_alone_add_up_to() -> None:
    shape = {
        "spec": {
            "containers": [{"name": "b"}, {"name": "a"}],
            "initContainers": [{"name": "i"}],
            "volumes": None,
            "imagePullSecrets": [{"name": "s"}],
            "other": [{"name": "x"}],
        }
    }
    expected = Status(("i",), ("b", "a"), (), ("s",), "r", "d")
    assert status.of(shape, "r", "d") == expected
    assert [expected.names(part) for part in status.LISTS] == [("i",), ("b", "a"), (), ("s",)]
    assert status.of({}, "", "") == Status()
    assert status.of({"spec": None}, "", "") == Status()


lists = st.lists(st.text(max_size=5), max_size=3).map(tuple)


@given(st.builds(Status, lists, lists, lists, lists, st.text(max_size=5), st.text(max_size=5), st.booleans()))
def test_what_was_written_is_read_back(written: Status) -> None:
    assert status.read(carrying(written.text()), KEYS) == written
    assert status.parse(written.text()) == written


@pytest.mark.parametrize("text", ["", "x", "[]", "null", "5", '"a"', "{", "[" * 100_000, '{"a":' * 100_000])
def test_what_is_no_json_object_is_no_status(text: str) -> None:
    assert status.parse(text) is None
    assert status.read(carrying(text), KEYS) is None
    assert status.as_object(text) is None


def test_no_annotation_is_no_status() -> None:
    assert status.parse(None) is None
    bare: list[dict[str, Any]] = [
        {},
        {"metadata": None},
        {"metadata": {"annotations": None}},
        {"metadata": {"annotations": {}}},
    ]
    for pod in bare:
        assert status.read(pod, KEYS) is None
    assert status.read(carrying(None), KEYS) is None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({}, Status()),
        ({"containers": "abc"}, Status()),
        ({"containers": {"a": 1}}, Status()),
        ({"containers": ["a", 1, None, ["b"], "c"]}, Status(containers=("a", "c"))),
        ({"revision": None, "digest": None}, Status()),
        ({"revision": 5}, Status(revision="5")),
        ({"version": "old", "unknown": [1]}, Status()),
    ],
)
def test_what_is_no_list_of_names_counts_as_empty(raw: dict[str, Any], expected: Status) -> None:
    assert status.parse(json.dumps(raw)) == expected


def test_null_annotations_count_as_empty_texts() -> None:
    assert status.annotations_of({"metadata": {"annotations": {"a": None, "b": "c"}}}) == {"a": "", "b": "c"}
    assert status.annotations_of({}) == {}
    assert status.annotations_of({"metadata": {"annotations": None}}) == {}


def test_json_is_written_without_blanks_and_with_plain_unicode() -> None:
    assert status.compact({"b": [1, "é"], "a": None}) == '{"b":[1,"é"],"a":null}'


def test_a_digest_is_of_the_values_not_of_their_order() -> None:
    one = status.digest_of("x", {"a": 1, "b": [1, 2]})
    assert one == status.digest_of("x", {"b": [1, 2], "a": 1})
    assert len(one) == 16
    others: list[tuple[Any, ...]] = [
        ("y", {"a": 1, "b": [1, 2]}),
        ("x", {"a": "1", "b": [1, 2]}),
        ("x", {"a": 1, "b": [2, 1]}),
        ("x",),
        ("x", {"a": True, "b": [1, 2]}),
    ]
    assert one not in {status.digest_of(*parts) for parts in others}
