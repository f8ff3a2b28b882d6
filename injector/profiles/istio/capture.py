"""How traffic is captured: the arguments and rights of istio-init and istio-validation.

Also the annotations by which the CNI plugin, which never sees the values, learns the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from injector.classes import dataclass
from injector.core.model import Manifest
from injector.profiles.istio.values import dig, printed
from injector.yamltext import load_json

PREFIX = "traffic.sidecar.istio.io/"
MODE = "sidecar.istio.io/interceptionMode"
REROUTE = "istio.io/reroute-virtual-interfaces"
KUBEVIRT = PREFIX + "kubevirtInterfaces"
STATUS_PORT = "status.sidecar.istio.io/port"


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """The pod's annotations, the values and what else capture depends on."""

    annotations: Mapping[str, str]
    values: Manifest
    mesh: Mapping[str, Any]
    mode: str
    uid: int
    gid: int

    @property
    def cni(self) -> bool:
        """Whether the CNI plugin redirects, and an init container only checks that it did."""
        return bool(dig(self.values, "pilot.cni.enabled", False))

    @property
    def tproxy(self) -> bool:
        """Whether connections keep their source address."""
        return self.mode == "TPROXY"

    def proxy_value(self, name: str) -> Any:
        """A value below global.proxy."""
        return dig(self.values, f"global.proxy.{name}")

    def setting(self, annotation: str, value: str) -> str:
        """An annotation where present, even empty, else the value as text."""
        text = self.annotations.get(PREFIX + annotation)
        return printed(self.proxy_value(value)) if text is None else text

    def optional(self, name: str) -> str | None:
        """A list of outbound ports: None where neither annotation nor value is set."""
        text = self.annotations.get(PREFIX + name)
        value = self.proxy_value(name)
        return text if text is not None else (None if value in (None, "") else printed(value))

    @property
    def status_port(self) -> str:
        """The agent's port as the templates see it."""
        text = self.annotations.get(STATUS_PORT)
        return printed(self.proxy_value("statusPort")) if text is None else text

    @property
    def excluded_inbound(self) -> str:
        """Inbound ports that are not captured, the agent's among them."""
        return exclude_port(self.status_port, self.setting("excludeInboundPorts", "excludeInboundPorts"))


def exclude_port(port: str, ports: str) -> str:
    """A comma list with one more port; unchanged where the port is empty, 0 or listed."""
    port = str(port).strip()
    if port in ("", "0") or port in ports.split(","):
        return ports
    return ",".join([*(p.strip() for p in ports.split(",") if p.strip()), port])


def arguments(s: CaptureSettings) -> list[str]:
    """The arguments of the init container, in the order of istio-injection 3.1.2."""
    a = s.annotations
    excluded = s.excluded_inbound
    out = ["istio-iptables"]
    out += [
        "-p",
        str(s.mesh.get("proxyListenPort") or 15001),
        "-z",
        str(s.mesh.get("proxyInboundListenPort") or 15006),
    ]
    out += ["-u", "1337" if s.tproxy else str(s.uid), "-m", s.mode]
    out += ["-i", s.setting("includeOutboundIPRanges", "includeIPRanges")]
    out += ["-x", s.setting("excludeOutboundIPRanges", "excludeIPRanges")]
    out += ["-b", s.setting("includeInboundPorts", "includeInboundPorts")]
    out += ["-d", "15090,15021" + (f",{excluded}" if excluded else "")]
    for flag, ports in (
        ("-q", s.optional("includeOutboundPorts")),
        ("-o", s.optional("excludeOutboundPorts")),
    ):
        out += [] if ports is None else [flag, ports]
    interfaces = a.get(REROUTE, a.get(KUBEVIRT))
    out += [] if interfaces is None else ["-k", interfaces]
    out += ["-c", a[PREFIX + "excludeInterfaces"]] if PREFIX + "excludeInterfaces" in a else []
    level = a.get("sidecar.istio.io/agentLogLevel", printed(dig(s.values, "global.logging.level")))
    out.append(f"--log_output_level={level}")
    flags = {
        "--log_as_json": dig(s.values, "global.logAsJson", False),
        "--run-validation": s.cni,
        "--skip-rule-apply": s.cni,
        "--force-apply": not s.cni and dig(s.values, "global.proxy_init.forceApplyIptables", False),
        "--native-nftables": dig(s.values, "global.nativeNftables", False),
    }
    return out + [flag for flag, on in flags.items() if on]


def rights(s: CaptureSettings) -> Manifest:
    """The init container's securityContext: iptables need the node's, checking needs nothing."""
    privileged = bool(s.proxy_value("privileged"))
    out: Manifest = {
        "allowPrivilegeEscalation": privileged,
        "privileged": privileged,
        "capabilities": {"drop": ["ALL"]},
    }
    if s.cni:
        out |= {
            "readOnlyRootFilesystem": True,
            "runAsUser": 1337 if s.tproxy else s.uid,
            "runAsGroup": 1337 if s.tproxy else s.gid,
            "runAsNonRoot": True,
        }
    else:
        out["capabilities"] = {"add": ["NET_ADMIN", "NET_RAW"], "drop": ["ALL"]}
        out |= {"readOnlyRootFilesystem": False, "runAsUser": 0, "runAsGroup": 0, "runAsNonRoot": False}
    if s.proxy_value("seccompProfile"):
        out["seccompProfile"] = s.proxy_value("seccompProfile")
    return out


def cni_annotations(s: CaptureSettings) -> dict[str, str]:
    """Every traffic setting spelt out for the CNI plugin; none where it does not redirect."""
    if not s.cni:
        return {}
    a = s.annotations
    out: dict[str, str] = {}
    if dig(s.values, "pilot.cni.provider") == "multus":
        key = "k8s.v1.cni.cncf.io/networks"
        out[key] = append_network(a.get(key, ""), "default/istio-cni")
    out[MODE] = s.mode
    for name, value in (
        ("includeOutboundIPRanges", "includeIPRanges"),
        ("excludeOutboundIPRanges", "excludeIPRanges"),
    ):
        ranges = s.setting(name, value)
        if ranges:
            out[PREFIX + name] = ranges
    out[PREFIX + "includeInboundPorts"] = s.setting("includeInboundPorts", "includeInboundPorts")
    out[PREFIX + "excludeInboundPorts"] = s.excluded_inbound
    for name in ("includeOutboundPorts", "excludeOutboundPorts"):
        ports = s.optional(name)
        if ports is not None:
            out[PREFIX + name] = ports
    for key in (KUBEVIRT, REROUTE, PREFIX + "excludeInterfaces"):
        if a.get(key):
            out[key] = a[key]
    return out


def append_network(existing: str, network: str) -> str:
    """A Multus annotation with one more network, as a list of names or as JSON; white space is kept."""
    if not existing:
        return network
    if "]" not in existing:
        listed = [part.strip() for part in existing.split(",")]
        return existing if network in listed else f"{existing}, {network}"
    namespace, _, name = network.rpartition("/")
    try:
        entries = load_json(existing)
        have = {(e.get("name"), e.get("namespace") or "") for e in entries}
    except (ValueError, AttributeError, TypeError):
        return existing
    if (name, namespace) in have:
        return existing
    entry = json.dumps({"name": name, **({"namespace": namespace} if namespace else {})})
    head, _, tail = existing.rpartition("]")
    return f"{head}, {entry}]{tail}"
