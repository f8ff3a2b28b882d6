"""Whether the failurePolicy of a registration contradicts the failure mode of the webhook.

The first decides about pods while the webhook does not answer, the second about pods for which the webhook
or a template fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from injector.core.finding_codes import FindingCode
from injector.core.model import Finding
from injector.core.registration.entries import Registered


def contradiction(policy: str, mode: str) -> tuple[str, str] | None:
    """What is wrong with a failurePolicy and a failure mode, and what to do; None where they agree."""
    if policy == "Ignore" and mode == "deny":
        return (
            "failurePolicy Ignore does not apply to pods for which a template fails: "
            "server.failureMode deny rejects them",
            "set server.failureMode to allow, or failurePolicy to Fail",
        )
    if policy == "Fail" and mode == "allow":
        return (
            "failurePolicy Fail does not apply to pods for which a template fails: "
            "server.failureMode allow creates them without a sidecar",
            "remove server.failureMode, or set failurePolicy to Ignore",
        )
    return None


def contradictions(entries: Iterable[Registered], mode: str) -> Iterator[Finding]:
    """A finding for each entry whose failurePolicy contradicts the failure mode."""
    for entry in entries:
        wrong = contradiction("Fail" if entry.closed else "Ignore", mode)
        if wrong:
            message, hint = wrong
            yield Finding.of(FindingCode.FAILURE_MODES, message, entry.where, hint)
