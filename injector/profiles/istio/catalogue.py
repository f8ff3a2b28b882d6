"""The catalogue: every annotation and label of pods that injection reads or writes.

Validation, the search for misspelt keys and the generated reference page use these entries. Not
here: validation itself (annotations.py), the syntax of values (syntax.py), and what a value does
in detail (the stages that read it).
"""

from __future__ import annotations

from injector.classes import dataclass
from injector.core.catalogue import POWERS
from injector.profiles.istio import syntax
from injector.profiles.istio.syntax import Check

PROXY_CONFIG = "proxy.istio.io/config"


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One key of pods, for validation and for people.

    `who` reads and writes it; `default` is what holds without it; `accepts` completes
    "expected ...". `check` holds always, `strict` only with quirks off, in its place. `parameter` is
    the name that messages use besides the key, `quirk_parameter` what upstream says instead.
    `powers` is as in the core's catalogue.
    """

    key: str
    type: str
    who: str
    default: str
    effect: str
    accepts: str = "any text"
    check: Check | None = None
    strict: Check | None = None
    parameter: str = ""
    quirk_parameter: str = ""
    free_text: bool = False
    deprecated: bool = False
    powers: tuple[str, ...] = ()


_INJECTOR = "read by the injector"
_BOTH = "read by the injector and the CNI plugin"
_WRITTEN = "written by the injector"
_AGENT = "read by the proxy's agent"
_NOBODY = "not read by any component"

_INTERFACES = "a comma separated list of interface names of at most 15 characters, such as net1,tap0"
_PORTS = "a comma separated list of ports from 0 to 65535"
_CIDRS = "a comma separated list of prefixes without spaces, such as 10.0.0.0/8,fd00::/8"
_BOOLEAN = "one of 1 t T TRUE true True 0 f F FALSE false False"
_INT32 = "a whole number from 0 to 2147483647, without sign or spaces"
_ENVOY_LEVELS = f"one of the levels {', '.join(syntax.ENVOY_LEVELS)}"
_AGENT_LEVELS = f"one of the levels {', '.join(syntax.AGENT_LEVELS)}"
_QUANTITY = "a Kubernetes quantity such as 100m or 128Mi"


def _resource(name: str, effect: str) -> CatalogueEntry:
    return CatalogueEntry(
        key=f"sidecar.istio.io/{name}",
        type="quantity",
        who=_INJECTOR,
        default="global.proxy.resources",
        effect=(
            f"{effect} If any of the four resource annotations is set, the resources of the values are "
            "ignored."
        ),
        accepts=_QUANTITY,
        check=syntax.is_quantity,
    )


def _readiness(name: str, default: str, effect: str) -> CatalogueEntry:
    return CatalogueEntry(
        key=f"readiness.status.sidecar.istio.io/{name}",
        type="number",
        who=_INJECTOR,
        default=default,
        effect=effect,
        accepts=_INT32,
        check=syntax.is_uint32,
        # The fields are of 32 bits with a sign; upstream lets the API server fail on others.
        strict=syntax.is_int32,
    )


def _interfaces(key: str, effect: str, *, deprecated: bool = False) -> CatalogueEntry:
    return CatalogueEntry(
        key=key,
        type="interface list",
        who=_BOTH,
        default="none",
        effect=effect,
        accepts=_INTERFACES,
        check=syntax.is_interface_list,
        deprecated=deprecated,
    )


def _otel(name: str, default: str) -> CatalogueEntry:
    return CatalogueEntry(
        key=f"resource.opentelemetry.io/{name}",
        type="text",
        who=_INJECTOR,
        default=default,
        effect=f"Sets the OpenTelemetry resource attribute {name} of the proxy.",
        free_text=True,
    )


def _prometheus(name: str, type_: str, effect: str) -> CatalogueEntry:
    who = f"{_INJECTOR}, {_WRITTEN}"
    return CatalogueEntry(key=f"prometheus.io/{name}", type=type_, who=who, default="none", effect=effect)


def _agent(name: str, type_: str, effect: str) -> CatalogueEntry:
    return CatalogueEntry(
        key=f"sidecar.istio.io/{name}",
        type=type_,
        who=_AGENT,
        default="default of the proxy",
        effect=effect,
        free_text=True,
    )


_SWITCHES = (
    CatalogueEntry(
        key="sidecar.istio.io/inject",
        type="true or false",
        who=_BOTH,
        default="the policy",
        effect="Enables or disables injection; the label of the same name takes precedence.",
        accepts="true or false",
        deprecated=True,
    ),
    CatalogueEntry(
        key="inject.istio.io/templates",
        type="list of names",
        who=_INJECTOR,
        default="defaultTemplates",
        effect="Selects the templates, applied in this order; an alias may name several.",
        accepts="a comma separated list of templates or aliases",
        powers=POWERS,
    ),
    CatalogueEntry(
        key=PROXY_CONFIG,
        type="YAML of ProxyConfig",
        who=f"{_INJECTOR} and the proxy's agent",
        default="the mesh configuration's defaultConfig",
        effect="Changes the proxy's configuration for this pod, field by field.",
        accepts="one map of ProxyConfig fields",
        free_text=True,
        powers=POWERS,
    ),
    CatalogueEntry(
        key="proxy.istio.io/overrides",
        type="JSON object",
        who=f"{_INJECTOR}, {_WRITTEN}",
        default="none",
        effect="Stores the user's own version of injected containers, for the next injection.",
        accepts="a JSON object with containers and initContainers",
        free_text=True,
        powers=POWERS,
    ),
    CatalogueEntry(
        key="sidecar.istio.io/status",
        type="JSON object",
        who=f"{_BOTH}, {_WRITTEN}",
        default="none",
        effect="Lists what was injected; a pod with this annotation is already injected.",
        free_text=True,
    ),
    CatalogueEntry(
        key="istio.io/rev",
        type="text",
        who=_WRITTEN,
        default="the injector's revision",
        effect="The revision that injected the pod.",
    ),
    CatalogueEntry(
        key="sidecar.istio.io/nativeSidecar",
        type="true or false",
        who=_INJECTOR,
        default="nativeSidecars",
        effect="Whether the proxy is a native sidecar (an init container that keeps running).",
        accepts="true or false",
        # Q21: with quirks on, two readers take other words in two ways.
        strict=syntax.is_one_of("true", "false"),
        parameter="nativeSidecar",
    ),
)

_PROXY = (
    CatalogueEntry(
        key="sidecar.istio.io/proxyImage",
        type="image reference",
        who=_INJECTOR,
        default="the composed image",
        effect="Replaces the images of proxy and init container; ignored without a slash.",
        accepts="an image reference without spaces",
        # Q24, as for everything that has `strict` and no `check` below.
        strict=syntax.is_word,
        parameter="proxyImage",
        powers=("image",),
    ),
    CatalogueEntry(
        key="sidecar.istio.io/proxyImageType",
        type="text",
        who=_INJECTOR,
        default="the ProxyConfig's image type, else global.variant",
        effect="Sets the tag suffix of both images, such as distroless; default means no suffix.",
        accepts="the end of an image tag (letters, digits, underscore, dot, hyphen)",
        strict=syntax.is_tag_part,
        parameter="proxyImageType",
        powers=("image",),
    ),
    _resource("proxyCPU", "Sets the CPU request of the proxy and the init container."),
    _resource("proxyMemory", "Sets the memory request of the proxy and the init container."),
    _resource("proxyCPULimit", "Sets the CPU limit of the proxy and the init container."),
    _resource("proxyMemoryLimit", "Sets the memory limit of the proxy and the init container."),
    CatalogueEntry(
        key="sidecar.istio.io/logLevel",
        type="Envoy level",
        who=_INJECTOR,
        default="global.proxy.logLevel",
        effect="Sets the log level of Envoy.",
        accepts=_ENVOY_LEVELS,
        strict=syntax.is_envoy_level,
        parameter="logLevel",
    ),
    CatalogueEntry(
        key="sidecar.istio.io/componentLogLevel",
        type="list of component:level",
        who=_INJECTOR,
        default="global.proxy.componentLogLevel",
        effect="Sets the log levels of components of Envoy.",
        accepts=f"a comma separated list of component:level with {_ENVOY_LEVELS}",
        strict=syntax.is_component_levels,
        parameter="componentLogLevel",
    ),
    CatalogueEntry(
        key="sidecar.istio.io/agentLogLevel",
        type="list of scope:level",
        who=_INJECTOR,
        default="global.logging.level",
        effect="Sets the log levels of the proxy's agent and of the init container.",
        accepts=f"a comma separated list of scope:level with {_AGENT_LEVELS}",
        strict=syntax.is_agent_levels,
        parameter="agentLogLevel",
    ),
    CatalogueEntry(
        key="sidecar.istio.io/bootstrapOverride",
        type="ConfigMap name",
        who=_INJECTOR,
        default="none",
        effect="Mounts this ConfigMap; the proxy starts with the bootstrap in it.",
        accepts="the name of a ConfigMap",
        strict=syntax.is_object_name,
        parameter="bootstrapOverride",
        powers=("volumes", "trust-root", "control-plane"),
    ),
    CatalogueEntry(
        key="sidecar.istio.io/userVolume",
        type="JSON object",
        who=_INJECTOR,
        default="none",
        effect="Adds volumes to the pod, by name.",
        accepts="a JSON object of volume sources by volume name",
        strict=syntax.is_json_of_volumes,
        parameter="userVolume",
        free_text=True,
        powers=("volumes", "trust-root", "control-plane"),
    ),
    CatalogueEntry(
        key="sidecar.istio.io/userVolumeMount",
        type="JSON object",
        who=_INJECTOR,
        default="none",
        effect="Mounts volumes into the proxy, by volume name.",
        accepts="a JSON object of mounts by volume name",
        strict=syntax.is_json_of_mounts,
        parameter="userVolumeMount",
        free_text=True,
        powers=("volumes", "trust-root", "control-plane"),
    ),
    CatalogueEntry(
        key="sidecar.istio.io/capNetBindService",
        type="true or false",
        who=_INJECTOR,
        default="global.proxy.capNetBindService",
        effect="If true, the proxy runs as root with NET_BIND_SERVICE, to listen on ports below 1024.",
        accepts="true or false",
        powers=("user", "capabilities"),
    ),
    CatalogueEntry(
        key="apm.datadoghq.com/env",
        type="JSON object",
        who=_INJECTOR,
        default="none",
        effect="Adds environment variables to the proxy if the tracer is datadog.",
        accepts="a JSON object of variables",
        strict=syntax.is_json_object,
        parameter="env",
        free_text=True,
        powers=("trust-root", "control-plane"),
    ),
)

_PROBES = (
    CatalogueEntry(
        key="sidecar.istio.io/rewriteAppHTTPProbers",
        type="boolean",
        who=_INJECTOR,
        default="sidecarInjectorWebhook.rewriteAppHTTPProbe",
        effect="Whether probes of the application go through the proxy's agent.",
        accepts=_BOOLEAN,
    ),
    CatalogueEntry(
        key="status.sidecar.istio.io/port",
        type="port",
        who=_INJECTOR,
        default="global.proxy.statusPort",
        effect=(
            "Port of the agent's health server, excluded from the capture; 0 removes the proxy's probes."
        ),
        accepts="a port from 0 to 65535",
        check=syntax.is_port,
        parameter="statusPort",
        # Q25.
        quirk_parameter="excludeInboundPorts",
    ),
    _readiness("initialDelaySeconds", "0", "Seconds before the proxy's first readiness probe."),
    _readiness("periodSeconds", "15", "Seconds between readiness probes of the proxy."),
    _readiness("failureThreshold", "4", "Number of failed probes after which the proxy is not ready."),
    CatalogueEntry(
        key="readiness.status.sidecar.istio.io/applicationPorts",
        type="port list",
        who=_NOBODY,
        default="none",
        effect="Has no effect.",
        deprecated=True,
    ),
)

_TRAFFIC = (
    CatalogueEntry(
        key="sidecar.istio.io/interceptionMode",
        type="mode",
        who=f"{_BOTH}, {_WRITTEN} with CNI",
        default="the ProxyConfig's interceptionMode (REDIRECT)",
        effect="Chooses how traffic is captured; NONE captures nothing and adds no init container.",
        accepts="REDIRECT, TPROXY or NONE",
        check=syntax.is_one_of("REDIRECT", "TPROXY", "NONE"),
        parameter="interceptionMode",
        powers=("user", "capabilities"),
    ),
    CatalogueEntry(
        key="traffic.sidecar.istio.io/includeOutboundIPRanges",
        type="CIDR list or *",
        who=_BOTH,
        default="global.proxy.includeIPRanges (*)",
        effect="Captures only outgoing traffic to these ranges.",
        accepts=f"* or {_CIDRS}",
        check=syntax.is_cidr_list_or_star,
        parameter="includeIPRanges",
    ),
    CatalogueEntry(
        key="traffic.sidecar.istio.io/excludeOutboundIPRanges",
        type="CIDR list",
        who=_BOTH,
        default="global.proxy.excludeIPRanges (none)",
        effect="Does not capture outgoing traffic to these ranges.",
        accepts=_CIDRS,
        check=syntax.is_cidr_list,
        parameter="excludeIPRanges",
    ),
    CatalogueEntry(
        key="traffic.sidecar.istio.io/includeInboundPorts",
        type="port list or *",
        who=_BOTH,
        default="global.proxy.includeInboundPorts (*)",
        effect="Captures only incoming traffic to these ports; empty captures none.",
        accepts=f"* or {_PORTS}",
        check=syntax.is_port_list_or_star,
        parameter="includeInboundPorts",
    ),
    CatalogueEntry(
        key="traffic.sidecar.istio.io/excludeInboundPorts",
        type="port list",
        who=_BOTH,
        default="global.proxy.excludeInboundPorts (none)",
        effect="Does not capture incoming traffic to these ports.",
        accepts=_PORTS,
        check=syntax.is_port_list,
        parameter="excludeInboundPorts",
    ),
    CatalogueEntry(
        key="traffic.sidecar.istio.io/includeOutboundPorts",
        type="port list",
        who=_BOTH,
        default="global.proxy.includeOutboundPorts (none)",
        effect="Captures outgoing traffic to these ports, regardless of its address.",
        accepts=_PORTS,
        strict=syntax.is_port_list,
        parameter="includeOutboundPorts",
    ),
    CatalogueEntry(
        key="traffic.sidecar.istio.io/excludeOutboundPorts",
        type="port list",
        who=_BOTH,
        default="global.proxy.excludeOutboundPorts (none)",
        effect="Does not capture outgoing traffic to these ports.",
        accepts=_PORTS,
        check=syntax.is_port_list,
        parameter="excludeOutboundPorts",
    ),
    _interfaces(
        "traffic.sidecar.istio.io/excludeInterfaces", "Does not capture traffic of these interfaces."
    ),
    _interfaces(
        "istio.io/reroute-virtual-interfaces",
        "Treats incoming traffic of these interfaces as outgoing (virtual machines).",
    ),
    _interfaces(
        "traffic.sidecar.istio.io/kubevirtInterfaces",
        "Older name of istio.io/reroute-virtual-interfaces, which takes precedence.",
        deprecated=True,
    ),
    CatalogueEntry(
        key="k8s.v1.cni.cncf.io/networks",
        type="list or JSON",
        who=f"{_INJECTOR}, {_WRITTEN}",
        default="none",
        effect="Networks of the pod; with the CNI provider multus, the network of the mesh is added.",
        free_text=True,
    ),
)

_METRICS = (
    CatalogueEntry(
        key="prometheus.istio.io/merge-metrics",
        type="boolean",
        who=_INJECTOR,
        default="the mesh configuration's enablePrometheusMerge (true)",
        effect="Serves the application's metrics together with the proxy's.",
        accepts=_BOOLEAN,
        check=syntax.is_boolean,
        parameter="merge-metrics",
    ),
    CatalogueEntry(
        key="prometheus.istio.io/scrape-targets",
        type="list of port:path",
        who=_INJECTOR,
        default="none",
        effect="Several metrics endpoints of the application to merge.",
        accepts="a comma separated list of port:path",
    ),
    CatalogueEntry(
        key="prometheus.istio.io/secure-port",
        type="port",
        who=f"{_INJECTOR}, {_WRITTEN}",
        default="the proxy's ENVOY_SECURE_MERGED_METRICS_PORT",
        effect="Where merged metrics are served with mutual TLS, for scrapers.",
    ),
    _prometheus(
        "scrape", "boolean", "Whether metrics are scraped; if false, the metrics annotations are not changed."
    ),
    _prometheus("port", "port", "Port of the metrics; replaced by the agent's port when metrics are merged."),
    _prometheus("path", "path", "Path of the metrics; replaced by the agent's path when metrics are merged."),
    _otel("service.namespace", "the pod's namespace"),
    _otel("service.version", "label app.kubernetes.io/version, else the image of the only container"),
    _otel("service.instance.id", "namespace, pod and first container"),
)

_KUBECTL = tuple(
    CatalogueEntry(
        key=f"kubectl.kubernetes.io/{name}",
        type="container name",
        who=f"{_INJECTOR}, {_WRITTEN}",
        default="the first container that is not the proxy",
        effect=f"Container that kubectl {command} uses by default.",
    )
    for name, command in (("default-container", "exec and attach"), ("default-logs-container", "logs"))
)

_BOOTSTRAP = (
    CatalogueEntry(
        key="sidecar.istio.io/discoveryAddress",
        type="host:port",
        who=_AGENT,
        default="the ProxyConfig's discoveryAddress",
        effect="Sets another control plane; use discoveryAddress in proxy.istio.io/config instead.",
        deprecated=True,
        powers=("control-plane",),
    ),
    _agent(
        "statsInclusionPrefixes", "list", "Adds the statistics whose names start with one of these prefixes."
    ),
    _agent(
        "statsInclusionSuffixes", "list", "Adds the statistics whose names end with one of these suffixes."
    ),
    _agent(
        "statsInclusionRegexps", "list", "Adds the statistics whose names match one of these expressions."
    ),
    _agent("statsHistogramBuckets", "JSON object", "Sets the buckets of histograms."),
    _agent("statsHistogramBins", "JSON object", "Sets the number of bins of histograms."),
    _agent("statsFlushInterval", "duration", "Sets how often statistics are flushed."),
    _agent("statsEvictionInterval", "duration", "Sets how often unused statistics are dropped."),
    _agent("statsCompression", "text", "Sets the compression of statistics."),
    _agent("extraStatTags", "list", "Adds tags to the mesh's statistics."),
)

ANNOTATIONS: tuple[CatalogueEntry, ...] = (
    *_SWITCHES,
    *_PROXY,
    *_PROBES,
    *_TRAFFIC,
    *_METRICS,
    *_KUBECTL,
    *_BOOTSTRAP,
)

LABELS: tuple[CatalogueEntry, ...] = tuple(
    CatalogueEntry(key, type_, who, default, effect)
    for key, type_, who, default, effect in (
        (
            "sidecar.istio.io/inject",
            "true or false",
            f"{_INJECTOR} and the webhook's selectors",
            "the annotation, else the policy",
            "Enables or disables injection.",
        ),
        (
            "istio.io/rev",
            "text",
            "read by the webhook's selectors",
            "the namespace's label",
            "Selects the revision of the control plane that injects.",
        ),
        (
            "security.istio.io/tlsMode",
            "text",
            f"{_INJECTOR}, {_WRITTEN}",
            "istio",
            "The workload accepts mutual TLS.",
        ),
        (
            "networking.istio.io/tunnel",
            "text",
            f"{_INJECTOR}, {_WRITTEN}",
            "http where HBONE is enabled",
            "The workload can be reached through an HBONE tunnel.",
        ),
        (
            "service.istio.io/canonical-name",
            "text",
            f"{_INJECTOR}, {_WRITTEN}",
            "label app.kubernetes.io/name, else app, else the workload's name",
            "Service of the workload, in telemetry.",
        ),
        (
            "service.istio.io/canonical-revision",
            "text",
            f"{_INJECTOR}, {_WRITTEN}",
            "label app.kubernetes.io/version, else version, else latest",
            "Version of the service, in telemetry.",
        ),
        (
            "service.istio.io/workload-name",
            "text",
            _INJECTOR,
            "the owner's name",
            "Sets the name of the workload in the proxy's environment.",
        ),
        (
            "topology.istio.io/network",
            "text",
            f"{_INJECTOR}, {_WRITTEN}",
            "global.network",
            "Network of the workload.",
        ),
        (
            "pod-template-hash",
            "text",
            _INJECTOR,
            "none",
            "Identifies the Deployment of a ReplicaSet.",
        ),
        (
            "rollouts-pod-template-hash",
            "text",
            _INJECTOR,
            "none",
            "Identifies the Rollout of a ReplicaSet.",
        ),
        (
            "deploymentconfig",
            "text",
            _INJECTOR,
            "none",
            "Identifies the DeploymentConfig of a ReplicationController.",
        ),
    )
)
