"""The caBundle of every webhook entry that calls the injector's Service: what it trusts, and corrections.

Here: the patch, and since when which CA is in all bundles. Not here: which CAs are to be trusted
(plan.py, files.py). Entries of other Services and of URLs are never changed.

Other certificates that are still valid stay in a bundle: during a change of the source of certificates
a replica may still use the old source. Expired ones are removed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Protocol, TypeAlias

from injector.certs.pair import Certificate, bundle, decoded, encoded, read_bundle
from injector.classes import dataclass
from injector.core.model import ServiceRef
from injector.core.registration.entries import CONFIGURATIONS
from injector.errors import InjectorError

Object: TypeAlias = dict[str, Any]


class ClusterAccess(Protocol):
    """What is needed of a cluster. Every method raises InjectorError.

    Its `status` is 404 where there is no such object, and 409 where another writer was first.
    """

    async def get(self, path: str) -> Object:
        """The object at the path."""

    async def list(self, path: str) -> Sequence[Object]:
        """The objects of the list at the path."""

    async def create(self, path: str, body: Object) -> Object:
        """The object as it was created in the list at the path."""

    async def replace(self, path: str, body: Object) -> Object:
        """The object that replaced the one of the same resourceVersion."""

    async def patch(self, path: str, body: Object) -> Object:
        """The object after a strategic merge patch."""


def entries_of(service: ServiceRef, configuration: Object) -> Iterator[tuple[str, str]]:
    """Name and caBundle (PEM) of each entry that calls a Service."""
    for entry in configuration.get("webhooks") or []:
        client = entry.get("clientConfig") or {}
        called = client.get("service") or {}
        if (called.get("namespace"), called.get("name")) == (service.namespace, service.name):
            yield entry["name"], decoded(client.get("caBundle"))


def patch_of(
    configuration: Object, service: ServiceRef, wanted: Sequence[Certificate], now: float
) -> Object | None:
    """The strategic merge patch after which every entry of the Service trusts `wanted`; None where all do.

    It names the resourceVersion: a change by another writer in between is a conflict, and not lost.
    """
    changed = []
    for name, text in entries_of(service, configuration):
        trusted = {c.fingerprint: c for c in read_bundle(text)}
        unexpired = {f: c for f, c in trusted.items() if now < c.not_after}
        bundled = {**unexpired, **{c.fingerprint: c for c in wanted}}
        if bundled and bundled.keys() != trusted.keys():
            changed.append({"name": name, "clientConfig": {"caBundle": encoded(bundle(bundled.values()))}})
    if not changed:
        return None
    version = configuration["metadata"].get("resourceVersion")
    return {"metadata": {"resourceVersion": version}, "webhooks": changed}


@dataclass(slots=True)
class CABundlePublisher:
    """Writes the caBundles; its fields are what was published at the last `refresh`."""

    cluster: ClusterAccess
    service: ServiceRef
    settle_seconds: float
    patching: bool = True
    """Otherwise another program writes caBundle, and it is only read."""
    monotonic: Callable[[], float] = time.monotonic
    trusted: frozenset[str] | None = None
    """The CAs that every entry trusts, by fingerprint; None where unknown."""
    entries: int = 0
    _since: dict[str, float] = field(default_factory=dict)
    _configurations: Sequence[Object] = ()

    async def refresh(self, wanted: Sequence[Certificate]) -> None:
        """Read all configurations. Raises InjectorError."""
        self._configurations = await self.cluster.list(CONFIGURATIONS)
        texts = [text for c in self._configurations for _, text in entries_of(self.service, c)]
        sets = [frozenset(c.fingerprint for c in read_bundle(text)) for text in texts]
        self.entries = len(sets)
        # Without an entry there is no caller that has to trust a CA.
        self.trusted = frozenset.intersection(*sets) if sets else frozenset(c.fingerprint for c in wanted)
        now = self.monotonic()
        self._since = {f: self._since.get(f, now) for f in self.trusted}

    async def ensure(self, wanted: Sequence[Certificate], now: float) -> int:
        """Read all, and patch those that lack a CA. Returns their number; raises the first InjectorError."""
        await self.refresh(wanted)
        if not self.patching:
            return 0
        patches: Mapping[str, Object] = {
            c["metadata"]["name"]: patch
            for c in self._configurations
            if (patch := patch_of(c, self.service, wanted, now))
        }
        failed: list[InjectorError] = []
        for name, patch in patches.items():
            try:
                await self.cluster.patch(f"{CONFIGURATIONS}/{name}", patch)
            except InjectorError as error:
                # The other patches may succeed.
                failed.append(error)
        if patches:
            await self.refresh(wanted)
        if failed:
            raise failed[0]
        return len(patches)

    def settled(self) -> frozenset[str]:
        """The CAs that every API server has had time to read."""
        before = self.monotonic() - self.settle_seconds
        return frozenset(f for f, since in self._since.items() if since <= before)

    def settles_in(self) -> float:
        """Seconds until the next CA is settled; infinite where all are."""
        now, late = self.monotonic(), self.settled()
        return min(
            (since + self.settle_seconds - now for f, since in self._since.items() if f not in late),
            default=float("inf"),
        )
