"""Which ProxyConfig counts for one pod: layers of defaults, mesh, objects and annotation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from injector import yamltext
from injector.core.finding_codes import FindingCode
from injector.core.model import Manifest, Origin
from injector.profiles.istio import proxyconfig
from injector.profiles.istio.settings import settings_of
from injector.profiles.istio.values import dig

if TYPE_CHECKING:
    from injector.core.profile import Injection

PROXY_CONFIG = "proxy.istio.io/config"


def mesh_for(run: Injection, proxy: Manifest) -> Mapping[str, Any]:
    """The mesh configuration, with the pod's own ProxyConfig as its default.

    Upstream's webhook alone keeps the mesh's, so that metrics and probes miss a changed port (Q27).
    """
    mesh = settings_of(run.config).mesh
    of_mesh = run.config.quirks and run.facts.origin is Origin.WEBHOOK
    if of_mesh or proxy is mesh["defaultConfig"]:
        return mesh
    return {**mesh, "defaultConfig": proxy}


def annotated(run: Injection) -> Manifest:
    """What the pod's annotation says; empty without one."""
    text = run.annotations.get(PROXY_CONFIG)
    if not text:
        return {}
    return proxyconfig.read(yamltext.load_untrusted(text, PROXY_CONFIG) or {}, PROXY_CONFIG)


def effective(run: Injection) -> Manifest:
    """The ProxyConfig that counts for this pod, lowest layer first (istio-injection 2.13.2)."""
    mesh = settings_of(run.config).mesh
    layers = [mesh["defaultConfig"], annotated(run)]
    if run.facts.origin is Origin.WEBHOOK or run.facts.objects:
        of_mesh, of_namespace, of_workload = _resources(run, str(mesh.get("rootNamespace", "")))
        layers = [layers[0], of_mesh, of_namespace, layers[1], of_workload]
    if run.config.quirks and run.facts.origin is Origin.WEBHOOK:
        layers = [layers[0], *map(proxyconfig.without_zero, layers[1:])]
    out: Manifest = layers[0]
    for layer in layers[1:]:
        out = proxyconfig.merge(out, layer)
    return out


def _resources(run: Injection, root: str) -> tuple[Manifest, Manifest, Manifest]:
    """What ProxyConfig objects of the mesh, the namespace and the workload say; the oldest of each."""
    labels = (run.stripped.get("metadata") or {}).get("labels") or {}
    objects = [o for o in run.facts.objects if o.get("kind") == "ProxyConfig"]
    objects.sort(
        key=lambda o: (str(o["metadata"].get("creationTimestamp") or ""), str(o["metadata"].get("name")))
    )

    def oldest(namespace: str, *, selecting: bool) -> Manifest:
        for resource in objects:
            wanted = dig(resource, "spec.selector.matchLabels", {})
            if resource["metadata"].get("namespace") != namespace or bool(wanted) != selecting:
                continue
            if all(labels.get(k) == v for k, v in wanted.items()):
                return _as_config(resource, run)
        return {}

    of_namespace = oldest(run.namespace, selecting=False) if run.namespace != root else {}
    return oldest(root, selecting=False), of_namespace, oldest(run.namespace, selecting=True)


def _as_config(resource: Manifest, run: Injection) -> Manifest:
    """A ProxyConfig object contributes three fields only; one that cannot be read contributes none."""
    spec = resource.get("spec") or {}
    raw = {
        "concurrency": spec.get("concurrency"),
        "proxyMetadata": spec.get("environmentVariables"),
        "image": spec.get("image"),
    }
    try:
        return proxyconfig.read({k: v for k, v in raw.items() if v is not None}, "spec")
    except ValueError as error:
        name = f"{resource['metadata'].get('namespace')}/{resource['metadata'].get('name')}"
        run.warn(FindingCode.PROXY_CONFIG_OBJECT, f"ProxyConfig {name} is invalid and ignored: {error}")
        return {}
