"""Write the files of the chart that follow from the program: `python -m hack.chart`; `--check` only compares.

Made are files/facts.yaml (selectors, conditions and watches of the profiles, defaults that templates
look at), values.schema.json and docs/reference/chart.md. Here: how facts.yaml follows from the settings and
the profiles. Not here: the values (chart_values.py), and what the templates do with them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hack import chart_values
from hack.chart_values import CHART, NOTE
from injector import yamltext
from injector.config import folder
from injector.config.fields import declared
from injector.config.loading import Input, Text, load_input
from injector.config.schema import Settings
from injector.core.kinds import restartable
from injector.core.profile import Config
from injector.core.registration.configuration import own_entries
from injector.core.registration.match_conditions import conditions
from injector.kube.api_errors import Request
from injector.kube.events import owners
from injector.kube.objects import path_of
from injector.kube.owners import read_kinds

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "chart.md"

# What templates replace in the selectors.
REVISION, NAMESPACE = "REVISION", "NAMESPACE"

# Settings whose value decides about other objects of the chart.
LOOKED_AT = (
    *("nativeSidecars", "server.namespaces", "server.failureMode"),
    *("server.listen", "server.healthListen", "server.drainSeconds"),
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


MADE: Mapping[Path, Callable[[], str]] = {
    CHART / "files" / "facts.yaml": facts,
    CHART / "values.schema.json": chart_values.schema,
    PAGE: chart_values.page,
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
