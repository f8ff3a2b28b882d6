"""Streams of manifests: from files, folders and stdin, through a change, back to text.

A document that is not changed is written as it was read, byte for byte. Not here: what the change is.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from injector import files, yamltext
from injector.cli.failures import print_errors
from injector.core import documents, workload
from injector.core.model import Manifest
from injector.errors import ConfigError, InjectorError, ManifestError
from injector.printable import visible
from injector.yamltext import Document

SUFFIXES: Final = (".yaml", ".yml", ".json")
STDIN: Final = "-"


@dataclass(frozen=True, slots=True)
class Part:
    """A document and its new text; None where it stays as it is."""

    document: Document
    text: str | None = None


def check_named(names: Sequence[str]) -> None:
    """Raise ConfigError where no manifests are named."""
    if not names:
        raise ConfigError(
            "filename not specified (see --filename or -f)", hint="give -f FILE, or -f - for stdin"
        )


def is_named(word: str) -> bool:
    """Whether a plain argument names manifests, and no kind of workload."""
    return word == STDIN or word.endswith(SUFFIXES)


def read_all(names: Sequence[str]) -> list[Document]:
    """The documents of files, folders (recursively, in order of names) and stdin (``-``).

    Raises ManifestError where something cannot be read, ConfigError for stdin named twice.
    """
    if list(names).count(STDIN) > 1:
        raise ConfigError("stdin can be read only once", where="-f -", hint="use -f - only once")
    return [document for name in names for source in _sources(name) for document in _documents(source)]


def _documents(source: _Source) -> list[Document]:
    """The documents of a source; of a file in a folder none where it has no objects."""
    read = yamltext.split(source.text(), source.name)
    if source.folder is None or any(map(_may_be_object, read)):
        return read
    if all(documents.check_other(document, None) for document in read):
        return read
    text = f"warning: {visible(source.name)}: left out, as it has no Kubernetes objects"
    click.echo(text, err=True)
    return []


def _may_be_object(document: Document) -> bool:
    try:
        return documents.is_object(yamltext.kind_of(document))
    except ManifestError:
        return True


@dataclass(frozen=True, slots=True)
class _Source:
    """Stdin, a file, or one that has to lie in a folder. `name` is what messages call it."""

    name: str
    folder: Path | None = None

    def text(self) -> str:
        """The text. Raises ManifestError."""
        try:
            data = self._bytes()
        except (OSError, ValueError) as error:
            hint = "check the path and its permissions"
            raise ManifestError(files.reason_of(error), where=self.name, hint=hint) from error
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise ManifestError(
                "the text is not UTF-8", where=f"{self.name}:{line}", hint="save it as UTF-8"
            ) from error

    def _bytes(self) -> bytes:
        # Not as text: line ends are part of what must pass through.
        if self.name == STDIN:
            return sys.stdin.buffer.read()
        if self.folder is None:
            return Path(self.name).read_bytes()
        return files.read_inside(self.folder, str(Path(self.name).relative_to(self.folder)))


def _sources(name: str) -> Iterator[_Source]:
    folder = Path(name)
    if name == STDIN or not os.path.isdir(folder):
        yield _Source(name)
        return
    shown = [p for p in sorted(folder.rglob("*")) if not _is_hidden(p.relative_to(folder))]
    inside = [p for p in shown if not _leaves(p, folder)]
    read = [p for p in inside if p.suffix in SUFFIXES and os.path.isfile(p)]
    if not read:
        hint = f"supported file names end in {', '.join(SUFFIXES)}"
        raise ManifestError("the folder has no manifests", where=name, hint=hint)
    yield from (_Source(str(path), folder) for path in read)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _leaves(path: Path, folder: Path) -> bool:
    """Whether a path is a link out of the folder; one that might have been meant is named on stderr."""
    if not path.is_symlink() or files.is_inside(folder, path):
        return False
    if path.suffix in SUFFIXES or os.path.isdir(path):
        text = f"warning: {visible(str(path))}: skipped, as the link leaves {visible(str(folder))}"
        click.echo(text, err=True)
    return True


@dataclass(frozen=True, slots=True)
class Transformed:
    """A stream after the change: its parts, and the errors of any of them."""

    parts: tuple[Part, ...]
    errors: tuple[InjectorError, ...]

    def write(self, output: str | None) -> int:
        """Write the stream, or only print its errors; returns the exit status. Raises InjectorError."""
        if self.errors:
            status = print_errors(self.errors)
            click.echo("nothing was written", err=True)
            return status
        write(joined(self.parts), output, [part.document.source for part in self.parts])
        return 0


def transformed(
    names: Sequence[str], change: documents.Change, other: Callable[[Document], None] = lambda _document: None
) -> Transformed:
    """The documents of files, folders and stdin with their objects changed.

    A ManifestError of `change` leaves its object as it is; all of them are collected and reported
    together. `other` gets the documents without workloads. Raises as `read_all` does.
    """
    errors: list[InjectorError] = []

    def attempt(document: Document, manifest: Manifest, pointer: str) -> Manifest:
        try:
            return change(document, manifest, pointer)
        except ManifestError as error:
            errors.append(error)
            return manifest

    def part(document: Document) -> Part:
        try:
            kind = yamltext.kind_of(document)
            if kind and workload.has_template(kind[1]):
                return Part(document, documents.changed(document, attempt))
            other(document)
            if not documents.check_other(document, kind):
                _name_no_object(document)
        except ManifestError as error:
            errors.append(error)
        return Part(document)

    parts = tuple(part(document) for document in read_all(names))
    return Transformed(parts, tuple(errors))


def _name_no_object(document: Document) -> None:
    place = visible(documents.place(document, ""))
    text = f"warning: {place}: no Kubernetes object (apiVersion and kind are expected), passed as it is"
    click.echo(text, err=True)


def objects(names: Sequence[str]) -> list[Manifest]:
    """All objects of files, folders or stdin, those of Lists one by one."""
    manifests: list[Manifest] = []

    def keep(_document: Document, manifest: Manifest, _pointer: str) -> Manifest:
        manifests.append(manifest)
        return manifest

    for document in read_all(names):
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
        text = document.raw if part.text is None else document.separator + part.text
        if out:
            bare = _is_bare(document)
            # Behind YAML, kubectl ignores what follows a JSON value without a separator.
            as_read = _follows(document, before) and (bare or part.text is None)
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
