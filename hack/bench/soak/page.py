"""The tables of docs/explanation/soak.md, made of the findings of a soak. Pure but for `write`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hack.bench import measured
from hack.bench.soak.run import Findings

PAGE = Path(__file__).resolve().parents[3] / "docs" / "explanation" / "soak.md"
MAKER = "make soak"


def write(findings: Findings, page: Path = PAGE) -> None:
    """Put the tables between the markers of the page."""
    measured.write_between(page, MAKER, tables(findings))


def tables(findings: Findings) -> str:
    """What came of the pods, and what happened meanwhile, in Markdown."""
    tally = findings.tally
    asked = f"{_number(tally.created)} pods in {findings.seconds:.0f} s by {findings.plan.workers} workers"
    where = f"{measured.machine()}, shared by all parts"
    before = f"load average before the first pod {findings.load:.1f}"
    pods, meanwhile = _pods(findings), _meanwhile(findings)
    lines = [f"{asked}; {where}; {before}.", "", *_table("pods", pods), "", *_table("meanwhile", meanwhile)]
    return "\n".join(lines)


def _pods(findings: Findings) -> list[tuple[str, str]]:
    tally, rate = findings.tally, findings.tally.created / findings.seconds
    return [
        ("created", _number(tally.created)),
        ("**refused because of the webhook**", f"**{_number(tally.refused)}**"),
        ("**without sidecar**", f"**{_number(tally.bare)}**"),
        ("failed calls of the webhook, by the API server's own count", _number(findings.failed_calls)),
        ("deleted again", _number(tally.deleted)),
        ("created in a second, on average", f"{rate:.0f}"),
        ("milliseconds of a creation, median", f"{findings.milliseconds(50):.0f}"),
        ("99th percentile", f"{findings.milliseconds(99):.0f}"),
        ("longest", f"{max(tally.milliseconds):.0f}"),
    ]


def _meanwhile(findings: Findings) -> list[tuple[str, str]]:
    retried, errors = sorted(findings.tally.retried.items()), sorted(findings.errors.items())
    return [
        *((what, _number(count)) for what, count in findings.traces.items()),
        *((f"of these attempts: {why}", _number(count)) for why, count in retried),
        ("seconds that the API server was away", f"{findings.outage_seconds:.0f}"),
        *((f"log lines of level error: `{event}`", _number(count)) for event, count in errors),
    ]


def _table(head: str, lines: Iterable[tuple[str, str]]) -> list[str]:
    return [f"| {head} | |", "| --- | ---: |", *(f"| {what} | {count} |" for what, count in lines)]


def _number(count: int) -> str:
    return f"{count:,}".replace(",", " ")
