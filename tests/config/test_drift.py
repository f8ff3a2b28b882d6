"""What differs between two configurations, and that no secret is shown."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from injector.config.drift import HIDDEN, Drift, drifts
from injector.config.loading import Input, Text, contents_of, load_input

KEY = "-----BEGIN PRIVATE KEY-----\nMHc=\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 1}}, []),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, [Drift("a.b", "1", "2")]),
        ({"a": "x"}, {}, [Drift("a", '"x"', "nothing")]),
        ({}, {"a": {"b": {"c": True}}}, [Drift("a.b.c", "nothing", "true")]),
        ({"a": {}}, {}, [Drift("a", "{}", "nothing")]),
        ({"a": [1, 2]}, {"a": [2, 1]}, [Drift("a", "[1, 2]", "[2, 1]")]),
        ({"a": 1}, {"a": True}, [Drift("a", "1", "true")]),
        ({"a.b/c": "x"}, {"a.b/c": None}, [Drift('"a.b/c"', '"x"', "null")]),
        ({"t": "a\nb\nc\n"}, {"t": "a\nx\nc\n"}, [Drift("t", 'line 2 "b"', 'line 2 "x"')]),
        ({"t": "a\n"}, {"t": "a\nmore"}, [Drift("t", 'line 2 ""', 'line 2 "more"')]),
        ({"b": 1, "a": 1}, {"b": 2, "a": 2}, [Drift("a", "1", "2"), Drift("b", "1", "2")]),
    ],
)
def test_each_key_that_differs_is_named_with_both_values(
    before: dict[str, Any], after: dict[str, Any], expected: list[Drift]
) -> None:
    assert list(drifts(before, after)) == expected


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("password", "s3cr3t"),
        ("dbPasswd", "s3cr3t"),
        ("apiKey", "s3cr3t"),
        ("clientSecret", "s3cr3t"),
        ("key", "s3cr3t"),
        ("bearerToken", {"value": "s3cr3t"}),
        ("url", "https://user:s3cr3t@example.com/"),
        ("header", "Bearer s3cr3ts3cr3t"),
        ("jwt", "eyJhbGciOiJub25lIn0.s3cr3t"),
        ("env", [{"name": "X", "value": "postgres://u:s3cr3t@db"}]),
        ("pem", KEY + "s3cr3t"),
        ("long", "x" * 500 + "https://u:s3cr3t@h"),
        ("template", "a\nurl: https://u:s3cr3t@h\n"),
    ],
)
def test_a_secret_is_not_shown(key: str, value: Any) -> None:
    for before, after in (({}, {key: value}), ({key: value}, {key: "other"}), ({key: "other"}, {key: value})):
        (drift,) = drifts({"values": before}, {"values": after})
        assert drift.path.startswith(f"values.{key}")
        assert "s3cr3t" not in repr(drift)
        assert "MHc" not in repr(drift)


def test_that_a_secret_is_there_is_shown() -> None:
    assert drifts({}, {"token": "x"}) == (Drift("token", "nothing", HIDDEN),)
    assert drifts({"token": ""}, {"token": "x"}) == (Drift("token", '""', HIDDEN),)


def test_long_values_are_cut() -> None:
    (drift,) = drifts({"a": "x" * 1000}, {"a": 1})
    assert len(drift.before) == 60


BASE = {"values": {"global": {"tag": "1"}}, "templates": {"own": "spec: {}"}, "aliases": {"a": ["own"]}}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"values": {"global": {"tag": "2"}}}, "values.global.tag"),
        ({"templates": {"own": "spec: {hostNetwork: true}"}}, "templates.own"),
        ({"meshConfig": {"trustDomain": "x"}}, "meshConfig.trustDomain"),
        ({"policy": "disabled"}, "policy"),
        ({"revision": "canary"}, "revision"),
        ({"aliases": {"a": ["sidecar"]}}, "aliases.a"),
        ({"nativeSidecars": "disabled"}, "nativeSidecars"),
        ({"compatibility": {"istioQuirks": True}}, "compatibility.istioQuirks"),
        ({"injectedAnnotations": {"a.b/c": "1"}}, 'injectedAnnotations."a.b/c"'),
        # What changes no answer is no drift.
        ({"workLimit": 30_000_000}, None),
        ({"server": {"failureMode": "allow"}}, None),
        ({"values": {"global": {"tag": "1", "istioNamespace": "istio-system"}}}, None),
    ],
)
def test_the_digest_differs_where_a_key_differs_and_only_there(
    change: dict[str, Any], path: str | None
) -> None:
    one, other = (Input(Text(yaml.safe_dump(tree), "c.yaml")) for tree in (BASE, BASE | change))
    paths = [drift.path for drift in drifts(contents_of(one), contents_of(other))]
    assert (load_input(one).digest != load_input(other).digest) == bool(paths)
    if path is None:
        assert paths == []
    else:
        assert path in paths
