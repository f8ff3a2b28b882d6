"""Pods and reviews for tests of several folders.

Not here: what the tests of the webhook need (tests/server/webhook_factories.py) or those with an API server
(tests/apiserver/webhook_serving.py).
"""

from __future__ import annotations

from typing import Any

from injector.core.model import Manifest


def a_pod(*containers: Manifest, spec: Manifest | None = None, **metadata: Any) -> Manifest:
    """A pod `web` with a container `web` and these; `spec` and `metadata` are further fields."""
    web = {"name": "web", "image": "web:1"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", **metadata},
        "spec": {"containers": [web, *containers], **(spec or {})},
    }


def a_review(pod: Any, *, version: str = "v1", **request: Any) -> Manifest:
    """An AdmissionReview for the creation of a pod; `request` are further fields of its request."""
    return {
        "apiVersion": f"admission.k8s.io/{version}",
        "kind": "AdmissionReview",
        "request": {
            "uid": "5f7c1b52-3d3a-4a9b-9c0e-2f6f5d1f7a10",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": "shop",
            "operation": "CREATE",
            "object": pod,
            "oldObject": None,
            "dryRun": False,
            **request,
        },
    }
