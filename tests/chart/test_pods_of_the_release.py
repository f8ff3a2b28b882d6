"""Values that change the pods of the release, how they are replaced, and the names of its objects.

Not here: what holds for every set of values (test_chart_rendered.py).
"""

from __future__ import annotations

from typing import Any

import click
import pytest

from injector.cli.main import cli
from tests.beds import helm
from tests.beds.helm import Object, of_kind
from tests.chart.chart_values import CASES, OPERATORS

EVERYTHING = CASES["everything"].values
every_helm = pytest.mark.parametrize("version", helm.VERSIONS)


def rendered(values: Object, version: str = "helm4") -> list[Object]:
    return helm.objects(helm.template(version, values, *OPERATORS))


def deployment(values: Object, version: str = "helm4") -> Object:
    (item,) = of_kind(rendered(values, version), "Deployment")
    return item


def pod(values: Object, version: str = "helm4") -> Object:
    spec: Object = deployment(values, version)["spec"]["template"]["spec"]
    return spec


@every_helm
@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({}, {"kubernetes.io/os": "linux"}),
        ({"pool": "system"}, {"kubernetes.io/os": "linux", "pool": "system"}),
        ({"kubernetes.io/os": None, "pool": "system"}, {"pool": "system"}),
    ],
)
def test_pods_run_on_linux_unless_the_values_remove_that(version: str, asked: Object, wanted: Object) -> None:
    items = rendered({"nodeSelector": asked}, version)
    specs = [i["spec"]["template"]["spec"] for i in items if i["kind"] == "Deployment"]
    specs += [i["spec"] for i in items if i["kind"] == "Pod"]
    assert [spec["nodeSelector"] for spec in specs] == [wanted, wanted]


def test_in_the_network_of_the_node_pods_take_its_ports_and_resolve_names_of_the_cluster() -> None:
    values = CASES["in the network of the nodes"].values
    spec = pod(values)
    assert (spec["hostNetwork"], spec["dnsPolicy"]) == (True, "ClusterFirstWithHostNet")
    ports = {port["name"]: port["containerPort"] for port in spec["containers"][0]["ports"]}
    assert ports == {"https": 18443, "health": 18080}
    assert pod({**values, "dnsPolicy": "Default"})["dnsPolicy"] == "Default"


def test_by_default_pods_have_a_network_of_their_own() -> None:
    assert {"hostNetwork", "dnsPolicy"}.isdisjoint(pod({}))


@every_helm
@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({}, {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}),
        (
            {"rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
            {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
        ),
        ({"type": "Recreate"}, {"type": "Recreate"}),
    ],
)
def test_the_strategy_is_that_of_the_values(version: str, asked: Object, wanted: Object) -> None:
    assert deployment({"strategy": asked}, version)["spec"]["strategy"] == wanted


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({}, {"maxUnavailable": 1}),
        ({"maxUnavailable": "25%"}, {"maxUnavailable": "25%"}),
        ({"minAvailable": 2}, {"minAvailable": 2}),
        ({"minAvailable": "50%", "maxUnavailable": 1}, {"minAvailable": "50%"}),
        ({"minAvailable": 0}, {"minAvailable": 0}),
    ],
)
def test_a_disruption_budget_has_one_limit(asked: Object, wanted: Object) -> None:
    (budget,) = of_kind(rendered({"podDisruptionBudget": asked}), "PodDisruptionBudget")
    assert {key: value for key, value in budget["spec"].items() if key.endswith("vailable")} == wanted


def test_probes_take_times_and_keep_what_they_read() -> None:
    container = pod(EVERYTHING)["containers"][0]
    assert container["startupProbe"] == {
        "httpGet": {"path": "/healthz", "port": "health"},
        "periodSeconds": 1,
        "failureThreshold": 120,
    }
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["readinessProbe"]["periodSeconds"] == 5
    assert container["livenessProbe"]["initialDelaySeconds"] == 3


@every_helm
def test_a_probe_with_a_handler_is_refused(version: str) -> None:
    with pytest.raises(helm.HelmError, match="'exec' not allowed"):
        helm.template(version, {"livenessProbe": {"exec": {"command": ["true"]}}})


def test_arguments_come_after_the_configuration_and_serve_takes_them() -> None:
    arguments = pod(EVERYTHING)["containers"][0]["args"]
    assert arguments == ["serve", "--config=/etc/sidecar-injector/injector.yaml", "--log-level=debug"]
    # A command keeps the help option of the first context that asks for it, so this is the real one.
    above = click.Context(cli, **cli.context_settings)
    command = cli.get_command(above, "serve")
    assert command is not None
    context = click.Context(command, parent=above)
    options, rest, _ = command.make_parser(context).parse_args(arguments[1:])
    assert (options["log_level"], rest) == ("debug", [])


def test_the_container_is_restricted_and_the_values_add_to_that() -> None:
    container = pod(EVERYTHING)["containers"][0]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
    }


def test_the_deployment_keeps_the_history_and_annotations_of_the_values() -> None:
    item = deployment(EVERYTHING)
    assert item["spec"]["revisionHistoryLimit"] == 1
    assert item["metadata"]["annotations"] == {"owner": "mesh", "d.example.com/e": "f"}
    assert "d.example.com/e" not in item["spec"]["template"]["metadata"]["annotations"]


def test_pull_secrets_of_all_charts_and_of_this_one_are_listed_once_in_every_pod() -> None:
    items = rendered(EVERYTHING)
    specs = [i["spec"]["template"]["spec"] for i in items if i["kind"] == "Deployment"]
    specs += [i["spec"] for i in items if i["kind"] == "Pod"]
    wanted = [{"name": "shared"}, {"name": "pull"}]
    assert [spec["imagePullSecrets"] for spec in specs] == [wanted, wanted]


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({}, "injector"),
        ({"nameOverride": "webhook"}, "injector-webhook"),
        ({"nameOverride": "inject"}, "injector"),
        ({"nameOverride": "webhook", "fullnameOverride": "sidecars"}, "sidecars"),
    ],
)
def test_the_name_of_the_objects(values: dict[str, Any], name: str) -> None:
    items = rendered(values)
    for kind in ("Deployment", "Service", "ConfigMap", "ServiceAccount", "PodDisruptionBudget"):
        (item,) = of_kind(items, kind)
        assert item["metadata"]["name"] == name
    labels = of_kind(items, "Deployment")[0]["spec"]["selector"]["matchLabels"]
    assert labels["app.kubernetes.io/name"] == "sidecar-injector"
