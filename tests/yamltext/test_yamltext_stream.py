"""Cutting streams."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from injector.yamltext import load, split, stream

PIECES = [
    "---",
    "--- ",
    "---\t",
    "--- # x",
    "---#x",
    "--- {a: b}",
    "---x",
    "...",
    "%YAML 1.1",
    "%TAG ! x",
    "# c",
    "a: 1",
    " ---",
    "  text: |",
    "\n",
    "\r\n",
    "\r",
    "\x85",
    "\u2028",
    "\ufeff",
    "",
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=4)).map("".join) | st.text())
def test_joining_the_documents_gives_the_stream_again(text: str) -> None:
    assert text == "".join(document.raw for document in split(text, "-"))


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_every_document_has_its_line_and_number(text: str) -> None:
    before = ""
    for index, document in enumerate(split(text, "f")):
        before += document.separator
        assert (1 + before.count("\n"), index, "f") == (document.line, document.index, document.source)
        before += document.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a: 1", [("", "a: 1")]),
        ("a: 1\n---\nb: 2\n", [("", "a: 1\n"), ("---\n", "b: 2\n")]),
        ("a: 1\r\n---\r\nb: 2\r\n", [("", "a: 1\r\n"), ("---\r\n", "b: 2\r\n")]),
        ("---\na: 1\n---", [("---\n", "a: 1\n"), ("---", "")]),
        ("---\n---\na: 1\n", [("---\n", ""), ("---\n", "a: 1\n")]),
        ("# c\n---  \t# d\na: 1\n", [("", "# c\n"), ("---  \t# d\n", "a: 1\n")]),
        ("--- {a: b}\n--- |\n x\n", [("", "--- {a: b}\n"), ("", "--- |\n x\n")]),
        ("a: |\n  ---\n  b\n---x: 1\n", [("", "a: |\n  ---\n  b\n---x: 1\n")]),
        ("%YAML 1.1\n# c\n\n---\na: 1\n---\nb\n", [("", "%YAML 1.1\n# c\n\n---\na: 1\n"), ("---\n", "b\n")]),
        ("# c\n---\na: 1\n", [("", "# c\n"), ("---\n", "a: 1\n")]),
        ("a: 1\n...\n---\nb\n", [("", "a: 1\n...\n"), ("---\n", "b\n")]),
        ("\ufeff---\na: 1\n", [("\ufeff---\n", "a: 1\n")]),
        ("\ufeffa: 1\n\ufeff---\nb", [("\ufeff", "a: 1\n"), ("\ufeff---\n", "b")]),
    ],
)
def test_a_line_of_dashes_begins_a_document(text: str, expected: list[tuple[str, str]]) -> None:
    assert expected == [(document.separator, document.text) for document in split(text, "-")]


def test_content_behind_the_dashes_and_directives_are_read_with_their_document() -> None:
    text = "%YAML 1.1\n---\na: 1\n--- {b: 2}\n--- !!str\n3\n---\n"
    assert [load(document) for document in split(text, "-")] == [{"a": 1}, {"b": 2}, "3", None]


@given(st.text(st.sampled_from('-a:b \n\r#%.[{}"\ufeff1'), max_size=80), st.integers(1, 20))
@example("%YAML 1.2\n---\na: 1\n---\nb: 2\n", 1)
@example('{"a":1}\n%YAML 1.2\n---\nb: 2\n---\nc\n', 1)
@example("\ufeff--- \nä: 1\n---\n---", 1)
def test_a_stream_that_is_decoded_in_blocks_is_cut_as_a_whole(text: str, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "_BLOCK", size)
        assert list(stream.split_bytes(text.encode(), "x")) == split(text, "x")


@pytest.mark.parametrize("size", [1, 8, 100])
def test_what_is_not_utf8_has_its_place_in_the_whole_stream(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "_BLOCK", size)
    data = b"a: 1\n---\nb: 2\n---\nc: \xff\n"
    with pytest.raises(UnicodeDecodeError) as error:
        list(stream.split_bytes(data, "x"))
    assert error.value.start == data.index(b"\xff")
