"""Two texts side by side."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from injector.pages import sidebyside
from injector.pages.sidebyside import Row, compare

LINES = st.lists(st.sampled_from("abcdef"), max_size=40)


def rows(before: str, after: str) -> list[Row]:
    return [row for stretch in compare(before, after) for row in stretch.rows]


@given(LINES, LINES)
def test_each_side_is_its_text(old: list[str], new: list[str]) -> None:
    compared = rows("\n".join(old), "\n".join(new))
    left = [(row.left, row.before) for row in compared if row.left]
    right = [(row.right, row.after) for row in compared if row.right]
    assert left == list(enumerate(old, 1))
    assert right == list(enumerate(new, 1))
    assert all(row.before == row.after and row.left and row.right for row in compared if row.same)
    assert not any(row.before == row.after and row.left and row.right for row in compared if not row.same)


@given(LINES, LINES)
def test_what_differs_is_never_folded_and_has_its_context(old: list[str], new: list[str]) -> None:
    stretches = compare("\n".join(old), "\n".join(new))
    flat = [(row.same, stretch.folded) for stretch in stretches for row in stretch.rows]
    for at, (_, folded) in enumerate(flat):
        near = flat[max(0, at - sidebyside.CONTEXT) : at + sidebyside.CONTEXT + 1]
        assert not folded or all(same for same, _ in near)


def test_a_long_unchanged_stretch_is_folded_between_its_context() -> None:
    lines = [str(n) for n in range(20)]
    stretches = compare("\n".join(["old", *lines, "old"]), "\n".join(["new", *lines, "new"]))
    assert [(stretch.folded, len(stretch.rows)) for stretch in stretches] == [
        (False, 4),
        (True, 14),
        (False, 4),
    ]


def test_equal_texts_are_one_fold() -> None:
    stretches = compare("a\nb\nc\nd\n", "a\nb\nc\nd\n")
    assert [(stretch.folded, len(stretch.rows)) for stretch in stretches] == [(True, 4)]


def test_texts_that_are_too_long_to_compare_keep_their_ends_apart() -> None:
    start, end = ["start"] * 4000, ["end"] * 4000
    compared = rows("\n".join([*start, "old", *end]), "\n".join([*start, "new", "more", *end]))
    assert [(row.before, row.after) for row in compared if not row.same] == [("old", "new"), ("", "more")]
