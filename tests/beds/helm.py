"""The chart through a real helm, 3 or 4: rendered, and checked against the schemas of Kubernetes.

Not here: building helm (programs/build.py), what the chart is made of (chart.py), and installing it
into a cluster (tests/e2e).
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from tests.beds.programs import build

CHART = Path(__file__).resolve().parents[2] / "charts" / "injector"
VERSIONS = ("helm3", "helm4")
RELEASE, NAMESPACE = "injector", "mesh"

Object = dict[str, Any]


class HelmError(Exception):
    """Helm refused; the text is what it said."""


def run(version: str, *arguments: str, values: Mapping[str, Any] | None = None) -> str:
    """Run helm and return its stdout; `values` are given as a file."""
    return completed(version, *arguments, values=values).stdout


def completed(
    version: str, *arguments: str, values: Mapping[str, Any] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run helm, for what it says beside its output."""
    program = build.programs([version])[version]
    flags = [] if values is None else ["--values", "-"]
    if values is not None and not {"image", "global"} & values.keys():
        # The chart renders only with the registry of its image.
        values = {**values, "global": {"imageRegistry": "registry.example.com"}}
    done = subprocess.run(
        [program, *arguments, *flags],
        input=None if values is None else json.dumps(values),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise HelmError((done.stderr + done.stdout).strip())
    return done


def template(
    version: str, values: Mapping[str, Any] | None = None, *flags: str, namespace: str = NAMESPACE
) -> str:
    """Render the chart, hooks too, without a cluster."""
    place = (RELEASE, str(CHART), f"--namespace={namespace}")
    return run(version, "template", *place, *flags, values=values or {})


def objects(text: str) -> list[Object]:
    """The objects of a rendered chart."""
    return [item for item in yaml.safe_load_all(text) if item]


def of_kind(items: Sequence[Object], kind: str) -> list[Object]:
    """Those of a kind, without the hooks of `helm test`."""
    return [item for item in items if item["kind"] == kind and not is_hook(item)]


def is_hook(item: Object) -> bool:
    """Whether helm makes an object at an occasion only."""
    return "helm.sh/hook" in (item["metadata"].get("annotations") or {})


# Kinds of operators, whose schemas are not in the archive.
OPERATORS = ("Certificate", "Issuer", "PodMonitor", "PrometheusRule", "ServiceMonitor")

_SCHEMAS = "kubernetes-json-schema"
_STRICT = "-local-strict"
_DEFINITIONS = "_definitions.json"


def schema_versions() -> list[str]:
    """The versions of Kubernetes whose strict schemas are on this machine, as ``1.29.0``."""
    names = (entry.name for entry in (resources.files("kubernetes_validate") / _SCHEMAS).iterdir())
    versions = [name.removeprefix("v").removesuffix(_STRICT) for name in names if name.endswith(_STRICT)]
    return sorted(versions, key=lambda version: [int(part) for part in version.split(".")])


def kubeconform(items: Sequence[Object], version: str, scratch: Path) -> list[str]:
    """What is wrong with objects for a version of Kubernetes, where nothing unknown is allowed."""
    folder = scratch / version
    folder.mkdir(exist_ok=True)
    _write_schemas({(item["kind"], item["apiVersion"]) for item in items}, version, folder)
    command = [
        *(str(build.programs(["kubeconform"])["kubeconform"]), "-strict", "-n", "1", "-output", "json"),
        *("-kubernetes-version", version, "-skip", ",".join(OPERATORS)),
        *("-schema-location", f"{folder}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"),
    ]
    text = yaml.safe_dump_all(items)
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    try:
        resources = json.loads(done.stdout)["resources"]
    except (ValueError, KeyError) as error:
        raise HelmError(f"kubeconform: {(done.stderr or done.stdout).strip()}") from error
    return [f"{each['kind']} {each['name']}: {each['msg']}" for each in resources]


def _write_schemas(kinds: Iterable[tuple[str, str]], version: str, folder: Path) -> None:
    """The schemas of some kinds, each with all that it refers to.

    In the package they refer to an address on the net, which kubeconform would ask.
    """
    source = resources.files("kubernetes_validate") / _SCHEMAS / f"v{version}{_STRICT}"
    known = json.loads((source / _DEFINITIONS).read_text())["$defs"]
    for kind, api in kinds:
        if kind in OPERATORS:
            continue
        group, _, rest = api.lower().partition("/")
        name = "-".join(filter(None, [kind.lower(), group.partition(".")[0], rest])) + ".json"
        schema = json.loads((source / name).read_text().replace(f"/api/{_DEFINITIONS}#", "#"))
        schema["$defs"] = {each: known[each] for each in _reached(schema, known)}
        del schema["$id"]
        (folder / name).write_text(json.dumps(schema))


def _reached(schema: Object, known: Mapping[str, Object]) -> set[str]:
    """The definitions that a schema refers to, and those that they do."""
    reached: set[str] = set()
    ahead = [schema]
    while ahead:
        names = set(re.findall(r'"#/\$defs/([^"]+)"', json.dumps(ahead.pop()))) - reached
        reached |= names
        ahead += [known[name] for name in names]
    return reached
