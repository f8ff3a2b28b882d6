"""`injector render`: manifests in, manifests with sidecars out, in the form that a pipeline needs.

Not here: its flags (`commands`), and what is injected (`inject`).
"""

from __future__ import annotations

from dataclasses import dataclass

from injector.cli import comparison, manifests
from injector.cli.forms.diff import unified
from injector.cli.inject import InjectRun
from injector.cli.injection_input import InjectionInput
from injector.cli.report import Report
from injector.cli.reported import reported
from injector.cli.sources import Sources
from injector.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderFlags(InjectionInput):
    """The flags of `render`."""

    diff: bool
    base: str | None


def run(flags: RenderFlags) -> int:
    """Render the manifests; returns the exit status. Raises InjectorError."""
    return reported(flags, flags.names, lambda report: _run(flags, report))


def _run(flags: RenderFlags, report: Report) -> int:
    if flags.base and flags.diff:
        raise ConfigError("it cannot be combined with --diff", where="--base", hint="remove one of them")
    if flags.base:
        return comparison.run(flags, flags.base, report)
    manifests.check_named(flags.names)
    config, around = flags.read()
    injection = InjectRun(config, around, report, flags.strict)
    sources = Sources(flags.recursive, warn=lambda finding: injection.findings([finding]))
    stream = manifests.transformed(
        flags.names, injection.change, injection.look_at_other, sources, config.kinds
    )
    form = unified if flags.diff else manifests.joined
    return stream.write(None, report, lambda: injection.end(flags.fail_on), form)
