"""The CronJob that looks for pods with a missing or outdated sidecar: command, rights, PodSecurity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from injector.cli.commands import audit
from injector.cli.main import cli
from injector.cli.rights import needed_by_audit
from injector.config.loading import Input, Text, load_input
from injector.core.registration.entries import CONFIGURATIONS
from injector.kube.api_errors import Request
from injector.kube.client import connect
from injector.kube.survey import SurveyReader
from tests.apiserver import webhook_serving as ws
from tests.beds import helm
from tests.beds.apiserver.bed import ApiServer
from tests.beds.helm import Object, of_kind
from tests.chart.chart_values import PROFILE, SIDECAR
from tests.chart.test_chart_in_a_cluster import (
    ACCOUNT_AND_RIGHTS,
    RESTRICTED,
    Right,
    allowed,
    as_pod,
    expanded,
    kubectl,
    listed,
)
from tests.command import run

ACCOUNT = f"{helm.RELEASE}-audit"
SOURCES: dict[str, dict[str, Any]] = {
    "its own file": {},
    "a ConfigMap": {"server": {"source": {"configMap": {"namespace": "gitops", "name": "injector"}}}},
    "an istiod": {"server": {"source": {"istio": {"namespace": "istio-system"}}}},
    "an istiod's revision": {
        "revision": "canary",
        "server": {"source": {"istio": {"namespace": "istio-system", "meshConfigMap": "mesh"}}},
    },
}
# The profile istio is the only one that follows an istiod.
MAPS: dict[str, set[tuple[str, str]]] = {
    "its own file": set(),
    "a ConfigMap": {("gitops", "injector")},
    "an istiod": {("istio-system", "istio"), ("istio-system", "istio-sidecar-injector")},
    "an istiod's revision": {
        ("istio-system", "mesh"),
        ("istio-system", "istio-sidecar-injector-canary"),
    },
}


def rendered(config: dict[str, Any], namespace: str = helm.NAMESPACE, **values: Any) -> list[Object]:
    """The objects of the chart that the job needs; a value of the chart is a keyword."""
    values = {"config": config, **values, "audit": {"enabled": True, **values.get("audit", {})}}
    items = helm.objects(helm.template("helm4", values, namespace=namespace))
    return [item for item in items if "-audit" in item["metadata"]["name"]]


def container(items: list[Object]) -> Object:
    (job,) = of_kind(items, "CronJob")
    only: Object
    (only,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    return only


def test_by_default_there_is_no_job_and_no_account_for_it() -> None:
    items = helm.objects(helm.template("helm4", {}))
    assert [item["metadata"]["name"] for item in items if "audit" in item["metadata"]["name"]] == []


@pytest.mark.parametrize("source", SOURCES)
def test_the_command_takes_its_arguments_and_the_configuration_of_the_webhook(source: str) -> None:
    arguments = container(rendered(SOURCES[source], audit={"accept": ["foreign"]}))["args"]
    # A command keeps the help option of the first context that asks for it, so this is the real one.
    above = click.Context(cli, **cli.context_settings)
    flags = audit.command.make_context("audit", arguments[1:], parent=above).params
    assert arguments[0] == "audit"
    assert (flags["all_namespaces"], flags["events"], flags["fail_on"]) == (True, True, "error")
    assert (flags["accept"], flags["path"]) == (("foreign",), "/mutate")
    # The command reads what the file names as its source, as the webhook does.
    assert flags["config_file"] == "/etc/sidecar-injector/injector.yaml"


def test_a_state_that_does_not_exist_is_refused() -> None:
    with pytest.raises(helm.HelmError, match="audit"):
        rendered({}, audit={"accept": ["forgotten"]})


def test_the_name_of_the_job_leaves_room_for_what_a_cron_job_appends() -> None:
    (job,) = of_kind(rendered({}, fullnameOverride="n" * 52), "CronJob")
    assert len(job["metadata"]["name"]) <= 52


def wanted_rights(config_text: str) -> set[Right]:
    config = load_input(Input(Text(config_text, "injector.yaml")))
    out = set()
    for verb, path in needed_by_audit(config):
        asked = Request("", verb, path).attributes()
        out.add((verb, asked.get("group", ""), asked["resource"], asked.get("name", "")))
    return out


@pytest.mark.parametrize("source", SOURCES)
def test_its_rights_are_exactly_what_the_command_needs(source: str) -> None:
    items = rendered(SOURCES[source])
    rules = [rule for role in of_kind(items, "ClusterRole") for rule in role["rules"]]
    assert expanded(rules) == wanted_rights("profile: istio\n")
    maps = {
        (role["metadata"]["namespace"], name)
        for role in of_kind(items, "Role")
        for rule in role["rules"]
        for name in rule["resourceNames"]
    }
    assert maps == MAPS[source]


def test_a_profile_of_its_own_and_rights_by_others() -> None:
    files = {"profile.yaml": PROFILE, "sidecar.yaml.j2": SIDECAR}
    items = rendered({"profile": "./"}, files=files)
    rules = [rule for role in of_kind(items, "ClusterRole") for rule in role["rules"]]
    assert "proxyconfigs" not in {resource for rule in rules for resource in rule["resources"]}
    without = rendered({}, rbac={"create": False})
    assert {item["kind"] for item in without} == {"ServiceAccount", "CronJob"}


def test_its_account_may_do_all_that_it_needs_and_nothing_else(bed: ApiServer, namespace: str) -> None:
    items = [item for item in rendered({}, namespace) if item["kind"] in ACCOUNT_AND_RIGHTS]
    bed.kubectl("apply", "-f", "-", manifest=listed(items))
    config = load_input(Input(Text("profile: istio\n", "injector.yaml")))
    forbidden = [
        (verb, path)
        for verb in ("get", "list", "watch", "create", "update", "patch", "delete")
        for path in (
            f"/api/v1/namespaces/{namespace}/secrets/some",
            "/api/v1/namespaces/shop/pods/some/exec",
            "/api/v1/namespaces/shop/configmaps/some",
            f"{CONFIGURATIONS}/some",
        )
        if (verb, path) != ("list", f"{CONFIGURATIONS}/some")
    ]
    forbidden += [
        (verb, "/apis/apps/v1/deployments") for verb in ("list", "create", "update", "patch", "delete")
    ]
    forbidden += [(verb, "/api/v1/pods") for verb in ("get", "create", "patch", "delete")]
    try:
        with connect(str(bed.kubeconfig), None) as cluster:
            reading, account = SurveyReader(cluster), (namespace, ACCOUNT)
            assert [w for w in needed_by_audit(config) if reading.may(*w, account) is not True] == []
            assert [each for each in forbidden if reading.may(*each, account)] == []
        anybody = allowed(bed, "default", namespace, "shop")
        assert allowed(bed, ACCOUNT, namespace, "shop") - anybody == wanted_rights("profile: istio\n")
    finally:
        bed.kubectl("delete", "--wait=false", "-f", "-", manifest=listed(items))


def test_with_its_account_the_command_writes_an_event_on_the_owner_of_a_pod_without_a_sidecar(
    bed: ApiServer, namespace: str, tmp_path: Path
) -> None:
    items = [item for item in rendered({}, namespace) if item["kind"] in ACCOUNT_AND_RIGHTS]
    bed.kubectl("apply", "-f", "-", manifest=listed(items))
    config = tmp_path / "injector.yaml"
    config.write_text("values: {global: {hub: registry.example.com/istio, tag: 1.30.0}}\n")
    try:
        ws.created(bed, namespace, ws.a_deployment("web"))
        ws.pods_of(bed, namespace, "web")
        bed.kubectl("label", "namespace", namespace, "istio-injection=enabled")
        token = bed.kubectl("create", "token", ACCOUNT, "-n", namespace).strip()
        kubeconfig = bed.kubeconfig_with_token(token)
        arguments: list[str | Path] = ["--events", "--fail-on=error"]
        arguments += ["--config", config, "--kubeconfig", kubeconfig]
        for count in (1, 2):
            done = run("audit", "-n", namespace, *arguments)
            assert (done.status, done.err) == (0, "Events on 1 owner\n"), done.out
            [event] = ws.listed(
                bed,
                namespace,
                "events",
                "--field-selector=involvedObject.kind=Deployment,reason=SidecarMissing",
            )
            assert (event["involvedObject"]["name"], event["count"]) == ("web", count)
        refused = run("audit", "-n", namespace, *arguments[2:], "--restart", "--yes")
        assert refused.status == 1
        assert "not allowed to list poddisruptionbudgets" in refused.err
    finally:
        bed.kubectl("delete", "--wait=false", "-f", "-", manifest=listed(items))


def test_a_namespace_that_enforces_restricted_takes_the_job_and_its_pods(bed: ApiServer) -> None:
    namespace = bed.make_namespace(RESTRICTED)
    items = rendered({}, namespace)
    (job,) = of_kind(items, "CronJob")
    bed.kubectl("apply", "-f", "-", manifest=listed(of_kind(items, "ServiceAccount")))
    made = [*items, as_pod({**job, "spec": job["spec"]["jobTemplate"]["spec"]})]
    answer = kubectl(bed, "apply", "--dry-run=server", "-f", "-", manifest=listed(made))
    assert (answer.returncode, answer.stderr) == (0, "")
