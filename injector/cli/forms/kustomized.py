"""A folder that kustomize builds: the manifests as they are, and a JSON patch for each that is changed.

JSON patches are exact for all kinds; a strategic merge is not, where kustomize has no schema of the kind.
Not here: the patches themselves (`objects`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from itertools import groupby
from pathlib import PurePath
from typing import Any, Final

from injector import yamltext
from injector.classes import dataclass
from injector.cli.forms.mirrored import PathOf
from injector.cli.forms.objects import patch_of
from injector.cli.manifests import Part
from injector.cli.writing.folder import NewFiles
from injector.cli.writing.output import Spool
from injector.core import documents, workload
from injector.core.documents import placed
from injector.core.model import Manifest
from injector.errors import ManifestError
from injector.patterns import pattern
from injector.printable import shown
from injector.yamltext import Document

_HEAD: Final = "# Written by `injector render -o kustomize`, which replaces what is in this folder.\n"
_LONGEST: Final = 200
_SPECIAL = pattern(r"([\\.+*?()|\[\]{}^$])")
_NOT_IN_NAMES = pattern(r"[^A-Za-z0-9.-]")


def kustomized(parts: Iterable[Part], files: NewFiles, path_of: PathOf) -> None:
    """Write the manifests to `resources`, the patches to `patches`, and the kustomization.

    Raises ManifestError for what kustomize refuses: objects without a name, and two of one name.
    """
    folder = _Kustomization(files)
    for source, of_file in groupby(parts, key=lambda part: part.document.source):
        path = PurePath("resources") / path_of(source)
        with Spool() as spool:
            is_empty = True
            for part in of_file:
                if documents.is_object(documents.kind_of(part.document)):
                    spool.write(_copied(part.document, first=is_empty))
                    is_empty = False
                    folder.take(part)
            if not is_empty:
                files.add(path, spool, source)
                folder.resources.append(str(path))
    folder.write("kustomization.yaml", _HEAD, folder.content)


def _copied(document: Document, *, first: bool) -> str:
    """A document as it stands in its file; between JSON values kustomize requires a separator."""
    if first or document.has_separator:
        return document.raw
    return f"\n---\n{document.text}"


@dataclass(frozen=True, slots=True)
class _Id:
    """What kustomize knows an object by."""

    api_version: str
    kind: str
    namespace: str
    name: str

    @property
    def target(self) -> dict[str, str]:
        """The object as the target of a patch, whose fields are regular expressions."""
        group, slash, version = self.api_version.rpartition("/")
        fields = {"group": group} if slash else {}
        fields |= {"version": version, "kind": self.kind, "name": self.name}
        # One without a namespace is in this one for kustomize; without the field, all would fit.
        fields["namespace"] = self.namespace or "default"
        return {key: _SPECIAL.sub(r"\\\1", text) for key, text in fields.items()}

    @property
    def file_name(self) -> str:
        """The name of its patch, but for the suffix."""
        words = [self.namespace, self.kind.lower(), self.name]
        return _NOT_IN_NAMES.sub("_", "-".join(filter(None, words)))[:_LONGEST]


@dataclass(slots=True)
class _Kustomization:
    """What the folder has so far."""

    files: NewFiles
    resources: list[str] = field(default_factory=list)
    _patches: list[dict[str, Any]] = field(default_factory=list)
    _places: dict[_Id, str] = field(default_factory=dict)
    _names: set[str] = field(default_factory=set)

    @property
    def content(self) -> Manifest:
        """The kustomization."""
        head = {"apiVersion": f"{documents.KUSTOMIZE}v1beta1", "kind": "Kustomization"}
        return {**head, "resources": self.resources, "patches": self._patches}

    def take(self, part: Part) -> None:
        """Note the objects of a document, and write the patches of those that are changed."""
        document = part.document
        before = part.changed.before if part.changed else yamltext.load(document)
        after = part.changed.after if part.changed else before
        for pointer, old, new in _objects(before, after, ""):
            key = _id(document, pointer, old)
            place = documents.place(document, pointer)
            first = self._places.setdefault(key, place)
            if first != place:
                hint = "render them into two folders"
                error = ManifestError(f"{_label(key)} is also at {first}", hint=hint)
                raise placed(error, document, pointer)
            if old is not new:
                self._add_patch(key, old, new)

    def _add_patch(self, key: _Id, before: Manifest, after: Manifest) -> None:
        name = key.file_name
        number = 1
        while name in self._names:
            number += 1
            name = f"{key.file_name}-{number}"
        self._names.add(name)
        path = f"patches/{name}.yaml"
        self.write(path, "", [operation.as_json() for operation in patch_of(before, after)])
        self._patches.append({"path": path, "target": key.target})

    def write(self, path: str, head: str, tree: Any) -> None:
        """Write a tree as a file of the folder."""
        with Spool() as spool:
            spool.write(head + yamltext.dump(tree))
            self.files.add(PurePath(path), spool, path)


def _objects(before: Any, after: Any, pointer: str) -> Iterator[tuple[str, Manifest, Manifest]]:
    """The objects as kustomize takes them: those of lists one by one, a Template as one."""
    if isinstance(before, dict) and workload.is_list(before):
        pairs: Sequence[tuple[Any, Any]] = list(zip(before["items"] or (), after["items"] or (), strict=True))
        for number, (old, new) in enumerate(pairs):
            yield from _objects(old, new, f"{pointer}/items/{number}")
    elif isinstance(before, dict):
        yield pointer, before, after


def _id(document: Document, pointer: str, manifest: Manifest) -> _Id:
    """What kustomize knows an object by. Raises ManifestError where it has no name, or no kind."""
    meta = manifest.get("metadata")
    meta = meta if isinstance(meta, dict) else {}
    words = [manifest.get("apiVersion"), manifest.get("kind"), meta.get("namespace") or "", meta.get("name")]
    for key, word in zip(("apiVersion", "kind", "namespace", "name"), words, strict=True):
        if not isinstance(word, str) or (not word and key != "namespace"):
            hint = f"kustomize requires it; add {key} to the object"
            raise placed(ManifestError(f"{key} is missing", hint=hint), document, pointer)
    return _Id(*map(str, words))


def _label(key: _Id) -> str:
    return shown(f"{key.kind} {key.namespace}/{key.name}" if key.namespace else f"{key.kind} {key.name}")
