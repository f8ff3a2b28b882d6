"""What a caller that reaches the webhook can learn by posting its own reviews, and what not."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from injector.config.loading import load
from injector.core.model import Namespace
from tests.server.test_app import a_state, an_app, ask, post
from tests.server.webhook_factories import a_body, a_pod

CONFIG = load(None)
ROOT = "istio-system"


def a_proxy_config(namespace: str, mark: str, **labels: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"environmentVariables": {"MARK": mark}}
    if labels:
        spec["selector"] = {"matchLabels": labels}
    meta = {"name": "config", "namespace": namespace}
    return {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "ProxyConfig",
        "metadata": meta,
        "spec": spec,
    }


OBJECTS = (
    a_proxy_config("shop", "zq-of-shop"),
    a_proxy_config("till", "zq-of-till"),
    a_proxy_config("till", "zq-of-a-workload", app="safe"),
)


def namespace_of(name: str) -> Namespace | None:
    """Two namespaces that say something about themselves."""
    if name not in ("shop", "till"):
        return None
    marks = {"team": f"zq-label-{name}", "istio-injection": "enabled"}
    return Namespace(name, marks, {"note": f"zq-annotation-{name}"})


def answered(namespace: str, path: str = "/inject", **request: Any) -> str:
    """All that comes back for a pod that says it is of a namespace, patch and all."""
    state = a_state(
        current=lambda: CONFIG,
        objects=lambda: OBJECTS,
        namespace_of=namespace_of,
        native_sidecars=lambda _node: True,
    )
    reply = post(an_app(state), a_body(a_pod(), namespace=namespace, **request), path)
    response = reply.json["response"]
    assert response["allowed"] is True, response
    patch = base64.b64decode(response.pop("patch")).decode()
    return f"{reply.headers}{json.dumps(reply.json)}{patch}"


def test_an_answer_holds_nothing_of_another_namespace() -> None:
    texts = answered("shop")
    # What goes into every pod of the namespace that the caller names is in the answer: see the threat model.
    assert "zq-of-shop" in texts
    assert "zq-of-till" not in texts
    assert "zq-of-a-workload" not in texts


@pytest.mark.parametrize("namespace", ["shop", "till", "nowhere"])
def test_labels_and_annotations_of_a_namespace_are_in_no_answer(namespace: str) -> None:
    texts = answered(namespace)
    assert "zq-label" not in texts
    assert "zq-annotation" not in texts


def test_an_answer_does_not_reveal_whether_a_namespace_exists() -> None:
    # "till" has a ProxyConfig; a namespace without one is as good as none.
    there = a_state(current=lambda: CONFIG, namespace_of=lambda name: Namespace(name, {"team": "x"}))
    not_there = a_state(current=lambda: CONFIG, namespace_of=lambda _name: None)
    body = a_body(a_pod(), namespace="somewhere")
    assert post(an_app(there), body).body == post(an_app(not_there), body).body


@pytest.mark.parametrize(("waiting", "status"), [({"certificate": "zq-of-the-cluster"}, 503), ({}, 200)])
def test_readiness_beside_the_webhook_is_one_word(waiting: dict[str, str], status: int) -> None:
    state = a_state(waiting=lambda: waiting, notes=lambda: {"config": "zq-of-the-file"})
    reply = ask(an_app(state), "GET", "/readyz")
    assert reply is not None
    assert (reply.status, reply.json) == (status, {"ready": status == 200})


def test_a_namespace_in_the_path_or_the_pod_does_not_count() -> None:
    texts = answered("shop", "/inject/namespace/till")
    assert "zq-of-till" not in texts
    state = a_state(current=lambda: CONFIG, objects=lambda: OBJECTS)
    reply = post(an_app(state), a_body(a_pod(namespace="till"), namespace="shop"))
    assert reply.json["response"]["allowed"] is False
    assert "zq-of" not in reply.body.decode()
