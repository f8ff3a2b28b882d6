"""Applying a patch: strictly, as jsonpatch, the reference, does it, and without changing the tree."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

import jsonpatch
import jsonpointer
import pytest
from hypothesis import given

from injector.core.model import Operation
from injector.core.tree.application import PatchError, applied
from injector.core.tree.patches import diff
from injector.core.tree.schema import same
from injector.core.tree.strategic_merge import merge
from tests.core.tree.test_patches import keyed_lists, maps
from tests.generators.strategies import drawn, overlays, pods

Operations = tuple[Operation, ...]
REFUSED: Any = object()
SEEDS = drawn(lambda random: Random(random.getrandbits(32)))


def by_reference(tree: Any, operations: Operations) -> Any:
    try:
        return jsonpatch.apply_patch(tree, [operation.as_json() for operation in operations])
    # It raises a TypeError where the last step of a pointer does not fit what it is in.
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError):
        return REFUSED


def by_own(tree: Any, operations: Operations) -> Any:
    try:
        return applied(tree, operations)
    except PatchError:
        return REFUSED


def assert_as_the_reference(tree: Any, operations: Operations) -> Any:
    before, values = copy.deepcopy(tree), copy.deepcopy(operations)
    result, expected = by_own(tree, operations), by_reference(tree, operations)
    assert same(tree, before), "the tree was changed"
    assert operations == values, "a value of the patch was changed"
    assert (result is REFUSED) is (expected is REFUSED), (result, expected)
    assert result is REFUSED or same(result, expected)
    return result


def mutated(random: Random, operations: Operations) -> Operations:
    """The patch with something wrong: an operation left out, moved, doubled, or at another place."""
    listed = list(operations) or [Operation("add", "/spec", {})]
    at = random.randrange(len(listed))
    one = listed[at]
    parts = one.path.split("/")
    step = random.randrange(1, len(parts))
    match random.randrange(7):
        case 0:
            del listed[at]
        case 1:
            listed.insert(random.randrange(len(listed) + 1), one)
        case 2:
            listed.append(listed.pop(at))
        case 3:
            listed[at] = Operation(random.choice(["add", "replace", "remove"]), one.path, one.value)
        case 4:
            parts[step] = random.choice(["0", "1", "00", "-1", "-", "99", "", "~", "~2", "~01", "name"])
            listed[at] = Operation(one.op, "/".join(parts), one.value)
        case 5:
            listed[at] = Operation(one.op, one.path + random.choice(["/", "/0", "/-", "/name"]), one.value)
        case _:
            parent = one.path.rpartition("/")[0]
            listed[at] = Operation(one.op, parent or one.path[1:], one.value)
    return tuple(listed)


@given(maps, maps)
def test_a_patch_between_any_trees_applies(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert same(assert_as_the_reference(before, diff(before, after)), after)


@given(pods(), overlays())
def test_a_patch_of_a_merge_applies_to_the_pod(pod: dict[str, Any], overlay: dict[str, Any]) -> None:
    after = merge(pod, overlay)
    assert same(assert_as_the_reference(pod, diff(pod, after)), after)


@given(keyed_lists, keyed_lists, SEEDS)
def test_a_wrong_patch_of_a_list_is_applied_or_refused_as_by_the_reference(
    before: list[Any], after: list[Any], random: Random
) -> None:
    pod = {"spec": {"containers": before}}
    patch = mutated(random, diff(pod, {"spec": {"containers": after}}))
    if all(operation.path for operation in patch):
        assert_as_the_reference(pod, patch)


@given(maps, maps, SEEDS)
def test_a_wrong_patch_of_any_tree_is_applied_or_refused_as_by_the_reference(
    before: dict[str, Any], after: dict[str, Any], random: Random
) -> None:
    patch = mutated(random, diff(before, after))
    if all(operation.path for operation in patch):
        assert_as_the_reference(before, patch)


@pytest.mark.parametrize("op", ["add", "replace", "remove"])
def test_an_operation_on_the_tree_as_a_whole_is_refused(op: str) -> None:
    with pytest.raises(PatchError):
        applied({"a": 1}, [Operation(op, "", {})])


@pytest.mark.parametrize(
    ("tree", "operations"),
    [
        # A value of the patch that a later operation of it changes.
        ({}, [("add", "/a", {"b": [1]}), ("add", "/a/b/0", 0), ("replace", "/a/b/1", 2)]),
        # What two places share changes at one of them.
        ({"a": {"x": 1}}, [("add", "/b", {"x": 1}), ("replace", "/a/x", 2), ("remove", "/b/x", None)]),
        # The same parent again after it went and came back.
        ({"a": {"x": {"y": 1}}}, [("remove", "/a/x/y", None), ("replace", "/a/x", {}), ("add", "/a/x/z", 1)]),
        # Elements that move while their list changes.
        ({"a": [{"x": 1}, {"x": 2}]},
         [("add", "/a/0", {}), ("replace", "/a/1/x", 3), ("remove", "/a/2/x", None)]),
        ({"a": [1]}, [("add", "/a/-", 2), ("add", "/a/2", 3)]),
        ({"a": {"": 1, "~1": 2, "/": 3}},
         [("replace", "/a/", 4), ("remove", "/a/~01", None), ("add", "/a/~1", 5)]),
        ({"a": True}, [("replace", "/a", 1)]),
    ],
)  # fmt: skip
def test_operations_of_one_patch_see_what_those_before_them_did(
    tree: dict[str, Any], operations: list[tuple[str, str, Any]]
) -> None:
    assert assert_as_the_reference(tree, tuple(Operation(*each) for each in operations)) is not REFUSED


@pytest.mark.parametrize(
    ("op", "path"),
    [
        ("remove", "/a/2"),
        ("replace", "/a/2"),
        ("add", "/a/3"),
        ("add", "/a/01"),
        ("replace", "/a/-"),
        ("remove", "/b"),
        ("replace", "/b"),
        ("add", "/b/c"),
        ("add", "/a/0/c"),
        ("add", "/a/5/c"),
        ("add", "/text/0"),
        ("add", "a"),
        ("add", "/~2"),
        ("add", "/x~"),
        ("add", "/a/٢"),
    ],
)
def test_an_operation_without_its_place_is_refused(op: str, path: str) -> None:
    tree = {"a": [1, 2], "text": "x"}
    assert assert_as_the_reference(tree, (Operation(op, path, 1),)) is REFUSED


def test_a_list_is_not_the_map_of_its_numbers() -> None:
    assert applied({"a": {"0": 1}}, [Operation("add", "/a/0", 2)]) == {"a": {"0": 2}}


def test_the_tree_is_shared_where_the_patch_does_not_touch_it() -> None:
    tree: dict[str, Any] = {"a": {"b": {}}, "c": {"d": {}}}
    result = applied(tree, [Operation("add", "/a/e", 1)])
    assert result["c"] is tree["c"]
    assert result["a"]["b"] is tree["a"]["b"]
