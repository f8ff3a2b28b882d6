"""What in a pod's own containers and settings keeps the mesh from working as its author expects.

Not here: what the API server refuses (core), and misspelt settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from injector.core import names
from injector.core.finding_codes import FindingCode, Level
from injector.core.model import Manifest
from injector.core.validation.places import PodContainer, containers, elements, fields, number, texts
from injector.core.validation.resources import amounts
from injector.printable import shown
from injector.profiles.istio import capture, context, layers, openshift
from injector.profiles.istio.containers import INIT, MADE, PROXY, VALIDATION, has_proxy
from injector.profiles.istio.settings import effective_of, settings_of
from injector.profiles.istio.values import dig

if TYPE_CHECKING:
    from injector.core.profile import Injection

LIMIT_RANGER: Final = "kubernetes.io/limit-ranger"
_IDS: Final = ("runAsUser", "runAsGroup")
_DNS: Final = "ISTIO_META_DNS_CAPTURE"
_HBONE: Final = "ISTIO_META_ENABLE_HBONE"


def warn(run: Injection, *, hold: bool) -> None:
    """Warn about the pod of a run that is merged; `hold`: the application is to wait for the proxy."""
    by_name = {str(each.value.get("name")): each for each in containers(run.pod)}
    proxy = by_name.get(PROXY)
    if proxy is None:
        return
    injected = MADE["containers"] | MADE["initContainers"]
    own = [each for name, each in by_name.items() if name not in injected and not each.is_ordinary_init]
    _users(run, by_name, own)
    _ports(run, proxy, own)
    _resources(run)
    if own:
        _lifecycle(run, proxy, hold=hold)
    _status_port(run)
    _openshift(run, own)


def _users(run: Injection, by_name: Mapping[str, PodContainer], own: list[PodContainer]) -> None:
    """Traffic of the proxy's user and group is not redirected, whichever container it comes from."""
    proxy = by_name[PROXY]
    exempt = _exempt(run, by_name)
    if exempt is None:
        return
    of_pod = fields(fields(run.pod.get("spec")).get("securityContext"))
    for container in own:
        context = fields(container.value.get("securityContext"))
        same = [field for field, id in exempt.items() if _first_id(context, of_pod, field) == id]
        if same:
            text = f"{container.subject}: it has the {' and '.join(same)} of the proxy"
            run.warn(FindingCode.PROXY_USER, f"{text}; its traffic bypasses the mesh")
    context = fields(proxy.value.get("securityContext"))
    ids = {field: _first_id(context, of_pod, field) for field in exempt}
    if None not in ids.values() and all(ids[field] != id for field, id in exempt.items()):
        text = f"{proxy.subject}: neither its runAsUser nor its runAsGroup is exempt from redirection"
        run.warn(FindingCode.PROXY_USER, f"{text}; its own calls are redirected to it")


def _exempt(run: Injection, by_name: Mapping[str, PodContainer]) -> dict[str, int] | None:
    """The user and group whose traffic is not redirected; None where nothing is redirected."""
    if INIT in by_name:
        args = texts(by_name[INIT].value.get("args"))
        user = args[args.index("-u") + 1] if "-u" in args[:-1] else ""
        # The group is by default that of the user.
        return dict.fromkeys(_IDS, int(user)) if user.isascii() and user.isdigit() else None
    if VALIDATION not in by_name:
        return None
    proxy = by_name[PROXY]
    return {field: _id(run.pod, proxy, field) or openshift.DEFAULT_ID for field in _IDS}


def _id(pod: Manifest, container: PodContainer, field: str) -> int | None:
    """A container's user or group, its own or the pod's."""
    of_pod = fields(fields(pod.get("spec")).get("securityContext"))
    return _first_id(fields(container.value.get("securityContext")), of_pod, field)


def _first_id(own: Mapping[str, Any], of_pod: Mapping[str, Any], field: str) -> int | None:
    """The user or group of a security context, else of the pod's."""
    id = number(own.get(field))
    return number(of_pod.get(field)) if id is None else id


def _ports(run: Injection, proxy: PodContainer, own: list[PodContainer]) -> None:
    listened = dict(_listened(run, proxy))
    for container in own:
        for port in elements(container.value.get("ports")):
            used = number(port.get("containerPort"))
            if used in listened and port.get("protocol") in (None, "TCP"):
                text = f"{container.subject}: port {used} is a port of the proxy ({listened[used]})"
                run.warn(FindingCode.PROXY_PORT, text)


def _listened(run: Injection, proxy: PodContainer) -> Iterator[tuple[int, str]]:
    """Ports on which agent and Envoy listen in this pod, with what they are for."""
    effective = effective_of(run)
    variables = {each.get("name"): each.get("value") for each in elements(proxy.value.get("env"))}
    status_port = number(effective.proxy.get("statusPort"))
    if status_port:
        yield status_port, "its agent"
    yield 15004, "its debug interface"
    if variables.get("ISTIO_META_GENERATOR") == "grpc":
        return
    yield number(effective.proxy.get("proxyAdminPort")) or 15000, "its administration"
    yield 15021, "its health check"
    yield 15090, "its metrics"
    if effective.proxy.get("interceptionMode") != "NONE" and run.annotations.get(capture.MODE) != "NONE":
        yield number(effective.mesh.get("proxyListenPort")) or 15001, "outbound traffic"
        yield number(effective.mesh.get("proxyInboundListenPort")) or 15006, "inbound traffic"
    if variables.get(_HBONE) == "true":
        yield 15008, "inbound tunnels"
    if variables.get(_DNS) == "true":
        yield 15053, "DNS"


def _resources(run: Injection) -> None:
    """Sizes in the pod's own proxy container, which win over those of annotations."""
    if not any(has_proxy(run.stripped, part) for part in names.CONTAINER_LISTS):
        return
    own = next(each for each in containers(run.stripped) if each.value.get("name") == PROXY)
    ranger = f"container {PROXY}" in run.annotations.get(LIMIT_RANGER, "")
    for key, (kind, name) in context.RESOURCES.items():
        mine = amounts(own.below("resources").value.get(kind)).get(name)
        asked = amounts({name: run.annotations[key]}).get(name) if key in run.annotations else None
        if mine is not None and asked is not None and mine != asked:
            by = " (which a LimitRange set)" if ranger else ""
            text = f"{own.subject}: resources.{kind}.{name}{by} replaces annotation {key}"
            run.warn(FindingCode.PROXY_RESOURCES, text)


def _lifecycle(run: Injection, proxy: PodContainer, *, hold: bool) -> None:
    lifecycle = proxy.below("lifecycle").value
    if proxy.part == "containers":
        if hold and not lifecycle.get("postStart"):
            text = (
                "holdApplicationUntilProxyStarts has no effect: the lifecycle that is set for the proxy has "
                "no postStart"
            )
            run.warn(FindingCode.PROXY_LIFECYCLE, text)
        return
    if hold and proxy.value.get("startupProbe"):
        text = (
            "holdApplicationUntilProxyStarts is not needed for a native sidecar: the application waits for "
            "its startup probe (Q14)"
        )
        run.warn(FindingCode.PROXY_LIFECYCLE, text, level=Level.NOTE)
    elif hold:
        text = "holdApplicationUntilProxyStarts has no effect: the native sidecar has no startup probe (Q14)"
        run.warn(FindingCode.PROXY_LIFECYCLE, text)
    if dig(run.config.values, "global.proxy.lifecycle") and not _drains(lifecycle):
        text = "values.global.proxy.lifecycle replaces the preStop handler that drains the native proxy"
        run.warn(FindingCode.PROXY_LIFECYCLE, text, level=Level.NOTE)


def _drains(lifecycle: Mapping[str, Any]) -> bool:
    command = fields(fields(lifecycle.get("preStop")).get("exec")).get("command")
    return isinstance(command, list) and "drain" in command


def _status_port(run: Injection) -> None:
    asked = layers.annotated(run).get("statusPort")
    excluded = run.annotations.get(capture.STATUS_PORT, dig(run.config.values, "global.proxy.statusPort"))
    if asked is not None and str(asked) != str(excluded).strip():
        text = (
            f"statusPort in {layers.PROXY_CONFIG} is not the port that is excluded from redirection; set "
            f"annotation {capture.STATUS_PORT} as well (Q27)"
        )
        run.warn(FindingCode.STATUS_PORT, text)


def _openshift(run: Injection, own: list[PodContainer]) -> None:
    """A user outside of the namespace's range needs another SCC, which then applies to the proxy."""
    namespace = run.facts.namespace_object
    if settings_of(run.config).platform != "openshift" or namespace is None:
        return
    allowed = openshift.users(namespace)
    if allowed is None:
        return
    for container in own:
        user = _id(run.pod, container, "runAsUser")
        if user is not None and user not in allowed:
            text = (
                f"{container.subject}: runAsUser is outside of the range of namespace {shown(namespace.name)}"
            )
            run.warn(FindingCode.OPENSHIFT_USER, text)
