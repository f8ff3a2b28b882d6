"""PodSecurity: the controls of `baseline` and `restricted` that a pod template does not pass.

As the API server enforces them. Not here: which namespace enforces what.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from injector.classes import dataclass
from injector.core.model import Manifest

ENFORCE: Final = "pod-security.kubernetes.io/enforce"
LEVELS: Final = ("baseline", "restricted")

_LISTS: Final = ("initContainers", "containers", "ephemeralContainers")
_CAPABILITIES: Final = frozenset(
    {
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE"),
        *("SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
    }
)
_VOLUMES: Final = frozenset(
    {
        *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim"),
        *("projected", "secret"),
    }
)
_CONFINED: Final = ("RuntimeDefault", "Localhost")


@dataclass(frozen=True, slots=True)
class Violation:
    """A control that a pod does not pass. `container` is empty where it is about the pod."""

    level: str
    control: str
    container: str
    message: str

    def __str__(self) -> str:
        return f"{self.container}: {self.message}" if self.container else self.message


def violations(pod: Manifest) -> Iterator[Violation]:
    """The controls of both levels that a pod does not pass; `restricted` counts on top of `baseline`."""
    spec = pod.get("spec") or {}
    for control, message in _baseline_pod(spec):
        yield Violation("baseline", control, "", message)
    for control, message in _restricted_pod(spec):
        yield Violation("restricted", control, "", message)
    for part in _LISTS:
        for container in spec.get(part) or []:
            name = str(container.get("name") or "?")
            for control, message in _baseline(container):
                yield Violation("baseline", control, name, message)
            for control, message in _restricted(container, spec.get("securityContext") or {}):
                yield Violation("restricted", control, name, message)


def _baseline_pod(spec: Manifest) -> Iterator[tuple[str, str]]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field):
            yield field, f"{field} is set"
    for volume in spec.get("volumes") or []:
        if "hostPath" in volume:
            yield "hostPath", f"volume {volume.get('name')} is a hostPath"
    context = spec.get("securityContext") or {}
    for sysctl in context.get("sysctls") or []:
        if not _safe(str(sysctl.get("name"))):
            yield "sysctls", f"sysctl {sysctl.get('name')} is not one of the safe ones"
    yield from _unconfined(context)


def _baseline(container: Manifest) -> Iterator[tuple[str, str]]:
    context = container.get("securityContext") or {}
    if context.get("privileged"):
        yield "privileged", "privileged is true"
    added = sorted(set((context.get("capabilities") or {}).get("add") or []) - _CAPABILITIES)
    if added:
        yield "capabilities", f"adds the capabilities {', '.join(added)}"
    ports = [p.get("hostPort") for p in container.get("ports") or [] if p.get("hostPort")]
    if ports:
        yield "hostPorts", f"uses ports of the node: {', '.join(map(str, ports))}"
    if (context.get("procMount") or "Default") != "Default":
        yield "procMount", "procMount is not Default"
    if (context.get("windowsOptions") or {}).get("hostProcess"):
        yield "hostProcess", "is a Windows HostProcess container"
    yield from _unconfined(context)


def _unconfined(context: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for field in ("seccompProfile", "appArmorProfile"):
        if (context.get(field) or {}).get("type") == "Unconfined":
            yield field, f"{field} is Unconfined"


def _restricted_pod(spec: Manifest) -> Iterator[tuple[str, str]]:
    for volume in spec.get("volumes") or []:
        kinds = set(volume) - {"name", "hostPath"} - _VOLUMES
        if kinds:
            yield "volumes", f"volume {volume.get('name')} is of kind {', '.join(sorted(kinds))}"
    if (spec.get("securityContext") or {}).get("runAsUser") == 0:
        yield "runAsUser", "runAsUser is 0"


def _restricted(container: Manifest, of_pod: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    context = container.get("securityContext") or {}
    if context.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation", "allowPrivilegeEscalation is not false"
    if context.get("runAsNonRoot", of_pod.get("runAsNonRoot")) is not True:
        yield "runAsNonRoot", "runAsNonRoot is not true"
    if context.get("runAsUser") == 0:
        yield "runAsUser", "runAsUser is 0"
    profile = context.get("seccompProfile") or of_pod.get("seccompProfile") or {}
    if profile.get("type") not in (*_CONFINED, "Unconfined"):
        yield "seccompProfile", "seccompProfile is not set"
    capabilities = context.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or []):
        yield "capabilities", "does not drop ALL capabilities"
    added = set(capabilities.get("add") or []) & (_CAPABILITIES - {"NET_BIND_SERVICE"})
    if added:
        yield "capabilities", f"adds the capabilities {', '.join(sorted(added))}"


def _safe(sysctl: str) -> bool:
    return sysctl in (
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_wmem",
    )
