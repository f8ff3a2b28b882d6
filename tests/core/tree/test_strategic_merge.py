"""Kubernetes' strategic merge of pod templates.

The results of the tables are those of Kubernetes' own implementation (apimachinery's
strategicpatch for type Pod, 0.35), run once on these inputs and recorded without the
nulls and directives that it leaves in and the API server drops.
"""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector.core.tree.created import Copies, MergeError
from injector.core.tree.schema import ATOMIC, POD, POD_WITHOUT_CHOICES, keyed, same
from injector.core.tree.strategic_merge import map_items, merge
from tests.core.tree.merge_directives import DIRECTIVES, REFUSED
from tests.core.tree.merged_fields import FIELDS
from tests.core.tree.merged_lists import LISTS
from tests.generators.strategies import overlays, pods

CASES = [*LISTS, *FIELDS, *DIRECTIVES]


@pytest.mark.parametrize(
    ("base", "overlay", "expected"), [pytest.param(*row, id=name) for name, *row in CASES]
)
def test_merging_gives_what_kubernetes_gives(
    base: dict[str, Any], overlay: dict[str, Any], expected: dict[str, Any]
) -> None:
    base_copy, overlay_copy = copy.deepcopy(base), copy.deepcopy(overlay)
    assert merge(base, overlay, POD_WITHOUT_CHOICES) == expected
    assert (base, overlay) == (base_copy, overlay_copy)


@pytest.mark.parametrize(("base", "overlay"), [pytest.param(*row, id=name) for name, *row in REFUSED])
def test_what_kubernetes_refuses_is_refused_with_its_place(
    base: dict[str, Any], overlay: dict[str, Any]
) -> None:
    with pytest.raises(MergeError) as caught:
        merge(base, overlay)
    assert caught.value.pointer.startswith(("/spec/containers", "/metadata/labels", "/metadata/finalizers"))
    assert str(caught.value).startswith(f"{caught.value.pointer}: ")


@pytest.mark.parametrize(
    ("overlay", "pointer", "message"),
    [
        ({"$foo": 1}, "", "unknown directive '$foo'"),
        ({"$" + "x" * 100: 1}, "", "unknown directive '$xxx"),
        ({"spec": {"a~b": {"$foo": 1}}}, "/spec/a~0b", "unknown directive '$foo'"),
        ({"spec": {"containers": [{"name": "x", "$patch": "drop"}]}}, "/spec/containers/0", "one of merge"),
        ({"$patch": "drop"}, "", "$patch must be one of merge, replace and delete"),
        ({"spec": {"$foo": 1}}, "/spec", "unknown directive '$foo'"),
        (
            {"spec": {"containers": [{"name": "a/b", "$foo": 1}]}},
            "/spec/containers/a~1b",
            "unknown directive",
        ),
        (
            {"spec": {"containers": [{"name": "x"}, {"image": "i"}]}},
            "/spec/containers/1",
            "the list is merged by 'name', but this element has no 'name'",
        ),
        ({"spec": {"containers": [{"name": None}]}}, "/spec/containers/0", "this element has no"),
        ({"spec": {"containers": ["x"]}}, "/spec/containers/0", "a map with the key 'name' is expected"),
        # Kubernetes asks only where the base has the list; a pod without these keys is none anyway.
        ({"spec": {"volumes": [{"emptyDir": {}}]}}, "/spec/volumes/0", "merged by 'name'"),
        ({"spec": {"volumes": [None]}}, "/spec/volumes/0", "a map with the key 'name'"),
        (
            {"spec": {"initContainers": [{"name": "x", "ports": [{"name": "y"}]}]}},
            "/spec/initContainers/0/ports/0",
            "merged by 'containerPort'",
        ),
        ({"spec": {"$deleteFromPrimitiveList/containers": "a"}}, "/spec/containers", "must be a list"),
        (
            {"spec": {"$setElementOrder/containers": ["name"]}},
            "/spec/containers",
            "list of maps with the key",
        ),
        (
            {"spec": {"$setElementOrder/containers": [{"a": 1}]}},
            "/spec/containers",
            "list of maps with the key",
        ),
        (
            {"metadata": {"finalizers": ["z"], "$setElementOrder/finalizers": [{}]}},
            "/metadata/finalizers",
            "scalars",
        ),
        ({"spec": {"$retainKeys": "a"}}, "/spec", "$retainKeys must be a list of field names"),
        ({"spec": {"$retainKeys": ["a"], "b": 1}}, "/spec", "$retainKeys does not list b"),
    ],
)
def test_a_refusal_says_where_and_what_was_expected(
    overlay: dict[str, Any], pointer: str, message: str
) -> None:
    base = {"metadata": {"finalizers": ["f"]}, "spec": {"containers": [{"name": "a/b"}], "a~b": {}}}
    with pytest.raises(MergeError) as caught:
        merge(base, overlay)
    assert caught.value.pointer == pointer
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{pointer or '/'}: ")
    assert "x" * 64 not in str(caught.value)


@pytest.mark.parametrize(
    ("base", "overlay", "expected"),
    [
        # Kubernetes calls these errors; a template author means what is written here.
        ({"a": {"b": 1}}, {"a": {"$patch": "merge", "c": 2}}, {"a": {"b": 1, "c": 2}}),
        (
            {"spec": {"containers": [{"name": "a", "x": 1}]}},
            {"spec": {"containers": [{"name": "a", "$patch": "merge", "y": 2}]}},
            {"spec": {"containers": [{"name": "a", "x": 1, "y": 2}]}},
        ),
        ({}, {"a": {"$patch": "merge", "c": 2}}, {"a": {"c": 2}}),
        ({"a": {}}, {"$patch": "replace", "b": {"$x": 1, "c": 2}}, {"b": {"c": 2}}),
        ({"a": {}}, {"$patch": "delete", "b": 1}, {}),
        (
            {"spec": {}},
            {"spec": {"containers": [], "$setElementOrder/containers": []}},
            {"spec": {"containers": []}},
        ),
        # Unknown fields are merged all the same.
        (
            {"spec": {"new": [1, 2]}},
            {"spec": {"new": [3], "$setElementOrder/new": [3]}},
            {"spec": {"new": [3]}},
        ),
        ({"spec": {"new": {"a": 1}}}, {"spec": {"new": {"b": [1]}}}, {"spec": {"new": {"a": 1, "b": [1]}}}),
        # A deletion and an addition of the same element: upstream's answer is random.
        (
            {"metadata": {"finalizers": ["a", "b"]}},
            {"metadata": {"finalizers": ["a"], "$deleteFromPrimitiveList/finalizers": ["a", "b"]}},
            {"metadata": {"finalizers": ["a"]}},
        ),
    ],
)
def test_where_kubernetes_has_no_answer_the_obvious_one_is_given(
    base: dict[str, Any], overlay: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert merge(base, overlay) == expected


def test_nulls_and_dollar_keys_of_the_base_are_the_users_and_stay() -> None:
    base = {"metadata": {"labels": None, "$x": 1}, "spec": {"containers": [{"name": "a", "env": None}]}}
    assert merge(base, {"spec": {"containers": [{"name": "a", "tty": True}]}}) == {
        "metadata": {"labels": None, "$x": 1},
        "spec": {"containers": [{"name": "a", "env": None, "tty": True}]},
    }


def test_what_an_overlay_does_not_touch_is_the_same_object() -> None:
    base: dict[str, Any] = {
        "metadata": {"labels": {"a": "1"}},
        "spec": {"containers": [{"name": "a", "env": [{"name": "A"}]}, {"name": "b"}], "volumes": []},
    }
    overlay = {
        "metadata": {"labels": {"a": "1", "z": None}},
        "spec": {"containers": [{"name": "b", "tty": True}]},
    }
    merged = merge(base, overlay)
    assert merged["metadata"] is base["metadata"]
    assert merged["spec"]["volumes"] is base["spec"]["volumes"]
    assert merged["spec"]["containers"][0] is base["spec"]["containers"][0]


def test_an_overlay_that_changes_nothing_gives_the_base_itself() -> None:
    base = {"metadata": {"labels": {"a": "1"}}, "spec": {"containers": [{"name": "a"}, {"name": "b"}]}}
    overlay = {"metadata": {"labels": {"a": "1"}}, "spec": {"containers": [{"name": "a"}, {"name": "b"}]}}
    assert merge(base, overlay) is base


@given(pods())
def test_an_empty_overlay_gives_the_base_itself(pod: dict[str, Any]) -> None:
    assert merge(pod, {}) is pod
    assert merge(pod, {"metadata": {}, "spec": {}}) in (pod, {"metadata": {}, "spec": {}, **pod})


@given(pods(), overlays())
def test_merging_twice_is_merging_once_and_changes_neither_side(
    pod: dict[str, Any], overlay: dict[str, Any]
) -> None:
    before = copy.deepcopy((pod, overlay))
    once = merge(pod, overlay)
    assert merge(once, overlay) == once
    assert (pod, overlay) == before


def names_in(pod: dict[str, Any], part: str) -> list[str]:
    return [item["name"] for item in pod["spec"].get(part) or []]


@given(pods(), overlays())
def test_every_container_of_either_side_is_there_once_and_each_side_keeps_its_order(
    pod: dict[str, Any], overlay: dict[str, Any]
) -> None:
    merged = merge(pod, overlay)
    for part in ("containers", "initContainers"):
        of_base, of_overlay = names_in(pod, part), names_in(overlay, part)
        names = names_in(merged, part)
        assert sorted(names) == sorted({*of_base, *of_overlay})
        assert [name for name in names if name in of_overlay] == of_overlay
        only = [name for name in of_base if name not in of_overlay]
        assert [name for name in names if name in only] == only


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (1, 1, True),
        (1000, int("1000"), True),
        ("ab", "".join(["a", "b"]), True),
        (1000, 1001, False),
        (1, True, False),
        (0, False, False),
        (1, 1.0, False),
        ("1", 1, False),
        (None, False, False),
        ([], {}, False),
        ([1], [True], False),
        ([1, 2], [1], False),
        ([1], [1], True),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ({"a": None}, {"b": None}, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1.0}]}, False),
    ],
)
def test_values_are_the_same_only_with_the_same_type(a: Any, b: Any, equal: bool) -> None:
    assert same(a, b) is equal
    assert same(b, a) is equal


@pytest.mark.parametrize(
    ("items", "key", "expected"),
    [
        ([{"name": "a"}, {"name": "b"}], "name", {"a": {"name": "a"}, "b": {"name": "b"}}),
        ([{"port": 1}], "port", {1: {"port": 1}}),
        ([], "name", {}),
        ([{"name": "a"}, {"name": "a"}], "name", None),
        ([{"name": "a"}, {}], "name", None),
        ([{"name": None}], "name", None),
        (["a"], "name", None),
        ([{"name": "a"}], "", None),
        ([], "", None),
        (None, "name", None),
        ({"name": "a"}, "name", None),
    ],
)
def test_only_a_list_of_maps_with_distinct_keys_is_keyed(
    items: Any, key: str, expected: dict[Any, Any] | None
) -> None:
    assert keyed(items, key) == expected


def test_fields_that_no_table_names_are_atomic() -> None:
    assert POD.of("spec").of("containers").of("env").key == "name"
    assert POD.of("spec").of("unknown") is ATOMIC


def test_mapping_over_a_list_shares_what_stays() -> None:
    tree: dict[str, Any] = {"spec": {"containers": [{"name": "a"}, {"name": "b"}]}, "metadata": {}}
    path = ("spec", "containers")
    assert map_items(tree, path, lambda item: item) is tree
    assert map_items(tree, ("spec", "volumes"), lambda _item: {}) is tree
    assert map_items(tree, ("status", "x"), lambda _item: {}) is tree
    changed = map_items(tree, path, lambda item: {**item, "x": 1} if item["name"] == "b" else item)
    assert changed["spec"]["containers"] == [{"name": "a"}, {"name": "b", "x": 1}]
    assert changed["spec"]["containers"][0] is tree["spec"]["containers"][0]
    assert changed["metadata"] is tree["metadata"]


@given(st.sampled_from(["containers", "initContainers"]), pods(), overlays())
def test_a_deletion_takes_exactly_the_named_elements(
    part: str, pod: dict[str, Any], overlay: dict[str, Any]
) -> None:
    gone = names_in(overlay, part)
    merged = merge(pod, {"spec": {part: [{"name": name, "$patch": "delete"} for name in gone]}})
    assert names_in(merged, part) == [name for name in names_in(pod, part) if name not in gone]


@pytest.mark.parametrize(
    ("base", "overlay", "expected"), [pytest.param(*row, id=name) for name, *row in CASES]
)
def test_a_second_merge_of_an_overlay_gives_what_a_first_one_gives(
    base: dict[str, Any], overlay: dict[str, Any], expected: dict[str, Any]
) -> None:
    copies, before = Copies(), copy.deepcopy(overlay)
    for other in ({}, {"spec": {"containers": [{"name": "x"}]}}):
        with suppress(MergeError):
            merge(other, overlay, POD_WITHOUT_CHOICES, copies)
    assert merge(base, overlay, POD_WITHOUT_CHOICES, copies) == expected
    assert overlay == before


@given(pods(), overlays())
def test_a_second_merge_of_any_overlay_gives_what_a_first_one_gives(
    base: dict[str, Any], overlay: dict[str, Any]
) -> None:
    copies = Copies()
    merge({}, overlay, POD, copies)
    assert same(merge(base, overlay, POD, copies), merge(base, overlay))


def test_one_value_in_two_places_is_checked_in_both() -> None:
    entries = [{"value": "x"}]
    overlay = {"spec": {"nodeSelector": entries, "containers": [{"name": "x", "env": entries}]}}
    with pytest.raises(MergeError, match="/spec/containers/0/env/0: the list is merged by 'name'"):
        merge({}, overlay)


def test_a_merge_shares_with_its_overlay_what_it_takes_as_it_is() -> None:
    container = {"name": "x", "env": [{"name": "A", "value": "1"}], "lifecycle": None}
    volume = {"name": "v", "emptyDir": {}}
    overlay = {"spec": {"containers": [container], "volumes": [volume]}}
    copies = Copies()
    first = merge({}, overlay, POD, copies)
    second = merge({"spec": {"volumes": [{"name": "own"}]}}, overlay, POD, copies)
    for merged in (first, second):
        assert merged["spec"]["volumes"][0] is volume
        assert merged["spec"]["containers"][0]["env"] is container["env"]
        assert merged["spec"]["containers"] == [{"name": "x", "env": container["env"]}]
    assert second["spec"]["containers"][0] is first["spec"]["containers"][0]
