"""What the templates see: upstream's names, and the computed values that keep templates plain.

`TypeMeta`, `DeploymentMeta`, `ObjectMeta`, `Spec`, `ProxyConfig`, `MeshConfig`, `Values`,
`Revision`, `NativeSidecars`, `ProxyImage`, `ProxyInitImage`, `ProxyUID`, `ProxyGID`,
`InboundTrafficPolicyMode` and `CompliancePolicy` are upstream's; the lower-case names are this profile's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from injector.core import owner, quantities, status
from injector.core.model import Manifest, Owner
from injector.errors import AnnotationError, RenderError
from injector.printable import type_name
from injector.profiles.istio import capture, images, meshconfig, openshift, otel, proxyconfig
from injector.profiles.istio.asked import Asked, MadeOfAnnotations
from injector.profiles.istio.bootstrap import bootstrap_of
from injector.profiles.istio.containers import INIT, PROXY, VALIDATION
from injector.profiles.istio.settings import settings_of
from injector.profiles.istio.values import dig, omit_nil, printed
from injector.templating.repeated import TemplateData
from injector.yamltext import load_json

if TYPE_CHECKING:
    from injector.core.profile import Config, Injection

NAME_LIMIT = 63
RESOURCES = {
    "sidecar.istio.io/proxyCPU": ("requests", "cpu"),
    "sidecar.istio.io/proxyMemory": ("requests", "memory"),
    "sidecar.istio.io/proxyCPULimit": ("limits", "cpu"),
    "sidecar.istio.io/proxyMemoryLimit": ("limits", "memory"),
}


def build(run: Injection, mesh: Mapping[str, Any], proxy: Manifest) -> dict[str, Any]:
    """The data for one pod; `mesh` and `proxy` are the effective mesh and proxy configuration."""
    seen = run.template_input
    meta, spec = seen.get("metadata") or {}, seen.get("spec") or {}
    labels, annotations = meta.get("labels") or {}, status.annotations_of(seen)
    of = owner_of(run)
    settled, is_shared = _settled(run, mesh, proxy, annotations)
    variables = {
        **settled,
        "TypeMeta": {"APIVersion": of.api_version, "Kind": of.kind},
        "DeploymentMeta": {"Name": of.name, "Namespace": run.namespace},
        "ObjectMeta": {**meta, "labels": labels, "annotations": meta.get("annotations") or {}},
        "Spec": spec,
        "NativeSidecars": run.native,
        "native": native(annotations, run.native),
        "apps": [c["name"] for c in spec.get("containers") or [] if c["name"] != PROXY],
        "identity": _identity(of, run.namespace, labels, quirks=run.config.quirks),
        "podPorts": pod_ports(spec, defaulted=not run.config.quirks),
        "otel": otel.attributes(mesh, run.namespace, meta, spec),
    }
    return TemplateData(variables, settled) if is_shared else variables


def _settled(
    run: Injection, mesh: Mapping[str, Any], proxy: Manifest, annotations: Mapping[str, str]
) -> tuple[Mapping[str, Any], bool]:
    """What follows from the configuration and from annotations, and whether other pods have the same.

    Made once for all pods with the ProxyConfig of the mesh and the same of the annotations it looks for.
    """
    ids = openshift.identity(run.facts.namespace_object, settings_of(run.config).platform)
    if proxy is not settings_of(run.config).mesh["defaultConfig"] or ids != openshift.DEFAULT_IDS:
        return _of_settings(run.config, mesh, proxy, Asked(annotations), ids), False
    made: MadeOfAnnotations[Mapping[str, Any]] = run.config.prepared.setdefault(_settled, MadeOfAnnotations())
    settled = made.find(annotations)
    if settled is None:
        looked_at = Asked(annotations)
        settled = _of_settings(run.config, mesh, proxy, looked_at, ids)
        made.keep(looked_at, settled)
    return settled, True


def _of_settings(
    config: Config,
    mesh: Any,
    proxy: Manifest,
    annotations: Asked,
    ids: tuple[int, int],
) -> dict[str, Any]:
    values = config.values
    mode = annotations.get(capture.MODE, str(proxy.get("interceptionMode") or "REDIRECT"))
    trimmed = annotations if config.quirks else _trimmed(annotations)
    settings = capture.CaptureSettings(trimmed, values, mesh, mode, *ids)
    composed = images.choose(values.get("global") or {}, proxy, annotations)
    image = images.override(composed.proxy, str(settings.proxy_value("image") or ""), annotations)
    init_image = images.override(composed.init, str(dig(values, "global.proxy_init.image", "")), annotations)
    return {
        "ProxyConfig": {"proxyMetadata": {}, "interceptionMode": "REDIRECT", **proxy},
        "MeshConfig": mesh,
        "Values": values,
        "Revision": config.revision,
        "ProxyImage": composed.proxy,
        "ProxyInitImage": composed.init,
        "ProxyUID": ids[0],
        "ProxyGID": ids[1],
        "InboundTrafficPolicyMode": meshconfig.inbound_mode(mesh),
        "CompliancePolicy": settings_of(config).compliance,
        "quirks": config.quirks,
        "bootstrap": bootstrap_of(values, mesh, proxy, proxyconfig.text(proxy)).as_data(),
        "capture": {
            "mode": mode,
            "name": VALIDATION if settings.cni else INIT,
            "image": init_image,
            "args": capture.arguments(settings),
            "securityContext": capture.rights(settings),
        },
        "cniAnnotations": capture.cni_annotations(settings),
        "proxy": _proxy(settings, proxy, image),
        "status": _status(settings),
        "resources": resources(annotations, values),
        "bootstrapOverride": annotations.get("sidecar.istio.io/bootstrapOverride"),
        "userVolumes": _named(annotations, "sidecar.istio.io/userVolume"),
        "userVolumeMounts": _named(annotations, "sidecar.istio.io/userVolumeMount"),
        "datadog": _datadog(annotations, values),
        "lightstep": _lightstep(values, proxy),
        "emptySource": {} if config.quirks else None,
    }


def _trimmed(annotations: Asked) -> Asked:
    """Blanks around the status port are accepted; as part of an argument the agent would not start by it."""
    port = annotations.get(capture.STATUS_PORT)
    return annotations if port is None else annotations.replaced(capture.STATUS_PORT, port.strip())


def native(annotations: Mapping[str, str], flag: bool) -> bool:
    """Whether the proxy is an init container: the annotation where it says something, else the flag."""
    return (annotations.get("sidecar.istio.io/nativeSidecar") or printed(flag)) != "false"


def owner_reference(owner: Owner, namespace: str) -> str:
    """The owner as the control plane names it, empty where its kind or name is not known."""
    if not owner.api_version or not owner.name:
        return ""
    place = f"{owner.api_version}/namespaces/{namespace or 'default'}"
    return f"kubernetes://apis/{place}/{owner.kind.lower()}s/{owner.name}"


def owner_of(run: Injection) -> Owner:
    """The workload of the pod: the object at hand, else the one that the pod's metadata names."""
    meta = run.template_input.get("metadata") or {}
    return run.facts.owner or owner.of_pod(meta, quirks=run.config.quirks)


def _identity(of: Owner, namespace: str, labels: Mapping[str, str], *, quirks: bool) -> dict[str, str]:
    own = labels.get("service.istio.io/canonical-name")
    name = own or labels.get("app.kubernetes.io/name") or labels.get("app") or of.name
    revisions = ("service.istio.io/canonical-revision", "app.kubernetes.io/version", "version")
    shortened = name.encode(errors="replace")[:NAME_LIMIT].decode(errors="ignore").strip("-_.")
    if own and not quirks:
        shortened = own
    return {
        "canonicalName": name if quirks else shortened,
        "canonicalNameCut": shortened,
        "canonicalRevision": next((labels[k] for k in revisions if labels.get(k)), "latest"),
        "workload": of.name,
        "workloadOrLabel": labels.get("service.istio.io/workload-name") or of.name,
        "tlsMode": labels.get("security.istio.io/tlsMode") or "istio",
        "tunnel": labels.get("networking.istio.io/tunnel") or "http",
        "owner": owner_reference(of, namespace),
    }


def _arguments(s: capture.CaptureSettings, role: str, *, outliers: bool) -> list[str]:
    a = s.annotations
    logging = printed(dig(s.values, "global.logging.level"))
    out = ["proxy", role, "--domain", f"$(POD_NAMESPACE).svc.{printed(s.proxy_value('clusterDomain'))}"]
    out.append(f"--proxyLogLevel={a.get('sidecar.istio.io/logLevel', printed(s.proxy_value('logLevel')))}")
    levels = a.get("sidecar.istio.io/componentLogLevel", printed(s.proxy_value("componentLogLevel")))
    out.append(f"--proxyComponentLogLevel={levels}")
    out.append(f"--log_output_level={a.get('sidecar.istio.io/agentLogLevel', logging)}")
    sts = dig(s.values, "global.sts.servicePort", 0)
    out += [f"--stsPort={printed(sts)}"] if sts not in (0, "0") else []
    out += ["--log_as_json"] if dig(s.values, "global.logAsJson", False) else []
    path = s.proxy_value("outlierLogPath")
    return out + ([f"--outlierLogPath={path}"] if path and outliers else [])


def _proxy(s: capture.CaptureSettings, proxy: Manifest, image: str) -> dict[str, Any]:
    return {
        "image": image,
        "args": _arguments(s, "sidecar", outliers=True),
        "gatewayArgs": _arguments(s, "router", outliers=False),
        "agentArgs": _arguments(s, "sidecar", outliers=False),
        "lifecycle": s.proxy_value("lifecycle") or None,
        "hold": bool(
            proxy.get("holdApplicationUntilProxyStarts") or s.proxy_value("holdApplicationUntilProxyStarts")
        ),
        "securityContext": proxy_rights(s, proxy),
    }


def proxy_rights(s: capture.CaptureSettings, proxy: Manifest) -> Manifest:
    """The sidecar's securityContext."""
    privileged = bool(s.proxy_value("privileged"))
    bind = (
        s.annotations.get("sidecar.istio.io/capNetBindService", printed(s.proxy_value("capNetBindService")))
        == "true"
    )
    out: Manifest = {"allowPrivilegeEscalation": privileged, "privileged": privileged}
    as_root = {"readOnlyRootFilesystem": True, "runAsUser": 0, "runAsNonRoot": False}
    if (proxy.get("proxyMetadata") or {}).get("IPTABLES_TRACE_LOGGING") == "true":
        out = {
            "allowPrivilegeEscalation": True,
            "privileged": True,
            "capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]},
        }
        return {**out, **as_root, "runAsGroup": s.gid}
    add = ["NET_ADMIN"] * s.tproxy + ["NET_BIND_SERVICE"] * bind
    out["capabilities"] = {**({"add": add} if add else {}), "drop": ["ALL"]}
    if add:
        out |= {**as_root, "runAsGroup": 1337}
    else:
        out |= {"readOnlyRootFilesystem": True, "runAsUser": s.uid, "runAsGroup": s.gid, "runAsNonRoot": True}
    if s.proxy_value("seccompProfile"):
        out["seccompProfile"] = s.proxy_value("seccompProfile")
    return out


def _status(s: capture.CaptureSettings) -> dict[str, Any]:
    def probe(port: int, delay: Any, period: Any, threshold: Any) -> Manifest:
        out: Manifest = {"httpGet": {"path": "/healthz/ready", "port": port}}
        # Kubernetes does not store a delay of zero; written, it would come back as a difference.
        out |= {"initialDelaySeconds": int(delay)} if int(delay) else {}
        return out | {"periodSeconds": int(period), "timeoutSeconds": 3, "failureThreshold": int(threshold)}

    fields = ("initialDelaySeconds", "periodSeconds", "failureThreshold")
    defaults = [_whole_number(s, "readiness" + f[0].upper() + f[1:]) for f in fields]
    asked = [
        s.annotations.get(f"readiness.status.sidecar.istio.io/{f}", v)
        for f, v in zip(fields, defaults, strict=True)
    ]
    return {
        "port": s.status_port,
        # Upstream writes it unquoted, which loses a blank at the end.
        "debugPort": f"--debug-port={s.status_port}".rstrip(),
        "readiness": probe(15021, *asked),
        "readinessOfAgent": probe(15020, *asked),
        "readinessFromValues": probe(15021, *defaults),
    }


_CORRECT = "correct the value; injector check lists the wrong ones"


def _whole_number(s: capture.CaptureSettings, name: str) -> int:
    """A number of the values, whose types are not checked before with quirks on."""
    value = s.proxy_value(name) or 0
    try:
        return int(value)
    except (TypeError, ValueError):
        where = f"values.global.proxy.{name}"
        raise RenderError(
            f"a whole number is expected, not {type_name(value)}", where=where, hint=_CORRECT
        ) from None


def resources(annotations: Mapping[str, str], values: Manifest) -> Manifest | None:
    """What the pod's annotations ask for; without any of them, what the values give."""
    out: dict[str, dict[str, str]] = {}
    for key, (kind, name) in RESOURCES.items():
        if key in annotations:
            out.setdefault(kind, {})[name] = _stored(annotations[key])
    if out:
        return out
    defaults = omit_nil(dig(values, "global.proxy.resources", {})) or {}
    try:
        return {
            kind: {n: _stored(q) for n, q in amounts.items()} if kind in ("requests", "limits") else amounts
            for kind, amounts in defaults.items()
        } or None
    except (AttributeError, TypeError, ValueError):
        message = "a map with requests and limits, which are maps of quantities, is expected"
        raise RenderError(message, where="values.global.proxy.resources", hint=_CORRECT) from None


def _stored(quantity: Any) -> str:
    """A quantity as the API server stores it.

    Twice, since 12937.5Ki is first written as bytes, and these as a number of thousands.
    """
    return quantities.canonical(quantities.canonical(quantity))


def pod_ports(spec: Manifest, *, defaulted: bool) -> str:
    """The ports of all containers in upstream's layout; `defaulted` as the API server would fill them in."""
    lines: list[str] = []
    for port in [p for c in spec.get("containers") or [] for p in c.get("ports") or []]:
        port = {"protocol": "TCP", **port} if defaulted else port
        fields = {k: port[k] for k in ("name", "hostPort") if port.get(k)} | {
            "containerPort": port["containerPort"]
        }
        fields |= {k: port[k] for k in ("protocol", "hostIP") if port.get(k)}
        lines.append("\n    " + ("," if lines else "") + status.compact(fields))
    return "[" + "".join(lines) + "\n]"


def _named(annotations: Mapping[str, str], key: str) -> list[Manifest]:
    """A JSON object of name to fields as a list of maps with names, in key order."""
    items = _json_object(annotations, key)
    return [{"name": name, **fields} for name, fields in sorted(items.items()) if isinstance(fields, dict)]


def _json_object(annotations: Mapping[str, str], key: str) -> dict[str, Any]:
    if key not in annotations:
        return {}
    try:
        tree = load_json(annotations[key])
    except ValueError:
        tree = None
    if not isinstance(tree, dict):
        raise AnnotationError(key, "a JSON object is expected", where=f"annotation {key}")
    return tree


def _datadog(annotations: Mapping[str, str], values: Manifest) -> dict[str, str]:
    if dig(values, "global.proxy.tracer") != "datadog":
        return {}
    return {
        name: printed(value)
        for name, value in sorted(_json_object(annotations, "apm.datadoghq.com/env").items())
    }


def _lightstep(values: Manifest, proxy: Manifest) -> str:
    """The folder of the CA certificate of a lightstep tracer with TLS, else empty."""
    certificate = str(dig(proxy, "tracing.tlsSettings.caCertificates", ""))
    if dig(values, "global.proxy.tracer") != "lightstep" or not dig(proxy, "tracing.tlsSettings"):
        return ""
    return certificate[: certificate.rfind("/") + 1]
