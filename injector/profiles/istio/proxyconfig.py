"""ProxyConfig of the mesh API: its fields, reading, merging and the PROXY_CONFIG text.

Not here: what an effective config has to fulfil (proxyconfig_rules.py), where the layers come from
(annotation, mesh configuration, ProxyConfig objects), and MeshConfig, in which ProxyConfig is the
field defaultConfig.

A config is a dict in canonical form (see messages.py). Field names, numbers and types are those
of istio.io/api; the rules were observed from upstream's kube-inject.
"""

from __future__ import annotations

from injector.profiles.istio.messages import (
    DOUBLE,
    DURATION,
    FLAG,
    INT32,
    INT64,
    TEXT,
    UINT32,
    Enum,
    ListOf,
    MapOf,
    Message,
    Tree,
    Wrapped,
)
from injector.profiles.istio.protojson import json_text

_TEXTS = ListOf(TEXT)
_TEXT_MAP = MapOf(TEXT)
_OPTIONAL_FLAG = Wrapped(FLAG)
_OPTIONAL_INT32 = Wrapped(INT32)
_OPTIONAL_INT64 = Wrapped(INT64)

_TLS_SETTINGS = Message(
    {
        "mode": Enum(DISABLE=0, SIMPLE=1, MUTUAL=2, ISTIO_MUTUAL=3),
        "client_certificate": TEXT,
        "private_key": TEXT,
        "ca_certificates": TEXT,
        "credential_name": TEXT,
        "subject_alt_names": _TEXTS,
        "sni": TEXT,
        "insecure_skip_verify": _OPTIONAL_FLAG,
        "ca_crl": TEXT,
    }
)

_TRACERS = ("zipkin", "lightstep", "datadog", "stackdriver", "open_census_agent")

_CUSTOM_TAG = Message(
    {
        "literal": Message({"value": TEXT}),
        "environment": Message({"name": TEXT, "default_value": TEXT}),
        "header": Message({"name": TEXT, "default_value": TEXT}),
    },
    one_of=(("literal", "environment", "header"),),
)

_TRACING = Message(
    {
        "zipkin": Message({"address": TEXT}),
        "lightstep": Message({"address": TEXT, "access_token": TEXT}),
        "datadog": Message({"address": TEXT}),
        "stackdriver": Message(
            {
                "debug": FLAG,
                "max_number_of_attributes": _OPTIONAL_INT64,
                "max_number_of_annotations": _OPTIONAL_INT64,
                "max_number_of_message_events": _OPTIONAL_INT64,
            }
        ),
        "open_census_agent": Message(
            {
                "address": TEXT,
                "context": ListOf(
                    Enum(UNSPECIFIED=0, W3C_TRACE_CONTEXT=1, GRPC_BIN=2, CLOUD_TRACE_CONTEXT=3, B3=4)
                ),
            }
        ),
        "custom_tags": MapOf(_CUSTOM_TAG),
        "max_path_tag_length": UINT32,
        "sampling": DOUBLE,
        "tls_settings": _TLS_SETTINGS,
        "enable_istio_tags": _OPTIONAL_FLAG,
    },
    one_of=(_TRACERS,),
)

_REMOTE_SERVICE = Message(
    {
        "address": TEXT,
        "tls_settings": _TLS_SETTINGS,
        "tcp_keepalive": Message({"probes": UINT32, "time": DURATION, "interval": DURATION}),
    }
)

_CLIENT_CERT_DETAILS = Enum(
    UNDEFINED=0, SANITIZE=1, FORWARD_ONLY=2, APPEND_FORWARD=3, SANITIZE_SET=4, ALWAYS_FORWARD_ONLY=5
)

_READINESS_PROBE = Message(
    {
        "initial_delay_seconds": INT32,
        "timeout_seconds": INT32,
        "period_seconds": INT32,
        "success_threshold": INT32,
        "failure_threshold": INT32,
        "http_get": Message(
            {
                "path": TEXT,
                "port": UINT32,
                "host": TEXT,
                "scheme": TEXT,
                "http_headers": ListOf(Message({"name": TEXT, "value": TEXT})),
            }
        ),
        "tcp_socket": Message({"host": TEXT, "port": UINT32}),
        "exec": Message({"command": _TEXTS}),
        "grpc": Message({"port": UINT32, "service": TEXT}),
    },
    one_of=(("http_get", "tcp_socket", "exec", "grpc"),),
)

_KEY_PROVIDER = Message({"poll_delay": DURATION, "fallback": _OPTIONAL_FLAG})
_SWITCH_OFF = Message({"disabled": _OPTIONAL_FLAG})
_SWITCH_ON = Message({"enabled": _OPTIONAL_FLAG})

_PROXY_HEADERS = Message(
    {
        "forwarded_client_cert": _CLIENT_CERT_DETAILS,
        "set_current_client_cert_details": Message(
            dict.fromkeys(("subject", "cert", "chain", "dns", "uri"), _OPTIONAL_FLAG)
        ),
        "request_id": _SWITCH_OFF,
        "server": Message({"disabled": _OPTIONAL_FLAG, "value": TEXT}),
        "attempt_count": _SWITCH_OFF,
        "envoy_debug_headers": _SWITCH_OFF,
        "metadata_exchange_headers": Message({"mode": Enum(UNDEFINED=0, IN_MESH=1)}),
        "preserve_http1_header_case": _OPTIONAL_FLAG,
        "x_forwarded_host": _SWITCH_ON,
        "x_forwarded_port": _SWITCH_ON,
    }
)

CONNECTION_SETTINGS = Message(
    {
        "profile": Enum(SIDECAR=0, EDGE=1),
        "listener_per_connection_buffer_limit_bytes": _OPTIONAL_INT32,
        "cluster_per_connection_buffer_limit_bytes": _OPTIONAL_INT32,
        "http_idle_timeout": DURATION,
        "http_max_connection_duration": DURATION,
        "http_drain_timeout": DURATION,
        "http_request_timeout": DURATION,
        "http_request_headers_timeout": DURATION,
        "http_stream_idle_timeout": DURATION,
        "http_max_stream_duration": DURATION,
        "http_max_concurrent_streams": _OPTIONAL_INT32,
        "http2_initial_stream_window_size": _OPTIONAL_INT32,
        "http2_initial_connection_window_size": _OPTIONAL_INT32,
        "http_headers_with_underscores_action": Enum(
            HEADERS_WITH_UNDERSCORES_UNSPECIFIED=0,
            HEADERS_WITH_UNDERSCORES_ALLOW=1,
            HEADERS_WITH_UNDERSCORES_REJECT_REQUEST=2,
            HEADERS_WITH_UNDERSCORES_DROP_HEADER=3,
        ),
        "http_merge_slashes": _OPTIONAL_FLAG,
        "http_path_with_escaped_slashes_action": Enum(
            PATH_WITH_ESCAPED_SLASHES_UNSPECIFIED=0,
            KEEP_UNCHANGED=1,
            REJECT_REQUEST=2,
            UNESCAPE_AND_REDIRECT=3,
            UNESCAPE_AND_FORWARD=4,
        ),
        "listener_connection_limit": _OPTIONAL_INT32,
        "global_downstream_connection_limit": _OPTIONAL_INT32,
    }
)

PROXY_CONFIG = Message(
    {
        "config_path": TEXT,
        "binary_path": TEXT,
        "service_cluster": TEXT,
        "tracing_service_name": Enum(
            APP_LABEL_AND_NAMESPACE=0, CANONICAL_NAME_ONLY=1, CANONICAL_NAME_AND_NAMESPACE=2
        ),
        "drain_duration": DURATION,
        "discovery_address": TEXT,
        "discovery_refresh_delay": DURATION,
        "zipkin_address": TEXT,
        "statsd_udp_address": TEXT,
        "envoy_metrics_service_address": TEXT,
        "proxy_admin_port": INT32,
        "availability_zone": TEXT,
        "control_plane_auth_policy": Enum(NONE=0, MUTUAL_TLS=1, INHERIT=1000),
        "custom_config_file": TEXT,
        "stat_name_length": INT32,
        "concurrency": _OPTIONAL_INT32,
        "proxy_bootstrap_template_path": TEXT,
        "interception_mode": Enum(REDIRECT=0, TPROXY=1, NONE=2),
        "tracing": _TRACING,
        "sds": Message({"enabled": FLAG, "k8s_sa_jwt_path": TEXT}),
        "envoy_access_log_service": _REMOTE_SERVICE,
        "envoy_metrics_service": _REMOTE_SERVICE,
        "proxy_metadata": _TEXT_MAP,
        "runtime_values": _TEXT_MAP,
        "status_port": INT32,
        "extra_stat_tags": _TEXTS,
        "gateway_topology": Message(
            {
                "num_trusted_proxies": UINT32,
                "forward_client_cert_details": _CLIENT_CERT_DETAILS,
                "proxy_protocol": Message({}),
            }
        ),
        "termination_drain_duration": DURATION,
        "mesh_id": TEXT,
        "readiness_probe": _READINESS_PROBE,
        "proxy_stats_matcher": Message(
            {"inclusion_prefixes": _TEXTS, "inclusion_suffixes": _TEXTS, "inclusion_regexps": _TEXTS}
        ),
        "hold_application_until_proxy_starts": _OPTIONAL_FLAG,
        "ca_certificates_pem": _TEXTS,
        "image": Message({"image_type": TEXT}),
        "private_key_provider": Message(
            {"cryptomb": _KEY_PROVIDER, "qat": _KEY_PROVIDER}, one_of=(("cryptomb", "qat"),)
        ),
        "proxy_headers": _PROXY_HEADERS,
        "file_flush_interval": DURATION,
        "file_flush_min_size_kb": UINT32,
        "stats_compression": _OPTIONAL_FLAG,
        "connection_settings": CONNECTION_SETTINGS,
    },
    one_of=(("service_cluster", "tracing_service_name"),),
)

DEFAULTS: Tree = {
    "configPath": "./etc/istio/proxy",
    "binaryPath": "/usr/local/bin/envoy",
    "serviceCluster": "istio-proxy",
    "drainDuration": "45s",
    "discoveryAddress": "istiod.istio-system.svc:15012",
    "proxyAdminPort": 15000,
    "controlPlaneAuthPolicy": "MUTUAL_TLS",
    "statNameLength": 189,
    "statusPort": 15020,
    "terminationDrainDuration": "5s",
}

# Of proxyHeaders these survive an overlay that does not mention them; the other headers of the
# base are lost as soon as the overlay has proxyHeaders at all. Upstream's agent applies the
# annotation once more in the same way, so keeping them here would not keep them in the proxy.
_INHERITED_HEADERS = ("forwardedClientCert", "requestId", "server", "attemptCount", "envoyDebugHeaders")


def read(raw: object, where: str) -> Tree:
    """A tree from YAML or JSON as a canonical config.

    Names may be camelCase or snake_case. Unknown fields and nulls are dropped. Raises ValueError
    that names the field under `where` and what it takes, never its value.
    """
    return {} if raw is None else PROXY_CONFIG.read(raw, where)


def merge(base: Tree, overlay: Tree) -> Tree:
    """`overlay` over `base`: fields replace, proxyMetadata merges by key, proxyHeaders by header."""
    if not overlay:
        return base
    merged = dict(base)
    for name, value in overlay.items():
        PROXY_CONFIG.settle(merged, name)
        if name == "proxyMetadata":
            value = {**base.get(name, {}), **value}
        elif name == "proxyHeaders":
            value = _merged_headers(base.get(name, {}), value)
        merged[name] = value
    return merged


def _merged_headers(base: Tree, overlay: Tree) -> Tree:
    inherited = {name: base[name] for name in _INHERITED_HEADERS if name in base}
    merged = {**inherited, **overlay}
    # An enum's zero value does not count as given.
    if merged.get("forwardedClientCert") == "UNDEFINED" and "forwardedClientCert" in inherited:
        merged["forwardedClientCert"] = inherited["forwardedClientCert"]
    return merged


def without_zero(config: Tree) -> Tree:
    """What of `config` survives proto JSON: zero numbers, empty text, lists and maps are lost.

    Explicit empty messages, zero durations and zero values of wrapper types stay. Fields come in
    declaration order, maps sorted.
    """
    shaped: Tree = PROXY_CONFIG.shape(config)
    return shaped


def text(config: Tree) -> str:
    """The text of PROXY_CONFIG, without final newline: what differs from the built-in defaults."""
    shaped = without_zero(config)
    return json_text({name: value for name, value in shaped.items() if value != DEFAULTS.get(name)})
