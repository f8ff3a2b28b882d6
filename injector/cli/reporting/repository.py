"""Paths of files as a code host knows them: from the root of the repository, links resolved."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_ROOTS: Final = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
"""Where CI systems say that a repository is."""


def root() -> Path:
    """The folder of the repository that the working directory is in; else the working directory."""
    here = Path(os.path.realpath(os.curdir))
    for folder in (here, *here.parents):
        if (folder / ".git").exists():
            return folder
    named = [Path(os.path.realpath(os.environ[name])) for name in _ROOTS if os.environ.get(name)]
    return next((folder for folder in named if here.is_relative_to(folder)), here)


def path_of(file: str, folder: Path) -> str:
    """A file's path below a folder; empty for what is no file in it, such as stdin."""
    if not file or file == "-" or "://" in file:
        return ""
    path = Path(os.path.realpath(file))
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else ""
