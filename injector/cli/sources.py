"""Where documents come from: files, folders, stdin and URLs, by the names that a command line gives.

Not here: what is in the documents.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from injector import files, yamltext
from injector.cli.report import Report
from injector.core import documents
from injector.core.finding_codes import FindingCode, Level
from injector.core.model import Finding
from injector.errors import ConfigError, InjectorError, ManifestError
from injector.yamltext import Document

SUFFIXES: Final = (".yaml", ".yml", ".json")
STDIN: Final = "-"
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PATTERN = re.compile(r"[*?\[]")


def _printed(finding: Finding) -> None:
    Report().findings([finding])


@dataclass(frozen=True, slots=True)
class Sources:
    """How names are read: whether folders in folders and URLs count, and who takes findings about files.

    `texts` are those that were read already, by their names.
    """

    recursive: bool = False
    urls: bool = False
    warn: Callable[[Finding], None] = _printed
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
        for name in named:
            try:
                listed = list(self._sources(name))
            except InjectorError as error:
                yield error
                continue
            for source in listed:
                try:
                    yield from self._documents(source)
                except InjectorError as error:
                    yield error

    def _documents(self, source: _Source) -> Iterator[Document]:
        """The documents of a source; of a file in a folder none where it has no objects."""
        read = source.documents()
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
        text = "left out, as it has no Kubernetes objects"
        self.warn(Finding.of(FindingCode.LEFT_OUT, text, source.name))

    def _sources(self, name: str) -> Iterator[_Source]:
        if name in self.texts:
            yield _Source(name, downloaded=self.texts[name])
        elif _URL.match(name):
            yield self.source_of_url(name)
        elif name == STDIN or not os.path.isdir(name):
            yield _Source(name)
        else:
            yield from self._of_folder(Path(name))

    def source_of_url(self, url: str) -> _Source:
        """What a URL answers. Raises ConfigError, ManifestError."""
        # Other runs start faster without it.
        from injector.cli import downloads

        if not self.urls:
            hint = "download it first: curl -fsSL URL, and -f - for the output"
            raise ConfigError("this command reads no URLs", where=f"-f {downloads.public(url)}", hint=hint)
        return _Source(downloads.public(url), downloaded=downloads.read(url))

    def _of_folder(self, folder: Path) -> Iterator[_Source]:
        listed = folder.rglob("*") if self.recursive else folder.iterdir()
        shown = [p for p in sorted(listed) if not _is_hidden(p.relative_to(folder))]
        inside = [p for p in shown if not self._leaves(p, folder)]
        read = [p for p in inside if p.suffix in SUFFIXES and os.path.isfile(p)]
        folders = [] if self.recursive else [p for p in inside if os.path.isdir(p)]
        if not read:
            hint = f"supported file names end in {', '.join(SUFFIXES)}"
            hint = "use -R to read the folders in it as well" if folders else hint
            raise ManifestError("the folder has no manifests", where=str(folder), hint=hint)
        if folders:
            text = f"{len(folders)} folder{'s' if len(folders) > 1 else ''} in it not read"
            note = Finding.of(FindingCode.LEFT_OUT, text, str(folder), "-R reads them", level=Level.NOTE)
            self.warn(note)
        yield from (_Source(str(path), folder) for path in read)

    def _leaves(self, path: Path, folder: Path) -> bool:
        """Whether a path is a link out of the folder; one that might have been meant is reported."""
        if not path.is_symlink() or files.is_inside(folder, path):
            return False
        if path.suffix in SUFFIXES or os.path.isdir(path):
            self.warn(Finding.of(FindingCode.LEFT_OUT, f"skipped, as the link leaves {folder}", str(path)))
        return True


def read_url(name: str) -> tuple[str, str] | None:
    """What messages call a URL, and the text that it answers; None for other names. Raises InjectorError."""
    if not _URL.match(name):
        return None
    source = Sources(urls=True).source_of_url(name)
    return source.name, source.text()


def is_named(word: str) -> bool:
    """Whether a plain argument names manifests, where it may also name a kind of workload."""
    return word == STDIN or word.endswith(SUFFIXES) or bool(_URL.match(word))


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


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


@dataclass(frozen=True, slots=True)
class _Source:
    """Stdin, a URL, a file, or one that has to lie in a folder. `name` is what messages call it."""

    name: str
    folder: Path | None = None
    downloaded: bytes | None = None

    def text(self) -> str:
        """The text. Raises ManifestError."""
        data = self._read()
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._not_text(data, error) from error

    def documents(self) -> Iterator[Document]:
        """The documents, one without content where there is none. Raises ManifestError."""
        data = self._read()
        if not data:
            yield Document("", source=self.name)
        try:
            yield from yamltext.split_bytes(data, self.name)
        except UnicodeDecodeError as error:
            raise self._not_text(data, error) from error

    def _read(self) -> bytes:
        try:
            return self._bytes()
        except (OSError, ValueError) as error:
            raise ManifestError(files.reason_of(error), where=self.name, hint=self._hint(error)) from error

    def _not_text(self, data: bytes, error: UnicodeDecodeError) -> ManifestError:
        line = data.count(b"\n", 0, error.start) + 1
        return ManifestError("the text is not UTF-8", where=f"{self.name}:{line}", hint="save it as UTF-8")

    def _bytes(self) -> bytes:
        # Not as text: line ends are part of what must pass through.
        if self.downloaded is not None:
            return self.downloaded
        if self.name == STDIN:
            return sys.stdin.buffer.read()
        if self.folder is None:
            return Path(self.name).read_bytes()
        return files.read_inside(self.folder, str(Path(self.name).relative_to(self.folder)))

    def _hint(self, error: OSError | ValueError) -> str:
        if not isinstance(error, FileNotFoundError):
            return "check the path and its permissions"
        if _PATTERN.search(self.name):
            return "write the pattern without quotes, so that the shell expands it"
        return "check the path"
