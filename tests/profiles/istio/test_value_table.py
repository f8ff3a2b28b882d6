"""Each value of the profile has a type, and its default is one of that type."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from injector import yamltext
from injector.profiles.istio.value_table import TYPES

FILE = Path(__file__).parents[3] / "templates/istio/profile.yaml"
DEFAULTS = yamltext.load_text(FILE.read_text(), "profile.yaml")["values"]


def values(tree: dict[str, Any], path: str = "") -> Iterator[tuple[str, object]]:
    for key, inner in tree.items():
        here = f"{path}.{key}".lstrip(".")
        if isinstance(inner, dict) and here not in TYPES:
            yield from values(inner, here)
        else:
            yield here, inner


def test_every_value_of_the_profile_has_a_type() -> None:
    assert dict(values(DEFAULTS)).keys() == TYPES.keys()


@pytest.mark.parametrize(("path", "default"), list(values(DEFAULTS)))
def test_a_default_is_of_its_type(path: str, default: object) -> None:
    if default is None:
        return
    assert TYPES[path].read(default) == (default, ())
    assert Draft7Validator(dict(TYPES[path].schema())).is_valid(default)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("global.proxy.includeIPRanges", "10.0.0.0/8,foo"),
        ("global.proxy.includeIPRanges", "10.0.0.0/33"),
        ("global.proxy.excludeIPRanges", "*"),
        ("global.proxy.excludeInboundPorts", "x,abc"),
        ("global.proxy.excludeInboundPorts", [80, 81]),
        ("global.proxy.statusPort", "abc"),
        ("global.proxy.logLevel", "loud"),
        ("global.proxy.componentLogLevel", "misc"),
        ("global.logging.level", "default:warning"),
        ("global.proxy.clusterDomain", "cluster..local"),
        ("global.caAddress", "https://ca.example.com"),
        ("global.imagePullPolicy", "always"),
        ("global.tag", "1.30 "),
        ("global.hub", ""),
        ("global.proxy.seccompProfile", "RuntimeDefault"),
        ("gateways.securityContext", {"runAsUser": "0"}),
    ],
)
def test_a_value_of_another_form_is_refused(path: str, value: object) -> None:
    _, problems = TYPES[path].read(value)
    assert [problem.refused for problem in problems] == [True]
    assert not Draft7Validator(dict(TYPES[path].schema())).is_valid(value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("global.proxy.includeIPRanges", "10.0.0.0/8,fd00::/8"),
        ("global.proxy.excludeInboundPorts", "80, 443"),
        ("global.proxy.includeInboundPorts", "*"),
        ("global.proxy.componentLogLevel", "misc:error,upstream:debug"),
        ("global.logging.level", "info"),
        ("global.caAddress", "[fd00::1]:15012"),
        ("global.caAddress", "ca.example.com:15012"),
        ("global.proxy.image", "registry.example.com:5000/a/proxyv2@sha256:0123"),
        ("global.proxy.clusterDomain", "cluster.local."),
        ("global.proxy.seccompProfile", {"type": "RuntimeDefault"}),
    ],
)
def test_a_value_of_its_form_is_accepted(path: str, value: object) -> None:
    assert TYPES[path].read(value) == (value, ())
    assert Draft7Validator(dict(TYPES[path].schema())).is_valid(value)
