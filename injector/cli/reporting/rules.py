"""What the codes of entries mean: those of findings, the reasons, and those of other errors."""

from __future__ import annotations

from typing import Final

from injector.classes import dataclass
from injector.cli.reporting.entries import FAILED_INPUT, USAGE, WOULD_CHANGE
from injector.core.finding_codes import FindingCode, Level
from injector.core.finding_pages import PAGES
from injector.core.model import Reason, Verdict


@dataclass(frozen=True, slots=True)
class ReportRule:
    """A code, its usual level, what it means and what to do, and the page of the documentation."""

    code: str
    level: Level
    meaning: str
    advice: str
    page: str


_OTHERS: Final = {
    FAILED_INPUT: (
        "An input cannot be read, is not what Kubernetes expects, or fails a check of the command.",
        "Correct what the message names.",
    ),
    WOULD_CHANGE: ("Injection would change a manifest that must not change.", "Render the manifest again."),
    USAGE: ("The command is not used as it can be.", "See its help."),
}
_FINDINGS: Final = {each.value: each for each in FindingCode}
_REASONS: Final = {each.value: each for each in Reason}


def rule_of(code: str) -> ReportRule:
    """The rule of a code."""
    if code in _OTHERS:
        meaning, advice = _OTHERS[code]
        return ReportRule(code, Level.ERROR, meaning, advice, "reference/commands.md")
    finding = _FINDINGS.get(code)
    if finding:
        page = PAGES.get(code, "reference/findings.md")
        return ReportRule(code, finding.levels[0], finding.meaning, finding.advice, page)
    reason = _REASONS[code]
    level = Level.ERROR if reason.verdict is Verdict.DENY else Level.WARNING
    advice = "Correct what the message names." if reason.verdict is Verdict.DENY else "Run injector explain."
    return ReportRule(code, level, reason.sentence, advice, "reference/reasons.md")
