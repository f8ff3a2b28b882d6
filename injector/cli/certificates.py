"""Which source of certificates a configuration asks for, and what it needs of the cluster.

Not here: what the sources do (`injector.certs`), and TLS itself (`injector.server.tls`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from injector.config.schema import Server
from injector.config.shapes import seconds
from injector.errors import ConfigError

if TYPE_CHECKING:
    from injector.certs.files import Files, Place
    from injector.certs.issue import Wanted
    from injector.certs.own import Own
    from injector.certs.published import Published
    from injector.kube.client import AsyncCluster
    from injector.kube.watching import Mirror
    from injector.server.tls import Swap
    from injector.telemetry import Metrics

_WHERE: Final = "server.certificates"


@dataclass(slots=True)
class Certificates:
    """The running source, and the watches that wake it."""

    source: Own | Files
    watches: dict[str, Mirror] = field(default_factory=dict)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def waiting(self) -> Mapping[str, str]:
        """Why the webhook cannot be called, empty where it can."""
        return self.source.waiting()

    def notes(self) -> Mapping[str, str]:
        """What an operator should know: renewal that does not work, a watch that is refused."""
        return {**self.source.notes(), **self.unseen()}

    def unseen(self) -> Mapping[str, str]:
        """The watches that do not work, and why; then changes are seen once a minute only."""
        return {
            f"watch {path}": mirror.last_error.advice
            for path, mirror in self.watches.items()
            if mirror.last_error is not None
        }

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin to renew."""
        self.tasks = [group.create_task(mirror.run()) for mirror in self.watches.values()]
        self.tasks.append(group.create_task(self.source.run()))

    def stop(self) -> None:
        """Renew nothing more; what is in use is served on."""
        for task in self.tasks:
            task.cancel()


def kind_of(server: Server) -> str:
    """The source that the settings ask for. Raises ConfigError where they do not fit together."""
    given = server.certificates
    kind = server.certificate_source
    if not kind:
        hint = (
            f"set --tls-cert FILE and --tls-key FILE, or --tls-bundle FILE, or {_WHERE}.service for a "
            "self-made certificate"
        )
        raise _missing("a certificate is required", hint)
    if kind == "secret" and not given.folder:
        raise _missing("the folder of the mounted Secret is not set", "set folder", "folder")
    if not given.service and (kind == "own" or given.publish == "on"):
        told = "the Service of the webhook is not set"
        raise _missing(told, "set service: NAMESPACE/NAME", "service")
    if server.namespaces == "off" and (kind == "own" or given.publish == "on"):
        raise _missing(
            "this certificate source needs a cluster", "remove --namespaces off, or set certificate files"
        )
    if kind == "files" and given.publish == "on" and not given.ca_file:
        raise _missing("the CA to publish is not set", "set caFile", "caFile")
    return kind


def check(server: Server) -> None:
    """Raise ConfigError for settings that do not fit together, and for files that cannot be used now."""
    kind = kind_of(server)
    if kind != "own":
        _place(server, kind).read(time.time())


def certificates(server: Server, cluster: AsyncCluster | None, metrics: Metrics, swap: Swap) -> Certificates:
    """The source, which has put its certificate in use where it has one already. Raises ConfigError."""
    kind, publishes = kind_of(server), server.publishes_ca_bundle
    published = _published(server, cluster, publishes) if cluster and (publishes or kind == "own") else None
    made = Certificates(
        _files(server, kind, metrics, swap, published)
        if kind != "own"
        else _own(server, cluster, metrics, swap, published)
    )
    if published is not None and cluster is not None:
        from injector.certs.published import CONFIGURATIONS

        _watch(made, cluster, CONFIGURATIONS, None)
        if kind == "own":
            namespace, name = server.ca_secret
            by_name = {"fieldSelector": f"metadata.name={name}"}
            _watch(made, cluster, f"/api/v1/namespaces/{namespace}/secrets", by_name)
    return made


def _watch(made: Certificates, cluster: AsyncCluster, path: str, params: Mapping[str, str] | None) -> None:
    from injector.kube.watching import Mirror

    made.watches[path] = Mirror(cluster, path, params, keep=_version, changed=made.source.changed.set)


def _version(item: dict[str, Any]) -> dict[str, Any]:
    """All that is kept of an object: it is read anew when it is looked at, and may hold keys."""
    return {"resourceVersion": item["metadata"].get("resourceVersion")}


def _own(
    server: Server, cluster: AsyncCluster | None, metrics: Metrics, swap: Swap, published: Published | None
) -> Own:
    from injector.certs.own import Own

    assert cluster is not None
    assert published is not None
    namespace, name = server.ca_secret
    return Own(
        cluster,
        namespace,
        name,
        _wanted(server),
        server.certificates.renew_percent / 100,
        published,
        lambda pair: swap.take(pair.chain, pair.key),
        metrics,
        cluster.time,
    )


def _wanted(server: Server) -> Wanted:
    from injector.certs.issue import Wanted, service_names

    given = server.certificates
    namespace, _, name = given.service.partition("/")
    names = service_names(namespace, name, given.cluster_domain, given.names)
    lives = seconds(given.ca_lifetime), seconds(given.leaf_lifetime)
    return Wanted(names, *lives, "rsa" if given.key_type == "rsa" else "ecdsa")


def _files(server: Server, kind: str, metrics: Metrics, swap: Swap, published: Published | None) -> Files:
    from injector.certs.files import Files

    made = Files(
        _place(server, kind),
        lambda pair: swap.take(pair.chain, pair.key),
        metrics,
        server.source.poll_seconds,
        published,
    )
    made.first()
    return made


def _place(server: Server, kind: str) -> Place:
    from injector.certs.files import Place

    given = server.certificates
    if kind == "secret":
        return Place.folder(Path(given.folder), with_ca=given.publish == "on")
    authorities = Path(given.ca_file) if given.ca_file else None
    if server.tls_bundle and not (server.tls_cert or server.tls_key):
        return Place(Path(server.tls_bundle), Path(server.tls_bundle), authorities)
    if server.tls_cert and server.tls_key and not server.tls_bundle:
        return Place(Path(server.tls_cert), Path(server.tls_key), authorities)
    hint = "set --tls-cert FILE and --tls-key FILE, or --tls-bundle FILE"
    raise ConfigError(
        "a certificate chain and its key are required, or one file with both", where="server", hint=hint
    )


def _published(server: Server, cluster: AsyncCluster, publishes: bool) -> Published:
    from injector.certs.published import Published, Service

    namespace, _, name = server.certificates.service.partition("/")
    settle = seconds(server.certificates.settle)
    return Published(cluster, Service(namespace, name), settle, publishes)


def _missing(message: str, hint: str, key: str = "") -> ConfigError:
    return ConfigError(message, where=f"{_WHERE}.{key}" if key else "server", hint=hint)
