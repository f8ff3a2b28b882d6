"""Certificates that somebody else renews: files, or the folder of a mounted Secret.

They are read again every few seconds, in whatever way they are swapped, and judged before they are
used; a refused pair leaves the one in use. Where caBundle is ours to write, a new CA is published
first, and the pair waits until every API server can know it.
Not here: making anything (own.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from pathlib import Path

from injector.certs.counts import Counts
from injector.certs.pair import Certificate, Pair, check_time, read_bundle, read_pair
from injector.certs.problems import Problems
from injector.certs.published import CABundlePublisher
from injector.errors import ClusterError, ConfigError, InjectorError
from injector.telemetry import log_event

# After which part of their life others renew them, as a rule: cert-manager's.
_RENEWED = 2 / 3


@dataclass(frozen=True, slots=True)
class FilePaths:
    """Where chain, key and CA stand. Chain and key may be one file; without `ca` nothing is published."""

    chain: Path
    key: Path
    ca: Path | None = None

    @classmethod
    def folder(cls, path: Path, *, with_ca: bool) -> FilePaths:
        """A mounted Secret of type kubernetes.io/tls, as cert-manager writes it."""
        return cls(path / "tls.crt", path / "tls.key", path / "ca.crt" if with_ca else None)

    def read(self, now: float) -> tuple[Pair, tuple[Certificate, ...]]:
        """The pair and its CAs. Raises ConfigError for what cannot be used now."""
        try:
            return self._read(now)
        except ConfigError:
            # Perhaps read while they were swapped, one before and one after.
            return self._read(now)

    def _read(self, now: float) -> tuple[Pair, tuple[Certificate, ...]]:
        where = str(self.chain) if self.chain == self.key else f"{self.chain} and {self.key}"
        pair = read_pair(_text(self.chain), _text(self.key), where)
        check_time(pair.certificate, now, str(self.chain))
        if self.ca is None:
            return pair, ()
        authorities = tuple(c for c in read_bundle(_text(self.ca)) if c.valid(now))
        if not authorities:
            hint = "a PEM file with the CA is required: its content is written to caBundle"
            raise ConfigError("the file has no certificate that is valid now", where=str(self.ca), hint=hint)
        return pair, authorities


@dataclass(slots=True)
class FileSource:
    """Keeps the newest good pair in use; `run` never returns.

    `take` puts a pair in use and may raise ConfigError; `publisher` is None where
    something else writes caBundle.
    """

    paths: FilePaths
    take: Callable[[Pair], None]
    counts: Counts
    poll_seconds: float
    publisher: CABundlePublisher | None = None
    clock: Callable[[], float] = time.time
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    problems: Problems = field(init=False)
    _pair: Pair | None = None
    _authorities: tuple[Certificate, ...] = ()
    _looked: bool = False
    _called: bool = False

    def __post_init__(self) -> None:
        self.problems = Problems(self.counts.certificate_failed)

    def first(self) -> None:
        """Use what is there now. Raises ConfigError where it cannot be used."""
        pair, authorities = self.paths.read(self.clock())
        self._use(pair, authorities)

    def not_ready(self) -> dict[str, str]:
        """Why callers cannot be answered over TLS; empty where they can."""
        if self._pair is None or not self._pair.certificate.valid(self.clock()):
            message = "; ".join(self.problems.now.values()) or "it has expired"
            return {"certificate": message}
        return {} if self._called or self.publisher is None else {"certificate": "its CA is being published"}

    def warnings(self) -> dict[str, str]:
        """What an operator should know."""
        return {f"certificate {about}": message for about, message in self.problems.now.items()}

    async def run(self) -> None:
        """Keep at it."""
        while True:
            try:
                await self.round()
            except Exception as error:
                # A defect here is no reason to stop answering with the pair in use.
                message = f"checking the certificates failed unexpectedly: {type(error).__name__}"
                self.problems.note("defect", InjectorError(message))
            else:
                self.problems.clear("defect")
            settles = self.publisher.settles_in() if self.publisher else self.poll_seconds
            try:
                async with asyncio.timeout(min(self.poll_seconds, settles)):
                    await self.changed.wait()
            except TimeoutError:
                pass
            else:
                # Somebody may write caBundle again and again.
                await asyncio.sleep(min(1.0, self.poll_seconds))
            self.changed.clear()

    async def round(self) -> None:
        """Look once."""
        pair, authorities = self._pair, self._authorities
        try:
            pair, authorities = await asyncio.to_thread(self.paths.read, self.clock())
        except ConfigError as error:
            self.problems.note("files", error)
        else:
            self.problems.clear("files")
        if self.publisher is not None:
            await self._publish(self.publisher, (*self._authorities, *authorities))
        if pair is not None and pair != self._pair and self._may_take(authorities):
            try:
                self._use(pair, authorities)
            except ConfigError as error:
                self.problems.note("leaf", error)
            else:
                self.problems.clear("leaf")
                self.counts.certificate_renewed("leaf")
                log_event(
                    "info", "certificate-leaf", seconds=round(pair.certificate.not_after - self.clock())
                )
        elif pair == self._pair:
            self._authorities = authorities
        self._count()

    async def _publish(self, publisher: CABundlePublisher, authorities: tuple[Certificate, ...]) -> None:
        now = self.clock()
        wanted = {c.fingerprint: c for c in authorities if now < c.not_after}
        try:
            if not self._looked:
                # Whom all trust before we have written anything is known to callers already.
                await publisher.refresh(tuple(wanted.values()))
                self._looked, self._called = True, self._known(publisher.trusted or frozenset())
            repaired = await publisher.ensure(tuple(wanted.values()), now)
        except InjectorError as error:
            self.problems.note("caBundle", error)
            # Who is not allowed to publish has to be told, not kept from serving.
            self._called = self._called or (isinstance(error, ClusterError) and error.status == 403)
            return
        self.problems.clear("caBundle")
        self._called = self._called or self._known(publisher.settled())
        if repaired:
            self.counts.certificate_renewed("caBundle")
            log_event("info", "certificate-published", configurations=repaired, certificates=len(wanted))

    def _known(self, fingerprints: Set[str]) -> bool:
        """Whether the CAs of the pair in use are among these."""
        return {c.fingerprint for c in self._authorities} <= fingerprints

    def _may_take(self, authorities: tuple[Certificate, ...]) -> bool:
        """Whether callers trust a new pair already, or at least not the one in use any more."""
        if self.publisher is None or self._pair is None or not self._pair.certificate.valid(self.clock()):
            return True
        return {c.fingerprint for c in authorities} <= self.publisher.settled()

    def _use(self, pair: Pair, authorities: tuple[Certificate, ...]) -> None:
        self.take(pair)
        self._pair, self._authorities = pair, authorities
        self._count()

    def _count(self) -> None:
        certificates = {("ca", c.fingerprint[:16]): c for c in self._authorities}
        if self._pair is not None:
            certificates["leaf", self._pair.fingerprint[:16]] = self._pair.certificate
        self.counts.certificates(
            {key: c.not_after for key, c in certificates.items()},
            {key: c.due(_RENEWED) for key, c in certificates.items()},
        )


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except OSError as error:
        hint = "check the path, the mount and the permissions"
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(file), hint=hint) from error
    except ValueError as error:
        hint = "PEM is expected, not DER"
        raise ConfigError("is not PEM: it is not text", where=str(file), hint=hint) from error
