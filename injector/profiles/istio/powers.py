"""What of a pod carries which power: fields of the ProxyConfig, variables of the proxy, its annotations.

The core compares containers and volumes (`core.injection.powers`); here is what only this mesh knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from injector.core import status
from injector.errors import ManifestError
from injector.profiles.istio import layers, proxyconfig
from injector.profiles.istio.settings import effective_of
from injector.yamltext import load_text

if TYPE_CHECKING:
    from injector.core.profile import Injection

# The agent reads it from the pod's annotations, and it wins over the ProxyConfig.
DISCOVERY: Final = "sidecar.istio.io/discoveryAddress"
_IPTABLES_TRACE: Final = "IPTABLES_TRACE_LOGGING"
_JOINING: Final = frozenset({"trust-root", "control-plane"})
_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "image": frozenset({"image"}),
    "binaryPath": frozenset({"image"}) | _JOINING,
    "interceptionMode": frozenset({"user", "capabilities"}),
    "caCertificatesPem": frozenset({"trust-root"}),
    "discoveryAddress": frozenset({"control-plane"}),
    "controlPlaneAuthPolicy": _JOINING,
    **dict.fromkeys(("configPath", "customConfigFile", "proxyBootstrapTemplatePath", "sds"), _JOINING),
}
# With the tracer lightstep the path of its certificate says where a Secret is mounted.
_TRACING_TLS: Final = frozenset({"volumes"}) | _JOINING
FREE_VARIABLES: Final = frozenset(
    (
        *("GOMEMLIMIT", "ISTIO_CPU_LIMIT", "REWRITE_PROBE_LEGACY_LOCALHOST_DESTINATION"),
        *("ISTIO_META_POD_PORTS", "ISTIO_META_APP_CONTAINERS", "ISTIO_META_INTERCEPTION_MODE"),
        *("ISTIO_META_WORKLOAD_NAME", "ISTIO_META_OWNER"),
        *("ISTIO_META_DNS_CAPTURE", "ISTIO_META_DNS_AUTO_ALLOCATE"),
        *("ISTIO_PROMETHEUS_ANNOTATIONS", "ISTIO_KUBE_APP_PROBERS", "OTEL_RESOURCE_ATTRIBUTES"),
        *("EXIT_ON_ZERO_ACTIVE_CONNECTIONS", "MINIMUM_DRAIN_DURATION"),
    )
)


def permitted(text: str, withheld: frozenset[str]) -> str | None:
    """A ProxyConfig of an annotation without the fields that carry one of these powers; None for nothing."""
    try:
        config = proxyconfig.read(load_text(text, layers.PROXY_CONFIG), layers.PROXY_CONFIG)
    except (ManifestError, ValueError):
        return None
    out = {k: v for k, v in config.items() if withheld.isdisjoint(_FIELDS.get(k, ()))}
    if "tracing" in out and not withheld.isdisjoint(_TRACING_TLS):
        out["tracing"] = {k: v for k, v in out["tracing"].items() if k != "tlsSettings"}
    if "proxyMetadata" in out:
        out["proxyMetadata"] = {
            name: value
            for name, value in out["proxyMetadata"].items()
            if withheld.isdisjoint(_powers_of_variable(name))
        }
    # Nothing was taken out: the text may stay as it is, whatever form it has.
    return text if out == config else status.compact(out)


def _powers_of_variable(name: str) -> frozenset[str]:
    if name == _IPTABLES_TRACE:
        return frozenset({"user", "capabilities"}) | _JOINING
    return frozenset() if name in FREE_VARIABLES else _JOINING


def read_at_start(run: Injection, annotations: Mapping[str, str]) -> Mapping[str, Any]:
    """The agent applies both annotations once more, over what the injector wrote."""
    out: dict[str, Any] = {DISCOVERY: annotations[DISCOVERY]} if DISCOVERY in annotations else {}
    config = layers.effective(run)
    if layers.PROXY_CONFIG in annotations:
        asked = load_text(annotations[layers.PROXY_CONFIG], layers.PROXY_CONFIG) or {}
        config = proxyconfig.merge(config, proxyconfig.read(asked, layers.PROXY_CONFIG))
    return {**out, layers.PROXY_CONFIG: config}


def control_plane_hosts(run: Injection) -> frozenset[str]:
    """The hosts of discovery and of the CA."""
    effective = effective_of(run)
    addresses = (effective.proxy.get("discoveryAddress"), effective.ca_address)
    hosts = (str(address or "").rpartition(":")[0] for address in addresses)
    return frozenset(host.lower().rstrip(".") for host in hosts if host)
