"""Manifests to start from, one for each frequent answer.

They use the switch of the profile, so that they fit every profile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from injector import yamltext
from injector.classes import dataclass


@dataclass(frozen=True, slots=True)
class Example:
    """Manifests and the sentence that offers them."""

    title: str
    text: str


def make_examples(switch: str) -> Mapping[str, Example]:
    """The examples by name, for a profile whose switch is this label and annotation."""
    return {
        "nothing-said": Example("No label or annotation", _deployment()),
        "asks": Example("Enabled by label", _deployment(labels={switch: "true"})),
        "declines": Example("Disabled by label", _deployment(labels={switch: "false"})),
        "wrong-place": Example("Label on the wrong object", _deployment(on_workload={switch: "true"})),
        "wrong-word": Example("Unknown value", _deployment(labels={switch: "yes please"})),
        "node-network": Example("Host network", _pod({"hostNetwork": True})),
        "windows": Example("Other operating system", _pod({"os": {"name": "windows"}})),
    }


def _deployment(labels: Mapping[str, str] | None = None, on_workload: Mapping[str, str] | None = None) -> str:
    meta: dict[str, Any] = {"name": "web", "namespace": "shop"}
    if on_workload:
        meta["labels"] = dict(on_workload)
    container = {
        "name": "web",
        "image": "registry.example.com/web:1.4",
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}},
    }
    template = {"metadata": {"labels": {"app": "web", **(labels or {})}}, "spec": {"containers": [container]}}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    return yamltext.dump({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec})


def _pod(more: Mapping[str, Any]) -> str:
    containers = [{"name": "agent", "image": "registry.example.com/agent:2.0"}]
    meta = {"name": "agent", "namespace": "shop"}
    spec = {**more, "containers": containers}
    return yamltext.dump({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
