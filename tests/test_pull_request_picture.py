"""The picture of a pull request in the docs is what the command prints."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from hack import pull_request_picture as made


@pytest.fixture(scope="module")
def output() -> tuple[str, str]:
    return made.printed()


def test_the_picture_is_made_of_what_the_command_prints(output: tuple[str, str]) -> None:
    # `make docs` makes it anew.
    assert made.PICTURE.read_text() == made.picture(*output)


def test_each_annotation_stands_below_its_line(output: tuple[str, str]) -> None:
    svg = ElementTree.fromstring(made.PICTURE.read_text())
    texts = [each.text or "" for each in svg.iter("{http://www.w3.org/2000/svg}text")]
    notes = list(made.notes_of(output[1]))
    assert notes
    for note in notes:
        at = texts.index(f"{note.level}: {note.title}")
        # In front of it are the text of the line and its number.
        assert texts[at - 2] == str(note.line)
        assert " ".join(texts[at + 1 :]).startswith(note.message)


def test_the_diff_has_lines_of_the_file_with_their_numbers(output: tuple[str, str]) -> None:
    for file, rows in made.files(output[0]).items():
        lines = (made.REPO / file).read_text().splitlines()
        assert [row.text for row in rows if row.number] == [
            lines[row.number - 1] for row in rows if row.number
        ]
