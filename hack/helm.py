"""The chart through a real helm, 3 or 4: rendered, and checked against the schemas of Kubernetes.

Not here: building helm (programs/build.py), what the chart is made of (chart.py), and installing it
into a cluster (tests/e2e).
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from programs import build

CHART = Path(__file__).resolve().parent.parent / "charts" / "injector"
VERSIONS = ("helm3", "helm4")
RELEASE, NAMESPACE = "injector", "mesh"

Object = dict[str, Any]


class HelmError(Exception):
    """Helm refused; the text is what it said."""


def run(version: str, *arguments: str, values: Mapping[str, Any] | None = None) -> str:
    """Run helm and return its stdout; `values` are given as a file."""
    program = build.programs([version])[version]
    given = [] if values is None else ["--values", "-"]
    done = subprocess.run(
        [program, *arguments, *given],
        input=json.dumps(values) if given else None,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise HelmError((done.stderr + done.stdout).strip())
    return done.stdout


def template(version: str, values: Mapping[str, Any] | None = None, *flags: str) -> str:
    """Render the chart, hooks too, without a cluster."""
    return run(
        version, "template", RELEASE, str(CHART), f"--namespace={NAMESPACE}", *flags, values=values or {}
    )


def objects(text: str) -> list[Object]:
    """The objects of a rendered chart."""
    return [item for item in yaml.safe_load_all(text) if item]


def of_kind(items: Sequence[Object], kind: str) -> list[Object]:
    """Those of a kind, without the hooks of `helm test`."""
    return [item for item in items if item["kind"] == kind and not is_hook(item)]


def is_hook(item: Object) -> bool:
    """Whether helm makes an object at an occasion only."""
    return "helm.sh/hook" in (item["metadata"].get("annotations") or {})


def schema_versions() -> list[str]:
    """The versions of Kubernetes whose strict schemas are on this machine, as ``1.29.0``."""
    folder = resources.files("kubernetes_validate") / "kubernetes-json-schema"
    found = [entry.name for entry in folder.iterdir() if entry.name.endswith("-local-strict")]
    versions = [name.removeprefix("v").removesuffix("-local-strict") for name in found]
    return sorted(versions, key=lambda version: [int(part) for part in version.split(".")])


def refused_by_schema(text: str, version: str) -> list[Object]:
    """What kubeconform says about objects that a version of Kubernetes does not know in this form.

    Kinds that the schemas lack (those of operators) are told as skipped, and not here.
    """
    program = build.programs(["kubeconform"])["kubeconform"]
    folder = resources.files("kubernetes_validate") / "kubernetes-json-schema"
    location = f"{folder}/v{{{{.NormalizedKubernetesVersion}}}}-local{{{{.StrictSuffix}}}}"
    command = [
        *(program, "-strict", "-output", "json", "-kubernetes-version", version, "-skip", ",".join(OPERATORS)),
        *("-schema-location", location.replace("/vv", "/v") + "/{{.ResourceKind}}{{.KindSuffix}}.json"),
    ]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    try:
        found: list[Object] = json.loads(done.stdout)["resources"]
    except (ValueError, KeyError) as error:
        raise HelmError(f"kubeconform: {done.stderr.strip() or done.stdout.strip()}") from error
    return found


# Kinds of operators, whose schemas nobody ships.
OPERATORS = ("ServiceMonitor", "PrometheusRule", "Certificate", "Issuer")
