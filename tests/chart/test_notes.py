"""What an install of the chart prints."""

from __future__ import annotations

import pytest

from tests.beds import helm
from tests.beds.helm import NAMESPACE, Object
from tests.chart.chart_values import CASES

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
