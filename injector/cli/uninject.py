"""`injector uninject`: manifests with sidecars in, manifests without out.

The same streams as `kube-inject`. Not here: its flags (`commands`), and what is taken out (core).
"""

from __future__ import annotations

from dataclasses import dataclass

from injector.cli import manifests
from injector.cli.report import Report
from injector.cli.world import World
from injector.config.load import load
from injector.core import workload
from injector.core.documents import place, placed
from injector.core.finding_codes import FindingCode
from injector.core.injection.recovery import removed
from injector.core.model import Finding, Manifest
from injector.core.profile import Config
from injector.errors import ManifestError, WorkError
from injector.yamltext import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class UninjectFlags:
    """The flags of `uninject`."""

    config_file: str | None
    filenames: tuple[str, ...]
    output: str | None


def run(flags: UninjectFlags) -> int:
    """Take the injection out of the manifests; returns the exit status. Raises InjectorError."""
    manifests.check_named(flags.filenames)
    removal = Removal(load(flags.config_file), Report())
    return manifests.transformed(flags.filenames, removal.change).write(flags.output)


@dataclass(frozen=True, slots=True)
class Removal:
    """Takes the injection out of one object after the other, and reports on each."""

    config: Config
    report: Report

    def change(self, document: Document, manifest: Manifest, pointer: str) -> Manifest:
        """The object without its injection, or as it is. Raises ManifestError."""
        # Upstream keeps the books of a CronJob's pods in another place, and asks for the kind only.
        for quirks in (False, True):
            try:
                found = workload.locate(manifest, quirks=quirks)
                undone = found and removed(found.template, World().facts(found), self.config)
            except ManifestError as error:
                raise placed(error, document, pointer) from error
            except WorkError as error:
                raise placed(ManifestError(error.message, hint=error.hint), document, pointer) from error
            except ValueError as error:
                raise self.unreadable(document, pointer, str(error)) from error
            if found and undone:
                self.report.verdict(
                    "removed",
                    found.label,
                    "uninjected",
                    "Everything that the status annotation lists was removed.",
                )
                self.report.findings(
                    [Finding.of(FindingCode.UNINJECT, note) for note in undone.notes], found.label
                )
                return found.with_template(undone.pod)
        return manifest

    def unreadable(self, document: Document, pointer: str, message: str) -> ManifestError:
        """What the overrides annotation holds is not what we write."""
        key = self.config.profile.keys.overrides
        where = place(document, pointer)
        return ManifestError(
            f"annotation {key}: {message}", where=where, hint="repair or remove the annotation"
        )
