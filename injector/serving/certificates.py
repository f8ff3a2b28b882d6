"""The source of certificates that the settings ask for, and the watches that it needs.

Not here: what the sources do (`injector.certs`), and TLS itself (`injector.server.tls`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from injector.certs.files import FilePaths, FileSource
from injector.certs.issue import CertificateSpec, service_names
from injector.certs.own import SelfSignedSource
from injector.certs.published import CABundlePublisher
from injector.classes import dataclass
from injector.config import cross_checks
from injector.config.fields import seconds
from injector.config.server_settings import Server
from injector.core.registration.entries import CONFIGURATIONS
from injector.errors import ConfigError
from injector.kube.async_client import AsyncCluster
from injector.kube.watching import Informer
from injector.server.tls import ReloadableTLS
from injector.telemetry import Metrics


@dataclass(slots=True)
class CertificateRenewal:
    """The source of certificates, and the watches that start its checks."""

    source: SelfSignedSource | FileSource
    watches: Watches = field(default_factory=lambda: Watches())
    _task: asyncio.Task[None] | None = None

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin to renew."""
        self._task = group.create_task(self.source.run())

    def stop(self) -> None:
        """Renew nothing more; the certificate in use stays."""
        if self._task:
            self._task.cancel()

    def not_ready(self) -> Mapping[str, str]:
        """Why callers cannot use TLS; empty where they can."""
        return self.source.not_ready()

    def warnings(self) -> Mapping[str, str]:
        """The problems of the renewal."""
        return self.source.warnings()


@dataclass(slots=True)
class Watches:
    """Watches of the lists whose changes concern certificates."""

    informers: dict[str, Informer] = field(default_factory=dict)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin to watch."""
        self._tasks = [group.create_task(informer.run()) for informer in self.informers.values()]

    def stop(self) -> None:
        """Watch nothing more."""
        for task in self._tasks:
            task.cancel()

    def not_ready(self) -> Mapping[str, str]:
        """Nothing: without the watches changes are seen once a minute."""
        return {}

    def warnings(self) -> Mapping[str, str]:
        """The watches that do not work, and why."""
        return {
            f"watch {path}": informer.last_error.advice
            for path, informer in self.informers.items()
            if informer.last_error is not None
        }


def check_settings(server: Server) -> None:
    """Raise ConfigError for settings that do not fit together, and for files that cannot be used now."""
    kind = cross_checks.check_certificates(server)
    if kind != "own":
        _file_paths(server, kind).read(time.time())


def make_renewal(
    server: Server, cluster: AsyncCluster | None, metrics: Metrics, tls: ReloadableTLS
) -> CertificateRenewal:
    """What keeps the certificate up to date; one that exists is in use already. Raises ConfigError."""
    kind, publishes = cross_checks.check_certificates(server), server.publishes_ca_bundle
    publisher = _publisher(server, cluster, publishes) if cluster and (publishes or kind == "own") else None
    source = (
        _files(server, kind, metrics, tls, publisher)
        if kind != "own"
        else _own(server, cluster, metrics, tls, publisher)
    )
    if publisher is None or cluster is None:
        return CertificateRenewal(source)
    lists: dict[str, Mapping[str, str] | None] = {CONFIGURATIONS: None}
    if kind == "own":
        namespace, name = server.ca_secret
        lists[f"/api/v1/namespaces/{namespace}/secrets"] = {"fieldSelector": f"metadata.name={name}"}
    informers = {
        path: Informer(cluster, path, params, keep=_version, changed=source.changed.set)
        for path, params in lists.items()
    }
    return CertificateRenewal(source, Watches(informers))


def _version(item: dict[str, Any]) -> dict[str, Any]:
    """Only the version of an object: its content may be keys, and is read again when it is needed."""
    return {"resourceVersion": item["metadata"].get("resourceVersion")}


def _own(
    server: Server,
    cluster: AsyncCluster | None,
    metrics: Metrics,
    tls: ReloadableTLS,
    publisher: CABundlePublisher | None,
) -> SelfSignedSource:
    assert cluster is not None
    assert publisher is not None
    namespace, name = server.ca_secret
    return SelfSignedSource(
        cluster,
        namespace,
        name,
        _certificate_spec(server),
        server.certificates.renew_percent / 100,
        publisher,
        lambda pair: tls.take(pair.chain, pair.key),
        metrics,
        cluster.time,
    )


def _certificate_spec(server: Server) -> CertificateSpec:
    settings = server.certificates
    assert settings.service is not None
    names = service_names(settings.service, settings.cluster_domain, settings.names)
    lives = seconds(settings.ca_lifetime), seconds(settings.leaf_lifetime)
    return CertificateSpec(names, *lives, "rsa" if settings.key_type == "rsa" else "ecdsa")


def _files(
    server: Server, kind: str, metrics: Metrics, tls: ReloadableTLS, publisher: CABundlePublisher | None
) -> FileSource:
    made = FileSource(
        _file_paths(server, kind),
        lambda pair: tls.take(pair.chain, pair.key),
        metrics,
        server.source.poll_seconds,
        publisher,
    )
    made.first()
    return made


def _file_paths(server: Server, kind: str) -> FilePaths:
    settings = server.certificates
    if kind == "secret":
        return FilePaths.folder(Path(settings.folder), with_ca=settings.publish == "on")
    authorities = Path(settings.ca_file) if settings.ca_file else None
    if server.tls_bundle and not (server.tls_cert or server.tls_key):
        return FilePaths(Path(server.tls_bundle), Path(server.tls_bundle), authorities)
    if server.tls_cert and server.tls_key and not server.tls_bundle:
        return FilePaths(Path(server.tls_cert), Path(server.tls_key), authorities)
    hint = "set --tls-cert FILE and --tls-key FILE, or --tls-bundle FILE"
    raise ConfigError(
        "a certificate chain and its key are required, or one file with both", where="server", hint=hint
    )


def _publisher(server: Server, cluster: AsyncCluster, publishes: bool) -> CABundlePublisher:
    service = server.certificates.service
    assert service is not None
    settle = seconds(server.certificates.settle)
    return CABundlePublisher(cluster, service, settle, publishes)
