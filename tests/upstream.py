"""Upstream's golden cases, where the folder named by ISTIO_CASES has them; nothing of it is copied here."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from injector.config.loading import Input, Text, load_input
from injector.core import workload
from injector.core.model import Facts, Namespace, Origin
from injector.core.profile import Config

FOLDER = os.environ.get("ISTIO_CASES", "")
MISSING = "ISTIO_CASES does not name the folder with upstream's golden cases"
needed = pytest.mark.skipif(not FOLDER, reason=MISSING)


@cache
def driver() -> ModuleType:
    """The comparison that comes with the cases."""
    spec = importlib.util.spec_from_file_location("conformance", Path(FOLDER) / "conformance.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cases() -> list[dict[str, Any]]:
    """The cases, none where the folder is not there."""
    cases: list[dict[str, Any]] = json.loads((Path(FOLDER) / "cases.json").read_text()) if FOLDER else []
    return cases


def runs() -> list[Any]:
    """What the driver runs: each case with each command that it is for; MISSING where there is none."""
    out = []
    for case in cases():
        if not case["skip_kube_inject"]:
            out.append(pytest.param("kube_inject", case, id=f"kube-inject-{case['name']}"))
        if not (case["skip_webhook"] or case.get("expected_error_contains")):
            out.append(pytest.param("admit", case, id=f"admit-{case['name']}"))
    return out or [pytest.param("", {}, id=MISSING)]


def configuration(case: dict[str, Any], *, quirks: bool) -> Config:
    """One case's configuration in one of the two modes."""
    raw = driver().configuration(case) | {"compatibility": {"istioQuirks": quirks}}
    return load_input(Input(Text(yaml.safe_dump(raw), case["name"]), "."))


def documents(case: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The injectable objects of a case's input, those of a List one by one."""
    of = driver()
    yield from of.flat(of.load_all((Path(FOLDER) / "cases" / case["in"]).read_text()))


def through_both_doors(
    case: dict[str, Any], document: dict[str, Any], *, quirks: bool
) -> Iterator[tuple[Any, Facts]]:
    """The pod template of an object as a file's and as the webhook's, with the facts of each door."""
    held = workload.locate(document, quirks=quirks)
    assert held is not None
    yield held.template, Facts(namespace=held.namespace, owner=held.owner)
    name = document["metadata"].get("namespace") or "default"
    annotations = (case["settings"].get("namespaceAnnotations") or {}).get(name)
    known = Namespace(name, {}, annotations) if annotations else None
    yield driver().pod_of(document), Facts(namespace=name, origin=Origin.WEBHOOK, namespace_object=known)
