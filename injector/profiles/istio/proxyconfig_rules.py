"""What an effective ProxyConfig has to fulfil, as upstream validates it.

Not here: the types of single fields, which reading checks (proxyconfig.py).
"""

from __future__ import annotations

import ipaddress
from typing import Any

from injector.durations import nanoseconds
from injector.patterns import pattern
from injector.profiles.istio.messages import DURATION, Tree
from injector.profiles.istio.proxyconfig import CONNECTION_SETTINGS

_PORTS = "a port from 1 to 65535"
_ADDRESS = f"host:port with a host name or an IP address (IPv6 in brackets) and {_PORTS}"
_HOST_AND_PORT = pattern(r"(?:\[([^\[\]]*)\]|([^:\[\]]*)):([^:\[\]]*)")
_LABEL = pattern(r"[A-Za-z0-9](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?")
_PORT_NUMBER = pattern(r"[-+]?[0-9]{1,18}")
_MILLISECOND = 10**6
_SECOND = 10**9


def validate(config: Tree) -> list[str]:
    """What is wrong with an effective config, each message with the field and what it takes."""
    return [
        *_missing_texts(config),
        *_wrong_drain(config),
        *_wrong_addresses(config),
        *_wrong_ports(config),
        *_wrong_auth_policy(config),
        *_wrong_tracing(config.get("tracing", {})),
        *_wrong_key_provider(config.get("privateKeyProvider")),
        *_wrong_connection_settings(config.get("connectionSettings", {})),
    ]


def is_address(value: str) -> bool:
    """Whether `value` is host:port as upstream takes it for addresses."""
    match = _HOST_AND_PORT.fullmatch(value)
    if match is None:
        return False
    host = match[1] if match[1] is not None else match[2]
    port = match[3]
    return bool(_PORT_NUMBER.fullmatch(port)) and 1 <= int(port) <= 65535 and _is_host(host)


def is_dns_name(name: str) -> bool:
    """Whether `name` is dot separated labels; a trailing dot is allowed."""
    labels = name.removesuffix(".").split(".")
    return len(name) <= 255 and all(_LABEL.fullmatch(label) for label in labels)


def _is_host(host: str) -> bool:
    if ":" not in host and not host[-1:].isdigit():
        # No address, and the module that knows them need not be loaded.
        return is_dns_name(host)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # What ends in a number was meant as an IPv4 address.
        return is_dns_name(host) and not host.rpartition(".")[2].isdigit()
    return True


def _missing_texts(config: Tree) -> list[str]:
    wrong = [f"{name}: a path is expected" for name in ("configPath", "binaryPath") if not config.get(name)]
    if not config.get("serviceCluster") and "tracingServiceName" not in config:
        wrong.append("serviceCluster: a name is expected (or tracingServiceName)")
    return wrong


def _wrong_drain(config: Tree) -> list[str]:
    duration = config.get("drainDuration")
    if duration is None:
        return []
    length = nanoseconds(duration) or 0
    if length < _MILLISECOND or length % _SECOND:
        return ["drainDuration: a positive duration of whole seconds is expected, such as 45s"]
    return []


def _wrong_addresses(config: Tree) -> list[str]:
    wrong = []
    if not is_address(config.get("discoveryAddress", "")):
        wrong.append(f"discoveryAddress: {_ADDRESS} is expected")
    for path in (
        ("statsdUdpAddress",),
        ("envoyMetricsServiceAddress",),
        ("envoyMetricsService", "address"),
        ("envoyAccessLogService", "address"),
    ):
        value: Any = config
        for name in path:
            value = value.get(name, {})
        if value and not is_address(value):
            wrong.append(f"{'.'.join(path)}: {_ADDRESS} is expected")
    return wrong


def _wrong_ports(config: Tree) -> list[str]:
    return [
        f"{name}: {_PORTS} is expected"
        for name in ("proxyAdminPort", "statusPort")
        if not 1 <= config.get(name, 0) <= 65535
    ]


def _wrong_auth_policy(config: Tree) -> list[str]:
    if config.get("controlPlaneAuthPolicy", "NONE") in ("NONE", "MUTUAL_TLS"):
        return []
    return ["controlPlaneAuthPolicy: NONE or MUTUAL_TLS is expected"]


def _wrong_tracing(tracing: Tree) -> list[str]:
    wrong = []
    for tracer in ("zipkin", "datadog"):
        if tracer in tracing:
            # The proxy's own variable; nothing else is replaced, and only once.
            address = tracing[tracer].get("address", "").replace("$(HOST_IP)", "127.0.0.1", 1)
            if not is_address(address):
                wrong.append(f"tracing.{tracer}.address: {_ADDRESS} is expected; the host may be $(HOST_IP)")
    if "lightstep" in tracing:
        if not is_address(tracing["lightstep"].get("address", "")):
            wrong.append(f"tracing.lightstep.address: {_ADDRESS} is expected")
        if not tracing["lightstep"].get("accessToken"):
            wrong.append("tracing.lightstep.accessToken: a token is expected")
    return wrong + _wrong_tls(tracing.get("tlsSettings", {}), "tracing.tlsSettings")


def _wrong_tls(tls: Tree, path: str) -> list[str]:
    mode = tls.get("mode")
    if mode not in ("SIMPLE", "MUTUAL"):
        return []
    wrong = []
    by_name = bool(tls.get("credentialName"))
    files = ("clientCertificate", "privateKey", "caCertificates", "caCrl")
    if by_name and any(tls.get(name) for name in files):
        wrong.append(f"{path}.credentialName: cannot be combined with {', '.join(files)}")
    if mode == "MUTUAL" and not by_name:
        wrong += [
            f"{path}.{name}: a path is expected with mode MUTUAL"
            for name in ("clientCertificate", "privateKey")
            if not tls.get(name)
        ]
    checked = ["caCertificates", "subjectAltNames", *(["credentialName"] if mode == "SIMPLE" else [])]
    if tls.get("insecureSkipVerify") and any(tls.get(name) for name in checked):
        wrong.append(f"{path}.insecureSkipVerify: true cannot be combined with {', '.join(checked)}")
    return wrong


def _wrong_key_provider(provider: Tree | None) -> list[str]:
    if provider is None:
        return []
    if not provider:
        return ["privateKeyProvider: cryptomb or qat is expected"]
    return [
        f"privateKeyProvider.{name}.pollDelay: a duration other than zero is expected, such as 10ms"
        for name, settings in provider.items()
        if not nanoseconds(settings.get("pollDelay", "0s"))
    ]


def _wrong_connection_settings(settings: Tree) -> list[str]:
    least = {
        "listenerPerConnectionBufferLimitBytes": 0,
        "clusterPerConnectionBufferLimitBytes": 0,
        "httpMaxConcurrentStreams": 1,
        "http2InitialStreamWindowSize": 65535,
        "http2InitialConnectionWindowSize": 65535,
        "listenerConnectionLimit": 1,
        "globalDownstreamConnectionLimit": 1,
    }
    wrong = [
        f"connectionSettings.{name}: a number of at least {bound} is expected"
        for name, bound in least.items()
        if settings.get(name, bound) < bound
    ]
    wrong += [
        f"connectionSettings.{name}: a duration that is not negative is expected"
        for name, kind in CONNECTION_SETTINGS.fields.items()
        if kind is DURATION and (nanoseconds(settings.get(name, "0s")) or 0) < 0
    ]
    return wrong
