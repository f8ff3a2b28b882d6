"""The report as JSON."""

from __future__ import annotations

from typing import Any

from injector import __version__
from injector.cli.reporting.entries import ReportEntry, Sort
from injector.cli.reporting.finished import Finished
from injector.printable import json_text


def written(finished: Finished) -> str:
    """Everything, for programs; what is not known is left out."""
    return (
        json_text(
            {
                "command": finished.command,
                "version": __version__,
                "exitStatus": finished.status,
                "counts": {"workloads": dict(finished.results), **dict(finished.counts())},
                "workloads": [
                    _entry(each, {"result": each.result, "reason": each.code})
                    for each in finished.of(Sort.WORKLOAD)
                ],
                "findings": [
                    _entry(each, {"level": each.level.value, "code": each.code})
                    for each in finished.of(Sort.FINDING)
                ],
                "errors": [_entry(each, {"code": each.code}) for each in finished.of(Sort.ERROR)],
            }
        )
        + "\n"
    )


def _entry(entry: ReportEntry, first: dict[str, str]) -> dict[str, Any]:
    place = entry.place
    inside = "pointer" if place.inside.startswith("/") else "where"
    rest = {
        "object": entry.object,
        "message": entry.message,
        "hint": entry.hint,
        "file": place.file,
        "line": place.line,
        inside: place.inside,
    }
    return first | {key: value for key, value in rest.items() if value}
