"""Write the files of the chart that follow from the program: `python -m hack.chart`; `--check` only compares.

Made are files/facts.yaml (selectors, conditions and watches of the profiles, defaults that templates
look at), values.schema.json and docs/reference/chart.md. Here: how they follow from the settings,
the profiles and the comments in values.yaml. Not here: what the templates do with them.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import yaml

from hack.reference import code, table
from injector import yamltext
from injector.config import folder
from injector.config.fields import declared, schema_of
from injector.config.loading import Input, Text, load_input
from injector.config.schema import Settings
from injector.core.kinds import restartable
from injector.core.profile import Config
from injector.core.registration.configuration import own_entries
from injector.core.registration.match_conditions import conditions
from injector.core.reports.audit import REPORTED
from injector.core.value_types import tree_schema
from injector.kube.api_errors import Request
from injector.kube.events import owners
from injector.kube.objects import path_of
from injector.kube.owners import read_kinds
from injector.profiles.istio.value_table import TYPES_BY_SECTION

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "charts" / "injector"
PAGE = ROOT / "docs" / "reference" / "chart.md"
NOTE = "Written by hack/chart.py (`make docs`)"

# What templates replace in the selectors.
REVISION, NAMESPACE = "REVISION", "NAMESPACE"

# Settings whose value decides about other objects of the chart.
LOOKED_AT = (
    *("nativeSidecars", "server.namespaces", "server.listen", "server.healthListen", "server.drainSeconds"),
    *("server.tlsCert", "server.tlsKey", "server.tlsBundle", "server.record.directory", "server.events"),
    *(
        f"server.certificates.{key}"
        for key in ("source", "service", "caSecret", "folder", "publish", "clusterDomain")
    ),
    *(f"server.source.configMap.{key}" for key in ("namespace", "name")),
    *(f"server.source.istio.{key}" for key in ("namespace", "meshConfigMap", "injectConfigMap")),
)

Tree = dict[str, Any]


def facts() -> str:
    """files/facts.yaml."""
    tree = {
        "defaults": _defaults(),
        "owners": [_resource(path_of(kind)) for kind in owners()],
        "workloads": [_resource(path_of(kind)) for kind in read_kinds()],
        "restartable": [_resource(path_of(kind)) for kind in restartable()],
        "profiles": {name: _profile(name) for name in folder.shipped()},
    }
    return f"# {NOTE}; edit the code, not this file.\n{yamltext.dump(tree)}"


def _defaults() -> Tree:
    tree: Tree = {}
    known = {path: default for path, _, default, _ in declared(Settings)}
    for path in LOOKED_AT:
        *parents, last = path.split(".")
        place = tree
        for key in parents:
            place = place.setdefault(key, {})
        # None as it is written in a file.
        place[last] = "" if known[path] is None else known[path]
    return tree


def _profile(name: str) -> Tree:
    """What the program would print and watch for a profile; `entries` by what decides about them."""

    def configured(revision: str, values: Tree) -> Config:
        text = yamltext.dump({"profile": name, "revision": revision, "values": values})
        return load_input(Input(Text(text, name)))

    everywhere = {"sidecarInjectorWebhook": {"enableNamespacesByDefault": True}}
    forms = {"unnamed": ("", {}), "everywhere": ("", everywhere), "named": (REVISION, {})}
    plain = configured("", {})
    return {
        "watched": [_resource(path) for path in plain.profile.watched()],
        "entries": {form: _entries(configured(*arguments)) for form, arguments in forms.items()},
        "matchConditions": _conditions(plain),
        "optInConditions": _conditions(replace(plain, policy=replace(plain.policy, mode="disabled"))),
    }


def _conditions(config: Config) -> list[Tree]:
    return [condition.as_manifest() for condition in conditions(config.policy, config.profile)]


def _resource(path: str) -> Tree:
    """The path of a list as RBAC names it."""
    asked = Request("", "list", path).attributes()
    return {"group": asked.get("group", ""), "resource": asked["resource"]}


def _entries(config: Config) -> list[Tree]:
    return [
        {
            "name": entry.name,
            "namespaceSelector": entry.namespaces.as_manifest(),
            "objectSelector": entry.objects.as_manifest(),
        }
        for entry in own_entries(config, NAMESPACE)
    ]


# --- the values -------------------------------------------------------------------------------------


def _words(*words: str) -> Tree:
    return {"type": "string", "enum": list(words)}


def _whole(low: int, high: int = 2**31 - 1) -> Tree:
    return {"type": "integer", "minimum": low, "maximum": high}


_NAME = {"type": "string", "pattern": "^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$", "maxLength": 63}
_DOMAIN = {"type": "string", "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$", "maxLength": 253}
_STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
_OBJECTS = {"type": "array", "items": {"type": "object"}}
_DURATION = {"type": "string", "pattern": "^([0-9]+(h|m|s|ms))+$"}

# What a value takes, where its default does not say it.
TAKES: Mapping[str, Tree] = {
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
    "image.repository": {"type": "string", "minLength": 1},
    "image.digest": {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
    "image.pullPolicy": _words("IfNotPresent", "Always", "Never"),
    "imagePullSecrets": _OBJECTS,
    "fullnameOverride": {**_NAME, "maxLength": 52},
    "namespaceOverride": _NAME,
    "commonLabels": _STRINGS,
    "commonAnnotations": _STRINGS,
    "podAnnotations": _STRINGS,
    "podLabels": _STRINGS,
    "nodeSelector": _STRINGS,
    "tolerations": _OBJECTS,
    "topologySpreadConstraints": _OBJECTS,
    "terminationGracePeriodSeconds": _whole(0),
    "env": _OBJECTS,
    "extraVolumes": _OBJECTS,
    "extraVolumeMounts": _OBJECTS,
    "service.type": _words("ClusterIP", "NodePort", "LoadBalancer"),
    "service.port": _whole(1, 65535),
    "service.annotations": _STRINGS,
    "serviceAccount.annotations": _STRINGS,
    "podDisruptionBudget.maxUnavailable": {
        "anyOf": [_whole(0), {"type": "string", "pattern": "^[0-9]{1,2}%$"}]
    },
    "autoscaling.minReplicas": _whole(1),
    "autoscaling.maxReplicas": _whole(1),
    "autoscaling.targetCPUUtilizationPercentage": _whole(1, 1000),
    "networkPolicy.metricsFrom": _OBJECTS,
    "networkPolicy.apiServerPorts": {"type": "array", "items": _whole(1, 65535), "minItems": 1},
    "networkPolicy.apiServerCIDRs": {"type": "array", "items": {"type": "string"}},
    "metrics.serviceMonitor.interval": _DURATION,
    "metrics.serviceMonitor.labels": _STRINGS,
    "metrics.alerts.labels": _STRINGS,
    "metrics.dashboard.labels": _STRINGS,
    "metrics.dashboard.annotations": _STRINGS,
    "audit.schedule": {"type": "string", "minLength": 1},
    "audit.accept": {"type": "array", "items": _words(*REPORTED), "uniqueItems": True},
    "audit.resources": {"type": "object"},
    "extraObjects": {"type": "array", "items": {"type": ["object", "string"]}},
    # Kubernetes' own objects: the API server knows them better.
    "podSecurityContext": {"type": "object"},
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


MADE: Mapping[Path, Callable[[], str]] = {
    CHART / "files" / "facts.yaml": facts,
    CHART / "values.schema.json": schema,
    PAGE: page,
}


def stale() -> list[str]:
    """The files that differ from what the code and values.yaml give."""
    return [
        str(path.relative_to(ROOT))
        for path, made in MADE.items()
        if not path.exists() or path.read_text() != made()
    ]


def main() -> int:
    """Write the files, or print which are stale."""
    old = stale()
    if "--check" in sys.argv[1:]:
        print("\n".join(f"{name} is stale: run `make docs`" for name in old))
        return 1 if old else 0
    for name in old:
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(MADE[ROOT / name]())
        print(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
