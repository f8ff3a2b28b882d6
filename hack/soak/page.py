"""The tables of docs/explanation/soak.md, made of what a soak found. Pure but for `write`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import measured

from soak.run import Findings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "soak.md"
MAKER = "make soak"


def write(findings: Findings, page: Path = PAGE) -> None:
    """Put the tables between the markers of the page."""
    measured.write_between(page, MAKER, tables(findings))


def tables(findings: Findings) -> str:
    """What came of the pods, and what happened meanwhile, in Markdown."""
    tally, rate = findings.tally, findings.tally.created / findings.seconds
    pods = [
        ("created", _number(tally.created)),
        ("**refused because of the webhook**", f"**{_number(tally.refused)}**"),
        ("**without sidecar**", f"**{_number(tally.bare)}**"),
        (
            "**calls of the webhook that failed, by the API server's own count**",
            f"**{findings.failed_calls}**",
        ),
        ("deleted again", _number(tally.deleted)),
        ("created in a second, on average", f"{rate:.0f}"),
        ("milliseconds of a creation, median", f"{findings.milliseconds(50):.0f}"),
        ("99th percentile", f"{findings.milliseconds(99):.0f}"),
        ("longest, just after the API server's start", f"{max(tally.milliseconds):.0f}"),
    ]
    meanwhile = [(what, _number(count)) for what, count in findings.traces.items()]
    retried = [(f"of these attempts: {why}", _number(n)) for why, n in sorted(tally.retried.items())]
    errors = [(f"log lines of level error: `{e}`", _number(n)) for e, n in sorted(findings.errors.items())]
    meanwhile += [
        *retried,
        *errors,
        ("seconds that the API server was away", f"{findings.outage_seconds:.0f}"),
    ]
    return "\n".join(
        [
            f"{_number(tally.created)} pods in {findings.seconds:.0f} s by {findings.plan.workers} workers; "
            f"{measured.machine()}; everything shares that machine.",
            "",
            *_table("pods", pods),
            "",
            *_table("meanwhile", meanwhile),
        ]
    )


def _table(head: str, lines: Iterable[tuple[str, str]]) -> list[str]:
    return [f"| {head} | |", "| --- | ---: |", *(f"| {what} | {count} |" for what, count in lines)]


def _number(count: int) -> str:
    return f"{count:,}".replace(",", " ")
