"""Rows of the directives of a strategic merge patch: $patch, $setElementOrder, $retainKeys and others.

Each row: what it shows, the base, the overlay, and the result of Kubernetes (see test_merge.py); those that
Kubernetes refuses have none.
"""

from __future__ import annotations

from typing import Any

DIRECTIVES: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    (
        "$patch replace leaves only the patch's own fields",
        {"metadata": {"labels": {"a": "1"}}},
        {"metadata": {"labels": {"$patch": "replace", "b": "2", "c": None}}},
        {"metadata": {"labels": {"b": "2"}}},
    ),
    (
        "$patch delete empties a map",
        {"metadata": {"labels": {"a": "1"}}},
        {"metadata": {"labels": {"$patch": "delete", "b": "2"}}},
        {"metadata": {"labels": {}}},
    ),
    (
        "$patch replace of a map that is not there leaves nothing",
        {"metadata": {}},
        {"metadata": {"labels": {"$patch": "replace", "b": "2"}}},
        {"metadata": {}},
    ),
    (
        "$patch delete of a map that is not there leaves nothing",
        {"metadata": {}},
        {"metadata": {"labels": {"$patch": "delete", "b": "2"}}},
        {"metadata": {}},
    ),
    (
        "$patch delete removes an element",
        {"spec": {"containers": [{"name": "a"}, {"name": "b"}]}},
        {"spec": {"containers": [{"$patch": "delete", "name": "a"}]}},
        {"spec": {"containers": [{"name": "b"}]}},
    ),
    (
        "$patch delete of an element that is not there says nothing",
        {"spec": {"containers": [{"name": "b"}]}},
        {"spec": {"containers": [{"$patch": "delete", "name": "a"}]}},
        {"spec": {"containers": [{"name": "b"}]}},
    ),
    (
        "$patch delete in a list that is not there leaves it empty",
        {"spec": {"containers": [{"name": "a"}]}},
        {"spec": {"initContainers": [{"$patch": "delete", "name": "a"}]}},
        {"spec": {"containers": [{"name": "a"}], "initContainers": []}},
    ),
    (
        "$patch delete removes every element of that key",
        {
            "spec": {
                "containers": [
                    {
                        "name": "a",
                        "ports": [
                            {"containerPort": 53, "protocol": "TCP"},
                            {"containerPort": 53, "protocol": "UDP"},
                        ],
                    }
                ]
            }
        },
        {"spec": {"containers": [{"name": "a", "ports": [{"$patch": "delete", "containerPort": 53}]}]}},
        {"spec": {"containers": [{"name": "a", "ports": []}]}},
    ),
    (
        "an element that is deleted and given again is new",
        {"spec": {"containers": [{"name": "a"}, {"name": "b", "image": "i"}]}},
        {"spec": {"containers": [{"$patch": "delete", "name": "b"}, {"name": "b", "tty": True}]}},
        {"spec": {"containers": [{"name": "b", "tty": True}, {"name": "a"}]}},
    ),
    (
        "$patch replace in a list leaves only the patch's elements",
        {"spec": {"containers": [{"name": "a"}, {"name": "b"}]}},
        {"spec": {"containers": [{"name": "x"}, {"$patch": "replace"}]}},
        {"spec": {"containers": [{"name": "x"}]}},
    ),
    (
        "$patch replace on an element is about the whole list, and that element goes",
        {"spec": {"containers": [{"name": "a", "image": "i"}, {"name": "b"}]}},
        {"spec": {"containers": [{"$patch": "replace", "name": "a", "image": "j"}, {"name": "x"}]}},
        {"spec": {"containers": [{"name": "x"}]}},
    ),
    (
        "$patch replace in a list that is not there goes",
        {"spec": {"containers": []}},
        {"spec": {"volumes": [{"$patch": "replace"}, {"name": "v"}]}},
        {"spec": {"containers": [], "volumes": [{"name": "v"}]}},
    ),
    (
        "$setElementOrder alone sorts the base",
        {"spec": {"containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}},
        {"spec": {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}]}},
        {"spec": {"containers": [{"name": "b"}, {"name": "c"}, {"name": "a"}]}},
    ),
    (
        "$setElementOrder places what the patch adds",
        {"spec": {"containers": [{"name": "a"}, {"name": "b"}]}},
        {
            "spec": {
                "containers": [{"name": "x"}],
                "$setElementOrder/containers": [{"name": "a"}, {"name": "x"}, {"name": "b"}],
            }
        },
        {"spec": {"containers": [{"name": "a"}, {"name": "x"}, {"name": "b"}]}},
    ),
    (
        "$setElementOrder leaves what it does not name in the base's order",
        {"spec": {"containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}, {"name": "d"}]}},
        {
            "spec": {
                "containers": [{"name": "x"}],
                "$setElementOrder/containers": [{"name": "d"}, {"name": "x"}, {"name": "b"}],
            }
        },
        {"spec": {"containers": [{"name": "a"}, {"name": "c"}, {"name": "d"}, {"name": "x"}, {"name": "b"}]}},
    ),
    (
        "$setElementOrder with a deletion",
        {"spec": {"containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}},
        {
            "spec": {
                "containers": [{"$patch": "delete", "name": "a"}, {"name": "x"}],
                "$setElementOrder/containers": [{"name": "c"}, {"name": "x"}, {"name": "b"}],
            }
        },
        {"spec": {"containers": [{"name": "c"}, {"name": "x"}, {"name": "b"}]}},
    ),
    (
        "$setElementOrder of a list that is new",
        {"spec": {}},
        {
            "spec": {
                "containers": [{"name": "a"}, {"name": "b"}],
                "$setElementOrder/containers": [{"name": "a"}, {"name": "b"}],
            }
        },
        {"spec": {"containers": [{"name": "a"}, {"name": "b"}]}},
    ),
    (
        "$setElementOrder of a list that nobody has says nothing",
        {"spec": {}},
        {"spec": {"$setElementOrder/containers": [{"name": "a"}]}},
        {"spec": {}},
    ),
    (
        "$setElementOrder of a set",
        {"metadata": {"finalizers": ["a", "b", "c"]}},
        {"metadata": {"finalizers": ["x"], "$setElementOrder/finalizers": ["c", "x", "a"]}},
        {"metadata": {"finalizers": ["b", "c", "x", "a"]}},
    ),
    (
        "$setElementOrder inside an element",
        {"spec": {"containers": [{"name": "a", "env": [{"name": "A"}, {"name": "B"}]}]}},
        {"spec": {"containers": [{"name": "a", "$setElementOrder/env": [{"name": "B"}, {"name": "A"}]}]}},
        {"spec": {"containers": [{"env": [{"name": "B"}, {"name": "A"}], "name": "a"}]}},
    ),
    (
        "$retainKeys removes what it does not name",
        {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}},
        {
            "spec": {
                "volumes": [{"name": "v", "$retainKeys": ["name", "secret"], "secret": {"secretName": "s"}}]
            }
        },
        {"spec": {"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}},
    ),
    (
        "$retainKeys with nothing to set",
        {"metadata": {"labels": {"a": "1", "b": "2"}}},
        {"metadata": {"labels": {"$retainKeys": ["b"]}}},
        {"metadata": {"labels": {"b": "2"}}},
    ),
    (
        "$retainKeys comes before the order of a list",
        {"spec": {"containers": [{"name": "a", "env": [{"name": "A"}], "image": "i"}]}},
        {
            "spec": {
                "containers": [
                    {"name": "a", "$retainKeys": ["name"], "$setElementOrder/env": [{"name": "A"}]}
                ]
            }
        },
        {"spec": {"containers": [{"name": "a"}]}},
    ),
    (
        "$deleteFromPrimitiveList removes from a set",
        {"metadata": {"finalizers": ["a", "b"]}},
        {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a", "x"]}},
        {"metadata": {"finalizers": ["b"]}},
    ),
    (
        "$deleteFromPrimitiveList beside additions",
        {"metadata": {"finalizers": ["a", "b", "c"]}},
        {"metadata": {"finalizers": ["c", "x"], "$deleteFromPrimitiveList/finalizers": ["a"]}},
        {"metadata": {"finalizers": ["b", "c", "x"]}},
    ),
    (
        "$deleteFromPrimitiveList of a list that is not there says nothing",
        {"metadata": {}},
        {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}},
        {"metadata": {}},
    ),
    (
        "$deleteFromPrimitiveList of an atomic list",
        {"spec": {"containers": [{"name": "a", "args": ["1", "2", "1"]}]}},
        {"spec": {"containers": [{"name": "a", "$deleteFromPrimitiveList/args": ["1"]}]}},
        {"spec": {"containers": [{"args": ["2"], "name": "a"}]}},
    ),
    (
        "directives in an atomic list that is replaced say nothing",
        {"spec": {"tolerations": [{"key": "a"}]}},
        {"spec": {"tolerations": [{"$patch": "delete", "key": "b"}]}},
        {"spec": {"tolerations": [{"key": "b"}]}},
    ),
    (
        "a deletion inside an element that is new is none",
        {"spec": {"containers": [{"name": "a"}]}},
        {"spec": {"containers": [{"name": "b", "env": [{"$patch": "delete", "name": "A"}]}]}},
        {"spec": {"containers": [{"env": [{"name": "A"}], "name": "b"}, {"name": "a"}]}},
    ),
    (
        "$retainKeys need not name what is deleted",
        {"metadata": {"labels": {"a": "1", "b": "2"}}},
        {"metadata": {"labels": {"$retainKeys": ["b"], "a": None}}},
        {"metadata": {"labels": {"b": "2"}}},
    ),
    (
        "an empty $setElementOrder leaves what the patch adds at the end",
        {"spec": {"containers": [{"name": "a"}, {"name": "b"}]}},
        {"spec": {"containers": [{"name": "x"}], "$setElementOrder/containers": []}},
        {"spec": {"containers": [{"name": "a"}, {"name": "b"}, {"name": "x"}]}},
    ),
    (
        "$patch inside a map that is new takes its own map only",
        {},
        {"metadata": {"labels": {"$patch": "replace", "a": "1"}, "annotations": {"b": "2"}}},
        {"metadata": {"annotations": {"b": "2"}}},
    ),
]

REFUSED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "no merge key in a list of both",
        {"spec": {"containers": [{"name": "a"}]}},
        {"spec": {"containers": [{"image": "i"}]}},
    ),
    ("no map in a list of both", {"spec": {"containers": [{"name": "a"}]}}, {"spec": {"containers": ["a"]}}),
    (
        "unknown directive value",
        {"metadata": {"labels": {"a": "1"}}},
        {"metadata": {"labels": {"$patch": "drop"}}},
    ),
    (
        "unknown directive value on an element",
        {"spec": {"containers": [{"name": "a"}]}},
        {"spec": {"containers": [{"name": "a", "$patch": "drop"}]}},
    ),
    (
        "deletion without a key",
        {"spec": {"containers": [{"name": "a"}]}},
        {"spec": {"containers": [{"$patch": "delete"}]}},
    ),
    (
        "order against the list",
        {"spec": {"containers": [{"name": "a"}]}},
        {
            "spec": {
                "containers": [{"name": "x"}, {"name": "y"}],
                "$setElementOrder/containers": [{"name": "y"}, {"name": "x"}],
            }
        },
    ),
    (
        "order that lacks an element",
        {"spec": {"containers": [{"name": "a"}]}},
        {"spec": {"containers": [{"name": "x"}], "$setElementOrder/containers": [{"name": "a"}]}},
    ),
    (
        "order that is no list",
        {"spec": {"containers": [{"name": "a"}]}},
        {"spec": {"$setElementOrder/containers": "a"}},
    ),
    (
        "order without the key",
        {"spec": {"containers": [{"name": "a"}]}},
        {"spec": {"$setElementOrder/containers": ["a"]}},
    ),
    (
        "order of a set with maps",
        {"metadata": {"finalizers": ["a"]}},
        {"metadata": {"finalizers": ["b"], "$setElementOrder/finalizers": [{"name": "b"}]}},
    ),
    (
        "retained keys that are no list",
        {"metadata": {"labels": {"a": "1"}}},
        {"metadata": {"labels": {"$retainKeys": "a"}}},
    ),
    (
        "retained keys that lack a field of the patch",
        {"metadata": {"labels": {"a": "1"}}},
        {"metadata": {"labels": {"$retainKeys": ["a"], "b": "1"}}},
    ),
    (
        "unknown directive value on an element that is new",
        {"spec": {"containers": [{"name": "a"}]}},
        {"spec": {"containers": [{"name": "b", "$patch": "drop"}]}},
    ),
]
