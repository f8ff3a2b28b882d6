"""Kubernetes' strategic merge of pod templates.

The results of the tables are those of Kubernetes' own implementation (apimachinery's
strategicpatch for type Pod, 0.35), run once on these inputs and recorded without the
nulls and directives that it leaves in and the API server drops.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector.core.tree.merge import ATOMIC, POD, MergeError, keyed, map_items, merge, same
from tests.core.strategies import overlays, pods

CASES: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    (
        "an element that is new goes in front of what only the base has",
        {"spec": {"containers": [{"name": "a"}, {"name": "b"}]}},
        {"spec": {"containers": [{"name": "x"}]}},
        {"spec": {"containers": [{"name": "x"}, {"name": "a"}, {"name": "b"}]}},
    ),
    (
        "an element of both pulls those before it in the base along",
        {"spec": {"containers": [{"name": "a"}, {"name": "b"}, {"name": "z"}]}},
        {"spec": {"containers": [{"name": "b"}, {"name": "x"}]}},
        {"spec": {"containers": [{"name": "a"}, {"name": "b"}, {"name": "x"}, {"name": "z"}]}},
    ),
    (
        "the patch's order wins over the base's",
        {"spec": {"containers": [{"name": "a"}, {"name": "b"}]}},
        {"spec": {"containers": [{"name": "b"}, {"name": "a"}]}},
        {"spec": {"containers": [{"name": "b"}, {"name": "a"}]}},
    ),
    (
        "an element with a known key is merged",
        {"spec": {"containers": [{"name": "a", "image": "i", "tty": True}]}},
        {"spec": {"containers": [{"name": "a", "image": "j"}]}},
        {"spec": {"containers": [{"image": "j", "name": "a", "tty": True}]}},
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
        "an empty keyed list changes nothing",
        {"spec": {"containers": [{"name": "a", "env": [{"name": "A"}]}]}},
        {"spec": {"containers": [{"name": "a", "env": []}]}},
        {"spec": {"containers": [{"env": [{"name": "A"}], "name": "a"}]}},
    ),
    (
        "env fields of one name are merged",
        {
            "spec": {
                "containers": [
                    {"name": "a", "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]}
                ]
            }
        },
        {"spec": {"containers": [{"name": "a", "env": [{"name": "A", "value": "1"}]}]}},
        {
            "spec": {
                "containers": [
                    {
                        "env": [{"name": "A", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}],
                        "name": "a",
                    }
                ]
            }
        },
    ),
    (
        "ports are merged by number alone",
        {"spec": {"containers": [{"name": "a", "ports": [{"containerPort": 80, "name": "web"}]}]}},
        {"spec": {"containers": [{"name": "a", "ports": [{"containerPort": 80, "protocol": "UDP"}]}]}},
        {
            "spec": {
                "containers": [
                    {"name": "a", "ports": [{"containerPort": 80, "name": "web", "protocol": "UDP"}]}
                ]
            }
        },
    ),
    (
        "of two base elements with one key the first is merged, and the second moves up to it",
        {
            "spec": {
                "containers": [
                    {
                        "name": "a",
                        "ports": [
                            {"containerPort": 53, "protocol": "TCP"},
                            {"containerPort": 80},
                            {"containerPort": 53, "protocol": "UDP"},
                        ],
                    }
                ]
            }
        },
        {"spec": {"containers": [{"name": "a", "ports": [{"containerPort": 53, "name": "dns"}]}]}},
        {
            "spec": {
                "containers": [
                    {
                        "name": "a",
                        "ports": [
                            {"containerPort": 53, "name": "dns", "protocol": "TCP"},
                            {"containerPort": 53, "protocol": "UDP"},
                            {"containerPort": 80},
                        ],
                    }
                ]
            }
        },
    ),
    (
        "even an empty patch list moves base elements of one key together",
        {
            "spec": {
                "containers": [
                    {
                        "name": "a",
                        "ports": [
                            {"containerPort": 53, "protocol": "TCP"},
                            {"containerPort": 80},
                            {"containerPort": 53, "protocol": "UDP"},
                        ],
                    }
                ]
            }
        },
        {"spec": {"containers": [{"name": "a", "ports": []}]}},
        {
            "spec": {
                "containers": [
                    {
                        "name": "a",
                        "ports": [
                            {"containerPort": 53, "protocol": "TCP"},
                            {"containerPort": 53, "protocol": "UDP"},
                            {"containerPort": 80},
                        ],
                    }
                ]
            }
        },
    ),
    (
        "a list that is new keeps both of one key",
        {"spec": {"containers": [{"name": "a"}]}},
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
    ),
    (
        "two patch elements with one key become one where the list is merged",
        {"spec": {"containers": [{"name": "a", "env": [{"name": "Z"}]}]}},
        {
            "spec": {
                "containers": [
                    {"name": "a", "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}
                ]
            }
        },
        {"spec": {"containers": [{"env": [{"name": "A", "value": "2"}, {"name": "Z"}], "name": "a"}]}},
    ),
    (
        "mounts are merged by path",
        {
            "spec": {
                "containers": [
                    {
                        "name": "a",
                        "volumeMounts": [{"name": "v", "mountPath": "/x"}, {"name": "v", "mountPath": "/y"}],
                    }
                ]
            }
        },
        {"spec": {"containers": [{"name": "a", "volumeMounts": [{"name": "w", "mountPath": "/y"}]}]}},
        {
            "spec": {
                "containers": [
                    {
                        "name": "a",
                        "volumeMounts": [{"mountPath": "/x", "name": "v"}, {"mountPath": "/y", "name": "w"}],
                    }
                ]
            }
        },
    ),
    (
        "init and ephemeral containers are merged by name too",
        {
            "spec": {
                "initContainers": [{"name": "a", "env": [{"name": "A"}]}],
                "ephemeralContainers": [{"name": "a", "env": [{"name": "A"}]}],
            }
        },
        {
            "spec": {
                "initContainers": [{"name": "a", "env": [{"name": "B"}]}],
                "ephemeralContainers": [{"name": "a", "env": [{"name": "B"}]}],
            }
        },
        {
            "spec": {
                "ephemeralContainers": [{"env": [{"name": "B"}, {"name": "A"}], "name": "a"}],
                "initContainers": [{"env": [{"name": "B"}, {"name": "A"}], "name": "a"}],
            }
        },
    ),
    (
        "finalizers are a set in the order of a keyed list",
        {"metadata": {"finalizers": ["a", "b"]}},
        {"metadata": {"finalizers": ["x", "b"]}},
        {"metadata": {"finalizers": ["x", "a", "b"]}},
    ),
    (
        "tolerations are atomic",
        {"spec": {"tolerations": [{"key": "a"}, {"key": "b"}]}},
        {"spec": {"tolerations": [{"key": "c"}]}},
        {"spec": {"tolerations": [{"key": "c"}]}},
    ),
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
        "devices are merged by path",
        {
            "spec": {
                "containers": [
                    {
                        "name": "a",
                        "volumeDevices": [
                            {"name": "v", "devicePath": "/x"},
                            {"name": "v", "devicePath": "/y"},
                        ],
                    }
                ]
            }
        },
        {"spec": {"containers": [{"name": "a", "volumeDevices": [{"name": "w", "devicePath": "/y"}]}]}},
        {
            "spec": {
                "containers": [
                    {
                        "name": "a",
                        "volumeDevices": [
                            {"devicePath": "/x", "name": "v"},
                            {"devicePath": "/y", "name": "w"},
                        ],
                    }
                ]
            }
        },
    ),
    (
        "host aliases are merged by ip, and names in them are atomic",
        {"spec": {"hostAliases": [{"ip": "1", "hostnames": ["a"]}, {"ip": "2"}]}},
        {"spec": {"hostAliases": [{"ip": "1", "hostnames": ["b"]}]}},
        {"spec": {"hostAliases": [{"hostnames": ["b"], "ip": "1"}, {"ip": "2"}]}},
    ),
    (
        "spread constraints are merged by topology key",
        {
            "spec": {
                "topologySpreadConstraints": [{"topologyKey": "zone", "maxSkew": 1}, {"topologyKey": "rack"}]
            }
        },
        {
            "spec": {
                "topologySpreadConstraints": [
                    {"topologyKey": "zone", "minDomains": 2},
                    {"topologyKey": "node"},
                ]
            }
        },
        {
            "spec": {
                "topologySpreadConstraints": [
                    {"maxSkew": 1, "minDomains": 2, "topologyKey": "zone"},
                    {"topologyKey": "node"},
                    {"topologyKey": "rack"},
                ]
            }
        },
    ),
    (
        "owners are merged by uid",
        {"metadata": {"ownerReferences": [{"uid": "1", "name": "a"}, {"uid": "3"}]}},
        {"metadata": {"ownerReferences": [{"uid": "1", "controller": True}, {"uid": "2"}]}},
        {
            "metadata": {
                "ownerReferences": [{"controller": True, "name": "a", "uid": "1"}, {"uid": "2"}, {"uid": "3"}]
            }
        },
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
        "pull secrets, gates and claims are merged by name",
        {
            "spec": {
                "imagePullSecrets": [{"name": "a"}, {"name": "z"}],
                "schedulingGates": [{"name": "a"}],
                "resourceClaims": [{"name": "a", "resourceClaimName": "x"}, {"name": "z"}],
            }
        },
        {
            "spec": {
                "imagePullSecrets": [{"name": "b"}, {"name": "a"}],
                "schedulingGates": [{"name": "b"}],
                "resourceClaims": [{"name": "a", "resourceClaimName": "y"}],
            }
        },
        {
            "spec": {
                "imagePullSecrets": [{"name": "b"}, {"name": "a"}, {"name": "z"}],
                "resourceClaims": [{"name": "a", "resourceClaimName": "y"}, {"name": "z"}],
                "schedulingGates": [{"name": "b"}, {"name": "a"}],
            }
        },
    ),
    (
        "$patch inside a map that is new takes its own map only",
        {},
        {"metadata": {"labels": {"$patch": "replace", "a": "1"}, "annotations": {"b": "2"}}},
        {"metadata": {"annotations": {"b": "2"}}},
    ),
    (
        "of a key that the patch names twice the first place counts",
        {"spec": {"containers": [{"name": "a", "env": [{"name": "Z"}]}]}},
        {
            "spec": {
                "containers": [
                    {"name": "a", "env": [{"name": "A"}, {"name": "B"}, {"name": "A", "value": "1"}]}
                ]
            }
        },
        {
            "spec": {
                "containers": [
                    {"env": [{"name": "A", "value": "1"}, {"name": "B"}, {"name": "Z"}], "name": "a"}
                ]
            }
        },
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


@pytest.mark.parametrize(
    ("base", "overlay", "expected"), [pytest.param(*row, id=name) for name, *row in CASES]
)
def test_merging_gives_what_kubernetes_gives(
    base: dict[str, Any], overlay: dict[str, Any], expected: dict[str, Any]
) -> None:
    base_copy, overlay_copy = copy.deepcopy(base), copy.deepcopy(overlay)
    assert merge(base, overlay) == expected
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
