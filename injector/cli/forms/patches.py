"""The changes as JSON patches (RFC 6902): one list, with an entry for each object that is changed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from injector.cli.forms.objects import ChangedObject, of_part
from injector.cli.manifests import Part
from injector.cli.writing.output import Spool
from injector.core import documents

_INDENT: Final = "  "


def patches(parts: Iterable[Part], out: Spool) -> None:
    """The patches of all objects; each applies to the object, wherever in its document that is."""
    before = "[\n"
    for part in parts:
        for each in of_part(part):
            text = json.dumps(_entry(each), ensure_ascii=False, indent=2).replace("\n", f"\n{_INDENT}")
            out.write(f"{before}{_INDENT}{text}")
            before = ",\n"
    out.write("[]\n" if before == "[\n" else "\n]\n")


def _entry(each: ChangedObject) -> dict[str, Any]:
    meta = each.after.get("metadata") or {}
    names = {key: meta[key] for key in ("name", "generateName", "namespace") if meta.get(key)}
    place = documents.place(each.document, each.pointer)
    return {
        "apiVersion": each.after.get("apiVersion") or "",
        "kind": each.after["kind"],
        **names,
        "file": each.document.source,
        "line": int(place.rpartition(":")[2]),
        "document": each.document.index,
        "pointer": each.pointer,
        "patch": [operation.as_json() for operation in each.patch],
    }
