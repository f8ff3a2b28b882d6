"""A small profile and reviews for the tests of the webhook: a log shipper without a mesh."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import jsonpatch

from injector.core.model import AnnotationKeys
from injector.core.policy import Policy
from injector.core.profile import Config, Profile
from injector.templating.render import Templates, TemplateSource
from tests import factories

SHIPPER = """\
metadata:
  labels:
    shipped: "{{ Values.stream }}"
spec:
  containers:
  - name: shipper
    image: {{ Values.image }}
    env:
    - {name: NAMESPACE, value: "{{ Namespace }}"}
"""
FAILS = "spec: {{ fail('this template never works') }}\n"


class Shipper(Profile):
    """A profile without rules of its own that notes paths and breaks on demand."""

    def overrides_of_path(self, path: str) -> Mapping[str, str]:
        return {"PATH": path}


class Broken(Profile):
    """A profile with a defect, which repeats in its message what it found in the pod."""

    def annotations(self, run: Any) -> Mapping[str, str]:
        raise KeyError(str(run.received))


def a_config(rules: type[Profile] = Shipper, **changed: Any) -> Config:
    profile = rules(name="log-shipper", keys=AnnotationKeys(), default_templates=("shipper",))
    sources = {
        name: TemplateSource(name, text, f"{name}.yaml.j2")
        for name, text in (("shipper", SHIPPER), ("fails", FAILS))
    }
    fields: dict[str, Any] = {
        "profile": profile,
        "policy": Policy("enabled", profile.keys.switch, profile.keys.status),
        "templates": Templates(sources, {}),
        "values": {"image": "example.com/shipper:1", "stream": "default"},
        "default_templates": ("shipper",),
        "digest": "0123456789abcdef",
        **changed,
    }
    return Config(**fields)


def a_pod(**metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "web-", "labels": {"app": "web"}, **metadata},
        "spec": {"containers": [{"name": "web", "image": "example.com/web:1"}]},
        "status": {},
    }


def a_review(pod: Any = None, **fields: Any) -> dict[str, Any]:
    return factories.a_review(a_pod() if pod is None else pod, **fields)


def a_body(*args: Any, **kwargs: Any) -> bytes:
    return json.dumps(a_review(*args, **kwargs)).encode()


def patched(review: dict[str, Any], response: dict[str, Any]) -> Any:
    """The object of a review after the response's patch, by strict RFC 6902."""
    operations = json.loads(base64.b64decode(response["patch"], validate=True))
    assert not [o for o in operations if o["op"] == "test"]
    return jsonpatch.JsonPatch(operations).apply(review["request"]["object"])
