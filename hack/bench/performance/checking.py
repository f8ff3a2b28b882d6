"""Whether an answer is one that counts: its patch applies, adds the sidecar, and loses nothing of the pod."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

import jsonpatch

from hack.bench.performance.processes import BenchError

Object = Mapping[str, Any]

SIDECAR: Final = "istio-proxy"
# What redirection of probes changes of a container.
_PROBES: Final = {"livenessProbe", "readinessProbe", "startupProbe"}


def check(who: str, review: bytes, answer: bytes) -> None:
    """Raise unless the answer injects the sidecar into the pod of the review."""
    request = json.loads(review)["request"]
    response = json.loads(answer)["response"]
    if response["uid"] != request["uid"] or not response["allowed"] or not response.get("patch"):
        raise BenchError(f"{who} does not inject: {str(response)[:300]}")
    patch = json.loads(base64.b64decode(response["patch"]))
    pod, injected = request["object"], jsonpatch.apply_patch(request["object"], patch)
    added = _containers(injected)
    if wrong := _lost(pod, injected):
        raise BenchError(f"{who} loses {wrong}")
    if SIDECAR not in added or SIDECAR in _containers(pod) or not added[SIDECAR].get("image"):
        raise BenchError(f"{who} adds no {SIDECAR}, but {sorted(added)}")


def _lost(pod: Object, injected: Object) -> str | None:
    """What of the pod is not in the injected one, by its place."""
    before, after = _containers(pod), _containers(injected)
    for name, container in before.items():
        if _plain(container) != _plain(after.get(name, {})):
            return f"container {name}"
    for volume in pod["spec"].get("volumes", []):
        if volume not in injected["spec"]["volumes"]:
            return f"volume {volume['name']}"
    if not pod["metadata"]["labels"].items() <= injected["metadata"]["labels"].items():
        return "labels"
    names = ("serviceAccountName", "restartPolicy", "terminationGracePeriodSeconds", "tolerations")
    return next((name for name in names if pod["spec"][name] != injected["spec"][name]), None)


def _containers(pod: Object) -> dict[str, Object]:
    spec = pod["spec"]
    return {each["name"]: each for each in (*spec.get("initContainers", ()), *spec["containers"])}


def _plain(container: Object) -> Object:
    return {key: value for key, value in container.items() if key not in _PROBES}
