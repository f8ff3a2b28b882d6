"""The manifests of Istio's own parts, made by the built istioctl from settings; no cluster is asked.

Here: the settings of istiod with which upstream's Envoy understands its answers, which of the generated
objects are installed, and what tests may vary. Not here: applying them, that is bed.py.

istiod's own injector stays out: no webhook configuration of istiod is ever installed, and it runs
with INJECT_ENABLED=false. The ConfigMaps of its injector are there all the same, as ours reads them
live. Whether sidecars are native is not among the settings: no ConfigMap of istiod says so (upstream it
is a variable of istiod), so it is told to our injector, or by the pod's annotation.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from tests.beds.mesh import images
from tests.beds.programs import build

Object = dict[str, Any]
NAMESPACE = "istio-system"

# What upstream's Envoy lacks; left on, it refuses whole listeners and no pod becomes Ready.
UPSTREAM_ENVOY = {
    "PILOT_ENABLE_METADATA_EXCHANGE": "false",
    "PILOT_ENABLE_ALPN_FILTER": "false",
    "PILOT_DISABLE_MX_ALPN": "true",
}
OWN_INJECTOR = {"INJECT_ENABLED": "false", "PILOT_ENABLE_GATEWAY_API": "false"}

# One JSON object per request or connection; what Envoy has nothing to say about is null there.
ACCESS_LOG = {
    "log": "access",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "authority": "%REQ(:AUTHORITY)%",
    "protocol": "%PROTOCOL%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "termination": "%CONNECTION_TERMINATION_DETAILS%",
    "duration": "%DURATION%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "upstream_cluster": "%UPSTREAM_CLUSTER_RAW%",
    "upstream_host": "%UPSTREAM_HOST%",
    "upstream_tls": "%UPSTREAM_TLS_VERSION%",
    "upstream_peer": "%UPSTREAM_PEER_URI_SAN%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "downstream_local": "%DOWNSTREAM_LOCAL_ADDRESS%",
    "downstream_remote": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "downstream_tls": "%DOWNSTREAM_TLS_VERSION%",
    "downstream_peer": "%DOWNSTREAM_PEER_URI_SAN%",
    "server_name": "%REQUESTED_SERVER_NAME%",
    "route": "%ROUTE_NAME%",
}
TLS_COUNTERS = ("listener\\..*ssl\\..*", "cluster\\..*ssl\\..*")

_INSTALLED = {
    "CustomResourceDefinition": None,
    "ServiceAccount": {"istiod"},
    "ClusterRole": {f"istiod-clusterrole-{NAMESPACE}"},
    "ClusterRoleBinding": {f"istiod-clusterrole-{NAMESPACE}"},
    "Role": {"istiod"},
    "RoleBinding": {"istiod"},
    "Service": {"istiod"},
    "ConfigMap": {"istio", "istio-sidecar-injector", "values"},
    "Deployment": {"istiod"},
}


@dataclass(frozen=True)
class Settings:
    """What tests vary. The last three are merged over all else, as an IstioOperator has them.

    `cni` only says what injected pods look like; the plugin is installed by Mesh.install_cni.
    `tls_counters` makes every proxy count TLS handshakes by listener and cluster.
    """

    cni: bool = False
    hold_application: bool = False
    seccomp_profile: str = ""
    tls_counters: bool = False
    readiness_period: int = 1
    access_log: bool = True
    values: Mapping[str, Any] = field(default_factory=dict)
    mesh_config: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


def control_plane(settings: Settings) -> list[Object]:
    """Return the objects of the control plane: CRDs first, then istiod and its ConfigMaps."""
    items = [made for made in _generate(operator(settings)) if _is_installed(made)]
    for made in items:
        if made["kind"] == "Deployment":
            _finish(made, next(o for o in items if o["kind"] == "ConfigMap" and _name(o) == "istio"))
    return items


def cni_plugin(settings: Settings, bin_folder: str, conf_folder: str) -> list[Object]:
    """Return the objects of istio-cni for a node whose plugins and configuration are in these folders."""
    values = {
        "cni": {
            "cniBinDir": bin_folder,
            "cniConfDir": conf_folder,
            "resources": {"requests": {"cpu": "5m", "memory": "32Mi"}},
        }
    }
    spec = {
        "profile": "empty",
        "hub": images.HUB,
        "tag": images.TAG,
        "components": {"cni": {"enabled": True}},
        "values": merged(values, {"cni": settings.values.get("cni", {})}),
    }
    made = _generate(spec)
    for daemons in (item for item in made if item["kind"] == "DaemonSet"):
        daemons["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["periodSeconds"] = 1
    return made


def operator(settings: Settings) -> Object:
    """Return the spec of the IstioOperator that istioctl is given."""
    counters = (
        {"proxyStatsMatcher": {"inclusionRegexps": list(TLS_COUNTERS)}} if settings.tls_counters else {}
    )
    log = {
        "accessLogFile": "/dev/stdout",
        "accessLogEncoding": "JSON",
        "accessLogFormat": json.dumps(ACCESS_LOG),
    }
    return {
        "profile": "minimal",
        "hub": images.HUB,
        "tag": images.TAG,
        # What tells istiod's values of the plugin; its objects are left out below. values.pilot.cni would
        # not get into the ConfigMap.
        "components": {"cni": {"enabled": settings.cni}},
        "meshConfig": merged(
            {**(log if settings.access_log else {}), "defaultConfig": counters}, settings.mesh_config
        ),
        "values": merged(_values(settings), settings.values),
    }


def _values(settings: Settings) -> Object:
    proxy: Object = {
        "holdApplicationUntilProxyStarts": settings.hold_application,
        "readinessPeriodSeconds": settings.readiness_period,
        "resources": {"requests": {"cpu": "5m", "memory": "40Mi"}},
    }
    if settings.seccomp_profile:
        proxy["seccompProfile"] = {"type": settings.seccomp_profile}
    return {
        # The filters of Istio's metrics are not in upstream's Envoy.
        "telemetry": {"enabled": False},
        "global": {"proxy": proxy},
        "pilot": {
            "autoscaleEnabled": False,
            "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
            "env": {**UPSTREAM_ENVOY, **OWN_INJECTOR, **settings.environment},
        },
    }


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> Object:
    """Return both as one tree; where both have a value, the one of `over` counts."""
    result = dict(under)
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            value = merged(result[key], value)
        result[key] = value
    return result


def _generate(spec: Object) -> list[Object]:
    istioctl = build.programs(["istioctl"])["istioctl"]
    kind = {"apiVersion": "install.istio.io/v1alpha1", "kind": "IstioOperator", "spec": spec}
    command = [str(istioctl), "manifest", "generate", "-f", "-"]
    done = subprocess.run(command, input=json.dumps(kind), capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(
            f"istioctl manifest generate: exit status {done.returncode}: {done.stderr.strip()[-600:]}"
        )
    # A megabyte of CRDs: PyYAML's own loader would take seconds.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [made for made in yaml.load_all(done.stdout, Loader=loader) if made]


def _is_installed(made: Object) -> bool:
    names: Iterable[str] | None = _INSTALLED.get(made["kind"], ())
    return names is None or _name(made) in names


def _name(made: Object) -> str:
    return str(made["metadata"]["name"])


def _finish(deployment: Object, mesh: Object) -> None:
    """Let istiod be ready sooner, and start anew when the mesh configuration changes.

    It would notice a change by itself, but not at a time that a test can wait for.
    """
    template = deployment["spec"]["template"]
    digest = hashlib.sha256(json.dumps(mesh["data"], sort_keys=True).encode()).hexdigest()[:16]
    template["metadata"]["annotations"]["mesh-config"] = digest
    probe = template["spec"]["containers"][0]["readinessProbe"]
    probe.update({"initialDelaySeconds": 0, "periodSeconds": 1})
