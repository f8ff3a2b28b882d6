"""What the page shows of each workload, whole or by what differs from another one.

On a page with many workloads those that are alike share one table of layers and one patch.
Here: which workloads are shown whole, and what is left of the others. Not here: HTML.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Protocol

from injector import yamltext
from injector.classes import dataclass, replace
from injector.core.model import Finding, Step, Verdict
from injector.core.outcome import Outcome
from injector.core.reports.provenance import PROFILE, WORDS, Explanation
from injector.core.workload import Workload
from injector.pages.sidebyside import Block, added_lines, compare, shortened
from injector.printable import first_of, json_text

WHOLE: Final = 12
"""A page with more workloads than this shows so many whole, or one more for a verdict without any."""

# Rules and values in which two workloads differ that are alike.
_ALIKE: Final = 64
# How much of a value a table shows: of a workload that is whole, and of another.
_LONG: Final = 400
_SHORT: Final = 120
_NEAR_MISSES: Final = 2


class ExplainedWorkload(Protocol):
    """A workload and its explanation."""

    @property
    def where(self) -> str:
        """The place of the workload: file and line, or a namespace of a cluster."""

    @property
    def workload(self) -> Workload:
        """The workload as it was read, without an injection by this run."""

    @property
    def explanation(self) -> Explanation:
        """The decision, the patch, and the origin of each value in it."""


@dataclass(frozen=True, slots=True)
class Row:
    """A value in the table of layers; `own` where it is not the profile's."""

    part: str
    path: str
    value: str
    layer: str
    own: bool


@dataclass(frozen=True, slots=True)
class PodPart:
    """A container, or another part of the pod, and the values that were set in it."""

    title: str
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Reference:
    """The workload that shows the rest.

    How many rules, notes and values are left out here: `own` are as there and not the profile's, `profile`
    the profile's. `absent` are of the former those that only the other one has.
    """

    id: str
    label: str
    steps: int
    notes: int
    own: int
    profile: int
    absent: str


@dataclass(frozen=True, slots=True)
class View:
    """A workload as the template shows it.

    With `like`, findings, steps, parts and blocks hold what differs, and parts nothing of the profile's.
    """

    id: str
    where: str
    label: str
    word: str
    outcome: Outcome
    near: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    steps: tuple[Step, ...] = ()
    parts: tuple[PodPart, ...] = ()
    blocks: tuple[Block, ...] = ()
    patch: str = ""
    like: Reference | None = None

    @property
    def values(self) -> int:
        """How many values the table has."""
        return sum(len(part.rows) for part in self.parts)


class _Answer:
    """An answer, and what it is compared by."""

    def __init__(self, number: int, answer: ExplainedWorkload) -> None:
        self.id = f"w{number}"
        self.answer = answer
        self.outcome = answer.explanation.outcome
        self.word = WORDS[self.outcome.decision.verdict]
        self.rows = list(_rows(answer.explanation))
        self.keys: frozenset[object] = frozenset((*self.rows, *self.outcome.decision.trace))
        self._blocks: tuple[Block, ...] | None = None

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The manifest before and after; nothing for one that is not injected."""
        if self._blocks is None:
            self._blocks = ()
            if self.outcome.decision.verdict is Verdict.INJECT:
                located = self.answer.workload
                after = located.with_template(self.outcome.pod)
                self._blocks = compare(yamltext.dump(located.manifest), yamltext.dump(after))
        return self._blocks

    def whole(self) -> View:
        """The answer with everything."""
        operations = [operation.as_json() for operation in self.outcome.patch]
        return replace(
            self._empty(),
            findings=self.outcome.findings,
            steps=self.outcome.decision.trace,
            parts=_parts(self.rows, _LONG),
            blocks=self.blocks,
            patch=json_text(operations) if operations else "",
        )

    def by_difference(self, other: _Answer) -> View:
        """What differs from another answer with the same verdict."""
        steps = tuple(s for s in self.outcome.decision.trace if s.decisive or s not in other.keys)
        own = [row for row in self.rows if row.own]
        rows = [row for row in own if row not in other.keys]
        places = {(row.part, row.path) for row in own}
        absent = [f"{r.part} {r.path}" for r in other.rows if r.own and (r.part, r.path) not in places]
        known = other.outcome.findings
        findings = tuple(f for f in self.outcome.findings if f.actionable or f not in known)
        reference = Reference(
            id=other.id,
            label=other.answer.workload.label,
            steps=len(self.outcome.decision.trace) - len(steps),
            notes=len(self.outcome.findings) - len(findings),
            own=len(own) - len(rows),
            profile=len(self.rows) - len(own),
            absent=first_of(absent) if len(rows) < len(own) else "",
        )
        return replace(
            self._empty(),
            findings=findings,
            steps=steps,
            parts=_parts(rows, _SHORT),
            blocks=shortened(self.blocks, added_lines(other.blocks)) if self.outcome.patch else self.blocks,
            like=reference,
        )

    def _empty(self) -> View:
        answer, near = self.answer, tuple(self._near())
        return View(self.id, answer.where, answer.workload.label, self.word, self.outcome, near)

    def _near(self) -> Iterator[str]:
        """For the list: what asks for an action; of a workload that is not injected, notes too."""
        notes = self.outcome.decision.verdict is not Verdict.INJECT
        messages = [f.message for f in self.outcome.findings if notes or f.actionable]
        yield from messages[:_NEAR_MISSES]
        if len(messages) > _NEAR_MISSES:
            yield f"and {len(messages) - _NEAR_MISSES} more"


def make_views(answers: Sequence[ExplainedWorkload]) -> list[View]:
    """The views of all answers, in order."""
    each = [_Answer(number, answer) for number, answer in enumerate(answers, 1)]
    if len(each) <= WHOLE:
        return [answer.whole() for answer in each]
    chosen = _chosen(each)
    models = {id(answer) for answer in chosen}
    return [a.whole() if id(a) in models else a.by_difference(_nearest(a, chosen)) for a in each]


def _chosen(answers: Iterable[_Answer]) -> list[_Answer]:
    """The answers that most others are like, at least one for each verdict."""
    groups: dict[str, list[list[_Answer]]] = {}
    for answer in answers:
        alike = groups.setdefault(answer.word, [])
        group = next((g for g in alike if len(g[0].keys ^ answer.keys) <= _ALIKE), None)
        if group is None:
            alike.append([answer])
        else:
            group.append(answer)
    largest = sorted((group for alike in groups.values() for group in alike), key=len, reverse=True)
    chosen = [group[0] for group in largest[:WHOLE]]
    have = {answer.word for answer in chosen}
    return chosen + [alike[0][0] for word, alike in groups.items() if word not in have]


def _nearest(answer: _Answer, chosen: Iterable[_Answer]) -> _Answer:
    same_word = (other for other in chosen if other.word == answer.word)
    return min(same_word, key=lambda other: len(other.keys ^ answer.keys))


def _rows(explanation: Explanation) -> Iterator[Row]:
    for origin in explanation.origins:
        part, path = origin.place
        layer = origin.layer + (f": {origin.detail}" if origin.detail else "")
        yield Row(part, path, _text(origin.value), layer, origin.layer != PROFILE)


def _parts(rows: Iterable[Row], size: int) -> tuple[PodPart, ...]:
    parts: dict[str, PodPart] = {}
    for row in rows:
        if len(row.value) > size:
            row = Row(row.part, row.path, row.value[: size - 3] + "...", row.layer, row.own)
        parts.setdefault(row.part, PodPart(row.part, [])).rows.append(row)
    return tuple(parts.values())


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
