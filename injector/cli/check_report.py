"""What `check` prints: sections with what was looked at, their findings, and how many there are.

Not here: the checks themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from typing import Any, Final

from injector.classes import dataclass
from injector.cli.report import LEVEL_COLOURS, coloured, paint
from injector.core.finding_codes import LEVELS, FindingCode, Level
from injector.core.finding_pages import PAGES
from injector.core.model import Finding
from injector.printable import visible


class Section(StrEnum):
    """What is checked, in the order of the report."""

    CONFIGURATION = "Configuration"
    TEMPLATES = "Templates"
    SECURITY = "Security"
    CLUSTER = "Cluster"
    WEBHOOK = "Webhook"
    CONNECTION = "Connection"
    NAMESPACES = "Namespaces"
    PERMISSIONS = "Permissions"


_CODES: Final[Mapping[Section, str]] = {
    Section.TEMPLATES: "render field result crash determinism limit",
    Section.SECURITY: "pod-security open-annotations",
    Section.CLUSTER: "cluster-unreadable not-looked-at",
    Section.WEBHOOK: "webhook-absent selectors-differ conditions-differ registration-narrow failure-modes "
    "never-matches service-missing service-port no-endpoints",
    Section.CONNECTION: "ca-bundle ca-expired ca-expires certificate-untrusted certificate-name "
    "certificate-expired certificate-expires unreachable",
    Section.NAMESPACES: "no-namespace overlap deadlock own-namespace",
    Section.PERMISSIONS: "rbac",
}
_SECTION_OF: Final = {code: section for section, codes in _CODES.items() for code in codes.split()}

_MARKS: Final[Mapping[str, str]] = {"": "√", Level.NOTE: "√", Level.WARNING: "‼", Level.ERROR: "×"}
# For a stdout that cannot show the marks.
_PLAIN_MARKS: Final[Mapping[str, str]] = dict(zip(_MARKS, ("[ok]", "[ok]", "[!!]", "[xx]"), strict=True))
_GOOD: Final = "green"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The findings of a check, the most urgent first, and by section what was looked at.

    `brief` has one short line in place of all notes of a code; `name` is what was checked.
    """

    name: str
    findings: Sequence[Finding]
    looked_at: Mapping[Section, str]
    brief: Mapping[FindingCode, str] = field(default_factory=dict)

    def number(self, level: Level) -> int:
        """How many findings have a level."""
        return sum(each.level is level for each in self.findings)

    def of(self, section: Section) -> list[Finding]:
        """The findings of a section."""
        return [each for each in self.findings if section_of(each) is section]


def section_of(finding: Finding) -> Section:
    """The section of a finding."""
    if finding.code is FindingCode.POD_SECURITY and finding.level is Level.ERROR:
        return Section.NAMESPACES
    return _SECTION_OF.get(finding.code.value, Section.CONFIGURATION)


def as_json(checked: CheckResult) -> dict[str, Any]:
    """Everything, for programs."""
    return {
        "checked": checked.name,
        "sections": [
            {
                "name": section.value,
                "state": _state(own) or "ok",
                "lookedAt": checked.looked_at.get(section, ""),
            }
            for section, own in _sections(checked)
        ],
        "results": [_result(each) for each in checked.findings],
        "counts": {level.value: checked.number(level) for level in LEVELS},
    }


def lines(checked: CheckResult, complete: bool) -> Iterator[str]:
    """The report for people; `complete`: every note by itself and in full."""
    colour = coloured(sys.stdout)
    marks = _MARKS if _shows("".join(_MARKS.values())) else _PLAIN_MARKS
    for section, own in _sections(checked):
        state = _state(own)
        tint = LEVEL_COLOURS[state] if isinstance(state, Level) and state is not Level.NOTE else _GOOD
        seen = visible(checked.looked_at.get(section, ""))
        yield f"{paint(marks[state], tint, colour)} {section.value}" + (f": {seen}" if seen else "")
        pages = [_page(each) for each in own]
        for number, finding in enumerate(own):
            yield from _finding_lines(finding, checked, complete, colour)
            # Once for findings of one page; a short line has none.
            if pages[number] not in ("", *pages[number + 1 :]) and not _is_brief(finding, checked, complete):
                yield f"    see {pages[number]}"
    counts = [_counted(checked.number(level), level) for level in LEVELS]
    yield f"{visible(checked.name)}: {', '.join(filter(None, counts))}"


def _sections(checked: CheckResult) -> Iterator[tuple[Section, list[Finding]]]:
    for section in Section:
        own = checked.of(section)
        if own or section in checked.looked_at:
            yield section, own


def _state(findings: Sequence[Finding]) -> Level | str:
    return min((each.level for each in findings), key=LEVELS.index, default="")


def _finding_lines(finding: Finding, checked: CheckResult, complete: bool, colour: bool) -> Iterator[str]:
    level, code = finding.level, finding.code
    word = paint(f"{level.value}:", LEVEL_COLOURS[level], colour)
    if _is_brief(finding, checked, complete):
        first = next(each for each in checked.findings if each.code is code and each.level is level)
        if finding is first:
            yield f"  {word} {visible(checked.brief[code])}; --all lists them [{code}]"
        return
    at = f"{finding.where}: " if finding.where else ""
    advice = f" (hint: {finding.hint})" if finding.hint else ""
    yield f"  {word} {visible(at + finding.message + advice)} [{code}]"


def _is_brief(finding: Finding, checked: CheckResult, complete: bool) -> bool:
    """Whether one short line stands for the notes of this code."""
    return not complete and finding.level is Level.NOTE and finding.code in checked.brief


def _counted(number: int, level: Level) -> str:
    """How many there are; only errors are named where there are none."""
    if not number:
        return "no errors" if level is Level.ERROR else ""
    return f"{number} {level.value}" + ("" if number == 1 else "s")


def _shows(text: str) -> bool:
    """Whether stdout can show a text."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True


def _result(finding: Finding) -> dict[str, str]:
    texts = {key: getattr(finding, key) for key in ("level", "code", "message", "where", "hint")}
    return {**texts, "section": section_of(finding).value, "docs": _page(finding)}


def _page(finding: Finding) -> str:
    page = PAGES.get(finding.code.value, "")
    return f"docs/{page}" if page else ""
