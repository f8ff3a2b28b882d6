"""The registration of a profile in `files`: the chart renders what `injector webhook-config` prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from injector.cli.main import main
from tests.beds import helm
from tests.beds.helm import of_kind
from tests.chart.chart_values import SIDECAR

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "log-shipper"
PROFILES: dict[str, dict[str, Any]] = {
    "name alone": {},
    "names that need escaping": {"keys": {"switch": 'logs.example.com/it\'s "here"'}},
    "everything": {
        "keys": {"switch": "logs.example.com/ship"},
        "ignoredNamespaces": ["quiet", "calm"],
        "operatingSystems": ["windows", "linux"],
        "selectors": {
            "namespaceSelector": {
                "matchLabels": {"logs": "on"},
                "matchExpressions": [{"key": "team", "operator": "Exists"}],
            },
            "objectSelector": {"matchLabels": {"tier": "web"}},
        },
        "catalogue": {
            "annotations": ["logs.example.com/folder", "prometheus.io/port", "both"],
            "labels": ["logs.example.com/ship", "logs.example.com/team", "both", "app"],
            "namespaceLabels": ["logs-injection"],
            "domains": ["logs.example.com", "example.org"],
        },
    },
    "no operating systems": {"operatingSystems": [], "selectors": {"namespaceSelector": {}}},
}


@pytest.mark.parametrize("policy", ["enabled", "disabled"])
@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_it_is_what_the_command_prints(
    profile: dict[str, Any], policy: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = {"profile.yaml": yaml.safe_dump({"name": "own", **profile}), "sidecar.yaml.j2": SIDECAR}
    config = {"profile": "./", "policy": policy, "defaultTemplates": ["sidecar"]}
    assert registration(config, files) == printed(config, files, tmp_path, capfd)


@pytest.mark.parametrize("version", helm.VERSIONS)
def test_the_example_installs_without_entries(
    version: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = {name: (EXAMPLE / name).read_text() for name in ("profile.yaml", "sidecar.yaml.j2")}
    config = yaml.safe_load((EXAMPLE / "injector.yaml").read_text())
    webhook = registration(config, files, version)
    assert webhook == printed(config, files, tmp_path, capfd)
    assert [c["name"] for c in webhook[0]["matchConditions"]] == ["opted-in"]


def test_a_policy_from_outside_of_the_release_is_not_taken_for_opting_in() -> None:
    istio = {"namespace": "istio-system"}
    for source in ({}, {"istio": istio}, {"configMap": {"namespace": "gitops", "name": "injector"}}):
        items = helm.objects(
            helm.template("helm4", {"config": {"policy": "disabled", "server": {"source": source}}})
        )
        (configuration,) = of_kind(items, "MutatingWebhookConfiguration")
        names = {c["name"] for entry in configuration["webhooks"] for c in entry["matchConditions"]}
        assert names == ({"not-unsuited", "not-opted-out"} if source else {"opted-in"})


def test_pods_restart_where_the_policy_becomes_wider() -> None:
    def template(config: dict[str, Any]) -> Any:
        items = helm.objects(helm.template("helm4", {"config": config}))
        (deployment,) = of_kind(items, "Deployment")
        return deployment["spec"]["template"]

    assert template({"policy": "disabled"}) != template({"policy": "enabled"})
    assert template({"policy": "disabled", "alwaysInjectSelector": [{}]}) == template({})


def test_a_profile_in_files_needs_a_name_and_yaml() -> None:
    for text, message in (("keys: {}", "profile.yaml needs a name"), ("a: [", "profile.yaml is not YAML")):
        values = {
            "config": {"profile": "./"},
            "files": {"profile.yaml": text},
            "webhook": {"name": "own"},
        }
        with pytest.raises(helm.HelmError, match=message):
            helm.template("helm4", values)


def registration(config: dict[str, Any], files: dict[str, str], version: str = "helm4") -> list[Any]:
    """The webhooks that the chart renders."""
    items = helm.objects(helm.template(version, {"config": config, "files": files}))
    (configuration,) = of_kind(items, "MutatingWebhookConfiguration")
    webhooks: list[Any] = configuration["webhooks"]
    return webhooks


def printed(
    config: dict[str, Any], files: dict[str, str], folder: Path, capfd: pytest.CaptureFixture[str]
) -> list[Any]:
    """The webhooks that the command prints."""
    for name, text in {**files, "injector.yaml": yaml.safe_dump(config)}.items():
        (folder / name).write_text(text)
    capfd.readouterr()
    flags = (f"--config={folder / 'injector.yaml'}", "--service=mesh/injector:443")
    assert main(["webhook-config", *flags]) == 0
    webhooks: list[Any] = yaml.safe_load(capfd.readouterr().out)["webhooks"]
    return webhooks
