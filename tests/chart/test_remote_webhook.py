"""A release that only registers a webhook of another cluster: webhook.url."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from injector.cli.main import main
from tests.beds import helm
from tests.beds.helm import NAMESPACE, Object, of_kind
from tests.beds.keys import write_server_keys
from tests.chart.chart_values import CASES, OPERATORS

# What is left out is left out however much the values enable.
ALL_ENABLED = {key: value for key, value in CASES["everything"].values.items() if key != "extraObjects"}


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://injector.example.com", "https://injector.example.com/mutate"),
        ("https://injector.example.com:8443/", "https://injector.example.com:8443/mutate"),
        (
            "https://injector.example.com/inject/cluster/east",
            "https://injector.example.com/inject/cluster/east",
        ),
        ("https://[2001:db8::1]:8443/inject/", "https://[2001:db8::1]:8443/inject/"),
    ],
)
def test_the_registration_is_what_the_command_prints(
    url: str, wanted: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_server_keys(tmp_path, "injector.example.com")
    flags = [f"--exclude-namespace={each}" for each in ("kube-system", "kube-node-lease", NAMESPACE)]
    assert main(["webhook-config", f"--url={url}", f"--ca-file={tmp_path / 'ca.crt'}", *flags]) == 0
    printed = yaml.safe_load(capfd.readouterr().out)
    values = {"webhook": {"url": url}, "certificates": {"caBundle": (tmp_path / "ca.crt").read_text()}}
    (item,) = helm.objects(helm.template("helm4", values))
    assert item["webhooks"] == printed["webhooks"]
    assert {entry["clientConfig"]["url"] for entry in item["webhooks"]} == {wanted}


@pytest.mark.parametrize("certificates", [{}, {"source": "cert-manager"}], ids=["own", "cert-manager"])
def test_nothing_else_is_part_of_the_release(certificates: Object) -> None:
    webhook = {"url": "https://injector.example.com", "tags": ["prod"]}
    values = {**ALL_ENABLED, "certificates": certificates, "webhook": webhook}
    items = helm.objects(helm.template("helm4", values, *OPERATORS))
    assert [item["kind"] for item in items] == ["MutatingWebhookConfiguration"] * 2
    assert of_kind(items, "MutatingWebhookConfiguration") == items
    notes = [key for item in items for key in item["metadata"]["annotations"]]
    assert not [key for key in notes if key.startswith("cert-manager.io")]


@pytest.mark.parametrize("version", helm.VERSIONS)
@pytest.mark.parametrize(
    "url", ["http://injector.example.com", "https://a@injector.example.com", "https://h/?a", "injector:443"]
)
def test_a_url_that_the_api_server_refuses_is_refused(version: str, url: str) -> None:
    with pytest.raises(helm.HelmError, match="at '/webhook/url'"):
        helm.template(version, {"webhook": {"url": url}})
