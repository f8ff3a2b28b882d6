"""`injector kinds`: the workload kinds, and a proposal for one from its CustomResourceDefinition.

Not here: what a kind is (core), and the setting that adds one (config).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click

from injector import yamltext
from injector.classes import dataclass
from injector.cli import configuration
from injector.cli.configuration import Wanted
from injector.cli.failures import print_errors
from injector.cli.reading.sources import Sources
from injector.cli.results import PROGRAMS, for_programs, table
from injector.core import documents, kinds
from injector.core.kinds import Kind, KindTable
from injector.core.kinds.definition import DEFINITION, Definition, read
from injector.core.model import Manifest
from injector.errors import InjectorError, ManifestError
from injector.printable import visible
from injector.yamltext import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class KindsFlags:
    """The flags of `kinds`."""

    config_file: str | None
    definitions: tuple[str, ...]
    output: str


def run(flags: KindsFlags) -> int:
    """List the kinds, or propose some; returns the exit status. Raises InjectorError."""
    if flags.definitions:
        return _propose(flags)
    config = configuration.located(Wanted(config_file=flags.config_file)).config()
    rows = [row for row in config.kinds.rows if not kinds.makes_no_pods(row)]
    if flags.output in PROGRAMS:
        click.echo(for_programs({"kinds": [_as_json(row) for row in rows]}, flags.output))
    else:
        cells = [(row.kind, row.api_version, _where(row)) for row in rows]
        click.echo("\n".join(table(("kind", "apiVersion", "pod templates"), cells)))
    return 0


def _where(row: Kind) -> str:
    """The places of the pod templates, or why there are none."""
    if not row.templates:
        return f"none: {row.without}"
    return ", ".join(pointer or "/" for pointer in row.templates)


def _as_json(row: Kind) -> dict[str, Any]:
    is_own = kinds.TABLE.row(row.kind, row.api_version) != row
    return {
        "kind": row.kind,
        "apiVersion": row.api_version,
        "groups": sorted(row.groups),
        "plural": row.plural,
        "shortNames": list(row.aliases),
        "templates": list(row.templates),
        "reason": row.without if not row.templates else "",
        "own": is_own,
    }


# --- proposals ------------------------------------------------------------------------------------


def _propose(flags: KindsFlags) -> int:
    """Print the settings for the kinds of definitions, and what their schemas do not show."""
    known = configuration.located(Wanted(config_file=flags.config_file)).config().kinds
    definitions, errors = _definitions(flags.definitions)
    if errors:
        return print_errors(errors)
    if not definitions:
        hint = "kubectl get crd NAME -o yaml | injector kinds --crd -"
        raise ManifestError(f"no {DEFINITION}", where=", ".join(flags.definitions), hint=hint)
    new = [each for each in definitions if each.templates and _row(each, known) is None]
    for each in definitions:
        for line in _remarks(each, known):
            click.echo(visible(line), err=True)
    if new:
        settings = {"kinds": [_entry(each) for each in new]}
        text = for_programs(settings, "json" if flags.output == "json" else "yaml")
        click.echo(text)
    return 0 if new or any(_row(each, known) for each in definitions) else 1


def _definitions(names: Sequence[str]) -> tuple[list[Definition], list[InjectorError]]:
    """The kinds of all definitions in files, one after the other."""
    out: list[Definition] = []
    errors: list[InjectorError] = []

    def look(document: Document, manifest: Manifest, pointer: str) -> Manifest:
        if manifest.get("kind") == DEFINITION:
            try:
                out.append(read(manifest))
            except ManifestError as error:
                errors.append(documents.placed(error, document, pointer))
        return manifest

    for document in Sources().documents(names):
        try:
            kind = documents.kind_of(document)
            if kind and kind[1] in (DEFINITION, "List"):
                documents.each(document, yamltext.load(document), look)
        except ManifestError as error:
            errors.append(error)
    return out, errors


def _row(definition: Definition, known: KindTable) -> Kind | None:
    row = known.row(definition.kind, definition.api_version)
    return row if row and row.templates else None


def _entry(definition: Definition) -> dict[str, Any]:
    return {
        "apiVersion": definition.api_version,
        "kind": definition.kind,
        "plural": definition.plural,
        "templates": list(definition.templates),
    }


def _remarks(definition: Definition, known: KindTable) -> Iterator[str]:
    """What a person should know of a proposal, or why there is none."""
    name = f"{definition.kind} of {definition.api_version}"
    row = _row(definition, known)
    if row:
        yield f"{name} is known: {_where(row)}"
        return
    for pointer in definition.pruned:
        yield (
            f"{name}: the API server drops labels and annotations of {pointer}; without them an injection "
            "cannot be recognised or removed"
        )
    for pointer in definition.bare:
        yield f"{name}: {pointer} has a pod spec and no metadata, so that it cannot be injected into"
    for pointer in definition.unseen:
        yield f"{name}: the schema does not show what {pointer} has; add it if it is a pod template"
    if not definition.templates:
        yield f"{name}: no pod template in its schema"
