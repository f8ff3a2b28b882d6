"""Pods that were never created: why, by the events and conditions of their owners.

Here: from texts of the API server to rows of the table. Not here: pods that exist (containers.py).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from injector.core import kinds
from injector.core.cause_types import CauseType
from injector.core.diagnosis import causes
from injector.core.diagnosis.causes import Cause, Evidence
from injector.core.diagnosis.containers import event_place, newest_first
from injector.core.model import Manifest
from injector.patterns import pattern
from injector.printable import shown

_SECURITY = pattern(r'violates PodSecurity "(?P<level>[a-z]+:[a-z0-9.]+)": (?P<checks>.*)', re.DOTALL)
_CONTAINERS = pattern(r'"([a-z0-9-]{1,63})"')
_NO_ANSWER = pattern(r'failed calling webhook "(?P<name>[a-z0-9.-]{1,253})": (?P<why>.*)', re.DOTALL)
_DENIED = pattern(r'admission webhook "(?P<name>[a-z0-9.-]{1,253})" denied the request(?P<why>.*)', re.DOTALL)
_DENIAL: Final = 160
# A part of the API server's message -> its meaning.
WHYS: Final = {
    "no endpoints available": "its Service has no endpoints",
    "connection refused": "the connection is refused",
    "x509:": "its certificate does not match caBundle",
    "tls:": "its certificate does not match caBundle",
    "no such host": "its host name does not resolve",
    "not found": "its Service does not exist",
    "deadline exceeded": "the call times out",
    "i/o timeout": "the call times out",
    "Timeout": "the call times out",
    "no route to host": "no route to host",
    "EOF": "the connection is reset",
    "connection reset": "the connection is reset",
}


def short(owner: Manifest) -> bool:
    """Whether a workload has fewer pods than it wants."""
    row, status = kinds.of(owner), owner.get("status") or {}
    if row is None or not row.made or (owner.get("spec") or {}).get("suspend"):
        return False
    made = sum(int(status.get(field) or 0) for field in row.made)
    # What runs to completion has fewer pods again once they are done.
    return not made if row.runs_to_completion else made < kinds.wanted(owner)


def refusals(
    owners: Iterable[Manifest], events: Iterable[Manifest], ours: Collection[str], entries: Collection[str]
) -> Iterator[Cause]:
    """Why pods were refused, the newest first.

    `ours` are the names of injected containers, `entries` those that the injector's webhooks have.
    """
    reported: set[str] = set()
    for where, message in _texts(owners, events):
        cause = _refusal(where, message, ours, entries)
        if cause.type.id not in reported:
            reported.add(cause.type.id)
            yield cause


def _texts(owners: Iterable[Manifest], events: Iterable[Manifest]) -> Iterator[tuple[str, str]]:
    for event in newest_first(events):
        if event.get("reason") == "FailedCreate":
            yield event_place(event), str(event.get("message") or "")
    for owner in owners:
        for i, condition in enumerate((owner.get("status") or {}).get("conditions") or []):
            if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
                name = shown((owner.get("metadata") or {}).get("name") or "?")
                where = f"{owner.get('kind')} {name} /status/conditions/{i}/message"
                yield where, str(condition.get("message") or "")


def _refusal(where: str, message: str, ours: Collection[str], entries: Collection[str]) -> Cause:
    if match := _SECURITY.search(message):
        named = sorted({n for n in _CONTAINERS.findall(match["checks"]) if n in ours})
        seen = f"level {match['level']}" + (
            f"; injected containers named: {', '.join(named)}" if named else ""
        )
        return Cause(causes.POD_SECURITY, (Evidence(where, seen),), bool(named))
    if match := _NO_ANSWER.search(message):
        why = next((w for text, w in WHYS.items() if text in match["why"]), "the reason is unknown")
        return _of_webhook(causes.WEBHOOK_UNREACHABLE, where, match["name"], why, entries)
    if match := _DENIED.search(message):
        # The injector's own messages repeat nothing of a pod; those of other webhooks may.
        own = match["name"] in entries
        why = " ".join(match["why"].lstrip(": ").split())[:_DENIAL] if own else ""
        return _of_webhook(causes.WEBHOOK_DENIED, where, match["name"], why, entries)
    return Cause(causes.CREATION_REFUSED, (Evidence(where, "rejected for another reason"),))


def _of_webhook(row: CauseType, where: str, name: str, why: str, entries: Collection[str]) -> Cause:
    ours = name in entries
    seen = f"webhook {shown(name)}" + (" (an injector's)" if ours else " (not the injector's)")
    return Cause(row, (Evidence(where, f"{seen}: {why}" if why else seen),), ours)
