"""PodSecurity as the API server judges it, and what an injection adds to a pod that passes."""

from __future__ import annotations

from typing import Any

import pytest

from injector.config.loading import Input, Text, load_input
from injector.core.registration.checks import unsafe
from injector.core.registration.pod_security import of_injection, sample
from injector.core.validation.pod_security import violations

SECCOMP = {"type": "RuntimeDefault"}
GOOD: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": SECCOMP,
}


def violated(container: dict[str, Any], **spec: Any) -> set[tuple[str, str]]:
    pod = {"spec": {**spec, "containers": [{"name": "app", **container}]}}
    return {(v.level, v.control) for v in violations(pod)}


def test_the_sample_passes() -> None:
    assert list(violations(sample({}))) == []


# The Pod Security Standards, a row for each control.
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"privileged": True}, {("baseline", "privileged")}),
        ({"capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}}, {("baseline", "capabilities")}),
        ({"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}, {("restricted", "capabilities")}),
        ({"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}, set()),
        ({"capabilities": {}}, {("restricted", "capabilities")}),
        ({"procMount": "Unmasked"}, {("baseline", "procMount")}),
        ({"seccompProfile": {"type": "Unconfined"}}, {("baseline", "seccompProfile")}),
        ({"seccompProfile": None}, {("restricted", "seccompProfile")}),
        ({"appArmorProfile": {"type": "Unconfined"}}, {("baseline", "appArmorProfile")}),
        ({"windowsOptions": {"hostProcess": True}}, {("baseline", "hostProcess")}),
        ({"allowPrivilegeEscalation": None}, {("restricted", "allowPrivilegeEscalation")}),
        ({"runAsNonRoot": None}, {("restricted", "runAsNonRoot")}),
        ({"runAsUser": 0}, {("restricted", "runAsUser")}),
    ],
)
def test_each_control_of_a_container(changes: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    assert violated({"securityContext": {**GOOD, **changes}}) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"hostPID": True}, {("baseline", "hostPID")}),
        ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, {("baseline", "hostPath")}),
        ({"volumes": [{"name": "v", "nfs": {}}, {"name": "w", "emptyDir": {}}]}, {("restricted", "volumes")}),
        ({"securityContext": {"runAsUser": 0}}, {("restricted", "runAsUser")}),
        ({"securityContext": {"sysctls": [{"name": "kernel.x"}]}}, {("baseline", "sysctls")}),
        ({"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_syncookies"}]}}, set()),
    ],
)
def test_each_control_of_a_pod(spec: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    assert violated({"securityContext": GOOD}, **spec) == expected


def test_ports_of_the_node_and_what_a_container_inherits() -> None:
    assert violated({"securityContext": GOOD, "ports": [{"hostPort": 80}]}) == {("baseline", "hostPorts")}
    inherited = {k: v for k, v in GOOD.items() if k not in ("runAsNonRoot", "seccompProfile")}
    of_pod = {"runAsNonRoot": True, "seccompProfile": SECCOMP}
    assert violated({"securityContext": inherited}, securityContext=of_pod) == set()


# What is set as the advice says -> the levels that are still not passed.
@pytest.mark.parametrize(
    ("settings", "levels"),
    [
        ("{}", ["baseline", "restricted"]),
        ("values: {pilot: {cni: {enabled: true}}}", ["restricted"]),
        ("values: {global: {proxy: {seccompProfile: {type: RuntimeDefault}}}}", ["baseline", "restricted"]),
        (
            "values: {pilot: {cni: {enabled: true}}, "
            "global: {proxy: {seccompProfile: {type: RuntimeDefault}}}}",
            [],
        ),
    ],
)
def test_following_the_advice_makes_injected_pods_pass(settings: str, levels: list[str]) -> None:
    config = load_input(Input(Text(settings, "config"), "."))
    violations_left = list(unsafe(config))
    assert [level for level, _, _ in violations_left] == levels
    assert all(hint for _, _, hint in violations_left)


def test_a_configuration_that_does_not_render_has_no_violations() -> None:
    broken = load_input(Input(Text("defaultTemplates: [gone]", "config"), "."))
    assert of_injection(broken) is None
    assert list(unsafe(broken)) == []
