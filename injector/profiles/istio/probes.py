"""Probes and lifecycle handlers that the sidecar would intercept are served by the agent instead.

The application's own action is registered with the agent under a path, and the kubelet is sent to
that path on the agent's port. exec is left alone. Rules: istio-injection 2.11.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any

from injector.classes import dataclass
from injector.core.model import Manifest
from injector.core.status import compact
from injector.profiles.istio.containers import PROXY
from injector.yamltext import load_json

ENV = "ISTIO_KUBE_APP_PROBERS"
PATHS = _HEALTH, _LIFECYCLE = "/app-health/", "/app-lifecycle/"
"""The beginnings of the agent's paths."""
_PROBE_PATHS = {"readinessProbe": "readyz", "livenessProbe": "livez", "startupProbe": "startupz"}
_HANDLER_PATHS = {"preStop": "prestopz", "postStart": "poststartz"}
_ACTIONS = ("httpGet", "tcpSocket", "grpc")
_HTTP_FIELDS = ("path", "port", "host", "scheme", "httpHeaders")


@dataclass(slots=True)
class Site:
    """One probe or handler of a container: the path to it, its key with the agent, and itself."""

    container: Manifest
    path: tuple[str, ...]
    key: str
    probe: Manifest
    action: str | None = field(init=False)
    """The action that counts: http before tcp before gRPC; None for exec."""

    def __post_init__(self) -> None:
        known = _ACTIONS if self.is_probe else _ACTIONS[:2]
        self.action = next((a for a in known if self.probe.get(a) is not None), None)

    @property
    def is_probe(self) -> bool:
        """A probe has a timeout; a lifecycle handler has none, and knows no gRPC."""
        return len(self.path) == 1


def sites(container: Manifest) -> Iterator[Site]:
    """The probes and handlers of a container."""
    for name, word in _PROBE_PATHS.items():
        if container.get(name):
            yield Site(container, (name,), f"{_HEALTH}{container['name']}/{word}", container[name])
    for hook, word in _HANDLER_PATHS.items():
        handler = (container.get("lifecycle") or {}).get(hook)
        if handler:
            yield Site(container, ("lifecycle", hook), f"{_LIFECYCLE}{container['name']}/{word}", handler)


def application_sites(spec: Manifest) -> dict[str, list[Site]]:
    """All of a pod's but the proxy's, by the list of their containers."""
    return {
        part: [site for c in spec.get(part) or [] if c["name"] != PROXY for site in sites(c)]
        for part in ("initContainers", "containers")
    }


def is_early(site: Site) -> bool:
    """Whether one of an init container has to succeed before the containers start."""
    return site.path[-1] in ("startupProbe", "postStart")


def registration(
    sites: Iterable[Site], agent_port: int, *, defaulted: bool, skipped: frozenset[str] = frozenset()
) -> dict[str, Manifest]:
    """The agent's table of probes, by key. `defaulted`: as if the API server had filled in defaults."""
    out = {}
    for site in sites:
        if site.key in skipped:
            continue
        entry = _entry(site, agent_port, defaulted=defaulted)
        if entry is not None:
            out[site.key] = entry
    return dict(sorted(out.items()))


def _entry(site: Site, agent_port: int, *, defaulted: bool) -> Manifest | None:
    kind = site.action
    if kind is None:
        return None
    port = resolve(site.probe[kind].get("port"), site.container)
    if port is None or port == agent_port:
        return None
    action = site.probe[kind]
    if kind == "httpGet":
        full = {"path": "/", "scheme": "HTTP", **_non_empty(action)} if defaulted else _non_empty(action)
        shown: Manifest = {
            f: port if f == "port" else full[f] for f in _HTTP_FIELDS if f == "port" or full.get(f)
        }
    elif kind == "tcpSocket":
        shown = {"port": port, **({"host": action["host"]} if action.get("host") else {})}
    else:
        service = action.get("service")
        shown = {"port": port, "service": "" if service is None and defaulted else service}
    entry: Manifest = {kind: shown}
    if site.is_probe:
        timeout = site.probe.get("timeoutSeconds") or (1 if defaulted else 0)
        entry |= {"timeoutSeconds": timeout} if timeout else {}
    return entry


def _non_empty(action: Manifest) -> Manifest:
    fields = {k: v for k, v in action.items() if v is not None and v != ""}
    if "httpHeaders" in fields:
        headers = fields["httpHeaders"]
        fields["httpHeaders"] = [{"name": h.get("name", ""), "value": h.get("value", "")} for h in headers]
    return fields


def resolve(port: Any, container: Manifest) -> int | None:
    """A port as a number; a name is looked up among the container's own ports, the last one counts."""
    if isinstance(port, int):
        return port
    if isinstance(port, str):
        named = {p["name"]: p["containerPort"] for p in container.get("ports") or [] if p.get("name")}
        if port in named:
            return int(named[port])
        # A number in quotes is a name to Kubernetes, and no port has it.
    return None


def with_registration(
    env: list[Manifest], registered: Mapping[str, Manifest], *, earlier: bool
) -> list[Manifest]:
    """The proxy's env with the registration.

    `earlier`: the pod carried a status; an existing registration is kept, and wins over new entries.
    """
    value = compact(dict(registered))
    place = next((i for i, e in enumerate(env) if e.get("name") == ENV), None) if earlier else None
    if place is None:
        return [*env, {"name": ENV, "value": value}]
    try:
        have = load_json(env[place].get("value") or "")
        value = compact(dict(sorted({**registered, **have}.items())))
    except (ValueError, TypeError):
        return env
    return [*env[:place], {**env[place], "value": value}, *env[place + 1 :]]


def rewritten(container: Manifest, sites: Iterable[Site], port: int) -> Manifest:
    """The container with these of its probes and handlers sent to the agent."""
    out = container
    for site in sites:
        if site.action is None:
            continue
        out = _put(out, site.path, _at_agent(site, port))
    return out


def _at_agent(site: Site, port: int) -> Manifest:
    kind = site.action
    old = site.probe.get("httpGet") if kind == "httpGet" else None
    http: Manifest = {k: v for k, v in (old or {}).items() if k not in ("path", "port")}
    if http.get("scheme") == "HTTPS":
        http["scheme"] = "HTTP"
    left = {k: v for k, v in site.probe.items() if k not in _ACTIONS}
    return {**left, "httpGet": {"path": site.key, "port": port, **http}}


def _put(container: Manifest, path: tuple[str, ...], value: Manifest) -> Manifest:
    head, *rest = path
    return {**container, head: _put(container[head], tuple(rest), value) if rest else value}


def restored(container: Manifest, registered: Mapping[str, Any]) -> Manifest:
    """The container with its own actions again, as far as they are registered with the agent."""
    out = container
    for site in sites(container):
        entry = registered.get(site.key)
        if not isinstance(entry, dict) or (site.probe.get("httpGet") or {}).get("path") != site.key:
            continue
        kind = next((a for a in _ACTIONS if isinstance(entry.get(a), dict)), None)
        if kind is not None:
            left = {k: v for k, v in site.probe.items() if k != "httpGet"}
            out = _put(out, site.path, {**left, kind: entry[kind]})
    return out
