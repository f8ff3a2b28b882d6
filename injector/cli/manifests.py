"""Streams of manifests through a change, back to text.

A document that is not changed is written as it was read, byte for byte. Not here: what the change is,
and where the documents come from.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final, TypeAlias

import click

from injector import yamltext
from injector.cli.failures import print_errors
from injector.cli.sources import STDIN, Sources
from injector.core import documents, kinds, other_documents
from injector.core.documents import ChangedDocument
from injector.core.kinds import KindTable
from injector.core.model import Finding, Manifest
from injector.errors import ConfigError, InjectorError, ManifestError
from injector.yamltext import Document

_SOURCES: Final = Sources()

Other: TypeAlias = Callable[[Document, tuple[str, str] | None, Finding | None], None]
"""Takes a document without workloads, its apiVersion and kind, and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Part:
    """A document, and what became of it; None where it stays as it is."""

    document: Document
    changed: ChangedDocument | None = None

    @property
    def text(self) -> str:
        """The text that is written, with what separates it from the document before."""
        if self.changed is None:
            return self.document.raw
        return self.document.separator + self.changed.text


Form: TypeAlias = Callable[[Sequence[Part]], str]
"""Makes the output of the parts of a stream."""


def check_named(names: Sequence[str]) -> None:
    """Raise ConfigError where no manifests are named."""
    if not names:
        raise ConfigError(
            "filename not specified (see --filename or -f)", hint="give -f FILE, or -f - for stdin"
        )


@dataclass(frozen=True, slots=True)
class Transformed:
    """A stream after the change: its parts, and the errors of any of them."""

    parts: tuple[Part, ...]
    errors: tuple[InjectorError, ...]

    def write(self, output: str | None, last: str = "", form: Form | None = None) -> int:
        """Write the stream in a form, or only print its errors; returns the exit status.

        `last` is the last line of the report. Raises InjectorError.
        """
        status = 0
        if self.errors:
            status = print_errors(self.errors)
            click.echo("nothing was written", err=True)
        else:
            text = (form or joined)(self.parts)
            write(text, output, [part.document.source for part in self.parts])
        if last:
            click.echo(last, err=True)
        return status


def read_all(names: Sequence[str], sources: Sources = _SOURCES) -> list[Document]:
    """The documents of files, folders, stdin and URLs; errors as `Sources.documents`."""
    return sources.documents(names)


def transformed(
    names: Sequence[str],
    change: documents.Change,
    other: Other | None = None,
    sources: Sources = _SOURCES,
    table: KindTable = kinds.TABLE,
) -> Transformed:
    """The documents of files, folders, stdin and URLs with their objects changed.

    A ManifestError of `change` leaves its object as it is; all of them are collected and reported
    together. `other` gets the documents without workloads, with what is wrong with them; by default
    that is printed. Raises as `read_all` does.
    """
    errors: list[InjectorError] = []

    def attempt(document: Document, manifest: Manifest, pointer: str) -> Manifest:
        try:
            return change(document, manifest, pointer)
        except ManifestError as error:
            errors.append(error)
            return manifest

    read = read_all(names, sources)
    contents = {document.source for document in read if not documents.is_blank(document)}

    def part(document: Document) -> Part:
        try:
            kind = documents.kind_of(document)
            if kind and table.may_hold_pods(*kind):
                return Part(document, documents.changed(document, attempt))
            whole = document.source not in contents and document.index == 0
            finding = other_documents.finding(document, kind, setting_keys, whole=whole, table=table)
            if other:
                other(document, kind, finding)
            elif finding:
                sources.warn(finding)
        except ManifestError as error:
            errors.append(error)
        return Part(document)

    parts = tuple(map(part, read))
    return Transformed(parts, tuple(errors))


def setting_keys() -> frozenset[str]:
    """The keys of a configuration file."""
    # Only a document that is no object needs them.
    from injector.config.fields import key_of
    from injector.config.schema import Settings

    return frozenset(map(key_of, fields(Settings)))


def objects(names: Sequence[str]) -> list[Manifest]:
    """All objects of files, folders with what is below them, or stdin; those of lists one by one."""
    manifests: list[Manifest] = []

    def keep(_document: Document, manifest: Manifest, _pointer: str) -> Manifest:
        manifests.append(manifest)
        return manifest

    for document in read_all(names, Sources(recursive=True)):
        tree = yamltext.load(document)
        if tree is not None:
            documents.each(document, tree, keep)
    return manifests


def joined(parts: Sequence[Part]) -> str:
    """The parts as one stream; what was read as one stream unchanged comes out as it was.

    JSON alone stays a stream of JSON values.
    """
    out: list[str] = []
    only_json = all(_is_bare(part.document) for part in parts)
    behind_yaml = False
    before: Document | None = None
    for part in parts:
        document = part.document
        text = part.text
        if out:
            bare = _is_bare(document)
            # Behind YAML, kubectl ignores what follows a JSON value without a separator.
            as_read = _follows(document, before) and (bare or part.changed is None)
            as_read = as_read and not (behind_yaml and not document.has_separator)
            if not as_read:
                end = "\r\n" if out[-1].endswith("\r\n") else "\n"
                out.append("" if out[-1].endswith("\n") else end)
                text = _separated(text, end, bare and only_json)
        if text:
            out.append(text)
        behind_yaml = behind_yaml or not _is_bare(document)
        before = document
    return "".join(out)


def _separated(text: str, end: str, only_json: bool) -> str:
    """The text of a document behind another one, with a separator where it has none."""
    text = text.removeprefix("\ufeff")
    if only_json or text.startswith("---"):
        return text
    # Directives stand behind the end of a document, anything else behind its separator.
    return ("..." if text.startswith("%") else "---") + end + text


def _is_bare(document: Document) -> bool:
    """Whether a document is JSON without a separator."""
    return document.is_json and not document.has_separator


def _follows(document: Document, before: Document | None) -> bool:
    """Whether a document was read right behind another one."""
    return before is not None and document.source == before.source and document.index == before.index + 1


def write(
    text: str, path: str | None, inputs: Sequence[str], flag: str = "-o", *, onto_input: bool = True
) -> None:
    """Write to stdout or, atomically, to a file.

    `inputs` are the files that were read. With `onto_input` the output may be the only one of them
    (it was read whole). Raises ConfigError where it is one that must stay, ManifestError where it
    cannot be written.
    """
    if path is None or path == STDIN:
        sys.stdout.buffer.write(text.encode("utf-8"))
        sys.stdout.buffer.flush()
        return
    target = Path(os.path.realpath(path))
    if not onto_input or len(set(inputs)) > 1:
        _refuse_input(target, f"{flag} {path}", inputs)
    try:
        if target.exists() and not target.is_file():
            target.write_text(text, encoding="utf-8", newline="")
        else:
            _replace(target, text)
    except OSError as error:
        raise ManifestError(
            (error.strerror or "cannot be written").lower(), where=path, hint=f"check {flag}"
        ) from error


def _refuse_input(target: Path, where: str, inputs: Sequence[str]) -> None:
    real = {os.path.realpath(name) for name in inputs if name != STDIN}
    if str(target) in real:
        raise ConfigError("the output is one of the inputs", where=where, hint="choose another file")


def _replace(target: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("utf-8"))
        os.chmod(name, _mode(target))
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def _mode(target: Path) -> int:
    """The mode of the file that is replaced, else what a new file gets."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
