"""Caches change no byte of any answer: on the golden cases, on upstream's, and on inputs of public reports.

Each review comes three times, in an order by chance. `N=` tries the field cases under more configurations.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
import yaml

from injector.cli.world import from_objects
from injector.config.loading import Overrides, Text, load
from injector.core.model import Namespace
from injector.core.profile import Config
from tests import upstream
from tests.apiserver.test_results import FIELD_CASES, MISSING, configurations_of, field_pods
from tests.cases import reading
from tests.cases.reading import Case
from tests.server.beside import Beside, MiB, body_of, unhurried
from tests.test_cases import review_of, set_up

Manifest = dict[str, Any]
TIMES: Final = 3
N: Final = int(os.environ.get("N", "1"))


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    with unhurried():
        yield


class Corpus:
    """Reviews under one configuration, each with the world that it is asked in."""

    def __init__(self, config: Config) -> None:
        self.both = Beside(config, replicas=16 * MiB, plans=8 * MiB)
        self._reviews: list[tuple[dict[str, Any], Manifest, str]] = []

    def add(self, review: Manifest, path: str = "/mutate", **world: Any) -> None:
        """Another review; its fields are asked in the order of an API server."""
        request = {"uid": "", **review["request"]}
        ordered = {"kind": review["kind"], "apiVersion": review["apiVersion"], "request": request}
        self._reviews.append(({"namespaces": {}, "objects": (), "native": None, **world}, ordered, path))

    def ask(self, random: Random) -> int:
        """Ask for all, and compare; how many answers came from a cache."""
        order = self._reviews * TIMES
        random.shuffle(order)
        for turn, (world, review, path) in enumerate(order):
            for name, value in world.items():
                setattr(self.both.world, name, value)
            review["request"]["uid"] = f"5a0c63a4-2f0b-4f86-a9b7-{turn:012}"
            self.both.ask(body_of(review), path)
        return int(self.both.planned + self.both.repeated)


def test_golden_cases_get_the_same_bytes(tmp_path: Path) -> None:
    groups: defaultdict[str, list[Case]] = defaultdict(list)
    for name in reading.names():
        case = reading.read(name)
        if "webhook" not in case.doors:
            continue
        groups[json.dumps([case.config, case.inject], sort_keys=True)].append(case)
    served = 0
    for cases in groups.values():
        set_up(cases[0], tmp_path)
        settings = Text(yaml.safe_dump(cases[0].inject), "inject.yaml") if cases[0].inject else None
        corpus = Corpus(load(str(tmp_path / "injector.yaml"), Overrides(inject=settings)))
        for case in cases:
            set_up(case, tmp_path)
            around = from_objects([str(tmp_path / "objects.yaml")], "")
            corpus.add(
                review_of(case),
                case.path or "/mutate",
                namespaces=around.namespaces,
                objects=around.objects,
                native=around.native_sidecars,
            )
        served += corpus.ask(Random("golden"))
    assert served > 200


@upstream.needed
@pytest.mark.parametrize("quirks", [True, False])
def test_upstreams_cases_get_the_same_bytes(quirks: bool) -> None:
    corpora: dict[str, Corpus] = {}
    for case in upstream.cases():
        settings = json.dumps(upstream.driver().configuration(case), sort_keys=True)
        if settings not in corpora:
            corpora[settings] = Corpus(upstream.configuration(case, quirks=quirks))
        for document in upstream.documents(case):
            name = document["metadata"].get("namespace") or "default"
            annotations = (case["settings"].get("namespaceAnnotations") or {}).get(name)
            known = {name: Namespace(name, {}, annotations)} if annotations else {}
            corpora[settings].add(pod_review(upstream.driver().pod_of(document), name), namespaces=known)
    assert sum(corpus.ask(Random("upstream")) for corpus in corpora.values()) > 60


@pytest.mark.skipif(not FIELD_CASES, reason=MISSING)
def test_field_cases_get_the_same_bytes() -> None:
    folder = Path(FIELD_CASES)
    pods = [(template, facts) for name, template, facts in field_pods(folder) if name.endswith("webhook")]
    served = 0
    for _, config in islice(configurations_of(folder), N):
        corpus = Corpus(config)
        for template, facts in pods:
            known = {facts.namespace: facts.namespace_object} if facts.namespace_object else {}
            pod = {"kind": "Pod", "apiVersion": "v1", **template}
            corpus.add(pod_review(pod, facts.namespace), namespaces=known, objects=facts.objects)
        served += corpus.ask(Random("field"))
    assert served > 60


def pod_review(pod: Manifest, namespace: str) -> Manifest:
    """The review of a pod."""
    request = {
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "namespace": namespace,
        "operation": "CREATE",
        "object": pod,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
