"""Certificates that another program renews: files, or the folder of a mounted Secret.

They are read again every few seconds, and checked before they are used. A pair that is refused leaves
the old one in use. Where the injector writes caBundle, a new CA is published first, and its pair is
used when every API server has had time to read it. Not here: making certificates (own.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Set
from dataclasses import field
from pathlib import Path

from injector.certs.counts import Counts
from injector.certs.pair import Certificate, Pair, check_time, read_bundle, read_pair
from injector.certs.problems import Problems
from injector.certs.published import CABundlePublisher
from injector.classes import dataclass
from injector.errors import ClusterError, ConfigError, InjectorError
from injector.telemetry import log_event

# The part of its lifetime after which cert-manager renews a certificate.
_RENEWED = 2 / 3


@dataclass(frozen=True, slots=True)
class FilePaths:
    """The files of chain, key and CA. Chain and key may be one file; without `ca` nothing is published."""

    chain: Path
    key: Path
    ca: Path | None = None

    @classmethod
    def folder(cls, path: Path, *, with_ca: bool) -> FilePaths:
        """A mounted Secret of type kubernetes.io/tls, as cert-manager writes it."""
        return cls(path / "tls.crt", path / "tls.key", path / "ca.crt" if with_ca else None)

    def read(self, now: float) -> tuple[Pair, tuple[Certificate, ...]]:
        """The pair and its CAs. Raises ConfigError where they cannot be used now."""
        try:
            return self._read(now)
        except ConfigError:
            # Perhaps one was read before a renewal, and one after it.
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
    """Keeps the newest valid pair in use.

    `take` puts a pair in use and may raise ConfigError; `publisher` is None where another program
    writes caBundle.
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
    _checked: bool = False
    _trusted: bool = False
    """Whether callers trust the pair in use; it stays so."""

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
        return {} if self._trusted or self.publisher is None else {"certificate": "its CA is being published"}

    def warnings(self) -> dict[str, str]:
        """What an operator should know."""
        return {f"certificate {about}": message for about, message in self.problems.now.items()}

    async def run(self) -> None:
        """Check again and again. Never returns."""
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
                # Another program may write caBundle again and again.
                await asyncio.sleep(min(1.0, self.poll_seconds))
            self.changed.clear()

    async def round(self) -> None:
        """Check once."""
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
            if not self._checked:
                # Callers know already what all entries trust before the first write.
                await publisher.refresh(tuple(wanted.values()))
                self._checked, self._trusted = True, self._known(publisher.trusted or frozenset())
            repaired = await publisher.ensure(tuple(wanted.values()), now)
        except InjectorError as error:
            self.problems.note("caBundle", error)
            # A missing right to publish is reported; it does not keep the replica from serving.
            self._trusted = self._trusted or (isinstance(error, ClusterError) and error.status == 403)
            return
        self.problems.clear("caBundle")
        self._trusted = self._trusted or self._known(publisher.settled())
        if repaired:
            self.counts.certificate_renewed("caBundle")
            log_event("info", "certificate-published", configurations=repaired, certificates=len(wanted))

    def _known(self, fingerprints: Set[str]) -> bool:
        """Whether the CAs of the pair in use are among these."""
        return {c.fingerprint for c in self._authorities} <= fingerprints

    def _may_take(self, authorities: tuple[Certificate, ...]) -> bool:
        """Whether callers trust a new pair already, or the one in use has expired."""
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
