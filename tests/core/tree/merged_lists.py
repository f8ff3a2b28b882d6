"""Rows of the merge of lists: keyed lists and sets.

Each row: what it shows, the base, the overlay, and the result of Kubernetes (see test_merge.py).
"""

from __future__ import annotations

from typing import Any

LISTS: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
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
