"""Pods of the istio profile as a kubelet reports them, for the tests of causes."""

from __future__ import annotations

import json
from typing import Any

from injector.config.loading import load
from injector.core.model import Manifest

PROFILE = load(None).profile
_INIT = ("istio-init", "istio-validation")


def a_pod(broken: str, code: int = 1) -> Manifest:
    """An injected pod in which one container is not ready, or an init container ended with `code`."""
    injected = {"initContainers": list(_INIT), "containers": ["istio-proxy"]}
    return {
        "metadata": {"name": "web", "uid": "u", "annotations": {PROFILE.keys.status: json.dumps(injected)}},
        "spec": {
            "nodeName": "n",
            "initContainers": [{"name": name} for name in _INIT],
            "containers": [{"name": "web"}, {"name": "istio-proxy"}],
        },
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "False"}],
            "initContainerStatuses": [_ended(name, code if name == broken else 0) for name in _INIT],
            "containerStatuses": [_running(name, name != broken) for name in ("web", "istio-proxy")],
        },
    }


def _ended(name: str, code: int) -> dict[str, Any]:
    return {"name": name, "ready": code == 0, "state": {"terminated": {"exitCode": code, "reason": "Error"}}}


def _running(name: str, ready: bool) -> dict[str, Any]:
    return {"name": name, "ready": ready, "started": True, "state": {"running": {}}}
