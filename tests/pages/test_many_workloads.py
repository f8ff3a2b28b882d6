"""The page of many workloads: small, folded, and nothing lost of those that are alike."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from injector.config.loading import Input, Text, load_input
from injector.core import workload
from injector.core.injection.pipeline import inject
from injector.core.model import Facts
from injector.core.reports.provenance import Explanation, explain
from injector.pages.explain import page
from injector.pages.form import FormResult
from injector.pages.views import WHOLE, Row, View, make_views
from tests.pages.reading import Reading

SETTINGS = """\
values: {global: {hub: registry.example.com/mesh, tag: "1.30", proxy: {logLevel: info}}}
meshConfig: {accessLogFile: /dev/stdout, defaultConfig: {tracing: {sampling: 10}}}
"""
CONFIG = load_input(Input(Text(SETTINGS, "config")))
# One of each shape, of which a fleet has many that differ in names, images, ports and paths.
SHAPES = 10


def deployment(number: int) -> dict[str, Any]:
    """A Deployment of a fleet: some have annotations, some a label that is a near miss, some are skipped."""
    shape, name = number % SHAPES, f"service-{number}"
    labels, annotations = {"app": name}, {"team": f"team-{number % 7}"}
    spec: dict[str, Any] = {"serviceAccountName": name}
    if shape in (1, 2):
        annotations["sidecar.istio.io/proxyCPU"] = f"{number + 1}m"
    if shape == 2:
        annotations["traffic.sidecar.istio.io/excludeOutboundPorts"] = str(number + 1)
    if shape == 3:
        labels["sidecar.istio.io/inject"] = "True"
    if shape == 4:
        labels["sidecar.istio.io/inject"] = "false"
    if shape == 5:
        spec["hostNetwork"] = True
    port = 8000 + number % 90
    spec["containers"] = [
        {
            "name": "web",
            "image": f"registry.example.com/{name}:1.{number}",
            "ports": [{"containerPort": port}],
            "readinessProbe": {"httpGet": {"path": f"/ready/{number}", "port": port}},
            "env": [{"name": f"SETTING_{n}", "value": f"{name}-{n}"} for n in range(12)],
        }
    ]
    template = {"metadata": {"labels": labels, "annotations": annotations}, "spec": spec}
    meta = {"name": name, "namespace": f"namespace-{number % 50}"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta,
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template},
    }


def located(number: int) -> tuple[workload.Workload, Facts]:
    out = workload.locate(deployment(number))
    assert out is not None
    return out, Facts(namespace=out.namespace, owner=out.owner, native_sidecars=True)


@cache
def explained(number: int) -> FormResult:
    read, facts = located(number)
    return FormResult(f"fleet.yaml:{number}", read, explain(read.template, facts, CONFIG, read.manifest))


def another(number: int) -> FormResult:
    """As `explained` in a tenth of the time: the origins are those of the first of its shape, renamed."""
    first = number % SHAPES
    read, facts = located(number)
    outcome = inject(read.template, facts, CONFIG, read.manifest)
    words = {f"service-{first}": f"service-{number}", f"/ready/{first}": f"/ready/{number}"}
    words |= {f"namespace-{first}": f"namespace-{number % 50}", f"{8000 + first}": f"{8000 + number % 90}"}
    words |= {f"{first + 1}m": f"{number + 1}m"}
    origins = []
    for origin in explained(first).explanation.origins:
        value = origin.value
        for old, new in words.items() if isinstance(value, str) else ():
            value = value.replace(old, new)
        origins.append(replace(origin, value=value))
    return FormResult(f"fleet.yaml:{number}", read, Explanation(outcome, tuple(origins)))


@cache
def fleet(size: int) -> tuple[FormResult, ...]:
    return tuple(explained(number) if number < SHAPES else another(number) for number in range(size))


def rows(view: View) -> set[Row]:
    return {row for part in view.parts for row in part.rows}


def test_500_workloads_are_less_than_2_megabytes() -> None:
    assert len(page(fleet(500), CONFIG).encode()) < 2_000_000


def test_a_few_workloads_are_shown_whole() -> None:
    assert all(view.like is None for view in make_views(fleet(WHOLE)))


def test_of_many_workloads_those_that_are_alike_refer_to_one_of_them() -> None:
    views = make_views(fleet(100))
    whole = {view.id: view for view in views if view.like is None}
    assert {view.word for view in whole.values()} == {"injected", "skipped"}
    assert len(whole) <= WHOLE
    for view in views:
        if view.like:
            model = whole[view.like.id]
            assert (model.word, model.label) == (view.word, view.like.label)
            assert rows(view).isdisjoint(rows(model))
            assert len(view.steps) + view.like.steps == len(view.outcome.decision.trace)
            assert [step for step in view.steps if step.decisive] != []


def test_every_value_of_a_workload_is_shown_or_counted() -> None:
    answers = fleet(100)
    for view, answer in zip(make_views(answers), answers, strict=True):
        origins = answer.explanation.origins
        own = [origin for origin in origins if origin.layer != "profile"]
        if view.like:
            assert all(row.own for row in rows(view))
            assert view.values + view.like.own == len(own)
            assert view.like.profile == len(origins) - len(own)
        else:
            assert view.values == len(origins)


def test_what_a_pod_asks_for_itself_is_shown_though_others_are_alike() -> None:
    view = make_views(fleet(100))[72]
    assert view.like is not None
    own = {(row.path, row.value) for row in rows(view)}
    assert ("resources.requests.cpu", "73m") in own
    text = Reading(page(fleet(100), CONFIG)).text
    assert "73m" in text


def test_the_list_names_near_misses_and_counts_results() -> None:
    text = page(fleet(20), CONFIG)
    read = Reading(text)
    assert "20 workloads: 16 injected, 4 skipped" in read.text
    assert text.count('<ul class="near">') == 2
    assert text.count("<details open>") == 0
    assert page(fleet(1), CONFIG).count("<details open>") == 1


def test_every_link_of_a_page_of_many_has_its_target() -> None:
    read = Reading(page(fleet(40), CONFIG))
    ids = read.values("id")
    assert len(ids) == len(set(ids))
    assert {t[1:] for t in read.values("href") if t.startswith("#")} <= set(ids)
