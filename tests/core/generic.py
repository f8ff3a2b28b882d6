"""A small mesh that is not istio: a profile without rules of its own, for laws about the core."""

from __future__ import annotations

import copy
from typing import Any

from injector.core.catalogue import Catalogue
from injector.core.injection.pipeline import inject
from injector.core.model import AnnotationKeys, Facts, Verdict
from injector.core.outcome import Outcome
from injector.core.policy import Policy
from injector.core.profile import Config, Profile
from injector.templating.render import RenderLimits, Templates, TemplateSource

KEYS = AnnotationKeys(
    "mesh.example/inject",
    "mesh.example/status",
    "mesh.example/overrides",
    "mesh.example/templates",
    "mesh.example/undo",
)
PROFILE = Profile(
    "generic",
    KEYS,
    default_templates=("sidecar",),
    extra_catalogue=Catalogue(
        annotations=frozenset({"mesh.example/mode", "mesh.example/exclude", KEYS.status, KEYS.templates}),
        labels=frozenset({"mesh.example/app"}),
        namespace_labels=frozenset({"mesh-injection"}),
        domains=("mesh.example",),
    ),
)
SIDECAR = """
metadata:
  labels:
    mesh: "on"
    app: {{ ObjectMeta.labels.get("app", "unknown") }}
  annotations:
    mesh.example/port: "15000"
spec:
  initContainers:
  - name: setup
    image: {{ Values.image }}
    args: ["--capture"]
  containers:
  - name: proxy
    image: {{ Values.image }}
    args: ["run", "--mode", {{ Values.mode }}]
    env:
    - name: MODE
      value: {{ Values.mode }}
    - name: POD
      valueFrom:
        fieldRef:
          fieldPath: metadata.name
    volumeMounts:
    - name: ours
      mountPath: /ours
    resources:
      limits:
        cpu: "1"
{% if ObjectMeta.labels.get("app") == "debug" %}
  - name: debugger
    image: {{ Values.image }}
    volumeMounts:
    - name: dumps
      mountPath: /dumps
{% endif %}
  volumes:
{% if ObjectMeta.labels.get("app") == "debug" %}
  - name: dumps
    emptyDir: {}
{% endif %}
  - name: ours
    projected:
      sources:
      - serviceAccountToken:
          audience: mesh
          path: token
  - name: data
    emptyDir:
  imagePullSecrets:
  - name: pull
  securityContext:
    fsGroup: 1337
"""


def a_config(digest: str = "one", *, text: str = SIDECAR, **values: Any) -> Config:
    return Config(
        profile=PROFILE,
        policy=Policy("enabled", KEYS.switch, KEYS.status),
        templates=Templates(
            {"sidecar": TemplateSource("sidecar", text, "sidecar.yaml.j2")}, {}, RenderLimits()
        ),
        values={"image": "proxy:1", "mode": "strict", **values},
        default_templates=("sidecar",),
        digest=digest,
    )


CONFIG = a_config()


def injected(pod: dict[str, Any], config: Config = CONFIG) -> dict[str, Any]:
    """The pod as `inject` makes it, to be changed by the test; a refusal fails the test."""
    return copy.deepcopy(outcome(pod, config).pod)


def outcome(pod: dict[str, Any], config: Config = CONFIG) -> Outcome:
    injected = inject(pod, Facts(), config)
    assert injected.decision.verdict is Verdict.INJECT, injected.error
    return injected


ANOTHER = a_config("two", text="{# changed #}" + SIDECAR)
"""A configuration that gives the same pods under another digest."""
