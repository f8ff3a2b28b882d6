"""Injection and its removal at the texts of manifests, and the laws of what comes out.

Not here: the manifests.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from injector import yamltext
from injector.config.loading import Input, Text, load_input
from injector.core import documents, workload
from injector.core.documents import Change, ChangedDocument
from injector.core.injection.pipeline import inject
from injector.core.injection.recovery import removed
from injector.core.model import Facts, Manifest
from injector.core.profile import Config
from injector.core.tree.schema import same
from injector.errors import ManifestError
from injector.yamltext import Document

FACTS = Facts(namespace="shop")
_FLOW = re.compile(r"[\[\]{}]")
_COMMENT = re.compile(r"# c\d+:")


@cache
def config() -> Config:
    """The built-in defaults."""
    return load_input(Input(Text("{}\n", "config"), "."))


def injecting(_document: Document, manifest: Manifest, _pointer: str) -> Manifest:
    """The object with sidecars. Raises ManifestError."""
    new = manifest
    for located in workload.locate_all(manifest):
        outcome = inject(located.template, FACTS, config(), located.manifest)
        if outcome.patch:
            new = replace(located, manifest=new).with_template(outcome.pod)
    return new


def removing(_document: Document, manifest: Manifest, _pointer: str) -> Manifest:
    """The object without sidecars. Raises ManifestError."""
    new = manifest
    for located in workload.locate_all(manifest):
        undone = removed(located.template, FACTS, config())
        if undone is not None:
            new = replace(located, manifest=new).with_template(undone.pod)
    return new


@dataclass(frozen=True)
class Edited:
    """A document after a change."""

    document: Document
    change: ChangedDocument

    @property
    def after(self) -> Document:
        """The document that the new text is."""
        return replace(self.document, text=self.change.text)

    @property
    def inserts_only(self) -> bool:
        """Whether nothing that was there is gone."""
        return is_inside(self.change.before, self.change.after)


def edited(document: Document, change: Change) -> Edited | None:
    """A document after a change, None where it stays. Raises ManifestError."""
    made = documents.changed(document, change)
    return Edited(document, made) if made else None


def is_inside(before: Any, after: Any) -> bool:
    """Whether a tree has everything of another one, in the same order of lists."""
    if isinstance(before, dict) and before:
        return isinstance(after, dict) and all(
            key in after and is_inside(value, after[key]) for key, value in before.items()
        )
    if isinstance(before, list) and before:
        rest: Iterator[Any] = iter(after if isinstance(after, list) else ())
        return all(any(is_inside(item, other) for other in rest) for item in before)
    return same(before, after)


def check(result: Edited) -> None:
    """The laws of one text into which something was injected in place."""
    _check_text(result)
    text, document = result.change.text, result.document
    _check_lines(result, text)
    if result.inserts_only:
        assert is_subsequence(pieces(document.text), text), "a byte of the input is not there"


def check_way_back(result: Edited) -> Edited | None:
    """The laws of injection and its removal together; None where nothing is removed."""
    back = edited(result.after, removing)
    if back is None:
        return None
    _check_text(back)
    _check_lines(result, back.change.text)
    assert same(_with_metadata(back.change.after), _with_metadata(result.change.before))
    if result.inserts_only:
        assert back.change.text == result.document.text
    return back


def _with_metadata(tree: Any) -> Any:
    """A tree where metadata that is null is not there: nothing of it is in an injected pod."""
    if isinstance(tree, dict):
        return {k: _with_metadata(v) for k, v in tree.items() if not (k == "metadata" and v is None)}
    return [_with_metadata(item) for item in tree] if isinstance(tree, list) else tree


def _check_text(result: Edited) -> None:
    """What holds for every text that was edited in place."""
    text, document = result.change.text, result.document
    assert not result.change.rewritten
    read = yamltext.load(result.after)
    assert same(read, result.change.after), "the text is not the result"
    dumped = yamltext.load_text(yamltext.dump(result.change.after), "dumped")
    assert same(read, dumped), "the result is not what the dumper writes"
    assert _COMMENT.findall(text) == _COMMENT.findall(document.text), "a comment is lost or moved"
    assert text.endswith("\n") == document.text.endswith("\n")
    assert text.count("\r") in (0, text.count("\n"))


def _check_lines(result: Edited, text: str) -> None:
    """A line of a text without flow maps and lists that is gone has a value that injection replaced."""
    before = result.document.text
    if not _FLOW.search(before) and not _moves(result.change.before, result.change.after):
        lost = Counter(lines(before)) - Counter(lines(text))
        gone = {line for line in lost if line.strip() != "-" and line.strip()[0] != "#"}
        assert gone <= _lines_of_lost(result), gone - _lines_of_lost(result)


def was_injected(document: Document) -> bool:
    """Whether a document came with a sidecar, so that removal gives another document."""
    return edited(document, removing) is not None


def _moves(before: Any, after: Any) -> bool:
    """Whether elements of a list have changed places; those are written again where they are now."""
    if isinstance(before, dict) and isinstance(after, dict):
        return any(_moves(value, after.get(key)) for key, value in before.items())
    if not (isinstance(before, list) and isinstance(after, list)):
        return False
    names = [[each.get("name") for each in side if isinstance(each, dict)] for side in (before, after)]
    common = [[name for name in side if name in names[0] and name in names[1]] for side in names]
    pairs = [(a, b) for a in before for b in after if isinstance(a, dict) and isinstance(b, dict)]
    return common[0] != common[1] or any(
        _moves(a, b) for a, b in pairs if a.get("name") is not None and a.get("name") == b.get("name")
    )


def lines(text: str) -> list[str]:
    """The lines of a text without line ends, and without those that are empty."""
    return [line.rstrip("\r\n") for line in text.split("\n") if line.strip()]


def pieces(text: str) -> Iterator[str]:
    """A text in pieces that injection leaves whole: lines; in those with flow what is between its signs."""
    for line in text.split("\n"):
        body = line.rstrip("\r")
        yield from re.findall(r"[^\[\]{},\s]+", body) if _FLOW.search(body) else [body]


def is_subsequence(parts: Iterator[str], text: str) -> bool:
    """Whether a text has these parts in this order."""
    place = 0
    for part in parts:
        place = text.find(part, place)
        if place < 0:
            return False
        place += len(part)
    return True


def _lines_of_lost(result: Edited) -> set[str]:
    """The lines of the input that hold a key or a value of which there are fewer now."""
    lost = Counter(_leaves(result.change.before)) - Counter(_leaves(result.change.after))
    words = {path[-1] for path, _ in lost} | {value.strip("'") for _, value in lost if value != "''"}
    return {line for line in lines(result.document.text) if any(word in line for word in words)}


def _leaves(tree: Any, path: tuple[str, ...] = ("-",)) -> Iterator[tuple[tuple[str, ...], str]]:
    """The scalars and empty collections of a tree with the keys that they are under, and those keys."""
    if isinstance(tree, dict) and tree:
        for name, value in tree.items():
            yield (*path, name), "key"
            yield from _leaves(value, (*path, name))
    elif isinstance(tree, list) and tree:
        for item in tree:
            yield from _leaves(item, path)
    else:
        yield path, repr(tree)


def workloads(text: str, source: str) -> Sequence[Document]:
    """The documents of a text that may hold a pod template."""
    return [each for each in yamltext.split(text, source) if _may_be_changed(each)]


def _may_be_changed(document: Document) -> bool:
    try:
        return documents.has_workloads(document)
    except ManifestError:
        return False
