"""The entries of a report: what became of a workload, a finding, or an error.

Not here: what a code means (`rules`), and how entries are written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from typing import Final

from injector.classes import dataclass, replace
from injector.cli.reporting.places import NOWHERE, FilePlace
from injector.core.finding_codes import FindingCode, Level, Subject
from injector.core.model import Finding, Reason
from injector.errors import ClusterError, ConfigError, InjectorError, ManifestError

FAILED_INPUT: Final = "input"
USAGE: Final = "usage"
WOULD_CHANGE: Final = "would-change"
"""The codes of errors that are neither findings nor refusals."""


class Sort(StrEnum):
    """What an entry is about."""

    WORKLOAD = "workload"
    FINDING = "finding"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class ReportEntry:
    """One entry. `result` is the word for a workload; `code` a reason, a finding code, or one of `rules`."""

    sort: Sort
    level: Level
    code: str
    message: str
    hint: str = ""
    object: str = ""
    result: str = ""
    place: FilePlace = NOWHERE


class WorkloadError(ManifestError):
    """The error for a workload that is not written: which, by which reason or finding code, and why.

    `parts` are several errors of it.
    """

    why: str
    pointer = ""

    def __init__(
        self,
        label: str,
        code: str,
        why: str,
        *,
        where: str,
        hint: str = "",
        parts: Sequence[WorkloadError] = (),
    ) -> None:
        rows = [f"{each.where}: {each.why}" for each in parts]
        super().__init__(f"{label}: {code}{why}", where=where, hint=hint, rows=rows, parts=parts)
        self.label = label
        self.code = code
        # The mark and the blank in front of it are for the whole message.
        self.why = why[2:]

    def at(self, pointer: str) -> WorkloadError:
        """The same error with the pointer to its place in the document."""
        self.pointer = pointer
        return self


class InvalidWorkload(ManifestError):
    """The error for an object whose pod template cannot be read, with the name of the object."""

    def __init__(self, label: str, error: ManifestError) -> None:
        super().__init__(error.message, where=error.where, hint=error.hint)
        self.label = label


def of_finding(
    finding: Finding, label: str, place: FilePlace | None, files: Collection[str], configuration: str
) -> ReportEntry:
    """The entry of a finding; without a place the one that its text names, or the configuration's file."""
    at = FilePlace.of(finding.where, files) if place is None else place
    if not at.file and finding.code.subject is Subject.CONFIGURATION:
        at = replace(at, file=configuration)
    message = f"{finding.where}: {finding.message}" if place and finding.where else finding.message
    return ReportEntry(
        Sort.FINDING, finding.level, finding.code.value, message, finding.hint, label, place=at
    )


def of_error(error: InjectorError, files: Collection[str]) -> Iterator[ReportEntry]:
    """The entries of an error: one for each that it stands for, and a workload that nothing else reports."""
    for each in error.parts or (error,):
        at = NOWHERE if isinstance(each, ClusterError) else FilePlace.of(each.where, files)
        if isinstance(each, WorkloadError):
            label, message = each.label, each.why
            at = replace(at, inside=each.pointer or at.inside)
        else:
            label, message = getattr(each, "label", ""), each.message
        if isinstance(each, InvalidWorkload):
            reason = Reason.INVALID_POD
            yield ReportEntry(
                Sort.WORKLOAD, Level.ERROR, reason.value, reason.sentence, "", label, "refused", at
            )
        yield ReportEntry(Sort.ERROR, Level.ERROR, _code(each), message, each.hint, label, place=at)


def of_change(workload: ReportEntry) -> ReportEntry:
    """The entry of a workload that must not change, and would."""
    text, hint = "injection would change it", "render it again"
    return replace(workload, sort=Sort.ERROR, level=Level.ERROR, code=WOULD_CHANGE, message=text, hint=hint)


def of_defect(error: Exception) -> ReportEntry:
    """The entry of an exception that is none of ours; its text may quote a pod."""
    text = f"unexpected {type(error).__name__}; this is a bug, please report it"
    hint = "set INJECTOR_DEBUG=1 for the traceback"
    return ReportEntry(Sort.ERROR, Level.ERROR, Reason.INTERNAL_ERROR.value, text, hint)


def _code(error: InjectorError) -> str:
    if isinstance(error, WorkloadError):
        return error.code
    if isinstance(error, InvalidWorkload):
        return Reason.INVALID_POD.value
    if isinstance(error, ClusterError):
        return FindingCode.CLUSTER_UNREADABLE.value
    if isinstance(error, ConfigError):
        return USAGE if not error.where or error.where.startswith("-") else FindingCode.LOAD.value
    return FAILED_INPUT
