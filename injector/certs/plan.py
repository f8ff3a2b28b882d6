"""What to do next about the CA, the next CA and the leaf of this replica. It is pure: tests set the time.

The order that keeps every call working: publish, then sign, then remove. A new CA is stored as `next`
and published beside the current one. Once every API server has had time to read it, it becomes
`current`, and every replica signs its next leaf with it. The former CA stays published until it has
expired. No leaf expires later than its CA, so a replica with an old leaf is still trusted.

Not here: requests, keys, waiting (own.py).

| what the Secret holds | what is done |
| --- | --- |
| nothing, or nothing that may be used | a new `next`, at once; a leaf that is valid is served on meanwhile |
| `current`, past its time to be replaced | a new `next` |
| `current` that is not valid yet | a clock is wrong: nothing, until the leaf has to be replaced |
| `next`, published long enough | it becomes `current` |
| certificates that have expired | they are removed |
| not the CA of this replica's leaf | it is added |
"""

from __future__ import annotations

from collections.abc import Mapping

from injector.certs.pair import Certificate, Pair
from injector.certs.stored import Stored
from injector.classes import dataclass, replace

TRUSTED_LIMIT = 8
"""With more trusted CAs than these, a new CA waits until the leaf is due: clocks differ, or another program
deletes the Secret again and again."""

# A new leaf must be valid for longer than the one in use by at least this.
_GAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long a leaf is valid, and after which part of its lifetime something is replaced."""

    leaf_seconds: float
    fraction: float


@dataclass(frozen=True, slots=True)
class Leaf:
    """The leaf in use, and the CA that signed it."""

    certificate: Certificate
    issuer: Certificate

    def usable(self, now: float) -> bool:
        """Whether callers accept it."""
        return self.certificate.valid(now) and self.issuer.valid(now)


@dataclass(frozen=True, slots=True)
class ReplicaView:
    """What one replica sees. `settled` are the CAs that were published long enough, by fingerprint."""

    stored: Stored
    leaf: Leaf | None = None
    settled: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, in this order. To do a step twice changes nothing.

    `publish` is what caBundle has to hold at least. `sign` is the CA to sign a leaf with now.
    `write` is the Secret's next content; with `new` a new CA goes into its `next`, for the reason
    `why`. `due` is the time of the next check at the latest.
    """

    publish: tuple[Certificate, ...]
    sign: Pair | None
    write: Stored | None
    new: bool
    why: str
    due: float


def make_plan(now: float, seen: ReplicaView, lifetimes: Lifetimes) -> Plan:
    """The steps of a replica that sees this."""
    own = {seen.leaf.issuer.fingerprint: seen.leaf.issuer} if seen.leaf else {}
    trusted = {f: c for f, c in {**own, **seen.stored.certificates()}.items() if now < c.not_after}
    sign, due = _signer(now, seen, lifetimes), _due(now, seen, lifetimes, trusted)
    publish = tuple(trusted.values())
    if why := _why_new(now, seen, lifetimes, trusted):
        current = seen.stored.current
        if not (_usable(current, now) or _early(current, now)):
            current = None
        return Plan(publish, sign, _stored(current, None, trusted), True, why, due)
    if promoted := _promoted(now, seen, trusted):
        return Plan(publish, sign, promoted, False, "promoted", due)
    tidied = _tidied(seen, trusted)
    return Plan(publish, sign, tidied, False, "tidied" if tidied else "", due)


def _signer(now: float, seen: ReplicaView, lifetimes: Lifetimes) -> Pair | None:
    """The CA to sign with, None where a new leaf would be no better.

    `next` signs only while there is no leaf and no usable `current`.
    """
    current, following = seen.stored.current, seen.stored.next
    leaf = seen.leaf if seen.leaf and seen.leaf.usable(now) else None
    if current is not None and _usable(current, now):
        if leaf is None or leaf.issuer != current.certificate:
            return current
        gained = min(now + lifetimes.leaf_seconds, current.certificate.not_after) - leaf.certificate.not_after
        late = now >= leaf.certificate.due(lifetimes.fraction)
        return current if late and gained > _GAIN_SECONDS else None
    return following if leaf is None and _usable(following, now) else None


def _why_new(now: float, seen: ReplicaView, lifetimes: Lifetimes, trusted: Mapping[str, Certificate]) -> str:
    """Why a new CA has to be made; empty where none has to."""
    current, following, leaf = seen.stored.current, seen.stored.next, seen.leaf
    if _usable(following, now):
        return ""
    if current is not None and _usable(current, now):
        if now < current.certificate.due(lifetimes.fraction) or _early(following, now):
            return ""
        return "renewed" if len(trusted) <= TRUSTED_LIMIT else ""
    spare = leaf is not None and leaf.usable(now) and now < leaf.certificate.due(lifetimes.fraction)
    if spare and (_early(current, now) or len(trusted) > TRUSTED_LIMIT):
        return ""
    return "missing" if current is None else "unusable"


def _early(pair: Pair | None, now: float) -> bool:
    """Whether a CA is not valid yet: a clock was ahead when it was made, or one is behind now."""
    return pair is not None and now < pair.certificate.not_before


def _promoted(now: float, seen: ReplicaView, trusted: Mapping[str, Certificate]) -> Stored | None:
    following = seen.stored.next
    if following is None or not _usable(following, now) or following.fingerprint not in seen.settled:
        return None
    return _stored(following, None, trusted)


def _tidied(seen: ReplicaView, trusted: Mapping[str, Certificate]) -> Stored | None:
    """The content without what has expired and with the CA of this replica's leaf; None where it is so."""
    stored = seen.stored
    current, following = (
        pair if pair and pair.fingerprint in trusted else None for pair in (stored.current, stored.next)
    )
    tidy = _stored(current, following, trusted)
    same = tidy.certificates().keys() == stored.certificates().keys()
    return None if same and not stored.problems else tidy


def _stored(current: Pair | None, following: Pair | None, trusted: Mapping[str, Certificate]) -> Stored:
    pairs = {pair.fingerprint for pair in (current, following) if pair}
    return replace(Stored(current, following), former=tuple(c for f, c in trusted.items() if f not in pairs))


def _usable(pair: Pair | None, now: float) -> bool:
    return pair is not None and pair.certificate.valid(now)


def _due(now: float, seen: ReplicaView, lifetimes: Lifetimes, trusted: Mapping[str, Certificate]) -> float:
    """The next time at which the same view may give another plan."""
    moments = [c.not_after for c in trusted.values()] + [c.not_before for c in trusted.values()]
    if seen.stored.current:
        moments.append(seen.stored.current.certificate.due(lifetimes.fraction))
    if seen.leaf:
        moments += [seen.leaf.certificate.due(lifetimes.fraction), seen.leaf.certificate.not_after]
    return min((moment for moment in moments if moment > now), default=float("inf"))
