"""`injector uninject`: manifests with sidecars in, manifests without out.

The same streams as `kube-inject`. Not here: what is taken out (core).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import click

from injector.cli import manifests
from injector.cli.world import World
from injector.core import workload
from injector.core.model import Finding, Manifest
from injector.errors import ConfigError, InjectorError, ManifestError, WorkError

if TYPE_CHECKING:
    from injector.cli.report import Report
    from injector.core.profile import Config
    from injector.yamltext import Document

EXAMPLES: Final = """\b
Examples:
  injector uninject -f injected.yaml > original.yaml
  injector uninject -f manifests/web.yaml -o manifests/web.yaml
  kubectl get deploy web -o yaml | injector uninject -f - | kubectl apply -f -"""


@dataclass(slots=True)
class Run:
    """One run over a stream."""

    config: Config
    report: Report
    errors: list[InjectorError] = field(default_factory=list)

    def document(self, document: Document) -> manifests.Part:
        """One document; what goes wrong is kept, so that all of it is told at once."""
        try:
            return manifests.changed(document, self.object)
        except ManifestError as error:
            self.errors.append(error)
            return manifests.Part(document)

    def object(self, document: Document, manifest: Manifest, pointer: str) -> Manifest:
        """One object: without its injection, or as it is."""
        from injector.core.injection.recovery import removed

        # Upstream keeps the books of a CronJob's pods in another place, and asks for the kind only.
        for quirks in (False, True):
            try:
                found = workload.locate(manifest, quirks=quirks)
                undone = found and removed(found.template, World().facts(found), self.config)
            except ManifestError as error:
                self.errors.append(manifests.placed(error, document, pointer))
                return manifest
            except WorkError as error:
                self.errors.append(
                    manifests.placed(ManifestError(error.message, hint=error.hint), document, pointer)
                )
                return manifest
            except ValueError as error:
                self.errors.append(self.unreadable(document, pointer, str(error)))
                return manifest
            if found and undone:
                self.report.verdict(
                    "removed",
                    found.label,
                    "uninjected",
                    "Everything that the status annotation lists was removed.",
                )
                self.report.findings([Finding("uninject", note) for note in undone.notes], found.label)
                return found.with_template(undone.pod)
        return manifest

    def unreadable(self, document: Document, pointer: str, message: str) -> ManifestError:
        """What the overrides annotation holds is not what we write."""
        key = self.config.profile.keys.overrides
        where = manifests.place(document, pointer)
        return ManifestError(
            f"annotation {key}: {message}", where=where, hint="repair or remove the annotation"
        )


@click.command("uninject", epilog=EXAMPLES)
@click.option(
    "--config", "config_file", metavar="FILE", help="Configuration file that was used for the injection."
)
@click.option(
    "-f",
    "--filename",
    "filenames",
    multiple=True,
    metavar="FILE|DIR|-",
    help="Manifests; may be repeated. Links that leave a folder are skipped.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Write to a file instead of stdout; the file is replaced atomically.",
)
def command(config_file: str | None, filenames: tuple[str, ...], output: str | None) -> int:
    """Remove injected sidecars from manifests: manifests on stdout, notes on stderr.

    A document without an injection is copied byte for byte.
    """
    from injector.cli.main import failed
    from injector.cli.report import Report
    from injector.config.load import load

    if not filenames:
        raise ConfigError(
            "filename not specified (see --filename or -f)", hint="give -f FILE, or -f - for stdin"
        )
    run = Run(load(config_file), Report())
    documents = manifests.read_all(filenames)
    parts = [run.document(document) for document in documents]
    if run.errors:
        status = failed(run.errors)
        click.echo("nothing was written", err=True)
        return status
    manifests.write(manifests.joined(parts), output, [d.source for d in documents])
    return 0
