"""Which admissions get a Kubernetes Event, and the words of it.

Not here: how Events are written (injector.kube.events), and when admissions are offered
(injector.server.app).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from injector.config.server_settings import Server
from injector.core.model import AdmissionRequest, Verdict
from injector.core.outcome import Outcome
from injector.kube.async_client import AsyncCluster
from injector.kube.events import EventOwner, Events, Notice
from injector.printable import visible
from injector.server.answers import message_of
from injector.telemetry import Metrics


class Eventing:
    """Offers the Events that the settings ask for; with `everything` also those of success.

    Without `events` nothing is written, and `notify` is None.
    """

    def __init__(self, events: Events | None = None, *, everything: bool = False) -> None:
        self.notify = self.offer if events else None
        self._events = events
        self._everything = everything
        self._task: asyncio.Task[None] | None = None

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin to write."""
        if self._events:
            self._task = group.create_task(self._events.run())

    def stop(self) -> None:
        """Write nothing more."""
        if self._task:
            self._task.cancel()

    def not_ready(self) -> Mapping[str, str]:
        """Nothing: pods are injected without Events too."""
        return {}

    def warnings(self) -> Mapping[str, str]:
        """Why Events cannot be written; empty where they can."""
        error = self._events.last_error if self._events else ""
        return {"events": error} if error else {}

    def offer(self, request: AdmissionRequest, outcome: Outcome, decision: Verdict) -> None:
        """Offer the Events of an admission for the pod's controller. Never waits."""
        worded = list(notices(outcome, decision, everything=self._everything))
        owner = owner_of(request) if worded else None
        if self._events and owner is not None:
            for type_, reason, message in worded:
                self._events.offer(Notice(owner, type_, reason, message))


def eventing(server: Server, cluster: AsyncCluster | None, metrics: Metrics) -> Eventing:
    """What writes the Events that the settings ask for; nothing without a cluster."""
    if server.events == "off" or cluster is None:
        return Eventing()
    return Eventing(Events(cluster, metrics.event), everything=server.events == "all")


def notices(outcome: Outcome, decision: Verdict, *, everything: bool) -> Iterator[tuple[str, str, str]]:
    """Type, reason and message of each Event; the messages hold no free text of the pod."""
    reason = outcome.decision.reason
    if decision is Verdict.DENY:
        yield "Warning", "InjectionDenied", message_of(outcome)
    elif decision is Verdict.ALLOW:
        yield "Warning", "InjectionFailed", f"{message_of(outcome)} The pod was admitted without a sidecar."
    elif everything and outcome.decision.verdict is not Verdict.INJECT:
        yield "Normal", "InjectionSkipped", f"{reason.value}: {reason.sentence}"
    elif everything and outcome.patch:
        yield "Normal", "Injected", f"{reason.value}: {reason.sentence}"
    # A second call for the same pod that changes nothing has the same findings.
    if outcome.decision.verdict is not Verdict.INJECT or outcome.patch:
        for finding in outcome.findings:
            if finding.actionable:
                yield "Warning", "InjectionWarning", visible(f"{finding.code}: {finding.message}")


def owner_of(request: AdmissionRequest) -> EventOwner | None:
    """The controller that the pod of a request names; None for a kind that Events are not written on."""
    reference = request.controller
    if reference is None:
        return None
    named = (reference.get(key) for key in ("apiVersion", "kind", "name", "uid"))
    owner = EventOwner(request.namespace, *(str(part or "") for part in named))
    return owner if owner.path() is not None else None
