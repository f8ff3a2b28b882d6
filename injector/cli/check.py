"""`injector check`: does a configuration load, do its templates render, and what should be known about it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Final

import click

from injector.cli import check_cluster
from injector.cli.report import coloured, paint
from injector.config import coherence
from injector.config.dryrun import dry_run
from injector.config.load import Input, load_settings
from injector.config.schema import read_settings
from injector.core.injection.annotation_rules import open_to_all
from injector.core.registration.checks import unsafe
from injector.errors import ConfigError, ManifestError
from injector.printable import json_text, visible

LEVELS: Final = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the result. `level` is error, warning or note."""

    level: str
    code: str
    message: str
    where: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """The flags of `check`."""

    config_file: str | None
    with_cluster: bool
    kubeconfig: str | None
    kube_context: str | None
    output: str
    fail_on: str


def run(flags: Flags) -> int:
    """Check the configuration, and the webhook in a cluster; returns the exit status."""
    if (flags.kubeconfig or flags.kube_context) and not flags.with_cluster:
        raise ConfigError("--kubeconfig and --context need --cluster", hint="add --cluster")
    given = Input.from_file(flags.config_file)
    found, status = results(given)
    if flags.with_cluster and status != 2:
        there = _in_cluster(given, flags.kubeconfig, flags.kube_context)
        # What was only possible is told again where it is the case.
        found = [r for r in found if (r.level, r.code) not in {("note", t.code) for t in there}] + there
        found.sort(key=lambda r: LEVELS.index(r.level))
        failing = LEVELS[: LEVELS.index(flags.fail_on) + 1]
        status = 1 if any(r.level in failing for r in there) else status
    if flags.output == "json":
        click.echo(json_text({"results": [asdict(r) for r in found]}))
        return status
    for result in found:
        _print(result)
    errors = sum(r.level == "error" for r in found)
    what = visible(flags.config_file or "the defaults")
    click.echo(f"{what}: {errors or 'no'} error{'' if errors == 1 else 's'}")
    return status


def results(given: Input) -> tuple[list[Result], int]:
    """Everything that was found, errors first, and the exit status."""
    try:
        settings = read_settings(given.file.text, given.file.origin)
        config, server = load_settings(settings, given), settings.server
        config.templates.compile_all()
        coherence.check(server)
    except (ConfigError, ManifestError) as error:
        if error.rows:
            return [Result("error", "load", row) for row in error.rows], 2
        return [Result("error", "load", error.message, error.where, error.hint)], 2
    found = [Result("error", p.code, p.message, p.where, p.hint) for p in dry_run(given)]
    status = 1 if found else 0
    found += [Result("warning" if f.action else "note", f.code, f.message) for f in config.findings]
    if server.failure_mode == "allow":
        hint = "leave out failureMode, so that it is denied"
        found.append(Result("warning", "fails-open", coherence.FAILS_OPEN, "server.failureMode", hint))
    if not status:
        found += [Result("note", "pod-security", told, hint=hint) for _, told, hint in unsafe(config)]
    found += _open_annotations(open_to_all(config.profile, config.annotation_rules))
    return found, status


def _open_annotations(allowed: Mapping[str, tuple[str, ...]]) -> Iterator[Result]:
    """One note about all annotations that nobody is kept from, and what they can change."""
    if allowed:
        listed = ", ".join(f"{key} ({', '.join(powers)})" for key, powers in allowed.items())
        message = f"every pod may use what changes more than its own traffic: {listed}"
        hint = "rules under `annotations` limit them, see docs/how-to/limit-annotations.md"
        yield Result("note", "open-annotations", message, hint=hint)


def _in_cluster(given: Input, kubeconfig: str | None, context: str | None) -> list[Result]:
    """What is found in the cluster. Raises ClusterError."""
    settings = read_settings(given.file.text, given.file.origin)
    config = load_settings(settings, given)
    found = check_cluster.found(config, settings.server, kubeconfig, context)
    return [Result(**asdict(each)) for each in found]


def _print(result: Result) -> None:
    colour = coloured(sys.stdout)
    tint = {"error": "red", "warning": "yellow", "note": "cyan"}[result.level]
    at = f"{result.where}: " if result.where else ""
    advice = f" (hint: {result.hint})" if result.hint else ""
    text = visible(at + result.message + advice)
    line = f"{paint(result.level + ':', tint, colour)} {text} [{result.code}]"
    click.echo(line, color=True if colour else None)
