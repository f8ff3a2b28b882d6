"""`injector uninject`: manifests with sidecars in, manifests without out.

The same streams as `kube-inject`. Not here: its flags (`commands`), and what is removed (core).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from injector.cli import manifests
from injector.cli.configuration import Wanted, located
from injector.cli.report import Report
from injector.cli.world import World
from injector.core import workload
from injector.core.documents import place, placed
from injector.core.finding_codes import FindingCode
from injector.core.injection.recovery import removed
from injector.core.model import Finding, Manifest
from injector.core.profile import Config
from injector.core.reports.dropped import dropped
from injector.core.status import Uninjected
from injector.errors import ManifestError, WorkError
from injector.printable import first_of, visible
from injector.yamltext import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class UninjectFlags:
    """The flags of `uninject`."""

    config_file: str | None
    filenames: tuple[str, ...]
    output: str | None


def run(flags: UninjectFlags) -> int:
    """Remove the injection from the manifests; returns the exit status. Raises InjectorError."""
    manifests.check_named(flags.filenames)
    uninjection = UninjectRun(located(Wanted(config_file=flags.config_file)).config(), Report())
    return manifests.transformed(flags.filenames, uninjection.change).write(flags.output)


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
                located = workload.locate(manifest, quirks=quirks)
                undone = located and removed(located.template, World().facts(located), self.config)
            except ManifestError as error:
                raise placed(error, document, pointer) from error
            except WorkError as error:
                raise placed(ManifestError(error.message, hint=error.hint), document, pointer) from error
            except ValueError as error:
                raise self.unreadable(document, pointer, str(error)) from error
            if located and undone:
                self.report.verdict(
                    "removed",
                    located.label,
                    "uninjected",
                    "Everything that the status annotation lists was removed.",
                )
                notes = [*undone.notes, *self.dropped(located, undone)]
                self.report.findings(
                    [Finding.of(FindingCode.UNINJECT, note) for note in notes], located.label
                )
                return located.with_template(undone.pod)
        return manifest

    def dropped(self, located: workload.Workload, undone: Uninjected) -> Iterator[str]:
        """A note of what somebody changed in injected containers and volumes, which goes with them."""
        pointers = dropped(located.template, undone, World().facts(located), self.config)
        if pointers:
            shown = first_of([*map(visible, pointers)])
            yield f"changes of injected objects that are not of this configuration were removed: {shown}"

    def unreadable(self, document: Document, pointer: str, message: str) -> ManifestError:
        """The error for an overrides annotation that the injector did not write."""
        key = self.config.profile.keys.overrides
        where = place(document, pointer)
        return ManifestError(
            f"annotation {key}: {message}", where=where, hint="repair or remove the annotation"
        )
