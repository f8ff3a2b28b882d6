"""What differs between two texts, in blocks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from injector.pages import sidebyside
from injector.pages.sidebyside import Block, LineChange, added_lines, compare, shortened

LINES = st.lists(st.sampled_from("abcdef"), max_size=40)


def blocks(old: list[str], new: list[str]) -> tuple[Block, ...]:
    return compare("\n".join(old), "\n".join(new))


@given(LINES, LINES)
def test_each_side_is_its_text(old: list[str], new: list[str]) -> None:
    compared = blocks(old, new)
    assert [line for block in compared for line in block.before] == old
    assert [line for block in compared for line in block.after] == new


@given(LINES, LINES)
def test_a_block_has_two_sides_only_where_both_have_lines(old: list[str], new: list[str]) -> None:
    for block in blocks(old, new):
        sides = {
            LineChange.SAME: block.before == block.after != (),
            LineChange.ADDED: block.before == () != block.after,
            LineChange.REMOVED: block.after == () != block.before,
            LineChange.CHANGED: len(block.before) == len(block.after) > 0,
        }
        assert sides[block.change]


@given(LINES, LINES)
def test_what_differs_is_never_folded_and_has_its_context(old: list[str], new: list[str]) -> None:
    lines = [
        (block.change is LineChange.SAME, block.folded)
        for block in blocks(old, new)
        for _ in range(max(len(block.before), len(block.after)))
    ]
    for at, (_, folded) in enumerate(lines):
        near = lines[max(0, at - sidebyside.CONTEXT) : at + sidebyside.CONTEXT + 1]
        assert not folded or all(same for same, _ in near)


def test_a_long_unchanged_stretch_is_folded_between_its_context() -> None:
    lines = [str(n) for n in range(20)]
    compared = blocks(["old", *lines, "old"], ["new", *lines, "new"])
    assert [(block.change.value, block.folded, len(block.before)) for block in compared] == [
        ("changed", False, 1),
        ("same", False, 3),
        ("same", True, 14),
        ("same", False, 3),
        ("changed", False, 1),
    ]


def test_equal_texts_are_one_fold() -> None:
    compared = compare("a\nb\nc\nd\n", "a\nb\nc\nd\n")
    assert [(block.folded, len(block.before)) for block in compared] == [(True, 4)]


def test_texts_that_are_too_long_to_compare_keep_their_ends_apart() -> None:
    start, end = ["start"] * 4000, ["end"] * 4000
    compared = blocks([*start, "old", *end], [*start, "new", "more", *end])
    assert [(block.before, block.after) for block in compared if block.change is not LineChange.SAME] == [
        (("old",), ("new",)),
        ((), ("more",)),
    ]


@given(LINES, LINES, LINES)
def test_a_shortened_text_has_each_line_or_counts_it(
    old: list[str], new: list[str], other: list[str]
) -> None:
    compared = blocks(old, new)
    short = shortened(compared, other)
    counted = [block.left_out or len(block.after) for block in short if block.change is LineChange.ADDED]
    assert sum(counted) == len(added_lines(compared))
    assert all(not (block.left_out and (block.before or block.after)) for block in short)
    changed = [(b.before, b.after) for b in compared if b.change in (LineChange.REMOVED, LineChange.CHANGED)]
    assert [
        (b.before, b.after) for b in short if b.change in (LineChange.REMOVED, LineChange.CHANGED)
    ] == changed


def test_a_long_run_that_another_text_has_too_is_counted_alone() -> None:
    shared = [f"shared {n}" for n in range(10)]
    compared = blocks(["a"], ["a", "mine", *shared, "mine"])
    assert shortened(compared, ["theirs", *shared, "theirs"])[1:] == (
        Block(LineChange.ADDED, after=("mine",)),
        Block(LineChange.ADDED, left_out=10),
        Block(LineChange.ADDED, after=("mine",)),
    )
    assert shortened(compared, shared[:3])[1:] == compared[1:]
