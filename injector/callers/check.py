"""Whether a caller is accepted, and what becomes of it where it is not.

Either credential is enough, where both are asked for. Not here: what makes a token good (tokens.py);
that a certificate is of the right CA has been seen to by the handshake.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from injector.callers.tokens import Tokens
from injector.pacing import Throttle
from injector.telemetry import log_event

ACCEPTED: Final = "accepted"

# Who the caller is is known, and it may not: 403. Else it is not known: 401.
_FORBIDDEN: Final = frozenset({"certificate-name", "token-subject", "token-groups"})

REASONS: Final = (
    "no-credentials",
    "certificate-name",
    "certificate-resumed",
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

# What the caller is told beside the reason's word, where that does not say what to do.
_ADVICE: Final = {
    "certificate-resumed": (
        "a resumed TLS session proves no certificate; reconnect without session resumption"
    ),
}

LOG_SECONDS: Final = 10.0


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
        self._count = count
        self._throttle = Throttle(LOG_SECONDS, clock)

    async def __call__(
        self, certificate: Mapping[str, Any] | None, authorization: str, budget: float | None = None
    ) -> tuple[int, str] | None:
        """HTTP status and reason for a caller that is refused, None for one that is answered.

        `certificate` is the one that the handshake has verified, as the ssl module tells it, or
        ``{"resumed": True}`` for one of an earlier handshake; `budget` is for how many seconds the
        caller waits, where it says so.
        """
        reason = await self._reason(certificate, authorization, budget)
        self._count(reason or ACCEPTED)
        if not reason:
            return None
        self._note(reason)
        text = f"{reason}: {_ADVICE[reason]}" if reason in _ADVICE else reason
        return (403 if reason in _FORBIDDEN else 401, text) if self._enforce else None

    async def _reason(
        self, certificate: Mapping[str, Any] | None, authorization: str, budget: float | None
    ) -> str:
        reason = "no-credentials"
        if certificate and self._names:
            if not self._names.isdisjoint(names_of(certificate)):
                return ""
            reason = "certificate-resumed" if certificate.get("resumed") else "certificate-name"
        kind, _, token = authorization.partition(" ")
        if self._tokens is not None and kind.lower() == "bearer" and token.strip():
            return await self._tokens.judge(token.strip(), budget)
        return reason

    def _note(self, reason: str) -> None:
        """Log a refusal, each reason now and then: anybody may call any number of times."""
        if times := self._throttle.times(reason):
            done = "refused" if self._enforce else "answered, because callerAuth only audits"
            log_event("warning", "caller", reason=reason, result=done, times=times)


def names_of(certificate: Mapping[str, Any]) -> tuple[str, ...]:
    """The common name, and the DNS names and URIs; none where there are several common names.

    Programs disagree about which one of several is meant, and so may whoever had it signed.
    """
    pairs = [pair for relative in certificate.get("subject") or () for pair in relative]
    common = [value for key, value in pairs if key == "commonName"]
    if len(common) > 1:
        return ()
    alternatives = certificate.get("subjectAltName") or ()
    return (*common, *(value for kind, value in alternatives if kind in ("DNS", "URI")))
