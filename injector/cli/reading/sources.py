"""Where documents come from: files, folders, stdin and URLs, by the names that a command line gives.

Not here: what is in the documents, and how one source is read (`source`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Final

from injector import files, yamltext
from injector.classes import dataclass
from injector.cli.reading.selection import Selection
from injector.cli.reading.source import STDIN, NamedSource
from injector.cli.report import Report
from injector.core import documents
from injector.core.finding_codes import FindingCode, Level
from injector.core.model import Finding
from injector.errors import ConfigError, InjectorError, ManifestError
from injector.files import Identity
from injector.patterns import pattern
from injector.yamltext import Document

SUFFIXES: Final = (".yaml", ".yml", ".json")
_URL = pattern(r"[A-Za-z][A-Za-z0-9+.-]*://")


def _printed(finding: Finding) -> None:
    Report().findings([finding])


@dataclass(frozen=True, slots=True)
class Sources:
    """How names are read: whether folders in folders and URLs count, and who takes findings about files.

    `selection` is about files in folders. With `in_place` each file is read once, by whatever names, and
    anything else is refused. `identities` are those of the files that were read, by their names in messages,
    and `texts` those that were read already, by their names.
    """

    recursive: bool = False
    urls: bool = False
    warn: Callable[[Finding], None] = _printed
    selection: Selection = field(default_factory=Selection)
    in_place: bool = False
    identities: dict[str, Identity] = field(default_factory=dict)
    texts: Mapping[str, bytes] = field(default_factory=dict)

    def documents(self, names: Sequence[str]) -> list[Document]:
        """The documents of files, folders (in the order of their names), stdin (``-``) and URLs.

        Raises ManifestError where something cannot be read, ConfigError for stdin named twice.
        """
        read = []
        for item in self.each(names):
            if isinstance(item, InjectorError):
                raise item
            read.append(item)
        return read

    def each(self, names: Sequence[str]) -> Iterator[Document | InjectorError]:
        """The same one by one, and what cannot be read as an error, after which others follow.

        Raises ConfigError for stdin named twice.
        """
        named = [part for name in names for part in ([name] if name in self.texts else _split(name))]
        if named.count(STDIN) > 1:
            raise ConfigError("stdin can be read only once", where="-f -", hint="use -f - only once")
        listed = [source for name in named for source in self._listed(name)]
        self._note_unused()
        for item in _files_once(listed) if self.in_place else listed:
            if isinstance(item, InjectorError):
                yield item
                continue
            try:
                yield from self._documents(item)
            except InjectorError as error:
                yield error

    def _listed(self, name: str) -> list[NamedSource | InjectorError]:
        try:
            return list(self._sources(name))
        except InjectorError as error:
            return [error]

    def _documents(self, source: NamedSource) -> Iterator[Document]:
        """The documents of a source; of a file in a folder none where it has no objects."""
        read, identity = source.documents()
        if identity:
            self.identities[source.name] = identity
        if source.folder is None:
            yield from read
            return
        first: list[Document] = []
        for document in read:
            first.append(document)
            if _may_be_object(document):
                yield from first
                yield from read
                return
        if all(documents.check_other(document, None) for document in first):
            yield from first
            return
        self._left_out("left out, as it has no Kubernetes objects", source.name)

    def _sources(self, name: str) -> Iterator[NamedSource]:
        if name in self.texts:
            yield NamedSource(name, downloaded=self.texts[name])
        elif "://" in name and _URL.match(name):
            yield self.source_of_url(name)
        elif name == STDIN or not os.path.isdir(name):
            yield NamedSource(name)
        else:
            yield from self._of_folder(name)

    def source_of_url(self, url: str) -> NamedSource:
        """What a URL answers. Raises ConfigError, ManifestError."""
        # Other runs start faster without it.
        from injector.cli.reading import downloads

        if not self.urls:
            hint = "download it first: curl -fsSL URL, and -f - for the output"
            raise ConfigError("this command reads no URLs", where=f"-f {downloads.public(url)}", hint=hint)
        return NamedSource(downloads.public(url), downloaded=downloads.read(url))

    def _of_folder(self, name: str) -> Iterator[NamedSource]:
        folder, below = Path(name), list[str]()
        read = list(self._files(folder, "", below))
        if not read:
            hint = f"supported file names end in {', '.join(SUFFIXES)}"
            if self.selection.include or self.selection.exclude:
                hint = f"check --include and --exclude; {hint}"
            hint = "use -R to read the folders in it as well" if below else hint
            raise ManifestError("the folder has no manifests", where=str(folder), hint=hint)
        if below:
            text = f"{len(below)} folder{'s' if len(below) > 1 else ''} in it not read"
            self._left_out(text, str(folder), Level.NOTE, "-R reads them")
        yield from (NamedSource(str(folder / path), folder) for path in read)

    def _files(self, folder: Path, inside: str, below: list[str]) -> Iterator[str]:
        """The paths in a folder of what is read. `below` gets the folders that are not looked into."""
        at = folder / inside
        try:
            with os.scandir(at) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError as error:
            hint = files.advice_on(error) + (f", or leave it out: --exclude {inside}" if inside else "")
            raise ManifestError(files.reason_of(error), where=str(at), hint=hint) from error
        for entry in entries:
            path = inside + entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                if not self.selection.takes(f"{path}/"):
                    continue
                if self.recursive:
                    yield from self._files(folder, f"{path}/", below)
                else:
                    below.append(path)
            elif self._is_read(entry, path, folder):
                yield path

    def _is_read(self, entry: os.DirEntry[str], path: str, folder: Path) -> bool:
        """Whether a file, or what a link leads to, is read; what might have been meant is reported."""
        is_link = entry.is_symlink()
        leads_to_folder = is_link and os.path.isdir(entry.path)
        if not (entry.name.endswith(SUFFIXES) or leads_to_folder):
            return False
        if not self.selection.takes(f"{path}/" if leads_to_folder else path):
            return False
        if is_link and not files.is_inside(folder, Path(entry.path)):
            self._left_out(f"skipped, as the link leaves {folder}", entry.path)
            return False
        # A folder inside is read where it is.
        if leads_to_folder:
            return False
        try:
            kind = files.kind_of(entry.stat().st_mode)
        except OSError:
            self._left_out("skipped, as the link leads to no file", entry.path)
            return False
        if kind:
            self._left_out(f"skipped, as it is {kind}", entry.path, Level.NOTE)
        return not kind

    def _note_unused(self) -> None:
        for flag in sorted(glob.flag for glob in self.selection.unused):
            self._left_out("the pattern fits no file in a folder", flag)

    def _left_out(self, text: str, where: str, level: Level = Level.WARNING, hint: str = "") -> None:
        self.warn(Finding.of(FindingCode.LEFT_OUT, text, where, hint, level=level))


def read_url(name: str) -> tuple[str, str] | None:
    """What messages call a URL, and the text that it answers; None for other names. Raises InjectorError."""
    if not _URL.match(name):
        return None
    source = Sources(urls=True).source_of_url(name)
    return source.name, source.text()


def is_named(word: str) -> bool:
    """Whether a plain argument names manifests, where it may also name a kind of workload."""
    return word == STDIN or word.endswith(SUFFIXES) or bool(_URL.match(word))


def _files_once(listed: Sequence[NamedSource | InjectorError]) -> list[NamedSource | InjectorError]:
    """The sources, each file once, by its own name where a link leads to it as well. Raises ConfigError."""
    by_path: dict[str, NamedSource | InjectorError] = {}
    for number, item in enumerate(listed):
        if isinstance(item, InjectorError):
            by_path[f"{number}"] = item
            continue
        if not item.is_file:
            hint = "name files or folders, or remove --in-place"
            raise ConfigError("only files can be changed in place", where=f"-f {item.name}", hint=hint)
        path = os.path.realpath(item.name)
        if path not in by_path or not os.path.islink(item.name):
            by_path[path] = item
    return list(by_path.values())


def _split(name: str) -> list[str]:
    """The names in one, separated by commas, unless there is a file of the whole name."""
    if "," not in name or _URL.match(name) or os.path.exists(name):
        return [name]
    return [part for part in name.split(",") if part]


def _may_be_object(document: Document) -> bool:
    try:
        return documents.is_object(yamltext.kind_of(document))
    except ManifestError:
        return True
