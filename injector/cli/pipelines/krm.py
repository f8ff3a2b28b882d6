"""`injector render --krm`: a KRM function, as kustomize and other tools call it.

A ResourceList on stdin, the same with sidecars and results on stdout. Not here: its configuration
(`krm_config`) and the form of results (`krm_results`).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import field
from typing import Any, Final

from injector import yamltext
from injector.classes import dataclass
from injector.cli import world
from injector.cli.inject import InjectRun
from injector.cli.injection_input import InjectionInput
from injector.cli.pipelines import krm_config
from injector.cli.pipelines.krm_results import ITEMS, of_entries
from injector.cli.pipelines.markers import Hidden
from injector.cli.reading.source import STDIN, NamedSource
from injector.cli.report import Report
from injector.cli.reporting.entries import ReportEntry
from injector.cli.world import World
from injector.config.loading import load_input
from injector.core import documents
from injector.core.model import Manifest
from injector.core.profile import Config
from injector.core.registration.tag_entries import with_tags
from injector.errors import ConfigError, InjectorError, ManifestError
from injector.yamltext import Document

KIND: Final = "ResourceList"
GROUP: Final = "config.kubernetes.io/"
SOURCE: Final = "stdin"


def run(flags: InjectionInput, report: Report) -> int:
    """Inject into the items of a ResourceList; returns the exit status. Raises InjectorError.

    The report keeps its entries, which become the results.
    """
    document, tree = _read()
    call = _Call(document, tree, _items(document, tree), report)
    try:
        status = call.inject(flags)
    except InjectorError as error:
        status = report.failures([error])
    sys.stdout.buffer.write(call.output().encode("utf-8"))
    sys.stdout.buffer.flush()
    return status


def _read() -> tuple[Document, Manifest]:
    """The ResourceList on stdin. Raises ManifestError."""
    text = NamedSource(STDIN).text()
    read = [each for each in yamltext.split(text, SOURCE) if not documents.is_blank(each)]
    kind = documents.kind_of(read[0]) if len(read) == 1 else None
    if kind is None or kind[1] != KIND or not kind[0].startswith(GROUP):
        hint = "--krm is for programs that call KRM functions; for manifests use -f -"
        raise ManifestError(f"one {KIND} of {GROUP}v1 is expected", where=SOURCE, hint=hint)
    tree = yamltext.load(read[0])
    return read[0], tree


def _items(document: Document, tree: Manifest) -> list[Any]:
    items = tree.get(ITEMS)
    if items is None:
        return []
    if not isinstance(items, list):
        raise documents.placed(ManifestError("a list is expected", where=f"/{ITEMS}"), document, "")
    return items


@dataclass(slots=True)
class _Call:
    """One call of the function: what it reads, and the result."""

    document: Document
    tree: Manifest
    items: Sequence[Any]
    report: Report
    new: Sequence[Any] | None = None
    # The items that errors without a pointer are about.
    pointers: dict[ReportEntry, str] = field(default_factory=dict)

    def inject(self, flags: InjectionInput) -> int:
        """Inject into all items; returns the exit status. Raises InjectorError."""
        config, around = self._configuration(flags)
        injection = InjectRun(config, around, self.report, flags.strict)
        statuses = [0]

        def change(document: Document, manifest: Manifest, pointer: str) -> Manifest:
            hidden = Hidden.of(manifest)
            try:
                return hidden.restored(injection.change(document, hidden.bare, pointer))
            except ManifestError as error:
                statuses.append(self._failed(error, pointer))
                return manifest

        new = [
            documents.each(self.document, item, change, f"/{ITEMS}/{i}") for i, item in enumerate(self.items)
        ]
        ending = injection.end(flags.fail_on)
        statuses.append(self.report.failures(ending.errors) if ending.errors else 0)
        self.report.line(ending.line)
        if not any(statuses):
            self.new = new
        return max(statuses)

    def _failed(self, error: InjectorError, pointer: str) -> int:
        """Report the error of an object; returns the exit status."""
        before = len(self.report.entries)
        status = self.report.failures([error])
        self.pointers.update(dict.fromkeys(self.report.entries[before:], pointer))
        return status

    def _configuration(self, flags: InjectionInput) -> tuple[Config, World]:
        """The configuration, and the objects that are known: those of flags before those among the items."""
        inputs = krm_config.inputs_of(self.tree.get("functionConfig"))
        if inputs is None:
            config, around = flags.read()
        elif named := [flag for flag, value in _sources(flags).items() if value]:
            hint = "remove one of them"
            raise ConfigError(
                "it cannot be combined with the one in functionConfig", where=named[0], hint=hint
            )
        else:
            config = with_tags(load_input(inputs), flags.tags)
            around = world.from_objects(flags.objects, flags.namespace)
        objects = [Hidden.of(item).bare for item in self.items if isinstance(item, dict)]
        return config, world.combined(world.of(objects, flags.namespace), around)

    def output(self) -> str:
        """The ResourceList with its new items and the results."""
        tree = {key: value for key, value in self.tree.items() if key != "results"}
        if self.new is not None and any(a is not b for a, b in zip(self.items, self.new, strict=True)):
            tree[ITEMS] = list(self.new)
        if results := list(of_entries(self.report.entries, self.pointers, self.items)):
            tree["results"] = results
        if tree == self.tree:
            return self.document.raw
        return self.document.separator + documents.replaced(self.document, self.tree, tree).text


def _sources(flags: InjectionInput) -> dict[str, object]:
    """The flags that name a configuration, or parts of one."""
    return {
        "--bundle": flags.packed,
        "--config": flags.config_file,
        "--config-map": flags.config_map,
        "--revision": flags.revision,
        "--valuesFile": flags.values_file,
        "--injectConfigFile": flags.inject_file,
        "--from-cluster": flags.asks_cluster,
        **flags.of_a_mesh(),
    }
