"""What a run did, in numbers: workloads by their result, other documents, and findings by level."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import field
from typing import Final

from injector.classes import dataclass
from injector.core.finding_codes import LEVELS, Level
from injector.core.model import Finding

_WORDS: Final = ("injected", "unchanged", "skipped", "passed", "refused")


@dataclass(slots=True)
class Tally:
    """The numbers of one run."""

    results: Counter[str] = field(default_factory=Counter)
    others: int = 0
    levels: Counter[Level] = field(default_factory=Counter)

    def count(self, findings: Iterable[Finding]) -> None:
        """Count findings by their level."""
        self.levels.update(finding.level for finding in findings)

    def taken(self) -> Tally:
        """What was counted since the last time."""
        counted = Tally(self.results, self.others, self.levels)
        self.results, self.others, self.levels = Counter(), 0, Counter()
        return counted

    def add(self, other: Tally) -> None:
        """Count what was counted elsewhere."""
        self.results += other.results
        self.others += other.others
        self.levels += other.levels

    def at_least(self, level: Level) -> int:
        """How many findings are of a level, or of a more urgent one."""
        return sum(self.levels[each] for each in LEVELS[: LEVELS.index(level) + 1])

    @property
    def line(self) -> str:
        """All of it in one line."""
        results = ", ".join(f"{self.results[word]} {word}" for word in _WORDS if self.results[word])
        workloads = number(self.results.total(), "workload")
        end = f"; {number(self.others, 'other document')}" if self.others else ""
        return f"{workloads}: {results}{end}" if results else f"{workloads}{end}"


def number(count: int, word: str) -> str:
    """How many there are of something."""
    return f"{count or 'no'} {word}{'' if count == 1 else 's'}"
