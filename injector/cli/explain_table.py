"""What `injector explain` prints about many workloads: a table, a summary. Not here: one (`explain_text`)."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from typing import Final

import click

from injector.cli import live
from injector.cli.explain_sources import Explained
from injector.cli.explain_text import note
from injector.cli.report import COLOURS, coloured, paint
from injector.cli.results import table
from injector.core.diagnosis.diagnoses import Diagnosis
from injector.core.finding_codes import Level
from injector.core.profile import Config
from injector.core.reports.provenance import WORDS

_RESULT: Final = 2
_FINDINGS: Final = 4


def show(explained: Sequence[Explained], everyone: int, config: Config, *, wide: bool) -> None:
    """Print a line for each workload and how many there are; `everyone` counts those left out as well."""
    colour = coloured(sys.stdout)
    diagnoses = [each.live for each in explained if each.live]
    if diagnoses:
        states = [diagnosis.state.value for diagnosis in diagnoses]
        lines = _of_pods(explained, wide, colour)
    else:
        states = [_word(each) for each in explained]
        lines = _of_workloads(explained, wide, colour)
    lines += ["", _summary(explained, states, everyone)] if lines else [_summary(explained, states, everyone)]
    # Findings about the configuration do not explain why a pod is not ready.
    for finding in () if diagnoses else config.findings:
        lines += note(finding, colour)
    click.echo("\n".join(lines), color=True if colour else None)


def _of_workloads(explained: Sequence[Explained], wide: bool, colour: bool) -> list[str]:
    """The table of results. Wide, it also has the place, the notes, and the sentence."""
    headings = ["kind", "name", "result", "reason", "findings", *(["where", "detail"] if wide else [])]

    def styled(column: int, cell: str) -> str:
        hue = {_RESULT: COLOURS.get(cell, ""), _FINDINGS: "yellow"}.get(column, "")
        return paint(cell, hue, colour)

    rows = [
        [
            *_names(each),
            _word(each),
            each.explanation.outcome.decision.reason.value,
            _codes(each, (Level.ERROR, Level.WARNING, *((Level.NOTE,) if wide else ()))),
            *([each.where, _detail(each)] if wide else []),
        ]
        for each in explained
    ]
    return table(headings, rows, styled) if rows else []


def _of_pods(explained: Sequence[Explained], wide: bool, colour: bool) -> list[str]:
    """The table of the states of pods. Wide, it also has what to do."""
    headings = ["kind", "name", "state", "cause", "problem", *(["what to do"] if wide else [])]

    def styled(column: int, cell: str) -> str:
        return paint(cell, live.COLOURS.get(cell, "red") if column == _RESULT else "", colour)

    rows = [
        [*_names(each), each.live.state.value, *_verdict(each.live, wide)] for each in explained if each.live
    ]
    return table(headings, rows, styled)


def _verdict(diagnosis: Diagnosis, wide: bool) -> list[str]:
    """The first cause: its word, what is wrong, and with `wide` what to do."""
    if not diagnosis.causes:
        return [""] * (2 + wide)
    first = diagnosis.causes[0].type
    return [first.id, first.title, *([first.action] if wide else [])]


def _names(each: Explained) -> tuple[str, str]:
    kind, _, name = each.workload.label.partition(" ")
    return kind, name


def _word(each: Explained) -> str:
    return WORDS[each.explanation.outcome.decision.verdict]


def _codes(each: Explained, levels: Sequence[Level]) -> str:
    """The codes of the findings of these levels, the worst first, with their number where it is not one."""
    findings = each.explanation.outcome.findings
    counts = Counter(f.code.value for level in levels for f in findings if f.level is level)
    return ", ".join(f"{code} ({count})" if count > 1 else code for code, count in counts.items())


def _detail(each: Explained) -> str:
    outcome = each.explanation.outcome
    if outcome.error:
        return " ".join([str(outcome.error), *([f"({outcome.error.hint})"] if outcome.error.hint else [])])
    decision = outcome.decision
    return f"{decision.sentence} ({decision.hint})" if decision.hint else decision.sentence


def _summary(explained: Sequence[Explained], states: Sequence[str], everyone: int) -> str:
    """How many workloads there are, of each result, and with how many errors and warnings."""
    count = f"{len(explained)} of {everyone}" if len(explained) != everyone else f"{everyone}"
    parts = [f"{number} {state}" for state, number in Counter(states).items()]
    levels = Counter(f.level for each in explained for f in each.explanation.outcome.findings)
    counted = [
        f"{levels[level]} {level.value}{'' if levels[level] == 1 else 's'}"
        for level in (Level.ERROR, Level.WARNING)
        if levels[level]
    ]
    text = f"{count} workload{'' if everyone == 1 else 's'}" + (f": {', '.join(parts)}" if parts else "")
    return "; ".join([text, *([", ".join(counted)] if counted else [])])
