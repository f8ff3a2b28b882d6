"""What the webhook tells others about a review: the line of a record and the texts of Events.

A record is read again and replayed: it must hold together, and a pod that was accepted must be accepted
again. Not here: who is asked (doors.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from injector.cli.replay import outcome_of
from injector.core.model import AdmissionRequest, Facts, Reason, Verdict
from injector.core.outcome import Outcome
from injector.core.profile import Config
from injector.records.entry import Admission, admission_line, head_line, parse_entry, parse_head
from injector.records.redaction import Redaction
from injector.serving.events import notices, owner_of


@dataclass
class Aside:
    """The two callables of a webhook with that configuration; `faults` is what was wrong since `taken`."""

    config: Config
    faults: list[str] = field(default_factory=list)
    recorded: int = 0

    def __post_init__(self) -> None:
        self._redaction = Redaction.of(b"a key of thirty-two bytes, or so", self.config)
        self._head = parse_head(json.loads(head_line(self.config, self._redaction)))

    def record(
        self,
        request: AdmissionRequest,
        facts: Facts,
        outcome: Outcome,
        decision: Verdict,
        config: Config,
        size: int,
    ) -> None:
        """Write a record as the recorder does, read it, and replay it."""
        original = outcome.decision
        if original.reason is Reason.UNSUPPORTED_KIND:
            return
        line = admission_line(
            Admission(request, facts, outcome, decision, config, "now", size), 0, self._redaction
        )
        read = parse_entry(json.loads(line.encode()), (), self._head)
        again = outcome_of(read, config)
        self.recorded += 1
        if config.quirks and read.operations is None:
            # With quirks a pod that was injected before is not decided about as it was the first time.
            return
        if original.verdict is Verdict.INJECT and again.decision.verdict is not Verdict.INJECT:
            self.faults.append(
                f"replayed: {original.reason} became {again.decision.reason}: {again.error}"[:300]
            )

    def notify(self, request: AdmissionRequest, outcome: Outcome, decision: Verdict) -> None:
        """Make the Events."""
        owner_of(request)
        for _, _, message in notices(outcome, decision, everything=True):
            if not message.isprintable():
                self.faults.append("the message of an Event cannot be printed")

    def taken(self) -> list[str]:
        """What was wrong, once."""
        faults, self.faults = self.faults, []
        return faults
