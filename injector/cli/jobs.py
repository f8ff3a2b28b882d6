"""Documents that are changed in several processes, with the same report as in one.

Not here: the processes (`workers`), and what happens to a document (`manifests`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, cast

from injector.classes import dataclass, replace
from injector.cli import workers
from injector.cli.inject import InjectRun
from injector.cli.manifests import DocumentStep, Item, Spread, Taken
from injector.cli.report import Report
from injector.cli.reporting.places import NOWHERE, FilePlace, SiteOf
from injector.cli.tally import Tally
from injector.core.model import Finding
from injector.yamltext import Document

# Enough for the cost of sending to be small; the first results come soon all the same.
_MOST: Final = 32
_CHARACTERS: Final = 1 << 17

Chunk = list[tuple[Item, bool]]


def over(count: int, injection: InjectRun, *, trees: bool) -> Spread | None:
    """Inject into documents in several processes, and report here; None for one process.

    Without `trees` only the texts of changed documents come back: trees take longer to send.
    """
    if count == 1:
        return None
    recorder = _Recorder(injection.report)
    # Each process has its own copy of these.
    elsewhere = replace(injection, report=cast(Report, recorder), tally=Tally())
    step = DocumentStep(
        elsewhere.change,
        elsewhere.look_at_other,
        lambda each: elsewhere.findings([each]),
        elsewhere.config.kinds,
    )

    def work(chunk: Chunk) -> list[_Done | None]:
        return [
            _Done(_sent(step.take(item, whole), trees), recorder.taken(), elsewhere.tally.taken())
            if isinstance(item, Document)
            else None
            for item, whole in chunk
        ]

    def each(items: Iterable[tuple[Item, bool]]) -> Iterator[tuple[Item, Taken | None]]:
        for chunk, results in workers.in_order(work, _chunks(items), count):
            for (item, _), done in zip(chunk, results, strict=True):
                if done:
                    for name, arguments in done.calls:
                        getattr(injection.report, name)(*arguments)
                    injection.tally.add(done.tally)
                yield item, done.taken if done else None

    return each


def _sent(taken: Taken, trees: bool) -> Taken:
    changed, errors = taken
    return taken if trees or not changed else (replace(changed, before={}, after={}), errors)


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of a document in another process, and what was reported there."""

    taken: Taken
    calls: list[tuple[str, tuple[Any, ...]]]
    tally: Tally


@dataclass(frozen=True, slots=True)
class _KnownSite:
    """The place of a call; another process should not have to look it up."""

    text: str
    place: FilePlace

    def __call__(self, _pointer: str) -> _KnownSite:
        return self


class _Recorder:
    """Takes the place of a report, and notes what it is called with."""

    def __init__(self, report: Report) -> None:
        self._has_places = report.is_recorded
        self._calls: list[tuple[str, tuple[Any, ...]]] = []

    def verdict(self, *arguments: Any) -> None:
        """As `Report.verdict`."""
        *texts, site = arguments
        known = _KnownSite("", site.place) if site and self._has_places else None
        self._calls.append(("verdict", (*texts, known)))

    def findings(self, findings: Sequence[Finding], what: str, site_of: SiteOf | None) -> None:
        """As `Report.findings`."""
        for finding in findings:
            known = None
            if site_of and (finding.pointer or self._has_places):
                site = site_of(finding.pointer)
                text = site.text if finding.pointer else ""
                known = _KnownSite(text, site.place if self._has_places else NOWHERE)
            self._calls.append(("findings", ([finding], what, known)))

    def taken(self) -> list[tuple[str, tuple[Any, ...]]]:
        """The calls since the last time."""
        calls, self._calls = self._calls, []
        return calls


def _chunks(items: Iterable[tuple[Item, bool]]) -> Iterator[Chunk]:
    chunk: Chunk = []
    size = 0
    for item, whole in items:
        chunk.append((item, whole))
        size += len(item.text) if isinstance(item, Document) else 0
        if len(chunk) == _MOST or size > _CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
