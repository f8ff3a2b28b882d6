"""The settings of `serve`: listeners, certificates, callers, limits, records, and the source of the file.

Each is declared once: key, default, what it accepts, its sentence. Not here: the settings that decide about
pods (`schema`), and settings that do not fit together (`cross_checks`).
"""

from __future__ import annotations

import re
from typing import Any

from injector.classes import dataclass
from injector.config.caller_settings import CallerAuth
from injector.config.fields import (
    FLAG,
    NAMES,
    TEXT,
    Reading,
    Shape,
    checked,
    choice,
    duration,
    number,
    section,
    setting,
)
from injector.config.serving_limits import CacheSettings, ConnectionSettings, MiB, QueueSettings
from injector.core.model import ServiceRef
from injector.patterns import pattern

_ADDRESS = pattern(r"(?:\[[0-9A-Fa-f:.]+\]|[^:\[\]\s]*):(?P<port>[0-9]{1,5})")


def _is_address(text: str) -> bool:
    match = _ADDRESS.fullmatch(text)
    return match is not None and 0 <= int(match["port"]) <= 65535


ADDRESS: Shape[str] = checked(TEXT, _is_address, 'an address such as ":8443" or "127.0.0.1:8443"')


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigMapSource:
    "A ConfigMap with this file."

    namespace: str = setting("", TEXT, "Namespace of the ConfigMap.")
    name: str = setting("", TEXT, "Name of the ConfigMap; empty: do not read a ConfigMap.")
    key: str = setting("injector.yaml", TEXT, "Key of the configuration file in the ConfigMap.")


@dataclass(frozen=True, slots=True, kw_only=True)
class IstioSource:
    """The ConfigMaps of a live istiod."""

    namespace: str = setting("", TEXT, "Namespace of istiod; empty: do not read its ConfigMaps.")
    mesh_config_map: str = setting(
        "istio", TEXT, "ConfigMap with the mesh configuration; a revision is appended."
    )
    inject_config_map: str = setting(
        "istio-sidecar-injector",
        TEXT,
        "ConfigMap with the injection settings and values; a revision is appended.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """Where `serve` reads its configuration from, when not from a file."""

    config_map: ConfigMapSource = setting(
        ConfigMapSource, section(ConfigMapSource), "A ConfigMap with this file."
    )
    istio: IstioSource = setting(IstioSource, section(IstioSource), "The ConfigMaps of a running istiod.")
    poll_seconds: int = setting(
        10, number(1, 3600, "seconds"), "How often the source is checked for changes."
    )


LOOPBACK: Shape[str] = checked(
    TEXT, lambda text: not text or _is_address(text), 'an address such as "127.0.0.1:8081", or nothing'
)

_PART = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_SERVICE = pattern(rf"(?P<namespace>{_PART})/(?P<name>{_PART})", re.ASCII)


def _service(raw: Any, at: str, reading: Reading) -> ServiceRef | None:
    text = TEXT.take(raw, at, reading)
    match = _SERVICE.fullmatch(text)
    if text and match is None:
        raise ValueError("NAMESPACE/NAME is expected")
    return ServiceRef(match["namespace"], match["name"]) if match else None


SERVICE: Shape[ServiceRef | None] = Shape("NAMESPACE/NAME", _service, schema=TEXT.schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSettings:
    """Where the webhook's certificate comes from, and who writes caBundle."""

    source: str = setting(
        "auto",
        choice("auto", "own", "secret", "files"),
        "own: created by the webhook, with a CA in a Secret; secret: a mounted Secret; files: tlsCert "
        "and tlsKey, or tlsBundle; auto: the first that is set of files, folder and service.",
    )
    service: ServiceRef | None = setting(
        None, SERVICE, "The Service of the webhook; caBundle of its entries is kept up to date."
    )
    names: tuple[str, ...] = setting(
        (), NAMES, "Additional DNS names and addresses of the self-made certificate."
    )
    cluster_domain: str = setting("cluster.local", TEXT, "DNS domain of the cluster.")
    ca_secret: str = setting(
        "",
        TEXT,
        "Name of the Secret with the injector's CA, in the namespace of the Service; empty: SERVICE-ca.",
    )
    folder: str = setting("", TEXT, "Folder of a mounted Secret: tls.crt, tls.key, and ca.crt.")
    ca_file: str = setting("", TEXT, "File with the CAs to publish, if the certificate comes from files.")
    publish: str = setting(
        "auto",
        choice("auto", "on", "off"),
        "Whether to write caBundle; auto: only with self-made certificates.",
    )
    ca_lifetime: str = setting("8760h", duration("20s", "87600h"), "How long the injector's CA is valid.")
    leaf_lifetime: str = setting(
        "168h", duration("5s", "8760h"), "How long a self-made certificate is valid."
    )
    renew_percent: int = setting(
        66,
        number(10, 90, "percent"),
        "Fraction of its lifetime after which the CA or a certificate is renewed.",
    )
    settle: str = setting(
        "10s",
        duration("0s", "1h"),
        "How long a new CA is published before it signs, so that all API servers read it.",
    )
    key_type: str = setting(
        "ecdsa", choice("ecdsa", "rsa"), "Key type of self-made certificates: ECDSA P-256 or RSA 2048."
    )
    minimum_tls: str = setting("1.2", choice("1.2", "1.3"), "Minimum TLS version.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    "Records of admissions for `injector replay`."

    directory: str = setting("", TEXT, "Folder for the records, one for each replica; empty: no records.")
    key_file: str = setting(
        "",
        TEXT,
        "File with the key of the pseudonyms, outside of the folder; empty: a new key at each start.",
    )
    max_bytes: int = setting(
        64 * MiB,
        number(MiB, 64 * 1024 * MiB, "bytes"),
        "Maximum size of the records; above it the oldest file is deleted.",
    )
    max_records: int = setting(
        20_000,
        number(8, 10_000_000),
        "Maximum number of recorded admissions; above it the oldest file is deleted.",
    )
    per_second: int = setting(
        10, number(1, 1000), "Maximum number of admissions that are recorded per second."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    "Settings of `serve`."

    listen: str = setting(":8443", ADDRESS, "Address and port of the webhook (TLS).")
    health_listen: str = setting(":8080", ADDRESS, "Address and port of health and metrics (plain HTTP).")
    debug_listen: str = setting(
        "",
        LOOPBACK,
        "Address and port of the debug page `/debug/explain` (loopback only); empty: off.",
    )
    debug_profile: bool = setting(
        False, FLAG, "CPU profiles of the process at `/debug/profile` of the same listener."
    )
    tls_cert: str = setting("", TEXT, "File with the certificate chain.")
    tls_key: str = setting("", TEXT, "File with the private key.")
    tls_bundle: str = setting("", TEXT, "One file with key and chain; replaces tlsCert and tlsKey.")
    certificates: CertificateSettings = setting(
        CertificateSettings,
        section(CertificateSettings),
        "Source of the certificate, and whether to write caBundle.",
    )
    caller_auth: CallerAuth = setting(CallerAuth, section(CallerAuth), "Who may call the webhook.")
    body_limit: int = setting(
        7 * MiB, number(1024, 64 * MiB, "bytes"), "Maximum size of a request body; a larger one gets 413."
    )
    nesting_limit: int = setting(
        200, number(20, 900), "Maximum nesting of the JSON of a request; deeper JSON gets 400."
    )
    cpu_milliseconds: int = setting(
        1000,
        number(100, 10_000, "milliseconds"),
        "Maximum CPU time of one admission, or the timeout of the caller if that is shorter; a pod "
        "that needs more is denied.",
    )
    queue: QueueSettings = setting(QueueSettings, section(QueueSettings), "Limits of waiting requests.")
    cache: CacheSettings = setting(
        CacheSettings, section(CacheSettings), "Memory for answers that are given again."
    )
    connections: ConnectionSettings = setting(
        ConnectionSettings, section(ConnectionSettings), "Limits of connections."
    )
    drain_seconds: int = setting(
        10,
        number(0, 600, "seconds"),
        "How long requests are served after SIGTERM, until callers use other replicas; SIGINT: 0.",
    )
    failure_mode: str = setting(
        "deny", choice("deny", "allow"), "What to do with a pod when the injector itself fails."
    )
    warnings: bool = setting(True, FLAG, "Return findings to API clients as warnings.")
    skip_warnings: str = setting(
        "off",
        choice("off", "unexpected"),
        "Whether these warnings include skips that the pod does not request, such as host-network.",
    )
    audit_annotations: bool = setting(True, FLAG, "Write decision and reason to the API server's audit log.")
    namespaces: str = setting(
        "watch", choice("watch", "off"), "Watch Namespace objects, or answer without them."
    )
    source: SourceSettings = setting(SourceSettings, section(SourceSettings), "Source of the configuration.")
    events: str = setting(
        "off",
        choice("off", "warnings", "all"),
        "Kubernetes Events on the controllers of pods: for denials and warnings, or for all decisions.",
    )
    record: Record = setting(Record, section(Record), "Records of admissions for `injector replay`.")
    log_level: str = setting("info", choice("debug", "info", "warning", "error"), "Lowest log level.")

    @property
    def certificate_source(self) -> str:
        """own, secret or files, also where `auto` is set; empty where no source is set."""
        certificates = self.certificates
        if certificates.source != "auto":
            return certificates.source
        files = self.tls_cert or self.tls_key or self.tls_bundle
        if files:
            return "files"
        return "secret" if certificates.folder else "own" if certificates.service else ""

    @property
    def publishes_ca_bundle(self) -> bool:
        """Whether caBundle is written; with `auto` for self-made certificates."""
        publish = self.certificates.publish
        return publish == "on" or (publish == "auto" and self.certificate_source == "own")

    @property
    def ca_secret(self) -> tuple[str, str]:
        """Namespace and name of the Secret with the injector's CA."""
        service = self.certificates.service or ServiceRef("", "")
        return service.namespace, self.certificates.ca_secret or f"{service.name}-ca"
