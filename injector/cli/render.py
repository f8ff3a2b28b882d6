"""`injector render`: manifests in, manifests with sidecars out, in the form that a pipeline needs.

Not here: its flags (`commands`), and what is injected (`inject`).
"""

from __future__ import annotations

from dataclasses import dataclass

from injector.cli import in_place, manifests
from injector.cli.forms.diff import unified
from injector.cli.inject import InjectRun
from injector.cli.injection_input import InjectionInput
from injector.cli.report import Report
from injector.cli.selection import Selection
from injector.cli.sources import Sources


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderFlags(InjectionInput):
    """The flags of `render`."""

    diff: bool
    in_place: bool


def run(flags: RenderFlags) -> int:
    """Render the manifests; returns the exit status. Raises InjectorError."""
    manifests.check_named(flags.names)
    if flags.in_place:
        in_place.check_alone({"--diff": flags.diff})
    config, around = flags.read()
    injection = InjectRun(config, around, Report(), flags.strict)
    sources = Sources(
        flags.recursive,
        warn=lambda finding: injection.findings([finding]),
        selection=Selection.of(flags.include, flags.exclude),
        in_place=flags.in_place,
    )
    stream = manifests.transformed(flags.names, injection.change, injection.look_at_other, sources)
    injection.findings(config.findings)
    stream = injection.with_failures(stream, flags.fail_on)
    if flags.in_place:
        return in_place.write(stream, sources, injection.tally.line)
    return stream.write(None, injection.tally.line, unified if flags.diff else manifests.joined)
