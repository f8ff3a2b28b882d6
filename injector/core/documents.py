"""Objects in YAML documents: which have pod templates, the items of Lists, and their lines.

Not here: where documents come from, and what is done with the objects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from injector import yamltext
from injector.classes import dataclass
from injector.core import kinds, workload
from injector.core.kinds import KindTable
from injector.core.model import Manifest
from injector.errors import ManifestError
from injector.patterns import pattern
from injector.yamltext import Document, Obstacle

KUSTOMIZE: Final = "kustomize.config.k8s.io/"
"""How the apiVersion of Kustomize's files begins."""
_BLANKS: Final = " \t\r\n"
# What only a template of Helm has between its braces.
_HELM = pattern(
    r"\{\{-?\s*(?:\$?\.(?:Values|Release|Chart|Capabilities|Template|Files)\b"
    r"|(?:include|template|if|else|range|with|end|define|toYaml|tpl)\b|/\*)"
)
_COMMENTS = pattern(r"(?:[ \t]*(?:#[^\n]*)?(?:\r?\n|\Z))*")
_HEAD = pattern(r"(?:[ \t]*(?:#[^\n]*)?\r?\n)*")

Change: TypeAlias = Callable[[Document, Manifest, str], Manifest]
"""Takes a document, an object in it and the object's pointer; gives the object, or another one."""


def has_workloads(document: Document, table: KindTable = kinds.TABLE) -> bool:
    """Whether a document is of a kind with a pod template, or a List. Raises ManifestError."""
    kind = kind_of(document)
    return kind is not None and table.may_hold_pods(*kind)


def kind_of(document: Document) -> tuple[str, str] | None:
    """apiVersion and kind of a document. Raises ManifestError, which says so for a Helm template."""
    try:
        return yamltext.kind_of(document)
    except yamltext.YamlError as error:
        raise _for_helm(document, error) from error


def _load(document: Document) -> Any:
    """The tree of a document. Raises ManifestError as `kind_of` does."""
    try:
        return yamltext.load(document)
    except yamltext.YamlError as error:
        raise _for_helm(document, error) from error


def _for_helm(document: Document, error: yamltext.YamlError) -> ManifestError:
    """The error for a document that is no YAML, or that it is a template of Helm."""
    match = _HELM.search(document.text)
    if match is None:
        return error
    line = document.line + document.text.count("\n", 0, match.start())
    hint = "render it first: helm template CHART | injector kube-inject -f -"
    return ManifestError(
        "this is a Helm template, not a manifest", where=f"{document.source}:{line}", hint=hint
    )


def is_blank(document: Document) -> bool:
    """Whether a document has no content but comments."""
    content = document.text.lstrip(_BLANKS)
    return not content or (content.startswith("#") and bool(_COMMENTS.fullmatch(document.text)))


def is_object(kind: tuple[str, str] | None) -> bool:
    """Whether this apiVersion and kind are those of an object of a cluster; Kustomize's files are none."""
    if kind is None:
        return False
    return kinds.TABLE.may_hold_pods(*kind) or bool(kind[0] and not kind[0].startswith(KUSTOMIZE))


def check_other(document: Document, kind: tuple[str, str] | None) -> bool:
    """Whether a document without workloads, of this kind, is an object or nothing but comments.

    Raises ManifestError for what somebody may have meant for an object, and kubectl does not read.
    """
    if is_object(kind):
        return True
    try:
        tree = yamltext.load(document)
    except ManifestError:
        return False
    if isinstance(tree, list) and any(
        isinstance(i, dict) and {"apiVersion", "kind"} <= i.keys() for i in tree
    ):
        hint = "write them one after another, or as items of a List; kubectl does not read such a list either"
        raise placed(ManifestError("a list of objects, expected an object", hint=hint), document, "")
    if tree is not None and _is_rest(document):
        hint = "check quotes, commas and brackets"
        raise placed(ManifestError("neither JSON nor a Kubernetes object", hint=hint), document, "")
    return tree is None


def _is_rest(document: Document) -> bool:
    """Whether a document is what follows JSON values and is none."""
    return document.index > 0 and not document.is_json and not document.has_separator


@dataclass(frozen=True, slots=True)
class ChangedDocument:
    """A document after a change: its new text (without the separator), its tree before and after.

    `rewritten` says why all of it was written anew; it is empty where only the edited places differ.
    """

    text: str
    before: Manifest
    after: Manifest
    rewritten: str = ""


def changed(document: Document, change: Change) -> ChangedDocument | None:
    """A document after a change, None where it stays as it is. Raises ManifestError with file and line."""
    tree = _load(document)
    if not isinstance(tree, dict):
        return None
    new = each(document, tree, change)
    return None if new is tree else replaced(document, tree, new)


def replaced(document: Document, tree: Manifest, new: Manifest) -> ChangedDocument:
    """A document with another tree than its own, in which only what differs is edited."""
    text = yamltext.edited(document, tree, new)
    if isinstance(text, Obstacle):
        return ChangedDocument(_rewritten(document, new), tree, new, text.value)
    return ChangedDocument(text, tree, new)


def _rewritten(document: Document, tree: Manifest) -> str:
    """The text of a changed document: the comments above it, and its style and line ends."""
    match = _HEAD.match(document.text)
    head = match.group() if match else ""
    body = document.text[len(head) :]
    value = body.strip(_BLANKS)
    if value.startswith("{"):
        before, _, after = body.partition(value)
        text = before + yamltext.dump_json(tree, value) + after
    else:
        text = yamltext.dump(tree)
    if document.raw.partition("\n")[0].endswith("\r"):
        text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    return head + text


def each(document: Document, tree: Any, change: Change, pointer: str = "") -> Manifest:
    """The tree of a document with its objects changed, those of lists and Templates one by one.

    Raises ManifestError.
    """
    if not isinstance(tree, dict):
        raise placed(ManifestError("an object is expected"), document, pointer)
    field = workload.members(tree)
    if not field:
        return change(document, tree, pointer)
    items = tree.get(field)
    if items is None:
        return tree
    if not isinstance(items, list):
        raise placed(ManifestError("a list is expected", where=f"/{field}"), document, pointer)
    new = [_member(document, tree, item, change, f"{pointer}/{field}/{i}") for i, item in enumerate(items)]
    if all(a is b for a, b in zip(items, new, strict=True)):
        return tree
    return {**tree, field: new}


def _member(document: Document, parent: Manifest, item: Any, change: Change, pointer: str) -> Any:
    """An object of a list, changed. One without a kind is of the kind that its list names."""
    kind, is_list, _ = str(parent["kind"]).partition("List")
    if not isinstance(item, dict) or item.get("kind") or not (kind and is_list):
        return each(document, item, change, pointer)
    typed = {"apiVersion": parent.get("apiVersion"), **item, "kind": kind}
    new = each(document, typed, change, pointer)
    if new is typed:
        return item
    return {key: value for key, value in new.items() if key in item or key not in ("apiVersion", "kind")}


def place(document: Document, pointer: str) -> str:
    """``file:line`` of a JSON pointer in a document."""
    return f"{document.source}:{yamltext.locate(document, pointer)}"


def placed(error: ManifestError, document: Document, pointer: str) -> ManifestError:
    """An error about a pointer below an object, with file and line in front."""
    if isinstance(error, yamltext.YamlError):
        return error
    at = pointer + error.where
    return ManifestError(error.message, where=f"{place(document, at)}: {at or '/'}", hint=error.hint)
