"""A unified diff of what injection changes, a document at a time."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from injector.cli.manifests import Part
from injector.cli.output import Spool


def unified(parts: Iterable[Part], out: Spool) -> None:
    """The diff of all documents that are changed; line numbers are those of the files that were read."""
    for part in parts:
        if part.changed:
            out.write("".join(_of(part)))


def _of(part: Part) -> list[str]:
    before, after = part.document.raw, part.text
    source = part.document.source
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{source}", f"b/{source}"
    )
    return [line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines]
