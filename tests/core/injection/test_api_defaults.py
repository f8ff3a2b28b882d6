"""Webhook and command line treat a user's container as if the API server had filled in its defaults."""

from __future__ import annotations

from typing import Any

import pytest

from injector.core.injection.api_defaults import filled_in, pull_policy


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("auto", "Always"),
        ("shop", "Always"),
        ("shop:latest", "Always"),
        ("registry:5000/shop", "Always"),
        ("shop:1", "IfNotPresent"),
        ("registry:5000/shop:1", "IfNotPresent"),
        ("shop@sha256:abc", "IfNotPresent"),
        ("shop:latest@sha256:abc", "IfNotPresent"),
    ],
)
def test_the_pull_policy_follows_the_tag_as_in_the_api_server(image: str, policy: str) -> None:
    assert pull_policy(image) == policy


@pytest.mark.parametrize(
    ("theirs", "ours", "added"),
    [
        ({"image": "auto"}, {}, {"imagePullPolicy": "Always"}),
        ({"image": "auto", "imagePullPolicy": "Never"}, {}, {}),
        ({"image": "x:1"}, {}, {}),
        ({"image": "x:1"}, {"imagePullPolicy": "Always"}, {"imagePullPolicy": "IfNotPresent"}),
        ({"resources": {}}, {"imagePullPolicy": "Always"}, {}),
        ({"livenessProbe": {"exec": {}}}, {}, {}),
        (
            {"readinessProbe": {"httpGet": {"port": 1}, "periodSeconds": 0, "timeoutSeconds": 5}},
            {"readinessProbe": {"periodSeconds": 15}},
            {
                "readinessProbe": {
                    "httpGet": {"port": 1},
                    "timeoutSeconds": 5,
                    "periodSeconds": 10,
                    "successThreshold": 1,
                    "failureThreshold": 3,
                }
            },
        ),
    ],
)
def test_only_what_the_template_sets_too_is_filled_in(
    theirs: dict[str, Any], ours: dict[str, Any], added: dict[str, Any]
) -> None:
    assert filled_in(theirs, ours) == {**theirs, **added}
