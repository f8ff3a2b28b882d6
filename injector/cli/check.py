"""`injector check`: does a configuration load, do its templates render, and which settings are risky."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import click

from injector.cli import check_cluster, world
from injector.cli.configuration import Located, Wanted, located
from injector.cli.report import coloured, paint
from injector.cli.results import PROGRAMS, for_programs
from injector.cli.world import Access
from injector.config import cross_checks, value_names
from injector.config.loading import Input, check_schema, folder_of, load_settings
from injector.config.schema import Settings, read_settings
from injector.config.trials import dry_run
from injector.config.values import Place
from injector.core.finding_codes import LEVELS, FindingCode, Level
from injector.core.injection.annotation_rules import open_to_all
from injector.core.model import Finding
from injector.core.profile import Config
from injector.core.registration.checks import unsafe
from injector.errors import ConfigError, ManifestError
from injector.printable import visible


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFlags(Access):
    """The flags of `check`."""

    config_file: str | None
    config_map: str | None
    with_cluster: bool
    output: str
    fail_on: str | None


def run(flags: CheckFlags) -> int:
    """Check the configuration, and the webhook in a cluster; returns the exit status."""
    if flags.named and not (flags.with_cluster or flags.config_map):
        raise ConfigError("this option needs --cluster", where=flags.named, hint="add --cluster")
    chosen = _located(flags)
    chosen.report()
    inputs = chosen.inputs
    findings, status = results(inputs)
    there: list[Finding] = []
    if flags.with_cluster and status != 2:
        findings = [_in_use(each) for each in findings]
        there = _in_cluster(inputs, flags)
        # A note about what may happen gives way to the finding that it does.
        findings = [r for r in findings if r.actionable or r.code not in {t.code for t in there}] + there
        findings.sort(key=lambda r: LEVELS.index(r.level))
    if any(
        _fails(each, flags.fail_on or (Level.WARNING if each in there else Level.ERROR)) for each in findings
    ):
        status = status or 1
    if flags.output in PROGRAMS:
        click.echo(for_programs({"results": [_json(r) for r in findings]}, flags.output))
        return status
    for result in findings:
        _print(result)
    errors = sum(r.level == "error" for r in findings)
    click.echo(f"{visible(chosen.source)}: {errors or 'no'} error{'' if errors == 1 else 's'}")
    return status


def _located(flags: CheckFlags) -> Located:
    wanted = Wanted(config_file=flags.config_file, config_map=flags.config_map, running=flags.with_cluster)
    if flags.config_file or not (flags.with_cluster or flags.config_map):
        return located(wanted)
    with world.connected(flags) as cluster:
        return located(wanted, cluster)


def results(inputs: Input) -> tuple[list[Finding], int]:
    """The findings without a cluster, errors first, and the exit status."""
    try:
        settings = read_settings(inputs.file.text, inputs.file.origin)
        config, server = load_settings(settings, inputs), settings.server
        check_schema(config, settings, inputs)
        config.templates.compile_all()
        cross_checks.check(server)
    except (ConfigError, ManifestError) as error:
        if error.rows:
            return [Finding.of(FindingCode.LOAD, row) for row in error.rows], 2
        return [Finding.of(FindingCode.LOAD, error.message, error.where, error.hint)], 2
    findings = dry_run(inputs)
    status = 1 if any(each.level is Level.ERROR for each in findings) else 0
    # Values of a running control plane replace the file's.
    replaced = {FindingCode.DEVELOPMENT_IMAGES} if server.source.istio.namespace else set()
    findings += [each for each in config.findings if each.code not in replaced]
    findings += _names(config, settings, inputs)
    if server.failure_mode == "allow":
        hint = "remove failureMode, so that the pod is denied"
        where = "server.failureMode"
        findings.append(Finding.of(FindingCode.FAILS_OPEN, cross_checks.FAILS_OPEN, where, hint))
    if not status:
        findings += [
            Finding.of(FindingCode.POD_SECURITY, text, hint=hint) for _, text, hint in unsafe(config)
        ]
    findings += _open_annotations(open_to_all(config.profile, config.annotation_rules))
    return findings, status


def _fails(finding: Finding, lowest: str) -> bool:
    """Whether a finding has this level or a more urgent one."""
    return LEVELS.index(finding.level) <= LEVELS.index(Level(lowest))


def _in_use(finding: Finding) -> Finding:
    """A finding about a configuration that the webhook of a cluster uses: its pods get these images."""
    is_error = finding.code is FindingCode.DEVELOPMENT_IMAGES
    return dataclasses.replace(finding, level=Level.ERROR) if is_error else finding


def _names(config: Config, settings: Settings, inputs: Input) -> Iterator[Finding]:
    """Values that are set and not read, or read and not declared."""
    place = Place(inputs.file.text, inputs.file.origin)
    yield from value_names.unread(config, settings.values, folder_of(settings, inputs).rules, place)
    # A running istiod declares values of its own.
    if not settings.server.source.istio.namespace:
        yield from value_names.undeclared(config)


def _open_annotations(allowed: Mapping[str, tuple[str, ...]]) -> Iterator[Finding]:
    """One note about all annotations that no rule limits, and what they can change."""
    if allowed:
        listed = ", ".join(f"{key} ({', '.join(powers)})" for key, powers in allowed.items())
        message = f"any pod may use annotations that affect security: {listed}"
        hint = "limit them with rules under `annotations`; see docs/how-to/limit-annotations.md"
        yield Finding.of(FindingCode.OPEN_ANNOTATIONS, message, hint=hint)


def _in_cluster(inputs: Input, access: Access) -> list[Finding]:
    """The findings of the cluster. Raises ClusterError."""
    settings = read_settings(inputs.file.text, inputs.file.origin)
    config = load_settings(settings, inputs)
    return check_cluster.findings(config, settings.server, access)


def _json(finding: Finding) -> dict[str, str]:
    return {key: getattr(finding, key) for key in ("level", "code", "message", "where", "hint")}


def _print(result: Finding) -> None:
    colour = coloured(sys.stdout)
    tint = {"error": "red", "warning": "yellow", "note": "cyan"}[result.level]
    at = f"{result.where}: " if result.where else ""
    advice = f" (hint: {result.hint})" if result.hint else ""
    text = visible(at + result.message + advice)
    line = f"{paint(result.level + ':', tint, colour)} {text} [{result.code}]"
    click.echo(line, color=True if colour else None)
