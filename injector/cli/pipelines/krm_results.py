"""The results of a KRM function: what it reports about objects, with their files and fields.

Not here: what is reported (`report`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from injector import pointer
from injector.cli.pipelines.markers import annotations_of
from injector.cli.reporting.entries import ReportEntry, Sort
from injector.core.finding_codes import Level
from injector.core.model import Manifest
from injector.patterns import pattern

SEVERITIES: Final = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "info"}
"""The word of the specification for each level."""
_REPORTED: Final = ("skipped", "passed")
ITEMS: Final = "items"
_PATH: Final = ("internal.config.kubernetes.io/path", "config.kubernetes.io/path")
_INDEX: Final = ("internal.config.kubernetes.io/index", "config.kubernetes.io/index")
_PLAIN: Final = pattern(r"[A-Za-z_][A-Za-z0-9_-]*")

Result = dict[str, Any]


def of_entries(
    entries: Sequence[ReportEntry], pointers: Mapping[ReportEntry, str], items: Sequence[Any]
) -> Iterator[Result]:
    """The results of a report: errors, findings, and workloads that are not injected.

    `pointers` leads to the objects of entries that have no pointer of their own.
    """
    for entry in entries:
        if entry.sort is Sort.WORKLOAD and entry.result not in _REPORTED:
            continue
        severity = "info" if entry.sort is Sort.WORKLOAD else SEVERITIES[entry.level]
        message = f"{entry.object}: {entry.message}" if entry.object else entry.message
        message += f" (hint: {entry.hint})" if entry.hint else ""
        inside = entry.place.inside
        at = inside if inside.startswith("/") else pointers.get(entry, "")
        yield {"message": message, "severity": severity, **_about(at, items), "tags": {"code": entry.code}}


def _about(at: str, items: Sequence[Any]) -> Result:
    """The object, field and file that a pointer in the ResourceList leads to."""
    out: Result = {}
    parts = pointer.split(at)
    if parts[:1] != [ITEMS] or not parts[1:] or not parts[1].isdecimal() or int(parts[1]) >= len(items):
        return out
    item = items[int(parts[1])]
    if not isinstance(item, dict):
        return out
    out["resourceRef"] = _reference(item)
    if field := path_of(parts[2:]):
        out["field"] = {"path": field}
    if file := _file(item):
        out["file"] = file
    return out


def path_of(parts: Sequence[str]) -> str:
    """The parts of a pointer as the path of a field."""
    return "".join(_steps(parts)).removeprefix(".")


def _steps(parts: Sequence[str]) -> Iterator[str]:
    for part in parts:
        if part.isdecimal():
            yield f"[{part}]"
        elif _PLAIN.fullmatch(part):
            yield f".{part}"
        else:
            yield f'["{part}"]'


def _reference(item: Manifest) -> dict[str, str]:
    metadata = item.get("metadata")
    names: Mapping[str, Any] = metadata if isinstance(metadata, dict) else {}
    fields = {
        "apiVersion": item.get("apiVersion"),
        "kind": item.get("kind"),
        "namespace": names.get("namespace"),
        "name": names.get("name"),
    }
    return {key: value for key, value in fields.items() if isinstance(value, str) and value}


def _file(item: Manifest) -> dict[str, Any]:
    """The file that an object is from, as annotations say."""
    annotations = annotations_of(item)
    path = next((annotations[key] for key in _PATH if key in annotations), None)
    index = next((annotations[key] for key in _INDEX if key in annotations), None)
    if not isinstance(path, str):
        return {}
    return {"path": path} | ({"index": int(index)} if isinstance(index, str) and index.isdecimal() else {})
