"""Certificates that the injector signs: a CA in a Secret that all replicas share, and a leaf per replica.

Here: the loop that reads the Secret, calls `make_plan` and does the next steps. Not here: any decision
about their order (plan.py). There is no leader: the first replica writes, and the API server's
resourceVersion makes the others read again.

A failure does not stop the webhook: it is logged, counted and tried again, with the last valid leaf in
use.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import field

from injector.certs.counts import Counts
from injector.certs.issue import CertificateSpec, make_authority, sign_leaf
from injector.certs.pair import Certificate, Pair
from injector.certs.plan import Leaf, Lifetimes, Plan, ReplicaView, make_plan
from injector.certs.problems import Problems
from injector.certs.proof import prove
from injector.certs.published import CABundlePublisher, ClusterAccess, Object
from injector.certs.stored import Stored, read, without, written
from injector.classes import dataclass, replace
from injector.errors import ClusterError, ConfigError, InjectorError
from injector.telemetry import log_event

# The longest time between two checks without an event of a watch: timers stop while a machine is
# suspended.
LONGEST_PAUSE_SECONDS = 60.0
SHORTEST_PAUSE_SECONDS = 0.1
# Where another program keeps writing caBundle, it is corrected more and more slowly.
REPAIR_MEMORY_SECONDS = 60.0
LONGEST_REST_SECONDS = 30.0


@dataclass(slots=True)
class SelfSignedSource:
    """Renews CA, caBundle and leaf.

    `take` puts a new leaf in use and may raise ConfigError. `clock` is the API server's time, by which
    callers check the certificates.
    """

    cluster: ClusterAccess
    namespace: str
    name: str
    spec: CertificateSpec
    fraction: float
    publisher: CABundlePublisher
    take: Callable[[Pair], None]
    counts: Counts
    clock: Callable[[], float] = time.time
    jitter: Callable[[], float] = random.random
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    leaf: Leaf | None = None
    problems: Problems = field(init=False)
    _secret: Object | None = None
    _stored: Stored = field(default_factory=Stored)
    _trusted: bool = False
    """Whether callers trust the CA of the leaf; it stays so."""
    _failed: bool = False
    _failures: int = 0
    _repairs: list[float] = field(default_factory=list)
    _proofs: dict[tuple[str, frozenset[str]], ConfigError | None] = field(default_factory=dict)
    """The results of `prove`, by the CA and what was published then."""

    def __post_init__(self) -> None:
        self.problems = Problems(self.counts.certificate_failed)

    @property
    def path(self) -> str:
        """The path of the Secrets of the namespace."""
        return f"/api/v1/namespaces/{self.namespace}/secrets"

    def not_ready(self) -> dict[str, str]:
        """Why callers cannot be answered over TLS; empty where they can."""
        if self.leaf is None:
            message = "; ".join(self.problems.now.values()) or "not created yet"
            return {"certificate": message}
        if not self.leaf.usable(self.clock()):
            return {"certificate": "the certificate has expired, and there is no newer one"}
        return {} if self._trusted else {"certificate": "its CA is being published"}

    def warnings(self) -> dict[str, str]:
        """What an operator should know."""
        return {f"certificate {about}": message for about, message in self.problems.now.items()}

    async def run(self) -> None:
        """Check again and again. Never returns."""
        while True:
            try:
                pause = await self.round()
            except Exception as error:
                # A defect here is no reason to stop answering with the leaf in use.
                self.problems.note(
                    "defect", InjectorError(f"the renewal failed unexpectedly: {type(error).__name__}")
                )
                pause = LONGEST_PAUSE_SECONDS
            else:
                self.problems.clear("defect")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self.changed.wait()
                await asyncio.sleep(self._rest())
            self.changed.clear()

    async def round(self) -> float:
        """Read the Secret and do the next steps. Returns the seconds until the next round."""
        self._failed = False
        online = await self._read()
        todo = self._plan()
        # Also while the Secret cannot be read: its last content is known.
        await self._publish(todo)
        if todo.sign is not None:
            await self._sign(todo.sign)
        if todo.write is None:
            self.problems.clear("write")
        wrote = online and todo.write is not None and await self._write(todo, todo.write)
        self._count()
        self._failures = self._failures + 1 if self._failed else 0
        return SHORTEST_PAUSE_SECONDS * self.jitter() if wrote else self._pause(todo)

    def _plan(self) -> Plan:
        settled = self.publisher.settled()
        return make_plan(
            self.clock(),
            ReplicaView(self._stored, self.leaf, settled),
            Lifetimes(self.spec.leaf_seconds, self.fraction),
        )

    async def _read(self) -> bool:
        """Read the Secret; where that fails, its last content stays in force."""
        try:
            try:
                secret = await self.cluster.get(f"{self.path}/{self.name}")
            except ClusterError as error:
                if error.status != 404:
                    raise
                secret = None
            self._stored = await asyncio.to_thread(self._proven, read(secret))
        except InjectorError as error:
            self._fail("secret", error)
            return False
        self._secret = secret
        self.problems.clear("secret")
        if broken := self._stored.problems:
            hint = "; ".join(dict.fromkeys(error.hint for error in broken))
            self.problems.note("ca", InjectorError("; ".join(map(str, broken)), hint=hint))
        else:
            self.problems.clear("ca")
        return True

    def _proven(self, stored: Stored) -> Stored:
        """The same with the CAs that callers would not accept counted as broken."""
        now, proofs = self.clock(), dict[tuple[str, frozenset[str]], ConfigError | None]()
        own = {self.leaf.issuer.fingerprint: self.leaf.issuer} if self.leaf else {}
        known = {**own, **stored.certificates()}
        published = {f: c for f, c in known.items() if now < c.not_after}
        for name, pair in (("current", stored.current), ("next", stored.next)):
            if pair is None or not pair.certificate.valid(now):
                continue
            key = pair.fingerprint, frozenset(published)
            proofs[key] = (
                self._proofs[key] if key in self._proofs else self._proof(name, pair, published, now)
            )
            if (problem := proofs[key]) is not None:
                stored = without(stored, name, problem)
        self._proofs = proofs
        return stored

    def _proof(
        self, name: str, pair: Pair, published: Mapping[str, Certificate], now: float
    ) -> ConfigError | None:
        try:
            where = f"Secret {self.namespace}/{self.name} {name}"
            prove(pair, published.values(), self.spec, now, where)
        except ConfigError as error:
            return error
        return None

    async def _publish(self, todo: Plan) -> None:
        now = self.clock()
        try:
            repaired = await self.publisher.ensure(todo.publish, now)
        except ClusterError as error:
            if error.status != 409:
                self._fail("caBundle", error)
                # A missing right to publish is reported; it does not keep the replica from serving.
                self._trusted = self._trusted or self.leaf is not None
            self._failed = True
            return
        self.problems.clear("caBundle")
        if repaired:
            self.counts.certificate_renewed("caBundle")
            self._repairs.append(self.publisher.monotonic())
            log_event(
                "info", "certificate-published", configurations=repaired, certificates=len(todo.publish)
            )
        self._check_trust()

    def _check_trust(self) -> None:
        """Note when callers trust the CA of the leaf."""
        if self.leaf is None or self._trusted:
            return
        issuer = self.leaf.issuer.fingerprint
        old = self._stored.current is not None and issuer == self._stored.current.fingerprint
        fresh = self.publisher.entries and not old
        self._trusted = issuer in (self.publisher.settled() if fresh else self.publisher.trusted or ())

    async def _sign(self, authority: Pair) -> None:
        try:
            pair = await asyncio.to_thread(sign_leaf, authority, self.spec, self.clock())
            self.take(pair)
        except InjectorError as error:
            self._fail("leaf", error)
            return
        self.leaf = Leaf(pair.certificate, authority.certificate)
        self.problems.clear("leaf")
        self.counts.certificate_renewed("leaf")
        self._check_trust()
        log_event(
            "info",
            "certificate-leaf",
            issuer=authority.fingerprint[:16],
            seconds=round(pair.certificate.not_after - self.clock()),
        )

    async def _write(self, todo: Plan, content: Stored) -> bool:
        """Write the Secret; False where that was refused. True too where another replica was first."""
        if todo.new:
            try:
                content = replace(content, next=await asyncio.to_thread(self._new_authority, content))
            except ConfigError as error:
                self._fail("write", error)
                return False
        body = written(content, self._secret, self.namespace, self.name)
        try:
            if self._secret is None:
                await self.cluster.create(self.path, body)
            else:
                await self.cluster.replace(f"{self.path}/{self.name}", body)
        except ClusterError as error:
            if error.status == 409 or (error.status == 404 and self._secret is not None):
                return True
            self._fail("write", error)
            return False
        if todo.why != "tidied":
            self.counts.certificate_renewed("ca")
        trusted = [f[:16] for f in content.certificates()]
        log_event(
            "info", "certificate-ca", why=todo.why, secret=f"{self.namespace}/{self.name}", trusted=trusted
        )
        return True

    def _new_authority(self, content: Stored) -> Pair:
        """A new CA. Raises ConfigError where callers would not accept it."""
        now = self.clock()
        made = make_authority(self.spec, now)
        published = (*content.certificates().values(), made.certificate)
        prove(made, published, self.spec, now, "a new CA")
        return made

    def _fail(self, about: str, error: InjectorError) -> None:
        self.problems.note(about, error)
        self._failed = True

    def _pause(self, todo: Plan) -> float:
        retry = 2.0 ** (self._failures - 1) if 0 < self._failures < 7 else LONGEST_PAUSE_SECONDS
        until = min(todo.due - self.clock(), self.publisher.settles_in(), retry, LONGEST_PAUSE_SECONDS)
        return max(SHORTEST_PAUSE_SECONDS, until) * (1 + self.jitter() / 10)

    def _rest(self) -> float:
        """Seconds before a change is checked: the more corrections lately, the longer."""
        now = self.publisher.monotonic()
        self._repairs = [at for at in self._repairs if now - at < REPAIR_MEMORY_SECONDS]
        return min(LONGEST_REST_SECONDS, SHORTEST_PAUSE_SECONDS * 2.0 ** min(len(self._repairs), 10))

    def _count(self) -> None:
        stored = self._stored
        pairs = {"current": stored.current, "next": stored.next}
        kinds = {pair.fingerprint: kind for kind, pair in pairs.items() if pair}
        expiries = {(kinds.get(f, "former"), f[:16]): c.not_after for f, c in stored.certificates().items()}
        renewed = {"current": stored.current.certificate} if stored.current else {}
        if self.leaf:
            renewed["leaf"] = self.leaf.certificate
            expiries["leaf", self.leaf.certificate.fingerprint[:16]] = self.leaf.certificate.not_after
        due = {(kind, c.fingerprint[:16]): c.due(self.fraction) for kind, c in renewed.items()}
        self.counts.certificates(expiries, due)
