"""The report as workflow commands of GitHub Actions, which become annotations of the changed files.

A summary is added to the page of the run, where its runner names a file for that.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from injector.cli.reporting import repository
from injector.cli.reporting.entries import ReportEntry, Sort
from injector.cli.reporting.finished import Finished
from injector.cli.reporting.markdown import cell
from injector.cli.reporting.sarif import text_of
from injector.core.finding_codes import Level
from injector.printable import visible

_COMMANDS: Final = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "notice"}
_SHOWN: Final = 200
"""Rows of a table in the summary; a runner takes at most 1 MiB."""


def written(finished: Finished) -> str:
    """One command for each error and finding, the most urgent first: GitHub shows ten of each level."""
    root = repository.root()
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(summary(finished))
    return "".join(f"{_command(each, root)}\n" for each in finished.problems)


def _command(entry: ReportEntry, root: Path) -> str:
    path = repository.path_of(entry.place.file, root)
    properties = {"file": visible(path)} if path else {}
    if path and entry.place.line:
        properties["line"] = str(entry.place.line)
    properties["title"] = entry.code
    fields = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    outside = "" if path else _outside(entry)
    return f"::{_COMMANDS[entry.level]} {fields}::{_data(outside + text_of(entry))}"


def _outside(entry: ReportEntry) -> str:
    place = entry.place
    return visible("".join(f"{part}: " for part in (place.file, place.inside) if part))


def _data(text: str) -> str:
    """The text of a command, escaped as the runner reads it."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def summary(finished: Finished) -> str:
    """Markdown: how many workloads have which result, what is wrong, and each workload."""
    return "\n".join([f"### injector {finished.command}", "", *_rows(finished), ""])


def _rows(finished: Finished) -> Iterator[str]:
    counted = [f"{number} {word}" for word, number in finished.results.items()]
    counted += [
        f"{number} {word}{'' if number == 1 else 's'}" for word, number in finished.counts() if number
    ]
    yield ", ".join(counted) or "Nothing to report."
    problems, workloads = finished.problems, finished.of(Sort.WORKLOAD)
    if problems:
        yield from ("", "| level | place | message |", "| --- | --- | --- |")
        yield from (
            f"| {each.level.value} | {_at(each)} | {cell(text_of(each))} |" for each in problems[:_SHOWN]
        )
        yield from _more(len(problems))
    if workloads:
        yield from ("", "<details><summary>Workloads</summary>", "")
        yield from ("| result | workload | reason | place |", "| --- | --- | --- | --- |")
        yield from (
            f"| {each.result} | {cell(visible(each.object))} | {each.code} | {_at(each)} |"
            for each in workloads[:_SHOWN]
        )
        yield from _more(len(workloads))
        yield from ("", "</details>")


def _more(number: int) -> Iterator[str]:
    if number > _SHOWN:
        yield from ("", f"and {number - _SHOWN} more")


def _at(entry: ReportEntry) -> str:
    line = f":{entry.place.line}" if entry.place.line else ""
    return cell(visible(f"{entry.place.file}{line}"))
