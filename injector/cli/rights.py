"""What `serve` and `audit` do in a cluster, as RBAC sees it: verbs on paths of the API.

Here: the one list of rights of each. Not here: whether an account has them (kube.survey).
"""

from __future__ import annotations

from collections.abc import Iterator

from injector.config.control_plane import Maps
from injector.config.server_settings import Server
from injector.core.kinds import KINDS
from injector.core.profile import Config
from injector.core.registration.entries import CONFIGURATIONS
from injector.core.registration.tags import revision_keys
from injector.kube.events import EVENTS, owners
from injector.kube.objects import NAMESPACES, NODES, path_of
from injector.kube.owners import read_kinds


def needed(config: Config, server: Server, configurations: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Each verb with the path that it is used on. `configurations` are the injector's own."""
    if server.namespaces == "watch":
        nodes = (NODES,) if config.native_sidecars == "auto" else ()
        for path in (NAMESPACES, *nodes, *config.profile.watched()):
            yield "list", path
            yield "watch", path
    yield from _source(server, config.revision)
    yield from _certificates(server, configurations)
    yield from _events(server)


def needed_by_audit(config: Config) -> Iterator[tuple[str, str]]:
    """Each verb of `audit -A --events` with the path that it is used on."""
    tags = (CONFIGURATIONS,) if revision_keys(config.profile, config.values) else ()
    for path in (NAMESPACES, NODES, *config.profile.watched(), path_of(KINDS["Pod"]), *tags):
        yield "list", path
    for kind in read_kinds(config.kinds):
        yield "get", path_of(kind)
    for verb in ("create", "get", "patch"):
        yield verb, EVENTS.format("")


def _events(server: Server) -> Iterator[tuple[str, str]]:
    """In every namespace, as pods come from all of them."""
    if server.events == "off" or server.namespaces == "off":
        return
    for kind in owners():
        yield "get", path_of(kind)
    yield "create", EVENTS.format("")
    yield "patch", EVENTS.format("")


def _source(server: Server, revision: str) -> Iterator[tuple[str, str]]:
    map_, istio = server.source.config_map, server.source.istio
    if map_.name:
        yield "get", f"/api/v1/namespaces/{map_.namespace}/configmaps/{map_.name}"
    if istio.namespace:
        maps = Maps.named(istio.namespace, revision or None, istio.mesh_config_map, istio.inject_config_map)
        for name in filter(None, (maps.mesh, maps.inject)):
            yield "get", f"/api/v1/namespaces/{maps.namespace}/configmaps/{name}"


def _certificates(server: Server, configurations: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    own = server.certificate_source == "own"
    if own or server.publishes_ca_bundle:
        yield "list", CONFIGURATIONS
        yield "watch", CONFIGURATIONS
    if server.publishes_ca_bundle:
        for name in configurations:
            yield "patch", f"{CONFIGURATIONS}/{name}"
    if own:
        namespace, name = server.ca_secret
        secrets = f"/api/v1/namespaces/{namespace}/secrets"
        yield "create", secrets
        for verb in ("get", "list", "watch", "update"):
            yield verb, f"{secrets}/{name}"
