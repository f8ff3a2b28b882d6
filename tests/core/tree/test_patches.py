"""Patches: what they say is what was changed, they apply under the strictest engines, and they are small."""

from __future__ import annotations

import copy
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector.core.model import Operation
from injector.core.tree.patches import diff
from injector.core.tree.schema import same
from injector.core.tree.strategic_merge import merge
from injector.pointer import escape
from tests.generators.strategies import overlays, pods

scalars = (
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([1.0, 0.0, "", "a", "~1", "a/b", "é"])
)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "b", "", "~", "/", "~1", "0", "-", "a b"]), inner, max_size=4)
    ),
    max_leaves=15,
)
maps = st.dictionaries(st.sampled_from(["metadata", "spec", "a/b", "~"]), trees, max_size=3)
elements = st.builds(lambda name, **rest: {"name": name, **rest}, st.sampled_from("abcdef"), x=scalars)
keyed_lists = st.lists(elements, max_size=6)


def parts_of(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def apply_as_the_api_server(tree: Any, operations: tuple[Operation, ...]) -> Any:
    """The rules of evanphx/json-patch v4, where they are strict.

    A parent has to exist, remove and replace need their path, an index is at most the length.
    """
    tree = copy.deepcopy(tree)
    for operation in operations:
        assert operation.op in ("add", "remove", "replace")
        *parents, last = parts_of(operation.path)
        parent = tree
        for part in parents:
            parent = parent[int(part)] if isinstance(parent, list) else parent[part]
        if isinstance(parent, list):
            at = int(last)
            assert str(at) == last
            assert 0 <= at <= len(parent) - (operation.op != "add")
            if operation.op == "add":
                parent.insert(at, copy.deepcopy(operation.value))
            elif operation.op == "remove":
                del parent[at]
            else:
                parent[at] = copy.deepcopy(operation.value)
        else:
            assert isinstance(parent, dict)
            assert operation.op == "add" or last in parent
            assert operation.op != "add" or last not in parent
            if operation.op == "remove":
                del parent[last]
            else:
                parent[last] = copy.deepcopy(operation.value)
    return tree


def assert_turns(before: Any, after: Any) -> tuple[Operation, ...]:
    before_copy, after_copy = copy.deepcopy((before, after))
    operations = diff(before, after)
    assert same((before, after)[0], before_copy)
    assert same((before, after)[1], after_copy)
    assert same(apply_as_the_api_server(before, operations), after)
    by_referee = jsonpatch.apply_patch(before, [operation.as_json() for operation in operations])
    assert same(by_referee, after)
    return operations


@given(maps, maps)
def test_a_patch_turns_any_tree_into_any_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert_turns(before, after)


@given(keyed_lists, keyed_lists)
def test_a_patch_turns_any_list_of_elements_with_names_into_any_other(
    before: list[Any], after: list[Any]
) -> None:
    operations = assert_turns({"spec": {"containers": before}}, {"spec": {"containers": after}})
    assert len(operations) <= len(before) + 2 * len(after)


@given(pods(), pods())
def test_a_patch_turns_any_pod_into_any_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert_turns(before, after)


@given(pods(), overlays())
def test_a_patch_says_what_a_merge_did(pod: dict[str, Any], overlay: dict[str, Any]) -> None:
    assert_turns(pod, merge(pod, overlay))


@given(pods())
def test_nothing_changed_needs_no_operation(pod: dict[str, Any]) -> None:
    assert diff(pod, pod) == ()
    assert diff(pod, copy.deepcopy(pod)) == ()


def env(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "value": name} for name in names]


def of_containers(*listed: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"containers": list(listed)}}


def test_a_variable_in_front_of_fifty_containers_costs_fifty_operations() -> None:
    many = [f"V{i}" for i in range(30)]
    before = of_containers(*({"name": f"c{i}", "env": env(*many)} for i in range(50)))
    after = of_containers(*({"name": f"c{i}", "env": env("FIRST", *many)} for i in range(50)))
    operations = assert_turns(before, after)
    assert [o.path for o in operations] == [f"/spec/containers/{i}/env/0" for i in range(50)]
    assert {o.op for o in operations} == {"add"}


def test_one_changed_variable_of_two_thousand_costs_one_operation() -> None:
    variables = env(*(f"V{i}" for i in range(2000)))
    changed = [*variables[:700], {"name": "V700", "value": "new"}, *variables[701:]]
    before, after = (
        of_containers({"name": "c", "env": variables}),
        of_containers({"name": "c", "env": changed}),
    )
    assert diff(before, after) == (Operation("replace", "/spec/containers/0/env/700/value", "new"),)


class Untouchable(dict[str, Any]):
    """A map that must not be read."""

    def __iter__(self) -> Any:
        raise AssertionError("walked")

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")

    items = keys = values = __len__ = __getitem__ = __iter__  # type: ignore[assignment]


def test_what_both_trees_share_is_not_walked() -> None:
    shared = Untouchable()
    before = {"metadata": {"a": "1"}, "spec": shared}
    after = {"metadata": {"a": "2"}, "spec": shared}
    assert diff(before, after) == (Operation("replace", "/metadata/a", "2"),)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # A parent that is missing comes with what it holds.
        ({}, {"metadata": {"labels": {"a": "b"}}}, [("add", "/metadata", {"labels": {"a": "b"}})]),
        (
            {"spec": {}},
            {"spec": {"initContainers": [{"name": "i"}]}},
            [("add", "/spec/initContainers", [{"name": "i"}])],
        ),
        # Null is a value, and no parent.
        ({"a": None}, {"a": {"b": 1}}, [("replace", "/a", {"b": 1})]),
        ({"a": {}}, {"a": {"b": None}}, [("add", "/a/b", None)]),
        ({"a": 1}, {"a": None}, [("replace", "/a", None)]),
        # Pointers are escaped, the tilde first.
        (
            {"a/b": 1, "c~d": 1, "~1": 1},
            {"a/b": 2, "c~d": 2, "~1": 2},
            [("replace", "/a~1b", 2), ("replace", "/c~0d", 2), ("replace", "/~01", 2)],
        ),
        ({"": 1}, {"": 2}, [("replace", "/", 2)]),
        # Types differ even where Python finds values equal.
        (
            {"a": 1, "b": 0, "c": 1},
            {"a": True, "b": False, "c": 1.0},
            [("replace", "/a", True), ("replace", "/b", False), ("replace", "/c", 1.0)],
        ),
        # Elements with a key move as little as possible.
        (
            of_containers(*env("a", "b", "c")),
            of_containers(*env("c", "a", "b")),
            [("remove", "/spec/containers/2", None), ("add", "/spec/containers/0", env("c")[0])],
        ),
        (
            of_containers(*env("a", "b", "c")),
            of_containers(*env("b")),
            [("remove", "/spec/containers/2", None), ("remove", "/spec/containers/0", None)],
        ),
        (
            of_containers(*env("a")),
            of_containers(*env("b")),
            [("remove", "/spec/containers/0", None), ("add", "/spec/containers/0", env("b")[0])],
        ),
        (
            of_containers(*env("a", "b")),
            of_containers(),
            [("remove", "/spec/containers/1", None), ("remove", "/spec/containers/0", None)],
        ),
        # Lists without keys keep what both have at the start and at the end.
        ({"a": [1, 2, 3, 4]}, {"a": [1, 9, 3, 4]}, [("replace", "/a/1", 9)]),
        ({"a": [1, 2, 3]}, {"a": [1, 2, 8, 9, 3]}, [("add", "/a/2", 8), ("add", "/a/3", 9)]),
        ({"a": [1, 2, 3, 4]}, {"a": [1, 4]}, [("remove", "/a/2", None), ("remove", "/a/1", None)]),
        ({"a": [1, 2, 3]}, {"a": [7, 3]}, [("replace", "/a/0", 7), ("remove", "/a/1", None)]),
        ({"a": [1, 1]}, {"a": [1, 1, 1]}, [("add", "/a/2", 1)]),
        ({"a": [1, 1, 1]}, {"a": [1]}, [("remove", "/a/2", None), ("remove", "/a/1", None)]),
        ({"a": [[1], [2]]}, {"a": [[1], [3]]}, [("replace", "/a/1/0", 3)]),
        # Two elements with one key: the list is no keyed one.
        (
            {"spec": {"containers": [{"name": "a"}, {"name": "a"}]}},
            {"spec": {"containers": [{"name": "a"}]}},
            [("remove", "/spec/containers/1", None)],
        ),
        ({"a": 1, "b": 2}, {"c": 3}, [("remove", "/a", None), ("remove", "/b", None), ("add", "/c", 3)]),
        ({"a": [1]}, {"a": {"b": 1}}, [("replace", "/a", {"b": 1})]),
    ],
)
def test_operations_are_the_fewest_that_say_it(
    before: dict[str, Any], after: dict[str, Any], expected: list[tuple[str, str, Any]]
) -> None:
    assert [(o.op, o.path, o.value) for o in assert_turns(before, after)] == expected


@given(st.permutations(list("abcdef")))
def test_a_new_order_moves_only_what_is_out_of_the_longest_run(order: list[str]) -> None:
    operations = assert_turns(of_containers(*env(*"abcdef")), of_containers(*env(*order)))
    places = ["abcdef".index(name) for name in order]
    longest = [1] * 6
    for i in range(6):
        longest[i] = 1 + max((longest[j] for j in range(i) if places[j] < places[i]), default=0)
    assert len(operations) == 2 * (6 - max(longest))


def test_an_operation_travels_with_a_value_only_where_it_has_one() -> None:
    assert Operation("remove", "/a").as_json() == {"op": "remove", "path": "/a"}
    assert Operation("add", "/a", None).as_json() == {"op": "add", "path": "/a", "value": None}


@given(st.text())
def test_an_escaped_part_reads_back(part: str) -> None:
    assert parts_of("/" + escape(part)) == [part]
