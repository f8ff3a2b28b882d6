"""The functions that upstream's templates have (istio-injection 2.7)."""

from __future__ import annotations

from typing import Any

import pytest

from injector.profiles.istio.templatefns import FUNCTIONS

META = {"annotations": {"a": "1", "empty": "", "null": None}}
PORTS = [
    {"name": "app", "ports": [{"containerPort": 80}, {"containerPort": 53, "protocol": "UDP"}]},
    {"name": "istio-proxy", "ports": [{"containerPort": 15090, "protocol": "TCP"}]},
    {"name": "sctp", "ports": [{"containerPort": 7, "protocol": "SCTP"}]},
    {"name": "none"},
]


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("annotation", (META, "a", "d"), "1"),
        ("annotation", (META, "empty", "d"), ""),
        ("annotation", (META, "null", "d"), ""),
        ("annotation", (META, "x", "d"), "d"),
        ("annotation", (META, "x", None), "<nil>"),
        ("annotation", (META, "x", True), "true"),
        ("annotation", (META, "x", 15020), "15020"),
        ("annotation", ({}, "x", "d"), "d"),
        ("isset", ({"a": None}, "a"), True),
        ("isset", ({}, "a"), False),
        ("isset", (None, "a"), False),
        ("excludeInboundPort", (15020, "81"), "81,15020"),
        ("excludeInboundPort", (0, " 81"), " 81"),
        ("includeInboundPorts", (PORTS,), "80,15090"),
        ("applicationPorts", (PORTS,), "80"),
        ("kubevirtInterfaces", ("net1",), "net1"),
        ("excludeInterfaces", ("net1",), "net1"),
        ("valueOrDefault", ("", "d"), "d"),
        ("valueOrDefault", (None, "d"), "d"),
        ("valueOrDefault", (0, "d"), 0),
        ("valueOrDefault", (False, "d"), False),
        ("toJSON", ({"a": "b"},), '{"a":"b"}'),
        ("toJSON", (None,), "{}"),
        ("structToJSON", ([1, "ü"],), '[1,"ü"]'),
        ("structToJSON", (None,), "{}"),
        ("fromJSON", ('{"a": [1]}',), {"a": [1]}),
        ("directory", ("/etc/certs/ca.pem",), "/etc/certs/"),
        ("directory", ("ca.pem",), ""),
        ("contains", ("needle", "hay needle"), True),
        ("contains", ("hay needle", "needle"), False),
        ("toLower", ("ReplicaSet",), "replicaset"),
        ("appendMultusNetwork", ("a", "b"), "a, b"),
        ("omit", ({"a": 1, "b": 2, "c": 3}, "a", "c", "x"), {"b": 2}),
        ("strdict", ("a", 1, "b"), {"a": "1", "b": ""}),
        ("strdict", (), {}),
        ("mergeMaps", ({"a": 1, "b": 1}, {"b": 2}), {"a": 1, "b": 2}),
        ("toJsonMap", ({"b": 1, "a": 1}, {"b": 2}), '{"a":1,"b":2}'),
        ("omitNil", ({"a": None, "b": 1},), {"b": 1}),
        ("formatDuration", ("45s",), "45s"),
        ("formatDuration", ("90s",), "1m30s"),
        ("formatDuration", ("3600s",), "1h0m0s"),
        ("formatDuration", ("0.250s",), "250ms"),
        ("formatDuration", ("1.5s",), "1.5s"),
        ("formatDuration", ("0s",), "0s"),
    ],
)
def test_a_function_gives_what_upstreams_gives(name: str, arguments: tuple[Any, ...], expected: Any) -> None:
    assert FUNCTIONS[name](*arguments) == expected


def test_a_proxy_config_is_printed_without_its_defaults() -> None:
    assert FUNCTIONS["protoToJSON"]({"statusPort": 15020, "concurrency": 2}) == '{"concurrency":2}'


def test_the_injectors_own_environment_is_out_of_reach() -> None:
    assert "env" not in FUNCTIONS
