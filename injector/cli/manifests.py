"""Streams of manifests through a change, back to text.

A document that is not changed is written as it was read, byte for byte. Not here: what the change is,
and where the documents come from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field, fields
from typing import Final, TypeAlias

from injector import yamltext
from injector.classes import dataclass, replace
from injector.cli.reading.sources import Sources
from injector.cli.report import Report
from injector.cli.writing.output import Spool, publish
from injector.core import documents, kinds, other_documents
from injector.core.documents import ChangedDocument
from injector.core.kinds import KindTable
from injector.core.model import Finding, Manifest
from injector.errors import ConfigError, InjectorError, ManifestError
from injector.yamltext import Document

_SOURCES: Final = Sources()

Item: TypeAlias = Document | InjectorError | Finding
"""What reading gives: a document, why something could not be read, or what is reported about a file."""
Taken: TypeAlias = tuple[ChangedDocument | None, list[InjectorError]]
"""A document after the change, None where it stays as it is; and its errors."""
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


Spread: TypeAlias = Callable[[Iterable[tuple[Item, bool]]], Iterator[tuple[Item, Taken | None]]]
"""Gives all items in order, documents with what became of them."""
Form: TypeAlias = Callable[[Iterable[Part], Spool], None]
"""Writes the parts of a stream, one after the other."""


def check_named(names: Sequence[str]) -> None:
    """Raise ConfigError where no manifests are named."""
    if not names:
        raise ConfigError(
            "filename not specified (see --filename or -f)", hint="give -f FILE, or -f - for stdin"
        )


@dataclass(frozen=True, slots=True)
class Ending:
    """What a command adds when all of its input has been read: errors, and the last line of the report."""

    errors: tuple[InjectorError, ...] = ()
    line: str = ""


@dataclass(slots=True)
class Transformed:
    """A stream on its way through the change: its parts, each of them only once.

    `errors`, `inputs` (the files that were read) and `changed` (those that are changed) are complete when
    all parts have been taken.
    """

    parts: Iterator[Part] = field(default_factory=lambda: iter(()))
    errors: list[InjectorError] = field(default_factory=list)
    inputs: dict[str, None] = field(default_factory=dict)
    changed: dict[str, None] = field(default_factory=dict)

    def write(
        self,
        output: str | None,
        report: Report,
        end: Callable[[], Ending] = Ending,
        form: Form | None = None,
    ) -> int:
        """Write the stream in a form, or only report its errors; returns the exit status.

        `end` is called when all parts have been taken. Raises InjectorError.
        """
        with Spool() as spool:
            return self.taken(
                lambda parts: (form or joined)(parts, spool),
                report,
                end,
                lambda: publish(spool, output, self.inputs),
            )

    def part(self, document: Document, taken: Taken) -> Part:
        """A document with what became of it."""
        changed, errors = taken
        self.inputs[document.source] = None
        self.errors += errors
        if changed:
            self.changed[document.source] = None
        return Part(document, changed)

    def taken(
        self,
        take: Callable[[Iterable[Part]], None],
        report: Report,
        end: Callable[[], Ending] = Ending,
        finish: Callable[[], None] = lambda: None,
    ) -> int:
        """Let `take` have all parts, then report the errors and the numbers; returns the exit status.

        A ManifestError of `take` is one of the errors. Without any, `finish` is called before the numbers.
        """
        try:
            take(self.parts)
        except ManifestError as error:
            self.errors.append(error)
            # The other documents are reported on as well.
            for _ in self.parts:
                pass
        ending = end()
        status = 0
        if errors := [*self.errors, *ending.errors]:
            status = report.failures(errors)
            if not self.inputs:
                return status
            report.line("nothing was written")
        else:
            finish()
        if ending.line:
            report.line(ending.line)
        return status


def transformed(
    names: Sequence[str],
    change: documents.Change,
    other: Other | None = None,
    sources: Sources = _SOURCES,
    spread: Spread | None = None,
    table: KindTable = kinds.TABLE,
) -> Transformed:
    """The documents of files, folders, stdin and URLs with their objects changed, one by one.

    A ManifestError of `change` leaves its object as it is; all of them are collected, with those of
    files that cannot be read. `other` gets the documents without workloads, with what is wrong with
    them; by default that is printed. `spread` changes them elsewhere. Raises ConfigError for names that
    cannot be used.
    """
    stream = Transformed()

    def warn(_document: Document, _kind: tuple[str, str] | None, finding: Finding | None) -> None:
        if finding:
            sources.warn(finding)

    step = DocumentStep(change, other or warn, sources.warn, table)

    def here(items: Iterable[tuple[Item, bool]]) -> Iterator[tuple[Item, Taken | None]]:
        for item, whole in items:
            yield item, step.take(item, whole) if isinstance(item, Document) else None

    def parts() -> Iterator[Part]:
        for item, taken in (spread or here)(_read(names, sources)):
            if isinstance(item, Finding):
                sources.warn(item)
            elif isinstance(item, InjectorError):
                stream.errors.append(item)
            elif taken:
                yield stream.part(item, taken)

    stream.parts = parts()
    return stream


def _read(names: Sequence[str], sources: Sources) -> Iterator[tuple[Item, bool]]:
    """What is read, in order, with what is reported about files; documents as `_with_whole`."""
    reported: list[Finding] = []
    for item, whole in _with_whole(replace(sources, warn=reported.append).each(names)):
        if isinstance(item, ConfigError):
            raise item
        while reported:
            yield reported.pop(0), False
        yield item, whole
    yield from ((finding, False) for finding in reported)


@dataclass(frozen=True, slots=True)
class DocumentStep:
    """What happens to each document."""

    change: documents.Change
    other: Other
    warn: Callable[[Finding], None]
    table: KindTable = kinds.TABLE

    def take(self, document: Document, whole: bool) -> Taken:
        """The document after the change; `whole` says that it is the first of a source without content."""
        errors: list[InjectorError] = []

        def attempt(document: Document, manifest: Manifest, pointer: str) -> Manifest:
            try:
                return self.change(document, manifest, pointer)
            except ManifestError as error:
                errors.append(error)
                return manifest

        try:
            kind = documents.kind_of(document)
            if kind and self.table.may_hold_pods(*kind):
                new = documents.changed(document, attempt)
                if new and new.rewritten:
                    self.warn(other_documents.of_rewritten(document, new))
                return new, errors
            finding = other_documents.finding(document, kind, setting_keys, whole=whole, table=self.table)
            self.other(document, kind, finding)
        except ManifestError as error:
            errors.append(error)
        return None, errors


def _with_whole(items: Iterable[Document | InjectorError]) -> Iterator[tuple[Item, bool]]:
    """Each item, and whether it is the first document of a source without any content."""
    blank: list[Document] = []
    for item in items:
        document = item if isinstance(item, Document) else None
        if blank and not (document and document.index and document.source == blank[0].source):
            yield from _blanks(blank, whole=document is not None)
        if document and document.index == len(blank) and documents.is_blank(document):
            blank.append(document)
            continue
        yield from _blanks(blank, whole=False)
        yield item, False
    yield from _blanks(blank, whole=True)


def _blanks(blank: list[Document], *, whole: bool) -> Iterator[tuple[Item, bool]]:
    yield from ((document, whole and document.index == 0) for document in blank)
    blank.clear()


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

    for document in Sources(recursive=True).documents(names):
        tree = yamltext.load(document)
        if tree is not None:
            documents.each(document, tree, keep)
    return manifests


def joined(parts: Iterable[Part], out: Spool) -> None:
    """The parts as one stream; what was read as one stream unchanged comes out as it was.

    JSON alone stays a stream of JSON values.
    """
    behind_yaml = False
    before: Document | None = None
    last = ""
    for part in parts:
        document, text = part.document, part.text
        bare = _is_bare(document)
        if last:
            # Behind YAML, kubectl ignores what follows a JSON value without a separator.
            as_read = _follows(document, before) and (bare or part.changed is None)
            as_read = as_read and not (behind_yaml and not document.has_separator)
            if not as_read:
                end = "\r\n" if last.endswith("\r\n") else "\n"
                out.write("" if last.endswith("\n") else end)
                text = text.removeprefix("\ufeff")
                separator = _separator(text, end)
                last = separator
                # Among JSON alone there is none. Whether it is alone shows at the end.
                if bare and not behind_yaml:
                    out.write_if(separator)
                else:
                    out.write(separator)
        out.write(text)
        if not (bare or behind_yaml):
            behind_yaml = True
            out.settle(written=True)
        last = text or last
        before = document


def _separator(text: str, end: str) -> str:
    """What a document behind another one needs in front of it."""
    if text.startswith("---"):
        return ""
    # Directives stand behind the end of a document, anything else behind its separator.
    return ("..." if text.startswith("%") else "---") + end


def _is_bare(document: Document) -> bool:
    """Whether a document is JSON without a separator."""
    return document.is_json and not document.has_separator


def _follows(document: Document, before: Document | None) -> bool:
    """Whether a document was read right behind another one."""
    return before is not None and document.source == before.source and document.index == before.index + 1
