"""`injector uninject`: manifests with sidecars in, manifests without out.

The same streams as `kube-inject`. Not here: its flags (`commands`), and what is removed (core).
"""

from __future__ import annotations

from collections.abc import Iterator

from injector.classes import dataclass, replace
from injector.cli import configuration, in_place, manifests
from injector.cli.reading.selection import Selection
from injector.cli.reading.sources import Sources
from injector.cli.report import Report
from injector.cli.world import World
from injector.core import workload
from injector.core.bundle_record import without_record
from injector.core.documents import place, placed
from injector.core.finding_codes import FindingCode
from injector.core.injection.recovery import removed
from injector.core.model import Finding, Manifest
from injector.core.profile import Config
from injector.core.reports.dropped import dropped
from injector.core.status import Uninjected
from injector.errors import ConfigError, ManifestError, WorkError
from injector.printable import first_of, visible
from injector.yamltext import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class UninjectFlags:
    """The flags of `uninject`."""

    config_file: str | None
    manifests: tuple[str, ...]
    filenames: tuple[str, ...]
    output: str | None
    recursive: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    in_place: bool


def run(flags: UninjectFlags) -> int:
    """Remove the injection from the manifests; returns the exit status. Raises InjectorError."""
    names = flags.manifests + flags.filenames
    manifests.check_named(names)
    if flags.in_place and flags.output:
        raise ConfigError("it cannot be combined with -o", where="--in-place", hint="remove one of them")
    wanted = configuration.Wanted(config_file=flags.config_file)
    uninjection = UninjectRun(configuration.located(wanted).config(), Report())
    selection = Selection.of(flags.include, flags.exclude)
    sources = Sources(flags.recursive, selection=selection, in_place=flags.in_place)
    stream = manifests.transformed(names, uninjection.change, sources=sources, table=uninjection.config.kinds)
    if flags.in_place:
        return in_place.write(stream, sources, uninjection.report)
    return stream.write(flags.output, uninjection.report)


@dataclass(frozen=True, slots=True)
class UninjectRun:
    """Removes the injection from one object after the other, and reports on each."""

    config: Config
    report: Report

    def change(self, document: Document, manifest: Manifest, pointer: str) -> Manifest:
        """The object without its injection, or as it is. Raises ManifestError."""
        # Upstream stores the annotations of a CronJob's pods in another place, and only for this kind.
        for quirks in (False, True):
            try:
                new = self._undone(manifest, quirks)
            except ManifestError as error:
                raise placed(error, document, pointer) from error
            except WorkError as error:
                raise placed(ManifestError(error.message, hint=error.hint), document, pointer) from error
            except ValueError as error:
                raise self.unreadable(document, pointer, str(error)) from error
            if new is not manifest:
                return new
        return manifest

    def dropped(self, located: workload.Workload, undone: Uninjected) -> Iterator[str]:
        """A note of changes of a user in injected containers and volumes, which are removed with them."""
        pointers = dropped(located.template, undone, World().facts(located), self.config)
        if pointers:
            shown = first_of([*map(visible, pointers)])
            yield f"changes of injected objects that are not of this configuration were removed: {shown}"

    def _undone(self, manifest: Manifest, quirks: bool) -> Manifest:
        """The object without the injection of any of its pod templates."""
        new = manifest
        workloads = workload.locate_all(manifest, quirks=quirks, table=self.config.kinds)
        for located in workloads:
            undone = removed(located.template, World().facts(located), self.config)
            if undone is None:
                continue
            self.report.verdict(
                "removed",
                located.label,
                "uninjected",
                "Everything that the status annotation lists was removed.",
            )
            notes = [*undone.notes, *self.dropped(located, undone)]
            self.report.findings([Finding.of(FindingCode.UNINJECT, note) for note in notes], located.label)
            new = replace(located, manifest=new).with_template(undone.pod)
        return without_record(new, self.config.profile.keys.bundle) if workloads else manifest

    def unreadable(self, document: Document, pointer: str, message: str) -> ManifestError:
        """The error for an overrides annotation that the injector did not write."""
        key = self.config.profile.keys.overrides
        where = place(document, pointer)
        return ManifestError(
            f"annotation {key}: {message}", where=where, hint="repair or remove the annotation"
        )
