"""Values that can be derived from an injected pod itself: probes, metrics annotations, labels.

All other changes are in the undo annotation (`injector.core.injection.uninjection`).
"""

from __future__ import annotations

from collections.abc import Mapping

from injector.core import owner, status
from injector.core.model import Manifest
from injector.core.status import Status
from injector.core.tree.strategic_merge import map_items
from injector.profiles.istio import probes, prometheus
from injector.profiles.istio.containers import PROXY

_CONTAINER_KEYS = ("kubectl.kubernetes.io/default-container", "kubectl.kubernetes.io/default-logs-container")


def restore(pod: Manifest, earlier: Status) -> tuple[Manifest, tuple[str, ...]]:
    """The pod with its own probes and annotations, and a note for each that is assumed to be injected."""
    env = _proxy_env(pod)
    pod = _with_probes(pod, status.as_object(env.get(probes.ENV, "")) or {})
    notes: list[str] = []
    meta = dict(pod.get("metadata") or {})
    meta["annotations"] = _annotations(pod, env, earlier, notes)
    meta["labels"] = _labels(meta, env, notes)
    return {**pod, "metadata": meta}, tuple(notes)


def _proxy_env(pod: Manifest) -> dict[str, str]:
    spec = pod.get("spec") or {}
    for part in ("containers", "initContainers"):
        for container in spec.get(part) or []:
            if container["name"] == PROXY:
                return {e["name"]: e.get("value") or "" for e in container.get("env") or []}
    return {}


def _with_probes(pod: Manifest, registered: Manifest) -> Manifest:
    for part in ("initContainers", "containers"):
        if registered and (pod.get("spec") or {}).get(part):
            pod = map_items(pod, ("spec", part), lambda c: probes.restored(c, registered))
    return pod


def _annotations(pod: Manifest, env: Mapping[str, str], earlier: Status, notes: list[str]) -> dict[str, str]:
    out = dict((pod.get("metadata") or {}).get("annotations") or {})
    out.pop("istio.io/rev", None)
    if out.get("prometheus.io/path") == prometheus.PATH and out.get("prometheus.io/scrape") == "true":
        for key in ("prometheus.io/port", "prometheus.io/path", "prometheus.io/scrape"):
            out.pop(key, None)
        out |= _declared(status.as_object(env.get(prometheus.ENV, "")) or {})
    apps = _applications(pod, earlier)
    for key in _CONTAINER_KEYS:
        if apps and out.get(key) == apps[0]:
            del out[key]
            notes.append(f"annotation {key} is assumed to be injected")
    return out


def _applications(pod: Manifest, earlier: Status) -> list[str]:
    """The containers beside the proxy; those that a template wrote on only where there are no others."""
    names = [c["name"] for c in (pod.get("spec") or {}).get("containers") or [] if c["name"] != PROXY]
    return [name for name in names if name not in earlier.containers] or names


def _declared(registered: Manifest) -> dict[str, str]:
    targets = registered.get("targets")
    if isinstance(targets, list):
        out = {
            prometheus.TARGETS: ",".join(
                f"{t.get('port')}:{t.get('path')}" for t in targets if isinstance(t, dict)
            )
        }
        return out | ({"prometheus.io/scrape": registered["scrape"]} if registered.get("scrape") else {})
    return {f"prometheus.io/{k}": registered[k] for k in ("scrape", "port", "path") if registered.get(k)}


def _labels(meta: Manifest, env: Mapping[str, str], notes: list[str]) -> dict[str, str]:
    """The labels without those that have the value that an injection writes."""
    out = dict(meta.get("labels") or {})
    workload = env.get("ISTIO_META_WORKLOAD_NAME") or owner.of_pod(meta).name
    names = [out.get("app.kubernetes.io/name"), out.get("app"), workload]
    versions = [out.get("app.kubernetes.io/version"), out.get("version"), "latest"]
    defaults = {
        "security.istio.io/tlsMode": "istio",
        "service.istio.io/canonical-name": next((n for n in names if n), ""),
        "service.istio.io/canonical-revision": next(v for v in versions if v),
    }
    for key, value in defaults.items():
        if key in out and out[key] == value:
            del out[key]
            notes.append(f"label {key} is assumed to be injected")
    return out
