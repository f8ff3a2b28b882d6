"""A run that has ended, as the formats of a report get it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from injector.classes import dataclass
from injector.cli.reporting.entries import ReportEntry, Sort
from injector.core.finding_codes import LEVELS


@dataclass(frozen=True, slots=True)
class Finished:
    """The command, its exit status, and its entries in the order in which they came."""

    command: str
    status: int
    entries: tuple[ReportEntry, ...]

    def of(self, sort: Sort) -> list[ReportEntry]:
        """The entries of a sort."""
        return [each for each in self.entries if each.sort is sort]

    @property
    def results(self) -> Counter[str]:
        """How many workloads have a result."""
        return Counter(each.result for each in self.of(Sort.WORKLOAD))

    @property
    def problems(self) -> list[ReportEntry]:
        """Errors and findings, the most urgent first; a refused workload is there as its error."""
        those = [each for each in self.entries if each.sort is not Sort.WORKLOAD]
        return sorted(those, key=lambda each: LEVELS.index(each.level))

    def counts(self) -> Iterator[tuple[str, int]]:
        """How many errors and findings there are of each level."""
        levels = Counter(each.level for each in self.problems)
        for level in LEVELS:
            yield level.value, levels[level]
