"""Whether a caller is accepted, and what becomes of it where it is not.

Either credential is enough, where both are asked for. Not here: what makes a token good (tokens.py);
that a certificate is of the right CA has been seen to by the handshake.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from injector.callers.tokens import Tokens
from injector.telemetry import tell

ACCEPTED: Final = "accepted"

# Who the caller is is known, and it may not: 403. Else it is not known: 401.
_FORBIDDEN: Final = frozenset({"certificate-name", "token-subject", "token-groups"})

REASONS: Final = (
    "no-credentials",
    "certificate-name",
    "keys-unavailable",
    "token-malformed",
    "token-key",
    "token-signature",
    "token-expired",
    "token-not-yet-valid",
    "token-issuer",
    "token-audience",
    "token-subject",
    "token-groups",
)

TOLD_SECONDS: Final = 10.0


class Check:
    """Judges callers. Without `enforce` those that would be refused are counted and logged only.

    `names` are the names of certificates that are accepted, none: certificates are not looked at.
    `count` is told ``accepted`` or the reason for each caller.
    """

    def __init__(
        self,
        *,
        enforce: bool,
        names: frozenset[str] = frozenset(),
        tokens: Tokens | None = None,
        count: Callable[[str], None] = lambda result: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._enforce, self._names, self._tokens = enforce, names, tokens
        self._count, self._clock = count, clock
        self._told: dict[str, tuple[float, int]] = {}

    async def __call__(
        self, certificate: Mapping[str, Any] | None, authorization: str, budget: float | None = None
    ) -> tuple[int, str] | None:
        """HTTP status and reason for a caller that is refused, None for one that is answered.

        `certificate` is the one that the handshake has verified, as the ssl module tells it;
        `budget` is for how many seconds the caller waits, where it says so.
        """
        reason = await self._reason(certificate, authorization, budget)
        self._count(reason or ACCEPTED)
        if not reason:
            return None
        self._note(reason)
        return (403 if reason in _FORBIDDEN else 401, reason) if self._enforce else None

    async def _reason(
        self, certificate: Mapping[str, Any] | None, authorization: str, budget: float | None
    ) -> str:
        reason = "no-credentials"
        if certificate and self._names:
            if not self._names.isdisjoint(names_of(certificate)):
                return ""
            reason = "certificate-name"
        kind, _, token = authorization.partition(" ")
        if self._tokens is not None and kind.lower() == "bearer" and token.strip():
            return await self._tokens.judge(token.strip(), budget)
        return reason

    def _note(self, reason: str) -> None:
        """Log a refusal, each reason now and then: anybody may call as often as he likes."""
        at, unsaid = self._told.get(reason, (-TOLD_SECONDS, 0))
        now = self._clock()
        if now - at < TOLD_SECONDS:
            self._told[reason] = (at, unsaid + 1)
            return
        done = "refused" if self._enforce else "answered, as callerAuth only audits"
        tell("warning", "caller", reason=reason, result=done, times=unsaid + 1)
        self._told[reason] = (now, 0)


def names_of(certificate: Mapping[str, Any]) -> Iterator[str]:
    """The common name, and the DNS names and URIs."""
    for relative in certificate.get("subject") or ():
        yield from (value for key, value in relative if key == "commonName")
    for kind, value in certificate.get("subjectAltName") or ():
        if kind in ("DNS", "URI"):
            yield value
