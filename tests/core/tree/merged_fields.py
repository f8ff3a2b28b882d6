"""Rows of the merge of fields: nulls, types, nested maps and atomic lists.

Each row: what it shows, the base, the overlay, and the result of Kubernetes (see test_merge.py).
"""

from __future__ import annotations

from typing import Any

FIELDS: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    (
        "null deletes a field",
        {"metadata": {"labels": {"a": "1", "b": "2"}}},
        {"metadata": {"labels": {"a": None}}},
        {"metadata": {"labels": {"b": "2"}}},
    ),
    (
        "null for a field that is not there says nothing",
        {"metadata": {"labels": {"b": "2"}}},
        {"metadata": {"labels": {"a": None}}},
        {"metadata": {"labels": {"b": "2"}}},
    ),
    (
        "null deletes a whole list",
        {"spec": {"containers": [{"name": "a", "env": [{"name": "A"}]}]}},
        {"spec": {"containers": [{"name": "a", "env": None}]}},
        {"spec": {"containers": [{"name": "a"}]}},
    ),
    (
        "nulls in a new subtree are dropped",
        {"spec": {"containers": [{"name": "a"}]}},
        {
            "spec": {
                "containers": [
                    {
                        "name": "a",
                        "securityContext": {
                            "runAsUser": None,
                            "capabilities": {"add": None, "drop": ["ALL"]},
                        },
                    }
                ]
            }
        },
        {"spec": {"containers": [{"name": "a", "securityContext": {"capabilities": {"drop": ["ALL"]}}}]}},
    ),
    (
        "nulls in a new element are dropped",
        {"spec": {"containers": [{"name": "a"}]}},
        {"spec": {"containers": [{"name": "b", "image": None, "env": [{"name": "A", "value": None}]}]}},
        {"spec": {"containers": [{"env": [{"name": "A"}], "name": "b"}, {"name": "a"}]}},
    ),
    (
        "a volume whose source is null deletes that source and no other",
        {"spec": {"volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "csi": {"driver": "d"}}]}},
        {
            "spec": {
                "volumes": [
                    {"name": "v", "emptyDir": None},
                    {"name": "w", "emptyDir": None},
                    {"name": "x", "emptyDir": None},
                ]
            }
        },
        {"spec": {"volumes": [{"name": "v"}, {"csi": {"driver": "d"}, "name": "w"}, {"name": "x"}]}},
    ),
    (
        "a null in the base is no value to merge into",
        {"spec": {"volumes": None, "securityContext": None}},
        {"spec": {"volumes": [{"name": "v"}], "securityContext": {"fsGroup": 1}}},
        {"spec": {"securityContext": {"fsGroup": 1}, "volumes": [{"name": "v"}]}},
    ),
    (
        "another type replaces",
        {"spec": {"securityContext": "text", "volumes": {"a": "b"}, "hostname": ["x"]}},
        {"spec": {"securityContext": {"fsGroup": 1}, "volumes": [{"name": "v"}], "hostname": "h"}},
        {"spec": {"hostname": "h", "securityContext": {"fsGroup": 1}, "volumes": [{"name": "v"}]}},
    ),
    (
        "nested maps are merged field by field",
        {
            "spec": {
                "containers": [
                    {
                        "name": "a",
                        "securityContext": {"runAsUser": 1, "capabilities": {"add": ["X"], "drop": ["Y"]}},
                    }
                ]
            }
        },
        {"spec": {"containers": [{"name": "a", "securityContext": {"capabilities": {"add": ["Z"]}}}]}},
        {
            "spec": {
                "containers": [
                    {
                        "name": "a",
                        "securityContext": {"capabilities": {"add": ["Z"], "drop": ["Y"]}, "runAsUser": 1},
                    }
                ]
            }
        },
    ),
    (
        "elements without a merge key are atomic",
        {"spec": {"containers": [{"name": "a", "args": ["1", "2"]}]}},
        {"spec": {"containers": [{"name": "a", "args": ["3"]}]}},
        {"spec": {"containers": [{"args": ["3"], "name": "a"}]}},
    ),
    (
        "an empty atomic list replaces",
        {"spec": {"containers": [{"name": "a", "args": ["1"]}]}},
        {"spec": {"containers": [{"name": "a", "args": []}]}},
        {"spec": {"containers": [{"args": [], "name": "a"}]}},
    ),
    (
        "tolerations are atomic",
        {"spec": {"tolerations": [{"key": "a"}, {"key": "b"}]}},
        {"spec": {"tolerations": [{"key": "c"}]}},
        {"spec": {"tolerations": [{"key": "c"}]}},
    ),
]
