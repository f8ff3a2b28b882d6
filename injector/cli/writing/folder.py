"""Files that are written into a folder together, or not at all.

They are written beside, and moved when all of them are complete. Other files in the folder stay. Not
here: what is in them (`forms`), and files that are changed where they are.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path, PurePath
from typing import Final

from injector.cli.reading.source import STDIN
from injector.cli.writing.output import Spool, mode_of
from injector.errors import ConfigError, ManifestError
from injector.files import is_inside

_FLAG: Final = "--output-dir"


class NewFiles:
    """The files of one run. Raises ManifestError where something cannot be written."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._beside: Path | None = None
        self._paths: dict[PurePath, str] = {}

    def __enter__(self) -> NewFiles:
        return self

    def __exit__(self, *_: object) -> None:
        if self._beside:
            shutil.rmtree(self._beside, ignore_errors=True)

    def add(self, path: PurePath, spool: Spool, source: str) -> None:
        """Write a file beside. Raises ConfigError where another source has the same path."""
        if self._paths.setdefault(path, source) != source:
            hint = "name a folder that holds both, with -R"
            text = f"{self._paths[path]} and {source} have the same path in the folder"
            raise ConfigError(text, where=f"{_FLAG} {self._folder}", hint=hint)
        try:
            target = self._made() / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                spool.copy_to(file)
        except OSError as error:
            raise self._failed(error) from error

    def publish(self, inputs: Collection[str]) -> None:
        """Move all files to their places. Raises ConfigError where one of the inputs is in the folder."""
        self._refuse(inputs)
        try:
            for path in self._paths:
                self._check(self._folder / path)
            for path in self._paths:
                target = self._folder / path
                os.chmod(self._made() / path, mode_of(target))
                target.parent.mkdir(parents=True, exist_ok=True)
            for path in self._paths:
                os.replace(self._made() / path, self._folder / path)
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._failed(error) from error

    def _check(self, target: Path) -> None:
        """Raise ManifestError where there is something else than a file, or a link out of the folder."""
        if not is_inside(self._folder, target.parent):
            hint = "remove the link, or choose another folder"
            raise ManifestError("a link leads out of the folder", where=str(target.parent), hint=hint)
        if target.exists() and not target.is_file():
            raise ManifestError("a file is expected", where=str(target), hint=f"check {_FLAG}")

    def _made(self) -> Path:
        """The folder beside, on the same file system."""
        if self._beside is None:
            above = self._folder.absolute()
            while not above.exists():
                above = above.parent
            self._beside = Path(tempfile.mkdtemp(dir=above, prefix=".injector-", suffix=".tmp"))
        return self._beside

    def _refuse(self, inputs: Collection[str]) -> None:
        root = Path(os.path.realpath(self._folder))
        for name in inputs:
            if name != STDIN and Path(os.path.realpath(name)).is_relative_to(root):
                text = f"{name} is one of the inputs, and in this folder"
                hint = "choose another folder, leave it out with --exclude, or use --in-place"
                raise ConfigError(text, where=f"{_FLAG} {self._folder}", hint=hint)

    def _failed(self, error: OSError) -> ManifestError:
        reason = (error.strerror or "cannot be written").lower()
        where = str(self._folder)
        name = error.filename
        if isinstance(name, str) and self._beside and not Path(name).is_relative_to(self._beside):
            where = name
        return ManifestError(reason, where=where, hint=f"check {_FLAG}")
