"""What is known of maps and lists that are met again."""

from __future__ import annotations

from injector.parts import Parts


def test_a_copy_of_a_part_is_a_part_and_goes_with_it() -> None:
    known, schema, tree, copy = Parts(), object(), {"a": None}, dict[str, object]()
    known.add(tree)
    part = known.of(id(tree))
    assert part is not None
    known.add_copy(part, schema, copy)
    copied = known.of(id(copy))
    assert copied is not None
    assert copied.tree is copy
    known.drop(tree)
    assert len(known) == 0


def test_a_part_that_is_its_own_copy_is_forgotten_once() -> None:
    known, tree = Parts(), ["a"]
    known.add(tree)
    part = known.of(id(tree))
    assert part is not None
    known.add_copy(part, object(), tree)
    known.drop(tree)
    known.drop(tree)
    assert len(known) == 0
