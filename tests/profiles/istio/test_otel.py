"""OTEL_RESOURCE_ATTRIBUTES: the table of the specification, and what upstream's kube-inject printed."""

from __future__ import annotations

from typing import Any

import pytest

from injector.profiles.istio.meshconfig import effective
from injector.profiles.istio.otel import attributes, image_version

PREFIX = "resource.opentelemetry.io/"
INSTANCE = "service.instance.id=default.$(POD_NAME).c0"


def mesh(enrichment: str) -> dict[str, Any]:
    provider = {"name": "o", "opentelemetry": {"service": "s", "serviceAttributeEnrichment": enrichment}}
    return effective({"extensionProviders": [provider]})


SEMANTIC = mesh("OTEL_SEMANTIC_CONVENTIONS")


def written(
    *images: str,
    namespace: str = "default",
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
) -> str:
    containers = [{"name": f"c{index}", "image": image} for index, image in enumerate(images)]
    return attributes(
        SEMANTIC, namespace, {"labels": labels, "annotations": annotations}, {"containers": containers}
    )


@pytest.mark.parametrize("configured", [effective({}), mesh("ISTIO_CANONICAL")])
def test_nothing_is_written_unless_a_provider_asks_for_it(configured: dict[str, Any]) -> None:
    assert attributes(configured, "default", {}, {"containers": [{"name": "a", "image": "b:1"}]}) == ""


def test_a_pod_without_containers_has_a_namespace_at_most() -> None:
    assert written() == "service.namespace=default"
    assert written(namespace="") == ""
    assert attributes(SEMANTIC, "default", {}, {}) == "service.namespace=default"


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("myapp", ""),
        ("", ""),
        ("nginx:1.21", "1.21"),
        ("nginx@sha256:abc123", "sha256:abc123"),
        ("nginx:1.21@sha256:abc123", "1.21@sha256:abc123"),
        ("registry:5000/nginx:1.21", "1.21"),
        ("registry:5000/nginx", ""),
        ("registry:5000/nginx@sha256:a", "sha256:a"),
        ("a/b:c/d", ""),
        ("nginx:", ""),
        ("nginx@", ""),
        ("nginx:1:2", "2"),
        ("a@b@c", "b@c"),
        ("a:b@c/d", "b@c/d"),
        ("x/y@z:1/2", "z:1/2"),
    ],
)
def test_the_version_is_tag_and_digest_of_the_only_image(image: str, version: str) -> None:
    assert image_version(image) == version
    middle = f"service.version={version}," if version else ""
    assert written(image) == f"service.namespace=default,{middle}{INSTANCE}"


def test_two_containers_have_no_version_of_their_own() -> None:
    assert written("a:1", "b:2") == f"service.namespace=default,{INSTANCE}"


@pytest.mark.parametrize(("label", "version"), [("v1.2.3", "v1.2.3"), ("", "1.21")])
def test_the_version_label_comes_before_the_image(label: str, version: str) -> None:
    labels = {"app.kubernetes.io/version": label}
    assert (
        written("nginx:1.21", labels=labels)
        == f"service.namespace=default,service.version={version},{INSTANCE}"
    )


def test_without_namespace_the_instance_id_begins_with_a_dot() -> None:
    assert written("a:1", namespace="") == "service.version=1,service.instance.id=.$(POD_NAME).c0"


def test_each_annotation_replaces_its_attribute_only() -> None:
    names = ("service.namespace", "service.version", "service.instance.id")
    assert written("a:1", annotations={PREFIX + name: "x" for name in names}) == ",".join(
        f"{name}=x" for name in names
    )
    assert (
        written("a:1", annotations={PREFIX + "service.namespace": "n"})
        == f"service.namespace=n,service.version=1,{INSTANCE}"
    )
    assert (
        written("a:1", annotations={PREFIX + "service.version": ""})
        == f"service.namespace=default,service.version=1,{INSTANCE}"
    )
