"""`injector render`: manifests in, manifests with sidecars out, in the form that a pipeline needs.

Not here: its flags (`commands`), and what is injected (`inject`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from injector.cli import manifests
from injector.cli.forms.diff import unified
from injector.cli.inject import InjectRun
from injector.cli.injection_input import InjectionInput
from injector.cli.pipelines import copied
from injector.cli.pipelines.piped import Piped, namespace_of_helm
from injector.cli.report import Report
from injector.cli.reported import reported
from injector.cli.sources import Sources


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderFlags(InjectionInput):
    """The flags of `render`."""

    diff: bool
    post_renderer: bool
    krm: bool
    hooks: bool
    kustomize: str | None
    helm: str | None


def run(flags: RenderFlags) -> int:
    """Render the manifests; returns the exit status. Raises InjectorError."""
    if flags.post_renderer:
        in_release = replace(flags, namespace=flags.namespace or namespace_of_helm())
        return copied.run(lambda: _reported(in_release))
    return _reported(flags)


def _reported(flags: RenderFlags) -> int:
    if flags.krm:
        # Other runs start faster without it.
        from injector.cli.pipelines import krm

        return reported(flags, (), lambda report: krm.run(flags, report), recorded=True)
    return reported(flags, flags.names, lambda report: _run(flags, report))


def _run(flags: RenderFlags, report: Report) -> int:
    piped = Piped.of(flags)
    manifests.check_named(piped.names)
    config, around = flags.read()
    injection = InjectRun(config, around, report, flags.strict)
    sources = Sources(flags.recursive, warn=lambda finding: injection.findings([finding]), texts=piped.texts)
    stream = manifests.transformed(piped.names, piped.change(injection), injection.look_at_other, sources)
    form = unified if flags.diff else manifests.joined
    return stream.write(None, report, lambda: injection.end(flags.fail_on), form)
