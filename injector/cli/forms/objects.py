"""The objects that injection changes in a document: alone, or in a List or Template.

Not here: how they are written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from injector.classes import dataclass
from injector.cli.manifests import Part
from injector.core import kinds, workload
from injector.core.model import Manifest, Operation
from injector.core.tree.patches import diff
from injector.core.tree.schema import ATOMIC, POD, Schema
from injector.core.workload import Workload
from injector.yamltext import Document


@dataclass(frozen=True, slots=True)
class ChangedObject:
    """An object before and after, with its pointer in the document."""

    document: Document
    pointer: str
    before: Manifest
    after: Manifest

    @property
    def label(self) -> str:
        """Its kind, namespace and name, for messages."""
        return Workload(self.after, "", "").label

    @property
    def patch(self) -> tuple[Operation, ...]:
        """The operations of RFC 6902 that make the one of the other."""
        return patch_of(self.before, self.after)


def of_part(part: Part) -> Iterator[ChangedObject]:
    """The objects of a document that are changed."""
    if part.changed:
        for pointer, before, after in _pairs(part.changed.before, part.changed.after, ""):
            yield ChangedObject(part.document, pointer, before, after)


def patch_of(before: Manifest, after: Manifest) -> tuple[Operation, ...]:
    """The operations of RFC 6902 that make the one of the other."""
    return diff(before, after, _schema(before))


def _pairs(before: Any, after: Any, pointer: str) -> Iterator[tuple[str, Manifest, Manifest]]:
    field = workload.members(before)
    if not field:
        yield pointer, before, after
        return
    kind, is_list, _ = str(before["kind"]).partition("List")
    for number, (old, new) in enumerate(zip(before[field], after[field], strict=True)):
        if old is new:
            continue
        if not old.get("kind") and kind and is_list:
            # An object without a kind is of the kind that its list names.
            typed = {"apiVersion": before.get("apiVersion"), "kind": kind}
            old, new = typed | old, typed | new
        yield from _pairs(old, new, f"{pointer}/{field}/{number}")


def _schema(manifest: Manifest) -> Schema:
    """The schema of an object: that of a pod at its templates, by which elements are matched."""
    row = kinds.of(manifest)
    # The elements of a list have the schema of the list.
    paths = [[part for part in path.split("/")[1:] if part != "*"] for path in row.templates] if row else []
    return _nested(paths)


def _nested(paths: Sequence[Sequence[str]]) -> Schema:
    if not paths:
        return ATOMIC
    if not all(paths):
        return POD
    heads = {path[0] for path in paths}
    return Schema({head: _nested([path[1:] for path in paths if path[0] == head]) for head in heads})
