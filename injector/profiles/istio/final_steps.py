"""What happens to a pod after the templates are merged, in the order of istio-injection 2.10 and 2.11."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from injector.core import status
from injector.core.finding_codes import FindingCode
from injector.core.model import Manifest
from injector.core.tree.schema import same
from injector.core.tree.strategic_merge import map_items, merge
from injector.profiles.istio import capture, probes, prometheus
from injector.profiles.istio.annotations import boolean_token
from injector.profiles.istio.containers import CORE_DUMP, INIT, PROXY, VALIDATION
from injector.profiles.istio.values import dig

if TYPE_CHECKING:
    from injector.core.profile import Injection

NETWORK_LABEL = "topology.istio.io/network"
REWRITE = "sidecar.istio.io/rewriteAppHTTPProbers"
LISTS = ("containers", "initContainers")


def finish(
    run: Injection, mesh: Mapping[str, Any], proxy: Manifest, overrides: Mapping[str, str], *, hold: bool
) -> None:
    """All steps, on `run.pod`."""
    agent_port = int(dig(mesh, "defaultConfig.statusPort", 0))
    _user_ids(run, proxy)
    _environment(run, overrides)
    if not run.config.quirks:
        _keep_sysctls(run)
    _metrics(run, mesh, agent_port)
    _secure_metrics(run)
    _rewrite_probes(run, agent_port)
    if overrides.get("ISTIO_META_NETWORK"):
        run.annotate({}, {NETWORK_LABEL: overrides["ISTIO_META_NETWORK"]})
    _tidy(run)
    _order(run, hold)


def find(pod: Manifest, name: str) -> tuple[str, Manifest] | None:
    """The list and the container of that name, ordinary containers first."""
    spec = pod.get("spec") or {}
    for part in LISTS:
        for container in spec.get(part) or []:
            if container["name"] == name:
                return part, container
    return None


def change(run: Injection, name: str, edit: Callable[[Manifest], Manifest]) -> None:
    """Change the container of that name, the one that `find` finds."""
    place = find(run.pod, name)
    if place:
        part, container = place
        run.pod = map_items(run.pod, ("spec", part), lambda c: edit(c) if c is container else c)


def _user_ids(run: Injection, proxy: Manifest) -> None:
    """The uid that the user gave the proxy is the one whose traffic is not captured."""
    users = find(run.stripped, PROXY)
    context = (users[1].get("securityContext") or {}) if users else {}
    ids = {k: context[k] for k in ("runAsUser", "runAsGroup") if context.get(k) is not None}
    init = next((n for n in (INIT, VALIDATION) if find(run.pod, n)), None)
    if not ids or init is None:
        return
    tproxy = (
        proxy.get("interceptionMode") == "TPROXY"
        or status.annotations_of(run.pod).get(capture.MODE) == "TPROXY"
    )
    if tproxy and "runAsUser" in ids:
        change(
            run,
            PROXY,
            lambda c: {**c, "securityContext": {**(c.get("securityContext") or {}), "runAsUser": 0}},
        )
    if not tproxy and init == VALIDATION:
        change(run, init, lambda c: {**c, "securityContext": {**(c.get("securityContext") or {}), **ids}})
    if ids.get("runAsUser"):
        change(run, init, lambda c: {**c, "args": _with_uid(c.get("args") or [], str(ids["runAsUser"]))})


def _with_uid(args: list[str], uid: str) -> list[str]:
    out = list(args)
    if "-u" in out[:-1]:
        out[out.index("-u") + 1] = uid
    return out


def _environment(run: Injection, overrides: Mapping[str, str]) -> None:
    """Cluster, network and what the request's path sets: at the tail of the proxy's env, sorted."""
    if overrides:
        change(run, PROXY, lambda c: {**c, "env": _overridden(c.get("env") or [], overrides)})


def _overridden(env: list[Manifest], overrides: Mapping[str, str]) -> list[Manifest]:
    others = [e for e in env if e.get("name") not in overrides]
    return others + [{"name": name, "value": value} for name, value in sorted(overrides.items())]


def _keep_sysctls(run: Injection) -> None:
    """The gateway's template has one, and a merge replaces that list as a whole: the user's stay in it."""
    context = (run.stripped.get("spec") or {}).get("securityContext") or {}
    users = context.get("sysctls")
    ours = (run.pod["spec"].get("securityContext") or {}).get("sysctls")
    if not isinstance(users, list) or not isinstance(ours, list) or same(users, ours):
        return
    named = [item.get("name") for item in users if isinstance(item, dict)]
    both = [*users, *(item for item in ours if not isinstance(item, dict) or item.get("name") not in named)]
    run.pod = merge(run.pod, {"spec": {"securityContext": {"sysctls": both}}})


def _metrics(run: Injection, mesh: Mapping[str, Any], agent_port: int) -> None:
    annotations = status.annotations_of(run.pod)
    declaration = prometheus.declared(annotations)
    if not prometheus.wanted(
        declaration, annotations, mesh.get("enablePrometheusMerge") is not False, agent_port
    ):
        return
    if declaration.unreadable:
        run.warn(
            FindingCode.SCRAPE_TARGETS,
            f"{prometheus.TARGETS} has an entry without a port and is ignored as a whole",
        )
    if declaration.conflicting:
        run.warn(
            FindingCode.PROMETHEUS_SPELLINGS,
            "several spellings of a prometheus annotation have different values; the first by name is used",
        )
    prometheus.check(declaration, agent_port)
    if declaration.any:
        entry = {"name": prometheus.ENV, "value": declaration.text()}
        change(run, PROXY, lambda c: {**c, "env": [*(c.get("env") or []), entry]})
        if find(run.pod, PROXY) is None:
            run.warn(
                FindingCode.METRICS_WITHOUT_PROXY,
                "prometheus annotations are replaced, but there is no proxy to serve the metrics (Q10)",
            )
    gone: Manifest = dict.fromkeys(declaration.keys - set(prometheus.written(agent_port)))
    run.annotate(gone | prometheus.written(agent_port))


def _secure_metrics(run: Injection) -> None:
    if prometheus.has_secure_port(status.annotations_of(run.pod)):
        return
    proxy = find(run.pod, PROXY)
    port = (
        next((e.get("value") for e in proxy[1].get("env") or [] if e["name"] == prometheus.SECURE_ENV), "")
        if proxy
        else ""
    )
    if port not in ("", "0", None):
        run.annotate({prometheus.SECURE_PORT: port})


def _rewrite_probes(run: Injection, agent_port: int) -> None:
    annotations = status.annotations_of(run.pod)
    asked = boolean_token(annotations.get(REWRITE, ""))
    default = bool(dig(run.config.values, "sidecarInjectorWebhook.rewriteAppHTTPProbe", False))
    proxy = find(run.pod, PROXY)
    if proxy is None or not (default if asked is None else asked):
        return
    spec = run.pod["spec"]
    # A classic proxy starts after them, and they would wait for its agent for ever (Q45).
    is_early = proxy[0] == "containers" and not run.config.quirks
    by_list = probes.application_sites(spec)
    sites = [site for part in by_list.values() for site in part]
    early = frozenset(site.key for site in by_list["initContainers"] if is_early and probes.is_early(site))
    registered = probes.registration(sites, agent_port, defaulted=not run.config.quirks, skipped=early)
    port = _probe_port(run, annotations, agent_port)
    _probe_findings(run, sites, agent_port)
    if proxy[0] == "containers":
        _early_findings(run, spec, early)
    for part, listed in by_list.items():
        sent = [site for site in listed if site.key not in early and _is_sent(site, quirks=run.config.quirks)]
        run.pod = _rewritten(run.pod, part, sent, port)
    if registered:
        earlier = run.config.quirks and run.config.profile.keys.status in run.annotations
        change(
            run,
            PROXY,
            lambda c: {**c, "env": probes.with_registration(c.get("env") or [], registered, earlier=earlier)},
        )


def _is_sent(site: probes.Site, *, quirks: bool) -> bool:
    """Whether the kubelet is sent to the agent."""
    if site.action is None:
        return False
    # Upstream rewrites what it could not register, and the probe fails for ever (Q11).
    return quirks or probes.resolve(site.probe[site.action].get("port"), site.container) is not None


def _rewritten(pod: Manifest, part: str, sites: list[probes.Site], port: int) -> Manifest:
    """The pod with these probes and handlers of one list sent to the agent."""
    if not sites:
        return pod
    by_container: dict[int, list[probes.Site]] = {}
    for site in sites:
        by_container.setdefault(id(site.container), []).append(site)
    return map_items(pod, ("spec", part), lambda c: probes.rewritten(c, by_container.get(id(c), ()), port))


def _early_findings(run: Injection, spec: Manifest, early: frozenset[str]) -> None:
    """Warn of probes of the pod's own native sidecars that no proxy can answer yet."""
    cni = bool(dig(run.config.values, "pilot.cni.enabled", False))
    for container in spec.get("initContainers") or []:
        for site in probes.sites(container):
            where = f"{'.'.join(site.path)} of container {container['name']}"
            if site.path == ("livenessProbe",) and site.action is not None:
                text = f"{where} fails until the classic proxy runs; use a native sidecar (Q45)"
                run.warn(FindingCode.EARLY_PROBE, text)
            elif site.key in early and site.action is not None and cni:
                text = f"{where}: CNI captures it before the classic proxy runs; use a native sidecar"
                run.warn(FindingCode.EARLY_PROBE, f"{text} (Q45)")


def _probe_port(run: Injection, annotations: Mapping[str, str], agent_port: int) -> int:
    asked = annotations.get(capture.STATUS_PORT)
    if asked is None:
        return agent_port
    # Blanks around the number pass upstream's validation, and are then no number any more.
    return 0 if run.config.quirks and asked != asked.strip() else int(asked)


def _probe_findings(run: Injection, sites: list[probes.Site], agent_port: int) -> None:
    for site in sites:
        if site.action is None:
            continue
        action, where = (
            site.probe[site.action],
            f"{'.'.join(site.path)} of container {site.container['name']}",
        )
        port = probes.resolve(action.get("port"), site.container)
        if port is None:
            run.warn(
                FindingCode.PROBE_PORT, f"{where} uses a port name that the container does not declare (Q11)"
            )
        elif port == agent_port:
            run.warn(FindingCode.PROBE_PORT, f"{where} uses the agent's own port {agent_port} (Q30)")
        if site.action == "httpGet" and action.get("host"):
            run.warn(
                FindingCode.PROBE_HOST,
                f"{where} sets a host; the kubelet sends the request for the agent's path to that host (Q13)",
            )


def _tidy(run: Injection) -> None:
    """Kubernetes does not store an empty value of a variable; written, it would come back as a difference."""
    ours = {c["name"] for part in LISTS for c in (run.overlay.get("spec") or {}).get(part) or []}
    for part in LISTS:
        if run.pod["spec"].get(part):
            run.pod = map_items(
                run.pod, ("spec", part), lambda c: _without_empty(c) if c["name"] in ours else c
            )


def _without_empty(container: Manifest) -> Manifest:
    env = container.get("env") or []
    if not any(e.get("value") == "" for e in env):
        return container
    return {**container, "env": [{k: v for k, v in e.items() if k != "value" or v != ""} for e in env]}


def _order(run: Injection, hold: bool) -> None:
    """Where the proxy starts: before or behind the application, and before or behind init containers."""
    spec = dict(run.pod["spec"])
    if spec.get("containers"):
        spec["containers"] = moved(spec["containers"], [PROXY], front=hold)
    if spec.get("initContainers"):
        init = spec["initContainers"]
        if any(c["name"] == PROXY for c in init):
            init = moved(init, [INIT, VALIDATION, PROXY, CORE_DUMP], front=True)
        else:
            init = moved(init, [VALIDATION], front=True)
            init = moved(init, [INIT, CORE_DUMP], front=False)
        spec["initContainers"] = init
    run.pod = {**run.pod, "spec": spec}


def moved(containers: list[Manifest], names: list[str], *, front: bool) -> list[Manifest]:
    """The containers with some of them moved to one end; of one name the last one counts."""
    last = {c["name"]: c for c in containers if c["name"] in names}
    picked = [last[name] for name in names if name in last]
    rest = [c for c in containers if c["name"] not in last]
    return picked + rest if front else rest + picked
