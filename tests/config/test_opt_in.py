"""Profiles for some pods: selectors in `profile.yaml`, and reloads that the registration does not cover."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from injector.config.current import Current
from injector.config.loading import Input, Text, load, load_input
from injector.config.server_settings import Server
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Namespace, Origin, Reason
from injector.core.profile import Config
from injector.core.registration.configuration import own_entries
from injector.core.registration.match_conditions import conditions
from injector.errors import ConfigError
from injector.telemetry import Metrics

PROFILE = """\
name: shipper
keys: {switch: logs.example.com/ship}
defaultTemplates: [sidecar]
"""
SELECTORS = (
    "selectors: {namespaceSelector: {matchLabels: {logs: 'on'}}, objectSelector: {matchLabels: {a: b}}}\n"
)


def profile(folder: Path, text: str, settings: str = "") -> Config:
    (folder / "profile.yaml").write_text(text)
    (folder / "sidecar.yaml.j2").write_text("spec: {containers: [{name: shipper, image: 'shipper:1'}]}\n")
    return load_input(Input(Text(f"profile: ./\n{settings}", "injector.yaml"), str(folder)))


def test_selectors_of_a_profile_are_those_of_the_registration(tmp_path: Path) -> None:
    [entry] = own_entries(profile(tmp_path, PROFILE + SELECTORS), "mesh")
    assert entry.name == "pods.shipper.sidecar-injector"
    assert str(entry.namespaces) == (
        "logs In [on] and kubernetes.io/metadata.name NotIn [kube-node-lease, kube-system, mesh]"
    )
    assert str(entry.objects) == "a In [b] and logs.example.com/ship NotIn [false]"


@pytest.mark.parametrize(
    ("namespace", "labels", "reason"),
    [
        ({"logs": "on"}, {"a": "b"}, Reason.ON_BY_DEFAULT),
        ({"logs": "off"}, {"a": "b"}, Reason.NOT_SELECTED),
        ({"logs": "on"}, {}, Reason.NOT_SELECTED),
        ({"logs": "on"}, {"a": "b", "logs.example.com/ship": "false"}, Reason.OPTED_OUT_BY_LABEL),
    ],
)
def test_the_command_line_decides_by_the_same_selectors(
    tmp_path: Path, namespace: dict[str, str], labels: dict[str, str], reason: Reason
) -> None:
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "app:1"}]}}
    facts = Facts("shop", Origin.FILE, Namespace("shop", namespace))
    assert inject(pod, facts, profile(tmp_path, PROFILE + SELECTORS)).decision.reason is reason


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("selectors: {namespaceSelector: {matchLabels: {logs: 1}}}\n", ":4", "matchLabels must be a map"),
        ("selectors: {podSelector: {}}\n", ":4", 'unknown key "podSelector"'),
        (
            "rules: istio\nselectors: {objectSelector: {matchLabels: {a: b}}}\n",
            ":5",
            "selectors of their own",
        ),
    ],
)
def test_wrong_selectors_are_refused_with_their_line(
    tmp_path: Path, text: str, where: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        profile(tmp_path, PROFILE + text)
    assert caught.value.where == f"{tmp_path}/profile.yaml{where}"


class Texts:
    """A source whose next configuration is set by the test."""

    server: Server | None = None
    step = "samples"

    def __init__(self, config: Config) -> None:
        self.config = config

    def read(self) -> Config:
        return self.config


def test_a_running_webhook_refuses_a_policy_that_its_registration_does_not_cover(tmp_path: Path) -> None:
    disabled = profile(tmp_path, PROFILE, "policy: disabled\n")
    enabled = profile(tmp_path, PROFILE)
    always = profile(tmp_path, PROFILE, "policy: disabled\nalwaysInjectSelector: [{matchLabels: {a: b}}]\n")

    async def main() -> None:
        source, metrics = Texts(disabled), Metrics()
        current = Current(
            source, disabled, metrics, seconds=1, in_thread=asyncio.to_thread, taken=lambda _: None
        )
        for wider, where in ((enabled, "policy"), (always, "alwaysInjectSelector")):
            source.config = wider
            await current.refresh()
            assert current.config is disabled
            assert f"{where}: the webhook is registered only for pods with" in current.warnings()["config"]
        assert b'{reason="registration",result="error"} 2' in metrics.text()
        source.config = disabled
        await current.refresh()
        assert current.warnings() == {}

    asyncio.run(main())


def test_the_policy_may_be_narrowed_and_widened_again(tmp_path: Path) -> None:
    async def main() -> None:
        enabled, disabled = load(None), profile(tmp_path, PROFILE, "policy: disabled\n")
        source = Texts(enabled)
        current = Current(
            source, enabled, Metrics(), seconds=1, in_thread=asyncio.to_thread, taken=lambda _: None
        )
        for each in (disabled, enabled):
            source.config = each
            await current.refresh()
            assert current.config is each

    asyncio.run(main())


def test_a_policy_that_a_control_plane_may_change_is_not_taken_for_opting_in(tmp_path: Path) -> None:
    source = "server: {source: {istio: {namespace: istio-system}}}\n"
    for settings, opt_in in (("policy: disabled\n", True), (f"policy: disabled\n{source}", False)):
        config = load_input(Input(Text(settings, "injector.yaml")))
        names = [condition.name for condition in conditions(config.policy, config.profile)]
        assert names == (["opted-in"] if opt_in else ["not-unsuited", "not-opted-out"])
