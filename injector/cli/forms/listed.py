"""What would change, a line for each object: file, line and name."""

from __future__ import annotations

from collections.abc import Iterable

from injector.cli.forms.objects import of_part
from injector.cli.manifests import Part
from injector.cli.writing.output import Spool
from injector.core import documents
from injector.printable import visible


def listed(parts: Iterable[Part], out: Spool) -> None:
    """The objects that are changed, with their places."""
    for part in parts:
        for each in of_part(part):
            place = documents.place(each.document, each.pointer)
            out.write(visible(f"{place}: {each.label}") + "\n")
