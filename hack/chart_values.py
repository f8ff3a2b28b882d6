"""The schema of the chart's values and their page, from values.yaml, its comments and the settings.

Here: the type of each value, and the sentence above it. Not here: writing the files (chart.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from hack.reference import code, table
from injector.config.fields import schema_of
from injector.config.schema import Settings
from injector.core.reports.audit import REPORTED
from injector.core.value_types import tree_schema
from injector.profiles.istio.value_table import TYPES_BY_SECTION

CHART = Path(__file__).resolve().parent.parent / "charts" / "injector"
NOTE = "Written by hack/chart.py (`make docs`)"

Tree = dict[str, Any]


def _words(*words: str) -> Tree:
    return {"type": "string", "enum": list(words)}


def _whole(low: int, high: int = 2**31 - 1) -> Tree:
    return {"type": "integer", "minimum": low, "maximum": high}


_NAME = {"type": "string", "pattern": "^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$", "maxLength": 63}
_DOMAIN = {"type": "string", "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$", "maxLength": 253}
_STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
_OBJECTS = {"type": "array", "items": {"type": "object"}}
_DURATION = {"type": "string", "pattern": "^([0-9]+(h|m|s|ms))+$"}
_DURATION_OR_NONE = {"type": "string", "pattern": "^([0-9]+(h|m|s|ms))*$"}
_SECRETS = {"type": "array", "items": {"type": ["object", "string"]}}


def _pods(*more: Tree) -> Tree:
    """A number of pods, or a percentage of them."""
    return {"anyOf": [_whole(0), {"type": "string", "pattern": "^([0-9]{1,2}|100)%$"}, *more]}


def _probe() -> Tree:
    """A probe without its handler, which the chart sets."""
    times = ("initialDelaySeconds", "periodSeconds", "timeoutSeconds", "successThreshold", "failureThreshold")
    properties = {key: _whole(0) for key in (*times, "terminationGracePeriodSeconds")}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _monitor(of: str) -> dict[str, Tree]:
    """The values of a ServiceMonitor or PodMonitor, by path."""
    return {
        f"metrics.{of}.interval": _DURATION,
        f"metrics.{of}.scrapeTimeout": _DURATION_OR_NONE,
        f"metrics.{of}.namespace": _NAME,
        f"metrics.{of}.labels": _STRINGS,
        f"metrics.{of}.relabelings": _OBJECTS,
        f"metrics.{of}.metricRelabelings": _OBJECTS,
    }


def alerts() -> list[str]:
    """The names of the alerts."""
    groups = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())["groups"]
    return [rule["alert"] for group in groups for rule in group["rules"]]


# What a value takes, where its default does not say it.
TAKES: Mapping[str, Tree] = {
    "global.imagePullSecrets": _SECRETS,
    "files": _STRINGS,
    "certificates.source": _words("own", "cert-manager", "secret"),
    "certificates.existingSecret": _DOMAIN,
    "certificates.certManager.issuerRef": {
        "type": "object",
        "properties": {key: {"type": "string"} for key in ("name", "kind", "group")},
        "additionalProperties": False,
    },
    "certificates.certManager.duration": _DURATION,
    "certificates.certManager.renewBefore": _DURATION,
    "webhook.url": {"type": "string", "pattern": "^(https://[^/?#@]+(/[^?#]*)?)?$"},
    "webhook.name": _DOMAIN,
    "webhook.failurePolicy": _words("Fail", "Ignore"),
    "webhook.timeoutSeconds": _whole(1, 30),
    "webhook.reinvocationPolicy": _words("IfNeeded", "Never"),
    "webhook.sideEffects": _words("auto", "None", "NoneOnDryRun"),
    "webhook.path": {"type": "string", "pattern": "^/[^?#]*$"},
    "webhook.excludedNamespaces": {"type": "array", "items": {**_NAME, "minLength": 1}},
    "webhook.tags": {"type": "array", "items": {**_NAME, "minLength": 1}, "uniqueItems": True},
    "webhook.entries": {"type": "array", "items": {"type": "object", "required": ["name"]}},
    "webhook.annotations": _STRINGS,
    "replicas": _whole(0),
    "revisionHistoryLimit": _whole(0),
    "dnsPolicy": _words("", "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    "image.repository": {"type": "string", "minLength": 1},
    "image.digest": {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
    "image.pullPolicy": _words("IfNotPresent", "Always", "Never"),
    "imagePullSecrets": _SECRETS,
    "nameOverride": {**_NAME, "maxLength": 52},
    "fullnameOverride": {**_NAME, "maxLength": 52},
    "namespaceOverride": _NAME,
    "commonLabels": _STRINGS,
    "commonAnnotations": _STRINGS,
    "deploymentAnnotations": _STRINGS,
    "podAnnotations": _STRINGS,
    "podLabels": _STRINGS,
    "nodeSelector": _STRINGS,
    "tolerations": _OBJECTS,
    "topologySpreadConstraints": _OBJECTS,
    "terminationGracePeriodSeconds": _whole(0),
    "extraArgs": {"type": "array", "items": {"type": "string"}},
    "startupProbe": _probe(),
    "readinessProbe": _probe(),
    "livenessProbe": _probe(),
    "env": _OBJECTS,
    "extraVolumes": _OBJECTS,
    "extraVolumeMounts": _OBJECTS,
    "service.type": _words("ClusterIP", "NodePort", "LoadBalancer"),
    "service.port": _whole(1, 65535),
    "service.annotations": _STRINGS,
    "serviceAccount.annotations": _STRINGS,
    "podDisruptionBudget.maxUnavailable": _pods(),
    "podDisruptionBudget.minAvailable": _pods(_words("")),
    "autoscaling.minReplicas": _whole(1),
    "autoscaling.maxReplicas": _whole(1),
    "autoscaling.targetCPUUtilizationPercentage": _whole(1, 1000),
    "networkPolicy.metricsFrom": _OBJECTS,
    "networkPolicy.apiServerPorts": {"type": "array", "items": _whole(1, 65535), "minItems": 1},
    "networkPolicy.apiServerCIDRs": {"type": "array", "items": {"type": "string"}},
    **_monitor("serviceMonitor"),
    **_monitor("podMonitor"),
    "metrics.alerts.namespace": _NAME,
    "metrics.alerts.labels": _STRINGS,
    "metrics.alerts.additionalRuleLabels": _STRINGS,
    "metrics.alerts.disabled": {"type": "array", "items": _words(*alerts())},
    "metrics.alerts.runbookBase": {"type": "string", "pattern": "^(https?://[^#]+)?$"},
    "metrics.dashboard.labels": _STRINGS,
    "metrics.dashboard.annotations": _STRINGS,
    "audit.schedule": {"type": "string", "minLength": 1},
    "audit.accept": {"type": "array", "items": _words(*REPORTED), "uniqueItems": True},
    "audit.resources": {"type": "object"},
    "extraObjects": {"type": "array", "items": {"type": ["object", "string"]}},
    # Kubernetes' own objects: the API server knows them better.
    "strategy": {"type": "object"},
    "podSecurityContext": {"type": "object"},
    "containerSecurityContext": {"type": "object"},
    "resources": {"type": "object"},
}

_TYPES = {bool: "boolean", int: "integer", str: "string", dict: "object", list: "array"}


def values() -> tuple[Tree, dict[str, str]]:
    """The chart's values, and the comments above them."""
    text = (CHART / "values.yaml").read_text()
    return yaml.safe_load(text), dict(_comments(text))


def _comments(text: str) -> Iterator[tuple[str, str]]:
    """Each key with the comment above it; a blank line ends a comment."""
    path: list[tuple[int, str]] = []
    said: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith("# "):
            said.append(line.lstrip()[2:])
            continue
        match = re.match(r"( *)([A-Za-z]+):", line)
        if match:
            indent = len(match[1])
            path = [*((depth, key) for depth, key in path if depth < indent), (indent, match[2])]
            if said:
                yield ".".join(key for _, key in path), " ".join(said)
        said = []


def leaves(tree: Tree, said: Mapping[str, str], path: str = "") -> Iterator[tuple[str, Any, str]]:
    """Each value that a person sets: its path, default and sentence. Exits where one has no sentence."""
    for key, inner in tree.items():
        here = f"{path}.{key}".lstrip(".")
        if isinstance(inner, dict) and inner and here != "config" and here not in TAKES:
            yield from leaves(inner, said, here)
        elif here not in said:
            raise SystemExit(f"values.yaml: no comment above {here}")
        else:
            yield here, inner, said[here]


def schema() -> str:
    """values.schema.json."""
    tree, said = values()
    root: Tree = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$comment": f"{NOTE} from injector/config/schema.py and values.yaml.",
        **_object(),
    }
    for path, default, sentence in leaves(tree, said):
        *parents, last = path.split(".")
        place = root
        for key in parents:
            place = place["properties"].setdefault(key, _object())
        place["properties"][last] = {**_type(path, default), "description": sentence}
    # A parent chart may set any global value, and enables its charts by a value of theirs.
    del root["properties"]["global"]["additionalProperties"]
    root["properties"]["enabled"] = {"type": "boolean", "description": "For the condition of a parent chart."}
    return json.dumps(root, indent=2) + "\n"


def _object() -> Tree:
    return {"type": "object", "properties": {}, "additionalProperties": False}


_QUIRKS: Final[Tree] = {"properties": {"istioQuirks": {"const": True}}, "required": ["istioQuirks"]}
# What the program refuses. With quirks it refuses nothing, as upstream.
_ISTIO_VALUES: Final[Tree] = {
    "if": {"properties": {"profile": {"const": "istio"}, "compatibility": {"not": _QUIRKS}}},
    "then": {"properties": {"values": tree_schema(TYPES_BY_SECTION)}},
}


def _type(path: str, default: Any) -> Tree:
    if path == "config":
        return {**schema_of(Settings), **_ISTIO_VALUES}
    return dict(TAKES.get(path) or {"type": _TYPES[type(default)]})


def page() -> str:
    """docs/reference/chart.md."""
    rows = [("value", "default", "meaning")]
    for path, default, sentence in leaves(*values()):
        empty = default in ("", {}, []) and default is not False
        shown = "" if empty else json.dumps(default) if isinstance(default, dict | list) else str(default)
        rows.append((code(path), code(shown.lower() if isinstance(default, bool) else shown), sentence))
    intro = (
        "Values of `charts/injector`. Unknown ones are refused, also under `config`, and so is a value of\n"
        "the profile `istio` of another type."
    )
    head = f"<!-- {NOTE}; edit values.yaml, not this page. -->\n# Values of the chart\n\n{intro}\n"
    return f"{head}\n{table(*rows)}"
