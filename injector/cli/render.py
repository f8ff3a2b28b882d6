"""`injector render`: manifests in, manifests with sidecars out, in the form that a pipeline needs.

Not here: its flags (`commands`), and what is injected (`inject`).
"""

from __future__ import annotations

from dataclasses import dataclass

from injector.cli import manifests
from injector.cli.forms.diff import unified
from injector.cli.inject import InjectRun
from injector.cli.injection_input import InjectionInput
from injector.cli.report import Report
from injector.cli.sources import Sources


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderFlags(InjectionInput):
    """The flags of `render`."""

    diff: bool


def run(flags: RenderFlags) -> int:
    """Render the manifests; returns the exit status. Raises InjectorError."""
    manifests.check_named(flags.names)
    config, around = flags.read()
    injection = InjectRun(config, around, Report(), flags.strict)
    sources = Sources(flags.recursive, warn=lambda finding: injection.findings([finding]))
    stream = manifests.transformed(
        flags.names, injection.change, injection.look_at_other, sources, config.kinds
    )
    injection.findings(config.findings)
    stream = injection.with_failures(stream, flags.fail_on)
    return stream.write(None, injection.tally.line, unified if flags.diff else manifests.joined)
