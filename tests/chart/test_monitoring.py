"""Alert rules, the dashboard and their page: they use existing metrics and labels, and every metric.

The rules are read by Prometheus' own parser. Not here: how the chart renders them (test_chart_rendered.py).
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from injector.telemetry import Metrics
from tests.beds.programs import build

REPO = Path(__file__).resolve().parents[2]
FILES = REPO / "charts" / "injector" / "files"
PAGE = (REPO / "docs" / "reference" / "metrics.md").read_text()
HISTOGRAM = ("_bucket", "_sum", "_count")
# The metrics of the API server that the alerts use, with their labels.
OF_THE_API_SERVER: Mapping[str, frozenset[str]] = {
    "apiserver_admission_webhook_admission_duration_seconds_bucket": frozenset(
        {"name", "type", "operation", "rejected", "le"}
    ),
    "apiserver_admission_webhook_fail_open_count": frozenset({"name", "type"}),
    "apiserver_admission_webhook_rejection_count": frozenset(
        {"name", "type", "operation", "error_type", "rejection_code"}
    ),
    "apiserver_admission_webhook_request_total": frozenset({"name", "type", "operation", "code", "rejected"}),
    "apiserver_admission_match_condition_evaluation_errors_total": frozenset(
        {"name", "kind", "type", "operation"}
    ),
}
# What Prometheus adds to all that it scrapes from a pod of a Service.
OF_THE_TARGET = frozenset({"namespace", "job", "pod", "instance"})


def own_metrics() -> dict[str, frozenset[str]]:
    """Every metric of the process with its labels, as it names them in its text."""
    metrics = Metrics()
    labels = {
        collector._name: frozenset(collector._labelnames)
        for held in vars(metrics).values()
        for collector in (held.values() if isinstance(held, dict) else [held])
        if hasattr(collector, "_labelnames")
    }
    exposed: dict[str, frozenset[str]] = {}
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", metrics.text().decode(), re.MULTILINE):
        own = labels.get(name.removesuffix("_total"), frozenset())
        exposed |= {f"{name}{end}": own | {"le"} for end in HISTOGRAM} if kind == "histogram" else {name: own}
    return exposed


def selectors(file: Path) -> dict[str, list[dict[str, Any]]]:
    """The metrics and labels that each rule of a file asks for. Fails where Prometheus refuses the file."""
    program = build.programs(["alertrules"])["alertrules"]
    done = subprocess.run([program, file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    selectors_by_rule: dict[str, list[dict[str, Any]]] = json.loads(done.stdout)
    return selectors_by_rule


def unknown(asked: Mapping[str, Iterable[Mapping[str, Any]]]) -> list[str]:
    """Metrics and labels that are not exposed, by rule."""
    known = {**own_metrics(), **OF_THE_API_SERVER}
    return [
        f"{rule}: {one['metric']}{sorted(one['labels'])}"
        for rule, asked_for in asked.items()
        for one in asked_for
        if one["metric"] not in known
        or not set(one["labels"]) <= known[one["metric"]] | (OF_THE_TARGET - {"name"})
    ]


def rules() -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"]:
        yield from group["rules"]


@pytest.fixture(scope="module", autouse=True)
def reader() -> None:
    """Prometheus' parser, built where it is missing."""
    if reason := build.unavailable(["alertrules"]):
        pytest.skip(f"Prometheus' parser: {reason}")
    build.programs(["alertrules"])


def test_alerts_ask_for_metrics_and_labels_that_exist() -> None:
    asked = selectors(FILES / "alerts.yaml")
    assert set(asked) == {rule["alert"] for rule in rules()}
    assert not unknown(asked)


def test_an_alert_on_a_metric_or_label_that_is_not_there_is_found(tmp_path: Path) -> None:
    text = (FILES / "alerts.yaml").read_text()
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(text.replace("injector_ready)", "injector_reedy)").replace("{code!~", "{status!~"))
    named = {line.partition(":")[0] for line in unknown(selectors(wrong))}
    assert named == {"InjectorNotReady", "InjectorReplicaNotReady", "InjectorRefusesRequests"}


def test_every_alert_has_a_severity_a_summary_and_a_description() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical"), rule["alert"]
        assert set(rule["annotations"]) == {"summary", "description"}, rule["alert"]


def test_the_dashboard_asks_for_metrics_and_labels_that_exist(tmp_path: Path) -> None:
    panels = json.loads((FILES / "dashboard.json").read_text())["panels"]
    expressions = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    # Grafana's variables, as it would fill them in.
    filled = [expr.replace("[$__rate_interval]", "[5m]").replace("$", "") for expr in expressions]
    recorded = [{"record": f"panel{number}", "expr": expr} for number, expr in enumerate(filled)]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}))
    asked = selectors(file)
    assert len(asked) == len(expressions) > 20
    assert not unknown(asked)


def test_panels_lie_side_by_side() -> None:
    panels = json.loads((FILES / "dashboard.json").read_text())["panels"]
    taken: dict[tuple[int, int], str] = {}
    for panel in panels:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
        assert place["x"] + place["w"] <= 24
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_the_page_names_every_metric_and_its_labels() -> None:
    listed = dict(re.findall(r"^\| `(\w+)(?:\{([\w,]+)\})?` \|", PAGE, re.MULTILINE))
    documented = {name: frozenset(filter(None, labels.split(","))) for name, labels in listed.items()}
    wanted = {re.sub(r"_bucket$", "", name): labels - {"le"} for name, labels in own_metrics().items()}
    assert documented == {name: own for name, own in wanted.items() if not name.endswith(HISTOGRAM)}


def test_the_page_says_what_to_do_for_every_alert() -> None:
    headings = re.findall(r"^### (Injector\w+)\n\n\*(\w+)\.\*", PAGE, re.MULTILINE)
    severities = [(name, word.lower()) for name, word in headings]
    assert severities == [(rule["alert"], rule["labels"]["severity"]) for rule in rules()]
