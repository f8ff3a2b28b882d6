"""`injector render`: manifests in, manifests with sidecars out, in the form that a pipeline needs.

Not here: its flags (`commands`), what is injected (`inject`), and the forms (`forms`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Final

from injector.classes import dataclass, replace
from injector.cli import manifests, progress
from injector.cli.inject import InjectRun
from injector.cli.injection_input import InjectionInput
from injector.cli.manifests import Ending, Form, Part, Spread, Transformed
from injector.cli.pipelines import copied, piped
from injector.cli.reading.source import STDIN
from injector.cli.reading.sources import Sources
from injector.cli.report import Report
from injector.cli.reported import reported
from injector.cli.tally import number
from injector.errors import ConfigError

FORMS: Final = {"yaml": "", "json": "json_values", "patch": "patches", "kustomize": "kustomized"}
"""The formats, and the modules of their forms; yaml is what was read, also where that is JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderFlags(InjectionInput):
    """The flags of `render`."""

    output: str | None
    output_dir: str | None
    diff: bool
    base: str | None
    record_bundle: bool
    check: bool
    against: str | None
    in_place: bool
    jobs: int
    kustomize: str | None
    helm: str | None
    post_renderer: bool
    krm: bool
    hooks: bool

    @property
    def digest(self) -> str:
        """The digest of the bundle that is recorded. Raises ConfigError where --bundle has none."""
        if not self.record_bundle:
            return ""
        # Other runs start without it.
        from injector.cli.bundle_file import BundleReference

        digest = BundleReference.parsed(self.bundle or "", "--bundle").digest
        if not digest:
            hint = "write --bundle FILE@sha256:DIGEST"
            raise ConfigError("this flag requires --bundle with a digest", where="--record-bundle", hint=hint)
        return digest

    @property
    def has_manifests(self) -> bool:
        """Whether something is to be rendered."""
        return bool(self.names or self.kustomize or self.helm or self.post_renderer or self.krm)

    @property
    def connection(self) -> str:
        """The flags of a cluster may be about --against."""
        return "" if self.against else self.named


def run(flags: RenderFlags) -> int:
    """Render the manifests; returns the exit status. Raises InjectorError."""
    if flags.post_renderer:
        in_release = replace(flags, namespace=flags.namespace or piped.namespace_of_helm())
        return copied.run(lambda: _reported(in_release))
    return _reported(flags)


def _reported(flags: RenderFlags) -> int:
    return reported(flags, flags.names, lambda report: _run(flags, report), recorded=flags.krm)


def _run(flags: RenderFlags, report: Report) -> int:
    _check(flags)
    if not flags.against:
        return _rendered(flags, report)
    # Other runs start without it.
    from injector.cli import against

    drifted = against.drifted(flags, flags.against, report)
    return max(int(drifted), _rendered(flags, report) if flags.has_manifests else 0)


def _rendered(flags: RenderFlags, report: Report) -> int:
    if flags.krm:
        from injector.cli.pipelines import krm

        return krm.run(flags, report)
    if flags.base:
        # Other runs start faster without it.
        from injector.cli import comparison

        return comparison.run(flags, flags.base, report)
    digest = flags.digest
    config, around = flags.read()
    source = piped.read(flags)
    injection = replace(source.injection(config, around, report, flags.strict), recorded=digest)
    sources = Sources(
        flags.recursive,
        warn=lambda finding: injection.findings([finding]),
        selection=flags.selection,
        in_place=flags.in_place,
        texts=source.texts,
    )
    stream = manifests.transformed(
        source.names,
        injection.change,
        injection.look_at_other,
        sources,
        _spread(flags, injection),
        config.kinds,
    )
    stream.parts = progress.running(stream.parts, "rendering: document")
    if flags.in_place:
        # Other forms start without it.
        from injector.cli import in_place

        return in_place.write(stream, sources, report, lambda: injection.end(flags.fail_on))
    status = _write(flags, stream, report, lambda: injection.end(flags.fail_on))
    if flags.check and status == 0 and stream.changed:
        report.line(f"{number(len(stream.changed), 'file')} would change")
        report.add_changes()
        return 1
    return status


def _spread(flags: RenderFlags, injection: InjectRun) -> Spread | None:
    if flags.jobs == 1:
        return None
    # One process needs less.
    from injector.cli import jobs

    # A diff and a list name the objects.
    trees = flags.diff or flags.check or flags.output not in (None, "yaml")
    return jobs.over(flags.jobs or os.cpu_count() or 1, injection, trees=trees)


def _check(flags: RenderFlags) -> None:
    """Raise ConfigError for flags that contradict each other."""
    if flags.against and not flags.check:
        raise ConfigError("this flag requires --check", where="--against", hint="add --check")
    ways = {
        "--base": flags.base,
        "--in-place": flags.in_place,
        "--diff": flags.diff,
        "--check": flags.check,
        "-o": flags.output,
        "--output-dir": flags.output_dir,
    }
    chosen = [flag for flag, value in ways.items() if value]
    # Without manifests, only the configurations are compared.
    if flags.has_manifests or not flags.against:
        piped.check(flags, chosen)
    allowed = [["--diff", "--check"]]
    if flags.output == "kustomize":
        allowed = [["-o", "--output-dir"]]
        if not flags.output_dir:
            hint = "name the folder that it writes: --output-dir DIR"
            raise ConfigError("it writes a folder", where="-o kustomize", hint=hint)
    elif flags.output in (None, "yaml"):
        allowed.append(["-o", "--output-dir"])
    if len(chosen) > 1 and chosen not in allowed:
        text = f"it cannot be combined with {' and '.join(chosen[1:])}"
        raise ConfigError(text, where=chosen[0], hint="remove one of them")
    if flags.output_dir and flags.output != "kustomize" and STDIN in flags.names:
        raise ConfigError("stdin has no name in it", where="--output-dir", hint="name files or folders")


def _write(flags: RenderFlags, stream: Transformed, report: Report, end: Callable[[], Ending]) -> int:
    if not flags.output_dir:
        return stream.write(None, report, end, _form(flags))
    # Other forms need no folders.
    from injector.cli.forms import kustomized, mirrored
    from injector.cli.writing.folder import NewFiles

    write = kustomized.kustomized if flags.output == "kustomize" else mirrored.mirrored
    with NewFiles(flags.output_dir) as files:

        def take(parts: Iterable[Part]) -> None:
            write(parts, files, mirrored.path_below(flags.names))

        return stream.taken(take, report, end, lambda: files.publish(stream.inputs))


def _form(flags: RenderFlags) -> Form:
    """The form of what goes to stdout."""
    # Only the one that is asked for is loaded.
    name = "diff" if flags.diff else "listed" if flags.check else FORMS[flags.output or "yaml"]
    if not name:
        return manifests.joined
    module = import_module(f"injector.cli.forms.{name}")
    form: Form = getattr(module, "unified" if name == "diff" else name)
    return form
