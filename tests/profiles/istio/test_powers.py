"""What annotations can change of the injected containers, tried out against what the catalogue says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from injector.config.loading import load
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Manifest, Verdict
from injector.profiles.istio.catalogue import PROXY_CONFIG
from tests.generators.annotations import ANNOTATIONS

OVERRIDES = "proxy.istio.io/overrides"
TEMPLATES = "inject.istio.io/templates"
# Values that show a power which none of those of the differential check shows.
MORE = {
    PROXY_CONFIG: [
        '{"discoveryAddress": "elsewhere.example.com:15012"}',
        '{"image": {"imageType": "debug"}}',
        '{"proxyMetadata": {"IPTABLES_TRACE_LOGGING": "true"}}',
        '{"tracing": {"openCensusAgent": {}}, "interceptionMode": "TPROXY"}',
        '{"caCertificatesPem": ["-----BEGIN CERTIFICATE-----"]}',
    ],
    OVERRIDES: [
        json.dumps({"initContainers": [{"name": "istio-proxy", **changed}]})
        for changed in (
            {"image": "elsewhere.example.com/proxy:1"},
            {"securityContext": {"runAsUser": 0, "privileged": True}},
            {"volumeMounts": [{"name": "host", "mountPath": "/host"}]},
        )
    ],
}
# The agent reads these itself, from a file or from the pod's annotations, when it runs.
BY_THE_AGENT = {"sidecar.istio.io/discoveryAddress", "sidecar.istio.io/bootstrapOverride"}
# What other templates of the operator's may do; and a tracer that is not configured here. A mount of
# the mesh's Secret needs another one.
NOT_SHOWN = {
    (TEMPLATES, "image"),
    ("apm.datadoghq.com/env", "trust-root"),
    ("apm.datadoghq.com/env", "control-plane"),
    (PROXY_CONFIG, "volumes"),
}
# They name the application's ports, containers, probes and metrics, and the mode of the capture.
ABOUT_THE_POD = {
    *("ISTIO_META_POD_PORTS", "ISTIO_META_APP_CONTAINERS", "ISTIO_META_INTERCEPTION_MODE"),
    *("ISTIO_PROMETHEUS_ANNOTATIONS", "ISTIO_KUBE_APP_PROBERS", "OTEL_RESOURCE_ATTRIBUTES"),
}


def the_pod(annotations: dict[str, str]) -> Manifest | None:
    pod = {
        "metadata": {"name": "web", "annotations": annotations},
        "spec": {"containers": [{"name": "web", "image": "web:1"}]},
    }
    outcome = inject(pod, Facts(namespace="shop"), CONFIG)
    return outcome.pod if outcome.decision.verdict is Verdict.INJECT else None


def seen(pod: Manifest) -> dict[tuple[str, str], Any]:
    """By power and container, what security hangs on."""
    spec = pod["spec"]
    volumes = {v["name"] for v in spec.get("volumes", [])}
    out: dict[tuple[str, str], Any] = {(p, ""): volumes for p in ("volumes", "trust-root", "control-plane")}
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        name, rights = container["name"], container.get("securityContext", {})
        out["image", name] = container["image"]
        out["user", name] = [rights.get(key) for key in ("runAsUser", "runAsNonRoot")]
        out["capabilities", name] = [rights.get(key) for key in ("capabilities", "privileged")]
        out["volumes", name] = container.get("volumeMounts")
        env = {e["name"]: e.get("value") for e in container.get("env", [])}
        config = json.loads(env.pop("PROXY_CONFIG", None) or "{}")
        # Any variable and any file may be read by the agent.
        read = [{k: v for k, v in env.items() if k not in ABOUT_THE_POD}, container.get("volumeMounts")]
        out["trust-root", name] = [*read, config.get("caCertificatesPem")]
        out["control-plane", name] = [*read, config.get("discoveryAddress")]
    return out


CONFIG = load(None)
BEFORE = seen(the_pod({}) or {})


def shown(key: str) -> set[str]:
    """The powers that show in containers which are there with and without the annotation."""
    values = [*(v for group in ANNOTATIONS.get(key, ()) for v in group), *MORE.get(key, ())]
    outcomes = [seen(pod) for value in values if (pod := the_pod({key: value})) is not None]
    return {at[0] for after in outcomes for at in after.keys() & BEFORE.keys() if after[at] != BEFORE[at]}


@pytest.mark.parametrize("key", sorted(CONFIG.profile.catalogue().annotations))
def test_an_annotation_changes_the_fields_that_the_catalogue_lists(key: str) -> None:
    declared = set(CONFIG.profile.catalogue().affects.get(key, ()))
    hidden = {"control-plane"} if key in BY_THE_AGENT else {p for k, p in NOT_SHOWN if k == key}
    assert shown(key) <= declared
    assert declared - hidden <= shown(key)
