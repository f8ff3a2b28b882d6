"""The settings of the configuration file, each declared once: key, default, what it accepts, its sentence.

Documentation and error messages are made of these declarations. Not here: how a file is read
(`load`), and what a setting does.
"""

# `setting` is dataclasses.field with more metadata, which the rule does not know.
# ruff: noqa: RUF009

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from injector import yamltext
from injector.config.shapes import (
    FLAG,
    NAMES,
    STRINGS,
    TEXT,
    TREE,
    TREES,
    Reading,
    SettingProblem,
    Shape,
    checked,
    choice,
    duration,
    listed,
    mapped,
    number,
    read,
    section,
    setting,
    together,
)
from injector.core import selectors
from injector.core.catalogue import POWERS
from injector.core.model import ServiceRef
from injector.core.workload import kind_of
from injector.errors import ConfigError, ManifestError
from injector.work import DEFAULT_LIMIT

MiB: Final = 1 << 20

_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^:\[\]\s]*):(?P<port>[0-9]{1,5})")


def _is_address(text: str) -> bool:
    match = _ADDRESS.fullmatch(text)
    return match is not None and 0 <= int(match["port"]) <= 65535


ADDRESS: Shape[str] = checked(TEXT, _is_address, 'an address such as ":8443" or "127.0.0.1:8443"')


@dataclass(frozen=True, slots=True)
class TemplateSetting:
    """A template of the user's own: its text, or the file that holds it."""

    text: str = ""
    file: str = ""


def _template(raw: Any, at: str, reading: Reading) -> TemplateSetting:
    if isinstance(raw, str):
        return TemplateSetting(text=raw)
    if isinstance(raw, dict) and list(raw) == ["file"] and isinstance(raw["file"], str) and raw["file"]:
        return TemplateSetting(file=raw["file"])
    raise ValueError(f"a template's text or a map {{file: path}} is expected, not {kind_of(raw)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compatibility:
    """What is done as others do it."""

    istio_quirks: bool = setting(
        False, FLAG, "Do literally what istiod's injector does, defects included, instead of repairing them."
    )


def _selector(raw: Any, at: str, reading: Reading) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise ValueError
    selectors.parse(raw)
    return raw


SELECTOR: Shape[dict[str, Any]] = Shape("a label selector", _selector)
GLOBS: Shape[tuple[str, ...]] = listed(
    checked(TEXT, bool, 'an annotation\'s key, such as "example.com/name" or "example.com/*"'), "keys"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotationRuleSettings:
    """One rule about annotations of pods."""

    namespace_selector: dict[str, Any] = setting(
        dict, SELECTOR, "Label selector of the namespaces that it is about; empty: all."
    )
    allow: tuple[str, ...] = setting(
        ("*",), GLOBS, "Annotations of the profile that pods may use; * stands for any text."
    )
    deny: tuple[str, ...] = setting((), GLOBS, "Annotations that pods may not use, whoever reads them.")
    withhold: tuple[str, ...] = setting(
        (),
        listed(choice(*POWERS), "powers"),
        "What pods may not change of the injected containers, by whatever means: " + ", ".join(POWERS) + ".",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigMapSource:
    """A ConfigMap that holds this file."""

    namespace: str = setting("", TEXT, "Namespace of the ConfigMap.")
    name: str = setting("", TEXT, "Name of the ConfigMap; empty: the configuration is not read from one.")
    key: str = setting("injector.yaml", TEXT, "Key under which the file stands in it.")


@dataclass(frozen=True, slots=True, kw_only=True)
class IstioSource:
    """The ConfigMaps of a live istiod."""

    namespace: str = setting("", TEXT, "Namespace of istiod; empty: its ConfigMaps are not read.")
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
        ConfigMapSource, section(ConfigMapSource), "A ConfigMap that holds this file."
    )
    istio: IstioSource = setting(IstioSource, section(IstioSource), "A live istiod's own ConfigMaps.")
    poll_seconds: int = setting(
        10, number(1, 3600, "seconds"), "How often the source is looked at for changes."
    )


LOOPBACK: Shape[str] = checked(
    TEXT, lambda text: not text or _is_address(text), 'an address such as "127.0.0.1:8081", or nothing'
)

_PART = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_SERVICE = re.compile(rf"(?P<namespace>{_PART})/(?P<name>{_PART})", re.ASCII)


def _service(raw: Any, at: str, reading: Reading) -> ServiceRef | None:
    text = TEXT.take(raw, at, reading)
    match = _SERVICE.fullmatch(text)
    if text and match is None:
        raise ValueError("NAMESPACE/NAME is expected")
    return ServiceRef(match["namespace"], match["name"]) if match else None


SERVICE: Shape[ServiceRef | None] = Shape("NAMESPACE/NAME", _service, schema=TEXT.schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """Where the webhook's certificate comes from, and who writes caBundle."""

    source: str = setting(
        "auto",
        choice("auto", "own", "secret", "files"),
        "own: made here, from a CA in a Secret; secret: the folder of a mounted one; files: tlsCert and "
        "tlsKey, or tlsBundle; auto: by what is set, files before folder before service.",
    )
    service: ServiceRef | None = setting(
        None, SERVICE, "The Service in front of the webhook; its entries' caBundle is kept right."
    )
    names: tuple[str, ...] = setting((), NAMES, "More DNS names and addresses for our own certificate.")
    cluster_domain: str = setting("cluster.local", TEXT, "DNS domain of the cluster.")
    ca_secret: str = setting(
        "", TEXT, "Name of our CA's Secret, in the Service's namespace; empty: SERVICE-ca."
    )
    folder: str = setting("", TEXT, "Folder of a mounted Secret: tls.crt, tls.key, and ca.crt.")
    ca_file: str = setting("", TEXT, "File of the CAs to publish, where the certificate comes from files.")
    publish: str = setting(
        "auto", choice("auto", "on", "off"), "Write caBundle; auto: with our own certificates only."
    )
    ca_lifetime: str = setting("8760h", duration("20s", "87600h"), "How long a CA of ours is valid.")
    leaf_lifetime: str = setting("168h", duration("5s", "8760h"), "How long a certificate of ours is valid.")
    renew_percent: int = setting(
        66, number(10, 90, "percent"), "Part of its life after which something of ours is renewed."
    )
    settle: str = setting(
        "10s", duration("0s", "1h"), "How long a published CA waits until it may sign; for all API servers."
    )
    key_type: str = setting("ecdsa", choice("ecdsa", "rsa"), "Keys of our own: ECDSA P-256 or RSA 2048.")
    minimum_tls: str = setting("1.2", choice("1.2", "1.3"), "Oldest version of TLS that is spoken.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerAuth:
    """Who may call the webhook."""

    mode: str = setting(
        "off",
        choice("off", "audit", "enforce"),
        "audit: who would be refused is counted and logged, and answered; enforce: gets 401 or 403.",
    )
    client_ca_file: str = setting(
        "", TEXT, "File of the CAs of API servers' client certificates; empty: none is asked for."
    )
    client_names: tuple[str, ...] = setting(
        (), NAMES, "Common names, DNS names or URIs of client certificates that are accepted."
    )
    audience: str = setting(
        "", TEXT, "Audience that a bearer token must be for, and for no other; empty: no token is accepted."
    )
    subjects: tuple[str, ...] = setting((), NAMES, "Subjects of tokens that are accepted.")
    issuer: str = setting("", TEXT, "Issuer of tokens; empty: the cluster's own.")
    jwks_file: str = setting("", TEXT, "File with the issuer's keys; empty: asked of the API server.")
    groups_claim: str = setting(
        "",
        TEXT,
        "Path of the claim that lists attested API groups, its parts separated by slashes; pods need `*` or "
        "an empty name in it. Empty: not looked at.",
    )

    @property
    def asks_for_certificates(self) -> bool:
        """Whether callers are asked for a certificate in the handshake."""
        return self.mode != "off" and bool(self.client_ca_file)

    @property
    def requires_certificates(self) -> bool:
        """Whether the handshake fails without one, as nothing else would let a caller in."""
        return self.mode == "enforce" and bool(self.client_ca_file) and not self.audience


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Admissions kept for `injector replay`."""

    directory: str = setting("", TEXT, "Folder for the records, one for each replica; empty: none are kept.")
    key_file: str = setting(
        "",
        TEXT,
        "File with the pseudonyms' key, outside of the folder; empty: a new key at each start.",
    )
    max_bytes: int = setting(
        64 * MiB, number(MiB, 64 * 1024 * MiB, "bytes"), "How much is kept; past it the oldest file goes."
    )
    max_records: int = setting(
        20_000, number(8, 10_000_000), "How many admissions are kept; past it the oldest file goes."
    )
    per_second: int = setting(10, number(1, 1000), "How many admissions a second are recorded at most.")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """Requests that wait for their turn; what comes past it is answered with 429."""

    length: int = setting(512, number(1, 100_000), "How many requests may wait.")
    max_bytes: int = setting(
        32 * MiB, number(MiB, 1024 * MiB, "bytes"), "How large their bodies may be together."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """What callers may take."""

    limit: int = setting(
        2000,
        number(30, 100_000),
        "How many may be open at each listener; past it the one that has been silent longest ends. An API "
        "server keeps up to 25 idle ones.",
    )
    health_per_address: int = setting(
        64,
        number(8, 100_000),
        "How many of one client address may be open at the listener of health and metrics.",
    )
    max_bytes: int = setting(
        64 * MiB,
        number(16 * MiB, 4096 * MiB, "bytes"),
        "What all connections of the webhook together may make the process hold: heads, bodies, answers "
        "that are not taken. Past it those end that have been silent longest.",
    )
    read_seconds: int = setting(
        10,
        number(1, 300, "seconds"),
        "Time for a handshake, for the first request, for a request to come, for an answer to be read.",
    )
    age_seconds: int = setting(
        300,
        number(0, 86_400, "seconds"),
        "Age after which an answer is the last one, so that callers spread over all replicas; 0: never.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What only `serve` needs."""

    listen: str = setting(":8443", ADDRESS, "Address and port of the webhook (TLS).")
    health_listen: str = setting(":8080", ADDRESS, "Address and port of health and metrics (plain HTTP).")
    debug_listen: str = setting(
        "",
        LOOPBACK,
        "Address and port of `/debug/explain`, a page to try things (loopback only); empty: off.",
    )
    tls_cert: str = setting("", TEXT, "File with the certificate chain.")
    tls_key: str = setting("", TEXT, "File with the private key.")
    tls_bundle: str = setting("", TEXT, "One file with key and chain, instead of tlsCert and tlsKey.")
    certificates: Certificates = setting(
        Certificates, section(Certificates), "Where the certificate comes from, and who writes caBundle."
    )
    caller_auth: CallerAuth = setting(CallerAuth, section(CallerAuth), "Who may call the webhook.")
    body_limit: int = setting(
        7 * MiB, number(1024, 64 * MiB, "bytes"), "Largest request body; a larger one is answered with 413."
    )
    nesting_limit: int = setting(
        200, number(20, 900), "Deepest nesting of a request's JSON; a deeper one gets 400."
    )
    cpu_milliseconds: int = setting(
        1000,
        number(100, 10_000, "milliseconds"),
        "CPU time of one admission, if its caller does not wait for less; a pod that needs more is denied.",
    )
    queue: QueueSettings = setting(
        QueueSettings, section(QueueSettings), "Requests that wait for their turn."
    )
    connections: ConnectionSettings = setting(
        ConnectionSettings, section(ConnectionSettings), "What callers may take."
    )
    drain_seconds: int = setting(
        10,
        number(0, 600, "seconds"),
        "How long it is served on after SIGTERM, while callers learn that this replica goes; SIGINT: 0.",
    )
    failure_mode: str = setting(
        "deny", choice("deny", "allow"), "What becomes of a pod when the injector itself fails."
    )
    warnings: bool = setting(True, FLAG, "Tell users of the API about findings, as warnings of the answer.")
    audit_annotations: bool = setting(
        True, FLAG, "Write decision and reason into the API server's audit log."
    )
    namespaces: str = setting(
        "watch", choice("watch", "off"), "Keep the Namespace objects at hand, or answer without knowing them."
    )
    source: SourceSettings = setting(
        SourceSettings, section(SourceSettings), "Where the configuration comes from."
    )
    events: str = setting(
        "off",
        choice("off", "warnings", "all"),
        "Kubernetes Events on the controllers of pods: of denials and of what a person should act on, or of "
        "every decision.",
    )
    record: Record = setting(Record, section(Record), "Admissions kept for `injector replay`.")
    log_level: str = setting(
        "info", choice("debug", "info", "warning", "error"), "Least important level that is logged."
    )

    @property
    def certificate_source(self) -> str:
        """own, secret or files: what `auto` comes to; empty where nothing is set."""
        given = self.certificates
        if given.source != "auto":
            return given.source
        files = self.tls_cert or self.tls_key or self.tls_bundle
        return "files" if files else "secret" if given.folder else "own" if given.service else ""

    @property
    def publishes_ca_bundle(self) -> bool:
        """Whether caBundle is written; with `auto` for certificates of our own."""
        publish = self.certificates.publish
        return publish == "on" or (publish == "auto" and self.certificate_source == "own")

    @property
    def ca_secret(self) -> tuple[str, str]:
        """Namespace and name of the Secret that holds our own CA."""
        service = self.certificates.service or ServiceRef("", "")
        return service.namespace, self.certificates.ca_secret or f"{service.name}-ca"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration file."""

    profile: str = setting(
        "istio", checked(TEXT, bool, "a name or path"), "A profile that ships, or the path of a folder."
    )
    policy: str = setting(
        "enabled", choice("enabled", "disabled"), "What happens where neither label nor annotation speaks."
    )
    values: dict[str, Any] = setting(dict, TREE, "Merged deeply over the profile's values; null deletes.")
    mesh_config: dict[str, Any] = setting(
        dict,
        TREE,
        "Mesh configuration, merged over its defaults; a key that ends in + appends to the default list.",
    )
    templates: dict[str, TemplateSetting] = setting(
        dict,
        mapped(Shape("a template", _template), "templates"),
        "Templates beside the profile's: name: text, or name: {file: path} for a file in the folder of this "
        "one; one of the same name replaces.",
    )
    default_templates: tuple[str, ...] = setting(
        (), NAMES, "Templates of pods that ask for none; empty: the profile's."
    )
    aliases: dict[str, tuple[str, ...]] = setting(
        dict, mapped(NAMES, "lists of names"), "Names that stand for several templates."
    )
    never_inject_selector: tuple[Any, ...] = setting(
        (), TREES, "Label selectors; a pod that one matches is not injected unless it asks for it."
    )
    always_inject_selector: tuple[Any, ...] = setting(
        (), TREES, "Label selectors; a pod that one matches is injected unless it objects."
    )
    injected_annotations: dict[str, str] = setting(
        dict, STRINGS, "Annotations for every injected pod, written last."
    )
    annotations: tuple[AnnotationRuleSettings, ...] = setting(
        (),
        listed(section(AnnotationRuleSettings), "maps with namespaceSelector, allow, deny and withhold"),
        "Which annotations and powers pods may use: the first rule whose namespaceSelector matches holds "
        "(`allow`, by default `*`, without `deny`; no power of `withhold`); a pod that uses another is "
        "denied. No rule: all.",
    )
    native_sidecars: str = setting(
        "auto",
        choice("auto", "enabled", "disabled"),
        "Sidecars as init containers that keep running; auto asks the cluster.",
    )
    work_limit: int = setting(
        DEFAULT_LIMIT,
        number(20_000, 1_000_000_000, "units"),
        "Counted work of one injection, past which a pod is denied; one of 20 containers with 200 variables "
        "each takes 220000 units, a small one 5000.",
    )
    platform: str = setting("", choice("", "openshift"), "What the cluster is built on.")
    compliance_policy: str = setting(
        "",
        choice("", "fips-140-2", "fips-140-3", "pqc"),
        "The compliance policy that the control plane runs with.",
    )
    revision: str = setting("", TEXT, "Revision of the control plane; empty means default.")
    compatibility: Compatibility = setting(
        Compatibility, section(Compatibility), "What is done as others do it."
    )
    server: Server = setting(Server, section(Server), "What only `serve` needs.")


def read_settings(text: str, origin: str) -> Settings:
    """Read and check a configuration file. Raises one ConfigError that tells everything that is wrong."""
    tree = parsed(text, origin)
    reading = Reading()
    settings = read(Settings, tree, "", reading)
    refuse(reading.problems, text, origin)
    return settings


def parsed(text: str, origin: str) -> Any:
    """The tree of a YAML text that belongs to the configuration; ConfigError where it is none."""
    try:
        return yamltext.load_text(text, origin)
    except ManifestError as error:
        raise ConfigError(error.message, where=error.where, hint=error.hint) from error


def refuse(problems: list[SettingProblem], text: str, origin: str) -> None:
    """Raise one ConfigError that names file and line of every problem; nothing where there is none."""
    if not problems:
        return
    document = yamltext.Document(text, source=origin)
    lines = {problem.pointer: yamltext.locate(document, problem.pointer) for problem in problems}
    raise together(problems, lines, origin)
