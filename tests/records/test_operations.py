"""Recorded operations against those of a replay."""

from __future__ import annotations

import pytest

from injector.records.operations import compare, is_alike
from injector.records.pseudonyms import Pseudonyms

KEY = b"a key of thirty-two bytes, or so"
WORDS = frozenset({"sidecar", "example.com/mesh"})
PSEUDONYMS = Pseudonyms(KEY, WORDS)
UNDO = "/metadata/annotations/sidecar-injector~1undo"


def recorded(name: str) -> str:
    """The path of an annotation as a record has it."""
    return "/metadata/annotations/" + PSEUDONYMS.name(name).replace("/", "~1")


@pytest.mark.parametrize(
    ("before", "now", "alike"),
    [
        (recorded("sidecar-injector/undo"), UNDO, True),
        (recorded("sidecar-another/note"), UNDO, True),
        (recorded("sidecar-another/note/more"), UNDO, False),
        (recorded("another-injector/undo"), UNDO, False),
        (recorded("sidecar-12/undo"), UNDO, False),
        (recorded("sidecar-injector/undo"), UNDO.replace("annotations", "labels"), False),
        (recorded("example.com/mesh"), "/metadata/annotations/example.com~1grid", False),
        (UNDO, UNDO, False),
        ("/spec/containers/0", "/spec/containers/0", False),
    ],
)
def test_a_pseudonym_may_stand_for_a_key_of_its_form(before: str, now: str, alike: bool) -> None:
    assert is_alike(before, now, WORDS) is alike


def test_with_the_key_a_key_is_known() -> None:
    before = [("add", recorded("a.example.com/x")), ("add", "/spec/volumes/0")]
    same = [("add", "/metadata/annotations/a.example.com~1x"), ("add", "/spec/volumes/0")]
    other = [("add", "/metadata/annotations/b.example.com~1x"), ("add", "/spec/volumes/0")]
    assert compare(before, same, PSEUDONYMS, WORDS) == ((), (), ())
    assert compare(before, other, PSEUDONYMS, WORDS) == ((before[0],), (other[0],), ())
    assert compare(before, same, None, WORDS) == ((), (), (same[0],))
    assert compare(before, other, None, WORDS) == ((), (), (other[0],))


def test_an_operation_counts_as_often_as_it_is_there() -> None:
    once, twice = [("add", "/spec/volumes/-")], [("add", "/spec/volumes/-")] * 2
    assert compare(once, twice, None, WORDS) == ((), (once[0],), ())
    assert compare(twice, once, None, WORDS) == ((once[0],), (), ())
