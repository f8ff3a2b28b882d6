"""Objects in YAML documents: which have pod templates, the items of Lists, and their lines.

Not here: where documents come from, and what is done with the objects.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

from injector import yamltext
from injector.core import workload
from injector.core.model import Manifest
from injector.errors import ManifestError
from injector.yamltext import Document

_HEAD = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\r?\n)*")

Change: TypeAlias = Callable[[Document, Manifest, str], Manifest]
"""Takes a document, an object in it and the object's pointer; gives the object, or another one."""


def has_workloads(document: Document) -> bool:
    """Whether a document is of a kind with a pod template, or a List. Raises ManifestError."""
    kind = yamltext.kind_of(document)
    return kind is not None and workload.has_template(kind[1])


def changed(document: Document, change: Change) -> str | None:
    """The new text of a document, None where it stays as it is. Raises ManifestError with file and line."""
    tree = yamltext.load(document)
    if not isinstance(tree, dict):
        return None
    new = each(document, tree, change)
    if new is tree:
        return None
    head = _HEAD.match(document.text)
    return (head.group() if head else "") + yamltext.dump(new)


def each(document: Document, tree: Any, change: Change, pointer: str = "") -> Manifest:
    """The tree of a document with its objects changed, also those of Lists in Lists. Raises ManifestError."""
    if not isinstance(tree, dict):
        raise placed(ManifestError("an object is expected"), document, pointer)
    if not workload.is_list(tree):
        return change(document, tree, pointer)
    items = tree.get("items")
    if items is None:
        return tree
    if not isinstance(items, list):
        raise placed(ManifestError("a list is expected", where="/items"), document, pointer)
    new = [each(document, item, change, f"{pointer}/items/{number}") for number, item in enumerate(items)]
    if all(a is b for a, b in zip(items, new, strict=True)):
        return tree
    return {**tree, "items": new}


def place(document: Document, pointer: str) -> str:
    """``file:line`` of a JSON pointer in a document."""
    return f"{document.source}:{yamltext.locate(document, pointer)}"


def placed(error: ManifestError, document: Document, pointer: str) -> ManifestError:
    """An error about a pointer below an object, with file and line in front."""
    if isinstance(error, yamltext.YamlError):
        return error
    at = pointer + error.where
    return ManifestError(error.message, where=f"{place(document, at)}: {at or '/'}", hint=error.hint)
