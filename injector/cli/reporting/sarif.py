"""The report as SARIF 2.1.0, within the limits of GitHub's code scanning.

Errors and findings are results; workloads that are injected or skipped are none.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from injector import __version__
from injector.cli.reporting import repository
from injector.cli.reporting.entries import ReportEntry
from injector.cli.reporting.finished import Finished
from injector.cli.reporting.rules import rule_of
from injector.core.finding_codes import Level
from injector.printable import json_text, visible

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
MAX_RESULTS: Final = 25_000
"""GitHub refuses a run with more."""


def written(finished: Finished) -> str:
    """The log with one run; what has no file in the repository is a notification."""
    root = repository.root()
    placed: list[tuple[str, ReportEntry]] = []
    others: list[ReportEntry] = []
    for each in finished.problems:
        path = repository.path_of(each.place.file, root)
        if path:
            placed.append((path, each))
        else:
            others.append(each)
    # The most urgent come first, so that these are the ones that stay.
    listed = placed[:MAX_RESULTS]
    codes = sorted({each.code for _, each in listed})
    run = {
        "tool": {
            "driver": {
                "name": "injector",
                "semanticVersion": __version__,
                "rules": [_rule(code) for code in codes],
                "notifications": [_rule(code) for code in sorted({each.code for each in others})],
            }
        },
        "automationDetails": {"id": f"injector/{finished.command}/"},
        "invocations": [_invocation(finished, root, others, len(placed) - len(listed))],
        "columnKind": "unicodeCodePoints",
        "results": list(_results(listed, codes)),
    }
    return json_text({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}) + "\n"


def _rule(code: str) -> dict[str, Any]:
    rule = rule_of(code)
    return {
        "id": code,
        "shortDescription": {"text": rule.meaning},
        "fullDescription": {"text": rule.meaning},
        "help": {"text": rule.advice, "markdown": rule.advice},
        "defaultConfiguration": {"level": rule.level.value},
    }


def _results(listed: Sequence[tuple[str, ReportEntry]], codes: Sequence[str]) -> Iterator[dict[str, Any]]:
    times: Counter[str] = Counter()
    for path, each in listed:
        fingerprint = _fingerprint(path, each)
        times[fingerprint] += 1
        location: dict[str, Any] = {
            "physicalLocation": {
                "artifactLocation": {"uri": quote(os.fsencode(path)), "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": max(each.place.line, 1)},
            }
        }
        logical = ": ".join(filter(None, (each.object, each.place.inside)))
        if logical:
            location["logicalLocations"] = [{"fullyQualifiedName": visible(logical)}]
        yield {
            "ruleId": each.code,
            "ruleIndex": codes.index(each.code),
            "level": each.level.value,
            "message": {"text": text_of(each)},
            "locations": [location],
            "partialFingerprints": {"primaryLocationLineHash": f"{fingerprint}:{times[fingerprint]}"},
        }


def text_of(entry: ReportEntry) -> str:
    """An entry in one line: about what, what is wrong, and what to do."""
    about = f"{entry.object}: " if entry.object else ""
    hint = f" (hint: {entry.hint})" if entry.hint else ""
    return visible(f"{about}{entry.message}{hint}")


def _fingerprint(path: str, entry: ReportEntry) -> str:
    """The same for a problem whose line moves, or whose message is worded anew."""
    parts = (entry.code, path, entry.object, entry.place.inside)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _invocation(finished: Finished, root: Path, others: Sequence[ReportEntry], more: int) -> dict[str, Any]:
    notifications: list[dict[str, Any]] = [
        {
            "descriptor": {"id": each.code},
            "level": each.level.value,
            "message": {"text": _with_place(each)},
        }
        for each in others[:MAX_RESULTS]
    ]
    if more:
        text = f"{more} more results are left out"
        notifications.append({"level": Level.WARNING.value, "message": {"text": text}})
    return {
        "executionSuccessful": finished.status == 0,
        "exitCode": finished.status,
        "workingDirectory": {"uri": f"{root.as_uri()}/"},
        "toolExecutionNotifications": notifications,
        "properties": {"workloads": dict(finished.results)},
    }


def _with_place(entry: ReportEntry) -> str:
    """The text of an entry that has no place in the repository."""
    place = entry.place
    line = f":{place.line}" if place.line else ""
    where = ": ".join(filter(None, (f"{place.file}{line}", place.inside)))
    return visible(f"{where}: ") + text_of(entry) if where else text_of(entry)
