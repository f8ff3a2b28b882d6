"""The caBundle of every webhook entry that calls our Service: what it trusts, and putting it right.

Here: the patch, and for how long which CA has been published everywhere. Not here: which CAs are
to be trusted (plan.py, files.py), and entries of other Services or of URLs, which are never touched.

Certificates of others that are still valid stay in a bundle: a replica with another source of
certificates may be answering while sources change. What has expired goes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from injector.certs.pair import Certificate, bundle, decoded, encoded, read_bundle
from injector.core.model import ServiceRef
from injector.core.registration.entries import CONFIGURATIONS
from injector.errors import InjectorError

Object: TypeAlias = dict[str, Any]


class ClusterAccess(Protocol):
    """What is asked of a cluster; every method raises InjectorError, with a `status` of 404 and 409
    for what is not there, and for what somebody else changed or made first.
    """

    async def get(self, path: str) -> Object: ...
    async def list(self, path: str) -> Sequence[Object]: ...
    async def create(self, path: str, body: Object) -> Object: ...
    async def replace(self, path: str, body: Object) -> Object: ...
    async def patch(self, path: str, body: Object) -> Object: ...


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
    """The strategic merge patch after which every entry of ours trusts `wanted`; None where all do.

    It names the entries and the version it was made for: what somebody else changes meanwhile is
    a conflict, not lost.
    """
    changed = []
    for name, text in entries_of(service, configuration):
        trusted = {c.fingerprint: c for c in read_bundle(text)}
        unexpired = {f: c for f, c in trusted.items() if now < c.not_after}
        right = {**unexpired, **{c.fingerprint: c for c in wanted}}
        if right and right.keys() != trusted.keys():
            changed.append({"name": name, "clientConfig": {"caBundle": encoded(bundle(right.values()))}})
    if not changed:
        return None
    version = configuration["metadata"].get("resourceVersion")
    return {"metadata": {"resourceVersion": version}, "webhooks": changed}


@dataclass(slots=True)
class CABundlePublisher:
    """What is published, as last seen; `refresh` looks again and `ensure` puts right."""

    cluster: ClusterAccess
    service: ServiceRef
    settle_seconds: float
    patching: bool = True
    """Otherwise somebody else writes caBundle, and we only look."""
    monotonic: Callable[[], float] = time.monotonic
    trusted: frozenset[str] | None = None
    """Whom every entry trusts; None where it is not known yet."""
    entries: int = 0
    _since: dict[str, float] = field(default_factory=dict)
    _configurations: Sequence[Object] = ()

    async def refresh(self, wanted: Sequence[Certificate]) -> None:
        """Look at all configurations. Raises InjectorError."""
        self._configurations = await self.cluster.list(CONFIGURATIONS)
        texts = [text for c in self._configurations for _, text in entries_of(self.service, c)]
        sets = [frozenset(c.fingerprint for c in read_bundle(text)) for text in texts]
        self.entries = len(sets)
        # Where nobody calls us, nobody has to learn of a CA.
        self.trusted = frozenset.intersection(*sets) if sets else frozenset(c.fingerprint for c in wanted)
        now = self.monotonic()
        self._since = {f: self._since.get(f, now) for f in self.trusted}

    async def ensure(self, wanted: Sequence[Certificate], now: float) -> int:
        """Look, and patch what lacks something; how many that were. Raises InjectorError, the first one."""
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
                # The others have other writers, and perhaps other rights.
                failed.append(error)
        if patches:
            await self.refresh(wanted)
        if failed:
            raise failed[0]
        return len(patches)

    def settled(self) -> frozenset[str]:
        """The CAs that every API server has had time to learn of."""
        before = self.monotonic() - self.settle_seconds
        return frozenset(f for f, since in self._since.items() if since <= before)

    def settles_in(self) -> float:
        """Seconds until more are settled; infinite where none is under way."""
        now, late = self.monotonic(), self.settled()
        return min(
            (since + self.settle_seconds - now for f, since in self._since.items() if f not in late),
            default=float("inf"),
        )
