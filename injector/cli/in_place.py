"""`--in-place`: each file of a stream gets its new text, all of them or none.

Not here: how files are replaced (`replacing`), and what their new texts are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby

import click

from injector.cli import manifests
from injector.cli.manifests import Transformed
from injector.cli.replacing import Replacement, replace_all
from injector.cli.sources import Sources
from injector.cli.tally import number
from injector.errors import ConfigError


def check_alone(flags: Mapping[str, object]) -> None:
    """Raise ConfigError where a flag is set that asks for another output."""
    for flag, value in flags.items():
        if value:
            raise ConfigError(
                "this flag cannot be combined with --in-place", where=flag, hint="remove one of the two"
            )


def write(stream: Transformed, sources: Sources, last: str = "") -> int:
    """Change the files of a stream, or only print its errors; returns the exit status.

    `last` is the last line of the report but one. Raises ManifestError.
    """
    if stream.errors:
        return stream.write(None, last)
    names = {part.document.source for part in stream.parts}
    changed = list(_replacements(stream, sources))
    replace_all(changed, [sources.snapshots[name].path for name in names])
    if last:
        click.echo(last, err=True)
    click.echo(f"{number(len(changed), 'file')} changed, {len(names) - len(changed)} unchanged", err=True)
    return 0


def _replacements(stream: Transformed, sources: Sources) -> Iterator[Replacement]:
    """The files with a changed document. Those of a source are next to each other."""
    for name, group in groupby(stream.parts, lambda part: part.document.source):
        parts = list(group)
        if any(part.changed for part in parts):
            yield Replacement(name, sources.snapshots[name], manifests.joined(parts))
