"""What another configuration changes: the outcomes of pods before and after, summed up by kind of change."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Final

from injector.classes import dataclass
from injector.core.model import Verdict
from injector.core.outcome import Outcome
from injector.core.tree.compare import Difference, changes

DECISION: Final = "decision"
"""The kind of change where a pod is injected, skipped or denied for another reason."""
_WORDS: Final = {Verdict.INJECT: "injected", Verdict.SKIP: "skipped", Verdict.DENY: "refused"}


@dataclass(frozen=True, slots=True)
class WordedDecision:
    """What happens to a pod, in one word, and the reason."""

    word: str
    reason: str

    @classmethod
    def of(cls, outcome: Outcome) -> WordedDecision:
        """The answer of an outcome."""
        return cls(_WORDS[outcome.decision.verdict], outcome.decision.reason.value)

    def __str__(self) -> str:
        return f"{self.word}: {self.reason}"


def differences(before: Outcome, after: Outcome, bookkeeping: Collection[str]) -> tuple[Difference, ...]:
    """How two outcomes for one pod differ, but for the pointers of the book-keeping."""
    was, now = WordedDecision.of(before), WordedDecision.of(after)
    if was.word != now.word:
        return (Difference(DECISION, str(was), str(now)),)
    other_reason = (Difference(DECISION, str(was), str(now)),) if was != now else ()
    pods = (each for each in changes(before.pod, after.pod) if each.pointer not in bookkeeping)
    return (*other_reason, *pods)


@dataclass(frozen=True, slots=True)
class ChangeKind:
    """One kind of change: where, the values where they are the same for all, and whose."""

    pointer: str
    values: tuple[Any, Any] | None
    whose: tuple[str, ...]


def by_kind(changed: Iterable[tuple[str, Sequence[Difference]]]) -> Iterator[ChangeKind]:
    """The kinds of change of named pods: decisions first, then those of the most pods."""
    kinds: dict[tuple[str, str], list[tuple[str, Difference]]] = {}
    for name, each in changed:
        for difference in each:
            # Each change of a decision is a kind of its own.
            text = f"{difference.before} {difference.after}" if difference.pointer == DECISION else ""
            kinds.setdefault((difference.pointer, text), []).append((name, difference))
    rows = sorted(kinds.items(), key=lambda row: (row[0][0] != DECISION, -len(row[1]), row[0]))
    for (pointer, _), members in rows:
        values = [(difference.before, difference.after) for _, difference in members]
        alike = all(pair == values[0] for pair in values)
        yield ChangeKind(pointer, values[0] if alike else None, tuple(name for name, _ in members))
