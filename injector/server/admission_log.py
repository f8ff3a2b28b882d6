"""The log lines of an admission. Not here: when they are written (app.py), and their form (telemetry)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from injector.core.model import AdmissionRequest, Finding, Manifest, Verdict
from injector.core.profile import Config
from injector.server import answers
from injector.telemetry import log_members, quoted

# The most findings of one log line, and their characters, of which each takes up to six in JSON: container
# runtimes split lines at 16 KiB.
_FINDINGS = 200
_FINDINGS_LENGTH = 2000


def log_admission(request: AdmissionRequest, answer: answers.Answer, config: Config, seconds: float) -> None:
    """One line for each admission, one for all its findings, one for a denial, one for a defect."""
    # The texts are made without an encoder, as each admission has some, and it would take twice as long.
    outcome = answer.outcome
    named = _named(request)
    ops = len(outcome.patch) if answer.decision is Verdict.INJECT else 0
    budget = "" if request.budget is None else f',"budget":{request.budget!r}'
    log_members(
        "info",
        "admission",
        f'{named}"decision":"{answer.decision.value}","reason":"{outcome.decision.reason.value}",'
        f'"revision":{quoted(config.revision or "default")},"ops":{ops},"ms":{round(seconds * 1000, 3)},'
        f'"dryRun":{"true" if request.dry_run else "false"}{budget}',
    )
    if acted := [finding for finding in outcome.findings if finding.actionable]:
        log_members("warning", "finding", named + _finding_members(acted))
    if outcome.error is not None:
        log_members("warning", "refused", f'{named}"message":{quoted(answers.message_of(outcome))}')
    if answer.defect:
        log_members("error", "defect", f'{named}"defect":{quoted(answer.defect)}')


def _named(request: AdmissionRequest) -> str:
    """The members that say which pod it is, each with a comma behind it."""
    pod = _name(request.name) or _pod_name(request.pod)
    named = (("uid", _name(request.uid)), ("namespace", _name(request.namespace)), ("pod", pod))
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
