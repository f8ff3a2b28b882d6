"""The log lines of an admission. Not here: when they are written (app.py), and their form (telemetry)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from injector.classes import dataclass
from injector.core.model import AdmissionRequest, Finding, Manifest, Verdict
from injector.core.profile import Config
from injector.server import answers
from injector.telemetry import log_members, quoted

# The most findings of one log line, and their characters, of which each takes up to six in JSON: container
# runtimes split lines at 16 KiB.
_FINDINGS = 200
_FINDINGS_LENGTH = 2000


@dataclass(frozen=True, slots=True)
class AdmissionLines:
    """The lines of an answer, for each request that gets it.

    `named`, `said` and `after` are members of JSON objects: which pod it is, but for the uid; what is said
    of it before the time it took; and what after it. `more` are the other lines: level, event, members.
    """

    named: str
    said: str
    after: str
    more: tuple[tuple[str, str, str], ...]

    @classmethod
    def of(cls, request: AdmissionRequest, answer: answers.Answer, config: Config) -> AdmissionLines:
        """One line for each admission, one for all its findings, one for a denial, one for a defect."""
        # The texts are made without an encoder, as each admission has some, and it would take twice as long.
        outcome = answer.outcome
        ops = len(outcome.patch) if answer.decision is Verdict.INJECT else 0
        more: list[tuple[str, str, str]] = []
        if acted := [finding for finding in outcome.findings if finding.actionable]:
            more.append(("warning", "finding", _finding_members(acted)))
        if outcome.error is not None:
            more.append(("warning", "refused", f'"message":{quoted(answers.message_of(outcome))}'))
        if answer.defect:
            more.append(("error", "defect", f'"defect":{quoted(answer.defect)}'))
        return cls(
            _named(request),
            f'"decision":"{answer.decision.value}","reason":"{outcome.decision.reason.value}",'
            f'"revision":{quoted(config.revision or "default")},"ops":{ops},"ms":',
            f',"dryRun":{"true" if request.dry_run else "false"}',
            tuple(more),
        )

    def write(self, uid: str, budget: float | None, seconds: float) -> None:
        """Log the answer to the request with this uid, whose caller waits `budget` seconds."""
        name = _name(uid)
        named = f'"uid":{quoted(name)},{self.named}' if name else self.named
        end = "" if budget is None else f',"budget":{budget!r}'
        log_members("info", "admission", f"{named}{self.said}{round(seconds * 1000, 3)}{self.after}{end}")
        for level, event, members in self.more:
            log_members(level, event, named + members)


def _named(request: AdmissionRequest) -> str:
    """The members that say which pod it is but for the uid, each with a comma behind it."""
    pod = _name(request.name) or _pod_name(request.pod)
    named = (("namespace", _name(request.namespace)), ("pod", pod))
    return "".join(f'"{key}":{quoted(name)},' for key, name in named if name)


def _finding_members(findings: Sequence[Finding]) -> str:
    """The members of one line: the codes, the messages as far as they fit, and how many there are."""
    if len(findings) == 1:
        text = answers.cut(findings[0].message, _FINDINGS_LENGTH)
        return f'"code":{quoted(findings[0].code)},"message":{quoted(text)}'
    codes = ", ".join(sorted({finding.code for finding in findings}))
    messages = islice((f"{finding.code}: {finding.message}" for finding in findings), _FINDINGS)
    text = answers.cut("; ".join(messages), _FINDINGS_LENGTH)
    return f'"code":{quoted(codes)},"message":{quoted(text)},"count":{len(findings)}'


def _pod_name(pod: Manifest) -> str | None:
    meta = pod.get("metadata")
    return _name((meta.get("name") or meta.get("generateName")) if isinstance(meta, dict) else None)


def _name(value: Any) -> str | None:
    """A name of at most 253 characters, which is the longest valid one; None without one."""
    return value[:253] if isinstance(value, str) and value else None
