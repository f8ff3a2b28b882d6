"""The input of the form: manifests and the labels of a namespace, explained.

Here: from text to explanations, and errors with a line of the text. Not here: files (cli), and the page.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from injector import yamltext
from injector.classes import dataclass
from injector.core import documents, kinds, workload
from injector.core.model import Facts, Manifest
from injector.core.profile import Config
from injector.core.reports.provenance import Explanation, explain
from injector.errors import ManifestError
from injector.yamltext import Document

MANIFESTS: Final = "manifests"
LABELS: Final = "namespace labels"
# Each takes a tenth of a second.
MOST: Final = 20
# In all objects, aliases written out; of a text each 16 characters count as one more.
MOST_VALUES: Final = 10_000
_CHARACTERS: Final = 16


@dataclass(frozen=True, slots=True)
class FormResult:
    """A workload, its place in the text, and its explanation."""

    where: str
    workload: workload.Workload
    explanation: Explanation


def answers(
    text: str, config: Config, facts_of: Callable[[workload.Workload], Facts]
) -> tuple[FormResult, ...]:
    """Every workload of a text explained. Raises ManifestError with the line in the text."""
    out: list[FormResult] = []
    left = MOST_VALUES

    def look(document: Document, manifest: Manifest, pointer: str) -> Manifest:
        for located in _located(document, pointer, manifest, config):
            if len(out) == MOST:
                raise ManifestError(f"more than {MOST} workloads", where=MANIFESTS, hint="paste fewer")
            explanation = explain(located.template, facts_of(located), config, located.manifest)
            out.append(FormResult(documents.place(document, pointer), located, explanation))
        return manifest

    for document in yamltext.split(text, MANIFESTS):
        if not documents.has_workloads(document, config.kinds):
            continue
        tree = yamltext.load(document)
        left -= _size(tree, left)
        if left < 0:
            hint = "use injector explain --html instead"
            raise ManifestError(f"more than {MOST_VALUES} values", where=MANIFESTS, hint=hint)
        documents.each(document, tree, look)
    if not out:
        hint = f"supported kinds: {', '.join(kinds.KINDS)}"
        raise ManifestError("no object with a pod template", where=MANIFESTS, hint=hint)
    return tuple(out)


def _size(tree: object, most: int) -> int:
    """How many values a tree has, long texts as several; counting ends above `most`."""
    size = 0
    waiting = [tree]
    while waiting and size <= most:
        value = waiting.pop()
        size += 1
        if isinstance(value, str):
            size += len(value) // _CHARACTERS
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
            size += sum(len(key) for key in value) // _CHARACTERS
    return size


def labels(text: str) -> dict[str, str] | None:
    """The labels in a text, None where it is empty. Raises ManifestError with the line in the text."""
    document = Document(text, source=LABELS)
    tree = yamltext.load(document)
    if tree is None:
        return None
    try:
        workload.check_pod({"metadata": {"labels": tree}})
    except ManifestError as error:
        at = error.where.removeprefix("/metadata/labels")
        hint = "write one label per line: name: value"
        raise documents.placed(ManifestError(error.message, where=at, hint=hint), document, "") from error
    return {key: value or "" for key, value in tree.items()}


def _located(
    document: Document, pointer: str, manifest: Manifest, config: Config
) -> tuple[workload.Workload, ...]:
    try:
        return workload.locate_all(manifest, quirks=config.quirks, table=config.kinds)
    except ManifestError as error:
        raise documents.placed(error, document, pointer) from error
