"""What an install of the chart prints."""

from __future__ import annotations

import pytest

from tests.beds import helm
from tests.beds.helm import NAMESPACE, Object
from tests.chart.chart_values import CASES, CERTIFICATE, OPERATORS

URL = {"webhook": {"url": "https://injector.example.com"}}
OPEN = {"webhook": {"failurePolicy": "Ignore"}}
A_SECRET = {"certificates": {"source": "secret", "existingSecret": "tls"}}
TRUSTED = {
    "by itself": {},
    "cert-manager": {"certificates": {"source": "cert-manager"}},
    "a bundle": CASES["a Secret"].values,
    "published": CASES["a Secret, published by us"].values,
    "injected": {**A_SECRET, "webhook": {"annotations": {"cert-manager.io/inject-ca-from-secret": "a/b"}}},
}


def notes(values: Object) -> str:
    """What an install says."""
    # Helm 3 asks a cluster for its version here.
    flags = ("--dry-run=client", f"--namespace={NAMESPACE}")
    text = helm.run("helm4", "install", helm.RELEASE, str(helm.CHART), *flags, values=values)
    return text.partition("NOTES:")[2]


@pytest.mark.parametrize(
    ("values", "command"),
    [
        ({}, "kubectl label namespace NAME istio-injection=enabled"),
        ({"config": {"revision": "canary"}}, "kubectl label namespace NAME istio.io/rev=canary"),
        ({"webhook": {"enabled": False}}, "injector webhook-config --service mesh/injector"),
        ({"replicas": 1}, "set replicas to 2"),
        (A_SECRET, 'certificates.publish: "on"'),
        (A_SECRET, "certificates.caBundle"),
        (A_SECRET, "webhook.annotations"),
        ({}, "Set config.values.global.hub and config.values.global.tag"),
    ],
)
def test_the_notes_say_the_next_command(values: Object, command: str) -> None:
    text = notes(values)
    assert command in text
    assert f"helm test {helm.RELEASE} -n {NAMESPACE}" in text


def warnings(values: Object, *flags: str) -> str:
    """The paragraphs at the end of the notes, for a cluster with the kinds of the flags."""
    text = '{{ dict "kind" "Said" "metadata" dict "text" (include "injector.warnings" .) | toYaml }}'
    items = helm.objects(helm.template("helm4", {**values, "extraObjects": [text]}, *flags))
    (said,) = [item["text"] for item in items if item["kind"] == "Said"]
    return " ".join(said.split())


def test_the_notes_do_not_say_that_pods_run_before_any_does() -> None:
    text = notes({})
    assert "runs with" not in text
    assert "with the profile istio and 2 pods" in text
    assert f"kubectl rollout status deployment/injector -n {NAMESPACE}" in text


@pytest.mark.parametrize(
    ("values", "warned"),
    [
        (OPEN, True),
        ({**OPEN, "config": {"server": {"failureMode": "deny"}}}, True),
        ({**OPEN, "config": {"server": {"failureMode": "allow"}}}, False),
        ({}, False),
    ],
)
def test_a_policy_that_the_failure_mode_contradicts_is_named(values: Object, warned: bool) -> None:
    wanted = "set config.server.failureMode to allow, or webhook.failurePolicy to Fail"
    assert (wanted in warnings(values)) is warned


@pytest.mark.parametrize(
    ("value", "kind"),
    [("serviceMonitor", "ServiceMonitor"), ("podMonitor", "PodMonitor"), ("alerts", "PrometheusRule")],
)
def test_a_kind_that_the_cluster_lacks_is_named(value: str, kind: str) -> None:
    values = {"metrics": {value: {"enabled": True}}}
    wanted = f"metrics.{value} created nothing: the cluster has no {kind}"
    assert wanted in warnings(values)
    assert "created nothing" not in warnings(values, *OPERATORS)
    assert "created nothing" not in warnings({})


def test_what_the_network_of_a_node_means_is_said() -> None:
    values = CASES["in the network of the nodes"].values
    assert ":18443 and :18080 must be free there" in warnings(values)
    assert "NetworkPolicy has no effect" not in warnings(values)
    assert "NetworkPolicy has no effect" in warnings({**values, "networkPolicy": {"enabled": True}})


def test_a_release_that_only_registers_a_webhook_says_where_it_is_and_no_more_of_it() -> None:
    text = notes(URL)
    assert "https://injector.example.com/mutate" in text
    assert "The webhook itself is not part of this release" in text
    assert not [word for word in ("helm test", "rollout status", "development image") if word in text]
    assert "certificates.caBundle is empty" in text
    trusted = {**URL, "certificates": {"caBundle": CERTIFICATE}}
    assert "certificates.caBundle is empty" not in warnings(trusted)


@pytest.mark.parametrize("values", TRUSTED.values(), ids=TRUSTED)
def test_where_another_program_writes_ca_bundle_the_notes_do_not_ask_for_it(values: Object) -> None:
    assert "caBundle is empty" not in notes(values)


@pytest.mark.parametrize(
    "config",
    [
        {"values": {"global": {"tag": "1.30.0"}}},
        {"server": {"source": {"istio": {"namespace": "istio-system"}}}},
    ],
)
def test_where_images_are_configured_the_notes_do_not_ask_for_them(config: Object) -> None:
    assert "development image" not in notes({"config": config})


@pytest.mark.parametrize(
    ("policy", "server", "lines"),
    [
        ("Fail", {}, []),
        ("Ignore", {"failureMode": "allow"}, []),
        ("Ignore", {}, ["A pod for which a template fails is still rejected"]),
        ("Fail", {"failureMode": "allow"}, ["A pod for which a template fails starts without a sidecar"]),
    ],
)
def test_the_notes_name_a_failure_policy_that_contradicts_the_failure_mode(
    policy: str, server: Object, lines: list[str]
) -> None:
    text = notes({"webhook": {"failurePolicy": policy}, "config": {"server": server}})
    assert [line.partition(":")[0] for line in text.splitlines() if "a template fails" in line] == lines
