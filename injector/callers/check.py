"""Whether a caller is accepted, and the answer where it is not.

Where a certificate and a token are both asked for, one is enough. Not here: what a token must say
(tokens.py), and the CA of a certificate, which the handshake has checked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from injector.callers.tokens import Tokens
from injector.pacing import Throttle
from injector.telemetry import log_event

ACCEPTED: Final = "accepted"

# The caller is authenticated but not allowed: 403. All other reasons: 401.
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

# Texts beside the reason, where the reason does not say what to do.
_ADVICE: Final = {
    "certificate-resumed": (
        "a resumed TLS session proves no certificate; reconnect without session resumption"
    ),
}

LOG_SECONDS: Final = 10.0


class Check:
    """Checks callers. Without `enforce` those that would be refused are counted and logged only.

    `names` are the names of certificates that are accepted; without names no certificate is. `count`
    is called with ``accepted`` or the reason for each caller.
    """

    def __init__(
        self,
        *,
        enforce: bool,
        names: frozenset[str] = frozenset(),
        tokens: Tokens | None = None,
        count: Callable[[str], None] = lambda _result: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._enforce, self._names, self._tokens = enforce, names, tokens
        self._count = count
        self._throttle = Throttle(LOG_SECONDS, clock)

    async def __call__(
        self, certificate: Mapping[str, Any] | None, authorization: str, budget: float | None = None
    ) -> tuple[int, str] | None:
        """HTTP status and reason for a caller that is refused, None for one that is answered.

        `certificate` is the one that the handshake has verified, as the ssl module gives it, or
        ``{"resumed": True}`` for one of an earlier handshake; `budget` is how many seconds the caller
        waits, None where unknown.
        """
        reason = await self._reason(certificate, authorization, budget)
        self._count(reason or ACCEPTED)
        if not reason:
            return None
        self._log(reason)
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
            return await self._tokens.check(token.strip(), budget)
        return reason

    def _log(self, reason: str) -> None:
        """Log a refusal; not each, as anyone may call any number of times."""
        if times := self._throttle.times(reason):
            done = "refused" if self._enforce else "answered, because callerAuth only audits"
            log_event("warning", "caller", reason=reason, result=done, times=times)


def names_of(certificate: Mapping[str, Any]) -> tuple[str, ...]:
    """The common name, and the DNS names and URIs; empty where there are several common names.

    Programs do not agree which of several common names counts.
    """
    pairs = [pair for relative in certificate.get("subject") or () for pair in relative]
    common = [value for key, value in pairs if key == "commonName"]
    if len(common) > 1:
        return ()
    alternatives = certificate.get("subjectAltName") or ()
    return (*common, *(value for kind, value in alternatives if kind in ("DNS", "URI")))
