"""MeshConfig of the mesh API as far as injection reads it: defaults, merging, validation.

Fields that injection does not read are kept as they are written; only their names are known, so
that both spellings are one field. Not here: ProxyConfig (proxyconfig.py), and what is derived
from the effective configuration.
"""

from __future__ import annotations

from typing import Any, Literal

from injector.profiles.istio import proxyconfig, proxyconfig_rules
from injector.profiles.istio.messages import FLAG, INT32, TEXT, UNTYPED, Enum, ListOf, Message, Tree, Wrapped

_OPENTELEMETRY = Message(
    {"service_attribute_enrichment": Enum(ISTIO_CANONICAL=0, OTEL_SEMANTIC_CONVENTIONS=1)}, open=True
)

MESH_CONFIG = Message(
    {
        "proxy_listen_port": INT32,
        "proxy_inbound_listen_port": INT32,
        "proxy_http_port": UNTYPED,
        "connect_timeout": UNTYPED,
        "hbone_idle_timeout": UNTYPED,
        "protocol_detection_timeout": UNTYPED,
        "tcp_keepalive": UNTYPED,
        "ingress_class": UNTYPED,
        "ingress_service": UNTYPED,
        "ingress_controller_mode": UNTYPED,
        "ingress_selector": UNTYPED,
        "enable_tracing": UNTYPED,
        "access_log_file": UNTYPED,
        "access_log_format": UNTYPED,
        "access_log_encoding": UNTYPED,
        "enable_envoy_access_log_service": UNTYPED,
        "disable_envoy_listener_log": UNTYPED,
        "default_config": proxyconfig.PROXY_CONFIG,
        "outbound_traffic_policy": UNTYPED,
        "inbound_traffic_policy": Message({"mode": Enum(PASSTHROUGH=0, LOCALHOST=1)}, open=True),
        "config_sources": UNTYPED,
        "enable_auto_mtls": UNTYPED,
        "trust_domain": TEXT,
        "trust_domain_aliases": ListOf(TEXT),
        "ca_certificates": UNTYPED,
        "default_service_export_to": UNTYPED,
        "default_virtual_service_export_to": UNTYPED,
        "default_destination_rule_export_to": UNTYPED,
        "root_namespace": TEXT,
        "locality_lb_setting": UNTYPED,
        "zone_aware_lb_setting": UNTYPED,
        "dns_refresh_rate": UNTYPED,
        "h2_upgrade_policy": UNTYPED,
        "inbound_cluster_stat_name": UNTYPED,
        "outbound_cluster_stat_name": UNTYPED,
        "certificates": UNTYPED,
        "service_settings": UNTYPED,
        "service_scope_configs": UNTYPED,
        "enable_prometheus_merge": Wrapped(FLAG),
        "verify_certificate_at_client": UNTYPED,
        "ca": UNTYPED,
        "extension_providers": ListOf(Message({"name": TEXT, "opentelemetry": _OPENTELEMETRY}, open=True)),
        "default_providers": UNTYPED,
        "discovery_selectors": UNTYPED,
        "path_normalization": UNTYPED,
        "default_http_retry_policy": UNTYPED,
        "mesh_mTLS": UNTYPED,
        "tls_defaults": UNTYPED,
        "default_traffic_policy": UNTYPED,
        "service_entry_visibility": UNTYPED,
    },
    open=True,
)

DEFAULTS: Tree = {
    "proxyListenPort": 15001,
    "proxyInboundListenPort": 15006,
    "connectTimeout": "10s",
    "protocolDetectionTimeout": "0s",
    "ingressClass": "istio",
    "ingressService": "istio-ingressgateway",
    "ingressControllerMode": "STRICT",
    "enableTracing": True,
    "defaultConfig": proxyconfig.DEFAULTS,
    "outboundTrafficPolicy": {"mode": "ALLOW_ANY"},
    "inboundTrafficPolicy": {"mode": "PASSTHROUGH"},
    "enableAutoMtls": True,
    "trustDomain": "cluster.local",
    "defaultServiceExportTo": ["*"],
    "defaultVirtualServiceExportTo": ["*"],
    "defaultDestinationRuleExportTo": ["*"],
    "rootNamespace": "istio-system",
    "localityLbSetting": {"enabled": True},
    "dnsRefreshRate": "60s",
    "enablePrometheusMerge": True,
    "extensionProviders": [
        {"name": "prometheus", "prometheus": {}},
        {"name": "stackdriver", "stackdriver": {}},
        {"name": "envoy", "envoyFileAccessLog": {"path": "/dev/stdout"}},
    ],
    "defaultProviders": {},
}


def effective(overrides: object, base: object = None, *, where: str = "meshConfig") -> Tree:
    """`overrides` over the document `base` over the built-in defaults; both are trees from YAML.

    In `overrides` a key that ends in ``+``, also one in defaultConfig, appends its list to the one
    below it. Raises ValueError with the path under `where` and what is expected there, never the
    value.
    """
    below = merge(DEFAULTS, read(base, where))
    if not isinstance(overrides, dict):
        return merge(below, read(overrides, where))
    plain, appended = _split(overrides)
    lists = _read_lists(MESH_CONFIG, appended, where)
    for spelling in ("default_config", "defaultConfig"):
        if isinstance(plain.get(spelling), dict):
            plain[spelling], more = _split(plain[spelling])
            config_lists = _read_lists(proxyconfig.PROXY_CONFIG, more, f"{where}.defaultConfig")
            lists |= {("defaultConfig", *path): items for path, items in config_lists.items()}
    result = merge(below, read(plain, where))
    for path, items in lists.items():
        result = _append(result, path, items)
    return result


def read(raw: object, where: str) -> Tree:
    """A tree as a canonical mesh configuration, as proxyconfig.read does it; unknown fields stay."""
    return {} if raw is None else MESH_CONFIG.read(raw, where)


def merge(base: Tree, overlay: Tree) -> Tree:
    """`overlay` over `base`: fields replace, except those that upstream merges.

    defaultConfig merges as proxyconfig.merge, extensionProviders by name, trustDomainAliases to a
    sorted union.
    """
    if not overlay:
        return base
    merged = {**base, **overlay}
    if "defaultConfig" in overlay:
        merged["defaultConfig"] = proxyconfig.merge(base.get("defaultConfig", {}), overlay["defaultConfig"])
    if "extensionProviders" in overlay:
        # A dict keeps the place of a provider that is replaced.
        providers = {provider.get("name", ""): provider for provider in base.get("extensionProviders", [])}
        providers |= {provider.get("name", ""): provider for provider in overlay["extensionProviders"]}
        merged["extensionProviders"] = list(providers.values())
    if "trustDomainAliases" in overlay:
        aliases = {*base.get("trustDomainAliases", []), *overlay["trustDomainAliases"]}
        merged["trustDomainAliases"] = sorted(aliases)
    return merged


def validate(mesh: Tree) -> list[str]:
    """What is wrong with an effective configuration, each message with the field and what it takes."""
    wrong = []
    if not 1 <= mesh.get("proxyListenPort", 0) <= 65535:
        wrong.append("proxyListenPort: a port from 1 to 65535 is expected")
    if not proxyconfig_rules.is_dns_name(mesh.get("trustDomain", "")):
        wrong.append("trustDomain: a domain name is expected, such as cluster.local")
    if "" in mesh.get("trustDomainAliases", []):
        wrong.append("trustDomainAliases: non-empty domain names are expected")
    return wrong + [
        f"defaultConfig.{message}" for message in proxyconfig_rules.validate(mesh["defaultConfig"])
    ]


def inbound_mode(mesh: Tree) -> Literal["localhost", "passthrough"]:
    """`InboundTrafficPolicyMode` of the templates."""
    mode = mesh.get("inboundTrafficPolicy", {}).get("mode")
    return "localhost" if mode == "LOCALHOST" else "passthrough"


def _split(tree: Tree) -> tuple[Tree, Tree]:
    plain = {key: value for key, value in tree.items() if not str(key).endswith("+")}
    appended = {key[:-1]: value for key, value in tree.items() if key not in plain and value is not None}
    return plain, appended


def _read_lists(message: Message, appended: Tree, where: str) -> dict[tuple[str, ...], list[Any]]:
    result: dict[tuple[str, ...], list[Any]] = {}
    for key, value in appended.items():
        # An unknown field of a closed message vanishes, as it does without the sign.
        for name, items in message.read({key: value}, where).items():
            if not isinstance(items, list):
                raise ValueError(f"{where}.{key}+: a list is expected, because the key ends in +")
            result[(name,)] = items
    return result


def _append(mesh: Tree, path: tuple[str, ...], items: list[Any]) -> Tree:
    if len(path) == 2:
        config = mesh["defaultConfig"]
        return {**mesh, path[0]: {**config, path[1]: [*config.get(path[1], []), *items]}}
    (name,) = path
    if name in ("extensionProviders", "trustDomainAliases"):
        return merge(mesh, {name: items})
    return {**mesh, name: [*mesh.get(name, []), *items]}
