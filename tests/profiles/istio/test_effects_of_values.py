"""Every right value of each key changes an injected pod or the registration, or the table says why not."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from injector.config.loading import Input, Text, load_input
from injector.config.snapshot import merged
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Manifest, Origin
from injector.core.profile import Config
from injector.core.registration.configuration import own_entries
from injector.profiles.istio.value_table import NO_EFFECT, READ, TYPES
from tests.profiles.istio.shipped_values import DEFAULTS, nested, right

# What a value needs to have an effect.
CONTEXTS: dict[str, dict[str, Any]] = {
    "global.proxy.tracer": {
        "values": {"global": {"tracer": {"lightstep": {"address": "traces:443", "accessToken": "word"}}}}
    },
    "pilot.cni.provider": {"values": {"pilot": {"cni": {"enabled": True}}}},
}
TEMPLATES = ("sidecar", "gateway")


def pod(template: str) -> Manifest:
    probe = {"httpGet": {"path": "/", "port": 8080}}
    container = {"name": "app", "image": "app:1", "ports": [{"containerPort": 8080}], "readinessProbe": probe}
    return {
        "metadata": {"name": "web", "annotations": {"inject.istio.io/templates": template}},
        "spec": {"containers": [container]},
    }


def results(context: dict[str, Any], values: dict[str, Any]) -> Iterator[object]:
    """The pods under two forms of the sidecar, without what describes the injection; and the registration."""
    for native in ("enabled", "disabled"):
        tree = {**context, "values": merged(context.get("values", {}), values), "nativeSidecars": native}
        config = load_input(Input(Text(json.dumps(tree), "injector.yaml")))
        for template in TEMPLATES:
            yield injected(config, template)
        yield own_entries(config, "mesh")


def injected(config: Config, template: str) -> Manifest:
    outcome = inject(pod(template), Facts("shop", Origin.WEBHOOK), config)
    assert outcome.error is None
    meta = outcome.pod["metadata"]
    described = config.profile.bookkeeping_annotations
    kept_annotations = {k: v for k, v in meta["annotations"].items() if k not in described}
    return {**outcome.pod, "metadata": {**meta, "annotations": kept_annotations}}


@functools.cache
def by_default(path: str) -> list[object]:
    return list(results(CONTEXTS.get(path, {}), {}))


@pytest.mark.parametrize("path", TYPES)
@given(st.data())
@settings(max_examples=4)
def test_a_right_value_changes_a_result_or_the_table_says_why_not(path: str, data: st.DataObject) -> None:
    value = data.draw(right(path))
    meant, problems = TYPES[path].read(value)
    assert problems == ()
    why = NO_EFFECT.get(path)
    exempt = why is not None and not (why.but and why.but(meant))
    if meant == DEFAULTS[path]:
        return
    after = results(CONTEXTS.get(path, {}), nested(path, value))
    changed = any(one != other for one, other in zip(by_default(path), after, strict=False))
    assert changed is not exempt


def test_what_has_no_effect_is_a_key_with_a_reason() -> None:
    assert NO_EFFECT.keys() <= TYPES.keys()
    assert all(each.reason for each in NO_EFFECT.values())
    assert {path for path, reason in READ.items() if reason} == {
        "gateways.seccompProfile",
        "global.proxy.autoInject",
        "global.trustDomain",
    }
