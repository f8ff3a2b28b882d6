"""Documents without workloads: what is no object of Kubernetes, or of a kind that was probably misspelt.

Not here: documents that kubectl does not read (`documents`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache
from typing import Any, Final

from injector import yamltext
from injector.core import documents, kinds
from injector.core.documents import ChangedDocument
from injector.core.finding_codes import FindingCode
from injector.core.kinds import KindTable
from injector.core.model import Finding
from injector.errors import ManifestError
from injector.near import close_matches
from injector.printable import shown
from injector.yamltext import Document

_NEAR: Final = 0.8
_LONGEST: Final = 40
_PIPE: Final = "| injector kube-inject -f -"


def finding(
    document: Document,
    kind: tuple[str, str] | None,
    settings: Callable[[], Collection[str]],
    *,
    whole: bool,
    table: KindTable = kinds.TABLE,
) -> Finding | None:
    """What a person should know of a document without workloads; None for other objects and comments.

    `settings` gives the keys of a configuration of this program; `whole` says that nothing else is in
    the file. Raises ManifestError as `documents.check_other` does.
    """
    if documents.check_other(document, kind):
        return _of_object(document, kind, table) if kind else _of_blank(document, whole)
    if kind and not kind[0] and (near := nearest(kind[1], "", table)):
        return _misspelt(document, kind, near)
    text = "no Kubernetes object (apiVersion and kind are expected), passed as it is"
    where = documents.place(document, "")
    return Finding.of(FindingCode.NO_OBJECT, text, where, _hint(_tree(document), settings()))


def of_missing_version(document: Document, pointer: str, row: kinds.Kind) -> Finding:
    """An object of a known kind without an apiVersion."""
    text, hint = f"apiVersion of the {row.kind} is missing", f"set apiVersion: {row.api_version}"
    return Finding.of(FindingCode.NO_OBJECT, text, documents.place(document, pointer), hint)


def of_rewritten(document: Document, change: ChangedDocument) -> Finding:
    """A document of which not only the changed places differ."""
    text = f"all of the document is written again, without its comments: {change.rewritten}"
    return Finding.of(FindingCode.REWRITTEN, text, documents.place(document, ""))


@cache
def nearest(kind: str, api_version: str, table: KindTable = kinds.TABLE) -> kinds.Kind | None:
    """The kind with a pod template that was probably meant, None for one that may be right.

    Without an apiVersion it is one of Kubernetes.
    """
    if len(kind) > _LONGEST or table.row(kind, api_version) or table.may_hold_pods(api_version, kind):
        return None
    group = kinds.group_of(api_version)
    words = {
        word.lower(): row
        for row in table.rows
        if (group in row.groups if api_version else row.upstream)
        for word in (row.kind, row.plural)
        if word and row.templates
    }
    close = close_matches(kind.lower(), words, n=1, cutoff=_NEAR)
    return words[close[0]] if close else None


def _of_object(document: Document, kind: tuple[str, str], table: KindTable) -> Finding | None:
    near = nearest(kind[1], kind[0], table)
    return _misspelt(document, kind, near) if near else None


def _misspelt(document: Document, kind: tuple[str, str], near: kinds.Kind) -> Finding:
    text = f"kind {shown(kind[1])} is unknown and passed as it is; did you mean {near.kind}?"
    hint = f"write apiVersion: {near.api_version} and kind: {near.kind}"
    return Finding.of(FindingCode.MISSPELT_KIND, text, documents.place(document, "/kind"), hint)


def _of_blank(document: Document, whole: bool) -> Finding | None:
    if not whole:
        return None
    text = "no content, or only comments; manifests are expected"
    return Finding.of(FindingCode.NO_OBJECT, text, document.source, "check what writes it")


def _tree(document: Document) -> Any:
    try:
        return yamltext.load(document)
    except ManifestError:
        return None


def _hint(tree: Any, settings: Collection[str]) -> str:
    """What to do with a document that is no object."""
    if not isinstance(tree, dict) or not tree:
        return "check that this is the right file"
    if tree.keys() <= set(settings):
        return "this is a configuration of the injector; use it with --config"
    if "kind" not in tree and {"apiVersion", "name", "version"} <= tree.keys():
        return f"this is the Chart.yaml of a Helm chart; render the chart: helm template DIR {_PIPE}"
    if str(tree.get("apiVersion")).startswith(documents.KUSTOMIZE):
        return f"this is a file of Kustomize; render it: kubectl kustomize DIR {_PIPE}"
    missing = [key for key in ("apiVersion", "kind") if key not in tree]
    return f"add {' and '.join(missing)}, or exclude the document" if missing else ""
