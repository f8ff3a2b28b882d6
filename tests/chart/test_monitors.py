"""ServiceMonitor, PodMonitor and the rendered alerts. Not here: alerts.yaml (test_monitoring.py)."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hack import docs_site
from tests.beds import helm
from tests.beds.helm import NAMESPACE, Object, of_kind
from tests.beds.programs import build
from tests.chart.chart_values import CASES, OPERATORS

FILE = helm.CHART / "files" / "alerts.yaml"
PAGE = helm.CHART.parents[1] / "docs" / "reference" / "metrics.md"


def rendered(kind: str, metrics: Object, **values: object) -> Object:
    items = helm.objects(helm.template("helm4", {"metrics": metrics, **values}, *OPERATORS))
    (item,) = of_kind(items, kind)
    return item


def rules(item: Object) -> Iterator[Object]:
    for group in item["spec"]["groups"]:
        yield from group["rules"]


def written() -> dict[str, Object]:
    return {rule["alert"]: rule for rule in rules({"spec": yaml.safe_load(FILE.read_text())})}


@pytest.mark.parametrize(
    ("kind", "value", "place"),
    [("ServiceMonitor", "serviceMonitor", "endpoints"), ("PodMonitor", "podMonitor", "podMetricsEndpoints")],
)
def test_a_monitor_scrapes_as_the_values_say(kind: str, value: str, place: str) -> None:
    fields = {
        "interval": "1m",
        "scrapeTimeout": "10s",
        "relabelings": [{"targetLabel": "cluster", "replacement": "east"}],
        "metricRelabelings": [{"action": "labeldrop", "regex": "fingerprint"}],
    }
    item = rendered(kind, {value: {"enabled": True, "labels": {"release": "prometheus"}, **fields}})
    assert item["spec"][place] == [{"port": "health", "path": "/metrics", **fields}]
    assert item["metadata"]["labels"]["release"] == "prometheus"
    plain = rendered(kind, {value: {"enabled": True}})
    assert plain["spec"][place] == [{"port": "health", "path": "/metrics", "interval": "30s"}]


MONITORS = [("ServiceMonitor", "serviceMonitor"), ("PodMonitor", "podMonitor")]


@pytest.mark.parametrize(("kind", "value"), MONITORS)
def test_a_monitor_in_another_namespace_names_that_of_the_pods(kind: str, value: str) -> None:
    here = rendered(kind, {value: {"enabled": True}})
    assert (here["metadata"]["namespace"], here["metadata"]["name"]) == (NAMESPACE, "injector")
    assert "namespaceSelector" not in here["spec"]
    there = rendered(kind, {value: {"enabled": True, "namespace": "monitoring"}})
    assert there["metadata"]["namespace"] == "monitoring"
    # Two releases of one name in two namespaces have one monitor each.
    assert there["metadata"]["name"] == f"{NAMESPACE}-injector"
    assert there["spec"]["namespaceSelector"] == {"matchNames": [NAMESPACE]}


def test_a_pod_monitor_selects_the_pods() -> None:
    items = helm.objects(helm.template("helm4", {"metrics": {"podMonitor": {"enabled": True}}}, *OPERATORS))
    (deployment,), (monitor,) = of_kind(items, "Deployment"), of_kind(items, "PodMonitor")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()


@pytest.mark.parametrize("version", helm.VERSIONS)
def test_both_monitors_are_refused(version: str) -> None:
    both = {"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}}
    with pytest.raises(helm.HelmError, match="count everything twice"):
        helm.template(version, {"metrics": both})


def test_alerts_are_those_of_the_file_with_what_the_values_add() -> None:
    values = CASES["everything"].values["metrics"]["alerts"]
    made = {rule["alert"]: rule for rule in rules(rendered("PrometheusRule", {"alerts": values}))}
    assert set(written()) - set(made) == {"InjectorSlow"}
    for name, rule in made.items():
        original = written()[name]
        assert rule["labels"] == {**original["labels"], "team": "mesh"}
        assert {key: rule["annotations"][key] for key in original["annotations"]} == original["annotations"]


def test_each_runbook_is_a_heading_of_the_page() -> None:
    base = "https://docs.example.com/metrics"
    item = rendered("PrometheusRule", {"alerts": {"enabled": True, "runbookBase": base}})
    anchors = docs_site.anchors(PAGE.read_text())
    for rule in rules(item):
        place, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert (place, anchor in anchors) == (base, True), rule["alert"]


def test_without_a_base_there_is_no_runbook() -> None:
    for rule in rules(rendered("PrometheusRule", {"alerts": {"enabled": True}})):
        assert "runbook_url" not in rule["annotations"]


def test_a_group_without_alerts_is_left_out() -> None:
    name = "sidecar-injector-traces"
    groups = yaml.safe_load(FILE.read_text())["groups"]
    (disabled,) = [[rule["alert"] for rule in group["rules"]] for group in groups if group["name"] == name]
    item = rendered("PrometheusRule", {"alerts": {"enabled": True, "disabled": disabled}})
    assert name not in {group["name"] for group in item["spec"]["groups"]}


@pytest.mark.parametrize("version", helm.VERSIONS)
def test_an_alert_that_does_not_exist_cannot_be_left_out(version: str) -> None:
    with pytest.raises(helm.HelmError, match=re.escape("at '/metrics/alerts/disabled/0'")):
        helm.template(version, {"metrics": {"alerts": {"disabled": ["InjectorMissing"]}}})


def absence(**values: object) -> str:
    item = rendered("PrometheusRule", {"alerts": {"enabled": True}}, **values)
    (rule,) = [rule for rule in rules(item) if rule["alert"] == "InjectorAbsent"]
    expression: str = rule["expr"]
    return expression


@pytest.mark.parametrize(
    ("pod", "is_of_the_release"),
    [
        ("sidecars-7d9f8c6b5d-x2x4z", True),
        # A name so long that Kubernetes cuts it before the last part.
        ("sidecars-7d9f8x2x4z", True),
        ("sidecars-canary-7d9f8c6b5d-x2x4z", False),
        ("more-sidecars-7d9f8c6b5d-x2x4z", False),
    ],
)
def test_absence_is_that_of_this_release(pod: str, is_of_the_release: bool) -> None:
    expression = absence(fullnameOverride="sidecars", namespaceOverride="elsewhere")
    match = re.fullmatch(r'absent\(injector_config_info\{namespace="(.+)",pod=~"(.+)"\}\)', expression)
    assert match is not None
    assert match[1] == "elsewhere"
    # Prometheus anchors a pattern at both ends.
    assert bool(re.fullmatch(match[2], pod)) is is_of_the_release


def test_prometheus_reads_the_rendered_alerts(tmp_path: Path) -> None:
    if reason := build.unavailable(["alertrules"]):
        pytest.skip(f"Prometheus' parser: {reason}")
    program = build.programs(["alertrules"])["alertrules"]
    file = tmp_path / "rules.yaml"
    values = {"enabled": True, "runbookBase": "https://docs.example.com/metrics"}
    file.write_text(yaml.safe_dump(rendered("PrometheusRule", {"alerts": values})["spec"]))
    done = subprocess.run([program, file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    asked = json.loads(done.stdout)
    assert set(asked) == set(written())
    assert [set(each["labels"]) for each in asked["InjectorAbsent"]] == [{"namespace", "pod"}]
