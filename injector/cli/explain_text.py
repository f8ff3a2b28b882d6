"""What `injector explain` prints about one workload after the other. Not here: tables (`explain_table`)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import click

from injector.cli import live
from injector.cli.explain_sources import Explained
from injector.cli.report import COLOURS, LEVEL_COLOURS, coloured, paint
from injector.core.model import Finding, Step, Verdict
from injector.core.outcome import Outcome
from injector.core.profile import Config
from injector.core.reports.provenance import PROFILE, WORDS, ValueOrigin, without_keys
from injector.printable import visible

_SHOWN: Final = 60


def show(explained: Iterable[Explained], config: Config, *, complete: bool) -> None:
    """Print explanations; `complete` with all rules, and the values of the profile."""
    colour = coloured(sys.stdout)
    lines: list[str] = []
    # Findings about the configuration do not explain why a pod is not ready.
    findings: Sequence[Finding] = config.findings
    for each in explained:
        if each.live:
            findings = ()
            lines += [*live.text(each.live, colour), ""]
        else:
            lines += [*_text(each, complete, colour), ""]
    for finding in findings:
        lines += note(finding, colour)
    click.echo("\n".join(lines).rstrip("\n"), color=True if colour else None)


def note(finding: Finding, colour: bool) -> Iterator[str]:
    """A finding in one line, and its hint in another."""
    level = paint(f"{finding.level.value}:", LEVEL_COLOURS[finding.level], colour)
    yield f"{level} {visible(finding.message)} [{finding.code}]"
    if finding.hint:
        yield f"  hint: {visible(finding.hint)}"


def _text(each: Explained, complete: bool, colour: bool) -> Iterator[str]:
    outcome = each.explanation.outcome
    yield f"{paint(visible(each.workload.label), '', colour, bold=True)}  ({visible(each.where)})"
    yield from _reason(outcome, colour)
    if complete:
        yield from ("", _heading("Rules, in order", colour))
        yield from _trace(outcome.decision.trace, colour)
    if outcome.findings:
        yield from ("", _heading("Findings", colour))
        for finding in outcome.findings:
            yield from (f"    {line}" for line in note(finding, colour))
    if each.explanation.origins:
        yield from _origins(without_keys(each.explanation.origins), complete, colour)


def _reason(outcome: Outcome, colour: bool) -> Iterator[str]:
    decision = outcome.decision
    word = WORDS[decision.verdict]
    painted = paint(word, COLOURS[word], colour, bold=True)
    yield f"  {painted}: {decision.reason.value}. {visible(decision.sentence)}"
    if decision.hint:
        yield f"    hint: {visible(decision.hint)}"
    if outcome.error:
        yield f"    {visible(str(outcome.error))}"
        if outcome.error.hint:
            yield f"    hint: {visible(outcome.error.hint)}"
    step = next((step for step in decision.trace if step.decisive), None)
    # The rules let a pod pass that is refused for what is in it.
    if step and (decision.verdict is not Verdict.DENY or step.verdict == Verdict.DENY):
        yield f"    rule {visible(step.rule)}: {visible(step.seen)}"


def _heading(text: str, colour: bool) -> str:
    return f"  {paint(text, '', colour, bold=True)}"


def _trace(trace: tuple[Step, ...], colour: bool) -> Iterator[str]:
    rows = [(visible(step.rule), visible(step.seen), visible(step.verdict)) for step in trace]
    rule = max((len(row[0]) for row in rows), default=0)
    seen = min(max((len(row[1]) for row in rows), default=0), _SHOWN)
    for step, row in zip(trace, rows, strict=True):
        mark = "->" if step.decisive else "  "
        line = f"{mark} {row[0]:<{rule}}  {row[1]:<{seen}}  {row[2]}"
        yield "    " + (paint(line, "cyan", colour, bold=True) if step.decisive else line)


def _origins(origins: list[ValueOrigin], complete: bool, colour: bool) -> Iterator[str]:
    """The values with their sources; those of the profile are only counted where not all are shown."""
    listed = [origin for origin in origins if complete or origin.layer != PROFILE]
    if listed:
        title = "Values and their source" if complete else "Values that are not the profile's"
        yield from ("", _heading(title, colour))
        yield from _listed(listed, colour)
    rest = len(origins) - len(listed)
    if rest:
        count = f"{rest} {'more ' if listed else ''}value{'' if rest == 1 else 's'}"
        yield from ("", f"  {count} come{'s' if rest == 1 else ''} from the profile; --all shows "
                        f"{'it' if rest == 1 else 'them'}.")  # fmt: skip


def _listed(origins: list[ValueOrigin], colour: bool) -> Iterator[str]:
    groups: dict[str, list[tuple[str, ValueOrigin]]] = {}
    for origin in origins:
        group, path = origin.place
        groups.setdefault(group, []).append((visible(path), origin))
    for group, members in groups.items():
        yield f"    {visible(group)}"
        width = min(max(len(path) for path, _ in members), _SHOWN)
        for path, origin in members:
            layer = origin.layer + (f": {origin.detail}" if origin.detail else "")
            source = f"[{visible(layer)}]"
            painted = source if origin.layer == PROFILE else paint(source, "cyan", colour)
            yield f"      {path:<{width}}  {visible(_value(origin.value))}  {painted}"


def _value(value: Any) -> str:
    plain = isinstance(value, str) and value.isprintable()
    text = value if plain else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
