"""The log lines of an admission. Not here: when they are written (app.py), and their form (telemetry)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from injector.core.model import AdmissionRequest, Finding, Manifest, Verdict
from injector.core.profile import Config
from injector.server import answers
from injector.telemetry import log_event, log_members, quoted

# The most findings of one log line, and their characters, of which each takes up to six in JSON: container
# runtimes split lines at 16 KiB.
_FINDINGS = 200
_FINDINGS_LENGTH = 2000


def log_admission(request: AdmissionRequest, answer: answers.Answer, config: Config, seconds: float) -> None:
    """One line for each admission, one for all its findings, one for a denial, one for a defect."""
    outcome = answer.outcome
    named = {
        "uid": _name(request.uid),
        "namespace": _name(request.namespace),
        "pod": _name(request.name) or _pod_name(request.pod),
    }
    ops = len(outcome.patch) if answer.decision is Verdict.INJECT else 0
    # Each admission writes it, and an encoder would take twice as long.
    members = [f'"{key}":{quoted(name)}' for key, name in named.items() if name]
    members += (
        f'"decision":"{answer.decision.value}"',
        f'"reason":"{outcome.decision.reason.value}"',
        f'"revision":{quoted(config.revision or "default")}',
        f'"ops":{ops},"ms":{round(seconds * 1000, 3)},"dryRun":{"true" if request.dry_run else "false"}',
    )
    if request.budget is not None:
        members.append(f'"budget":{request.budget!r}')
    log_members("info", "admission", ",".join(members))
    if acted := [finding for finding in outcome.findings if finding.actionable]:
        log_event("warning", "finding", **named, **_finding_fields(acted))
    if outcome.error is not None:
        log_event("warning", "refused", **named, message=answers.message_of(outcome))
    if answer.defect:
        log_event("error", "defect", **named, defect=answer.defect)


def _finding_fields(findings: Sequence[Finding]) -> dict[str, Any]:
    """The fields of one line: the codes, the messages as far as they fit, and how many there are."""
    if len(findings) == 1:
        return {"code": findings[0].code, "message": answers.cut(findings[0].message, _FINDINGS_LENGTH)}
    codes = sorted({finding.code for finding in findings})
    messages = islice((f"{finding.code}: {finding.message}" for finding in findings), _FINDINGS)
    text = answers.cut("; ".join(messages), _FINDINGS_LENGTH)
    return {"code": ", ".join(codes), "message": text, "count": len(findings)}


def _pod_name(pod: Manifest) -> str | None:
    meta = pod.get("metadata")
    return _name((meta.get("name") or meta.get("generateName")) if isinstance(meta, dict) else None)


def _name(value: Any) -> str | None:
    """A name of at most 253 characters, which is the longest valid one; None without one."""
    return value[:253] if isinstance(value, str) and value else None
