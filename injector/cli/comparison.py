"""`injector render --base FILE`: what the configuration changes beside another one, for all manifests.

The summary is Markdown, so that it reads well in a pull request. Not here: what differs (core.reports).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from typing import Any, Final

import click

from injector import yamltext
from injector.classes import dataclass, replace
from injector.cli import manifests
from injector.cli.injection_input import InjectionInput
from injector.cli.reading.sources import Sources
from injector.cli.report import Report
from injector.cli.reporting.markdown import code
from injector.cli.reporting.places import ManifestSite
from injector.cli.tally import number
from injector.cli.world import World
from injector.core import documents, workload
from injector.core.injection.pipeline import inject
from injector.core.model import Manifest
from injector.core.profile import Config
from injector.core.reports.comparison import ChangeKind, WordedDecision, by_kind, differences
from injector.core.tree.compare import Difference
from injector.errors import ConfigError, InjectorError, ManifestError
from injector.pointer import join
from injector.printable import first_of, shown, visible
from injector.yamltext import Document

_ROWS: Final = 200
_NAMES: Final = 3


def run(flags: InjectionInput, base: str, report: Report) -> int:
    """Print what changes from the base on; returns the exit status. Raises InjectorError."""
    manifests.check_named(flags.names)
    new, around = flags.read()
    old, _ = replace(flags, config_file=base, config_map=None).read()
    comparison = ComparisonRun(old, new, around, report)
    sources = Sources(
        flags.recursive, warn=lambda finding: report.findings([finding]), selection=flags.selection
    )
    comparison.compare(sources.each(flags.names))
    if comparison.errors:
        return report.failures(comparison.errors)
    click.echo("\n".join(comparison.summary()))
    return 0


@dataclass(slots=True)
class ComparisonRun:
    """Injects into one object after the other with both configurations."""

    old: Config
    new: Config
    world: World
    report: Report
    total: int = 0
    changed: list[tuple[str, Sequence[Difference]]] = field(default_factory=list)
    errors: list[InjectorError] = field(default_factory=list)

    def compare(self, read: Iterable[Document | InjectorError]) -> None:
        """Take the workloads of documents; errors are collected. Raises ConfigError."""
        for document in read:
            if isinstance(document, ConfigError):
                raise document
            if isinstance(document, InjectorError):
                self.errors.append(document)
                continue
            try:
                if documents.has_workloads(document, self.new.kinds):
                    documents.each(document, yamltext.load(document), self._compare)
            except ManifestError as error:
                self.errors.append(error)

    def _compare(self, document: Document, manifest: Manifest, pointer: str) -> Manifest:
        try:
            located = workload.locate_all(manifest, quirks=self.new.quirks, table=self.new.kinds)
        except ManifestError as error:
            self.errors.append(documents.placed(error, document, pointer))
            return manifest
        for each in located:
            self._workload(each, ManifestSite(document, pointer))
        return manifest

    def _workload(self, located: workload.Workload, site: ManifestSite) -> None:
        facts = self.world.facts(located)
        before, after = (
            inject(located.template, facts, config, located.manifest) for config in (self.old, self.new)
        )
        different = differences(before, after, self._bookkeeping)
        self.total += 1
        word, sentence = "unchanged", "Both configurations give the same pod."
        if different:
            self.changed.append((located.label, different))
            word, sentence = "changed", f"{number(len(different), 'change')}."
        self.report.verdict(word, located.label, WordedDecision.of(after).reason, sentence, site=site)

    @property
    def _bookkeeping(self) -> set[str]:
        """Annotations with the digest of the configuration, which always differs."""
        return {
            join("/metadata/annotations", key)
            for config in (self.old, self.new)
            for key in config.profile.bookkeeping_annotations
        }

    def summary(self) -> Iterator[str]:
        """Markdown: how many workloads change, and a table of the kinds of change."""
        same = self.total - len(self.changed)
        yield f"{number(self.total, 'workload')}: {len(self.changed)} changed, {same} unchanged"
        kinds = list(by_kind(self.changed))
        if not kinds:
            return
        yield from ("", "| change | before | after | workloads |", "| --- | --- | --- | --- |")
        yield from map(_row, kinds[:_ROWS])
        if len(kinds) > _ROWS:
            yield from ("", f"and {number(len(kinds) - _ROWS, 'more change')}")


def _row(kind: ChangeKind) -> str:
    before, after = map(_value, kind.values) if kind.values else ("different values", "different values")
    whose = f"{len(kind.whose)}: {first_of([*map(visible, kind.whose)], _NAMES)}"
    return "| " + " | ".join(map(code, (visible(kind.pointer), before, after, whose))) + " |"


def _value(value: Any) -> str:
    if value is None:
        return ""
    return visible(shown(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)))
