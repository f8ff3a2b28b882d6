"""`injector check`: does a configuration load, do its templates render, and what should be known about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import click

from injector.errors import ConfigError, ManifestError
from injector.printable import json_text, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from injector.config.load import Input

EXAMPLES: Final = """\b
Examples:
  injector check --config injector.yaml
  injector check --config injector.yaml --cluster
  injector check --config injector.yaml --cluster --context prod -o json"""


LEVELS: Final = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the result. `level` is error, warning or note."""

    level: str
    code: str
    message: str
    where: str = ""
    hint: str = ""


@click.command("check", epilog=EXAMPLES)
@click.option(
    "--config",
    "config_file",
    metavar="FILE",
    help="Configuration file; by default the defaults are checked.",
)
@click.option("--cluster", "with_cluster", is_flag=True, help="Also check the webhook in a cluster.")
@click.option("--kubeconfig", metavar="FILE", help="Same as for kubectl; requires --cluster.")
@click.option("--context", "kube_context", metavar="NAME", help="Same as for kubectl; requires --cluster.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    help="Output format: text for people, json for programs.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["warning", "error"]),
    default="warning",
    show_default=True,
    help="The lowest level of a finding in the cluster that sets exit status 1.",
)
def command(
    config_file: str | None,
    with_cluster: bool,
    kubeconfig: str | None,
    kube_context: str | None,
    output: str,
    fail_on: str,
) -> int:
    """Check a configuration: keys and types, templates, a trial run on sample pods, risky settings.

    With --cluster, also check the webhook in a cluster: caBundle and certificate, connection,
    selectors that never match or that overlap with another injector, pods that must not depend on
    it, missing permissions, PodSecurity. If a direct connection is not possible, a pod is sent to
    the API server as a dry run, so that it calls the webhook.

    Exit status 1 if there is an error, in a cluster also for a warning (--fail-on); 2 if the
    configuration cannot be loaded.
    """
    from injector.config.load import Input

    if (kubeconfig or kube_context) and not with_cluster:
        raise ConfigError("--kubeconfig and --context need --cluster", hint="add --cluster")
    given = Input.from_file(config_file)
    found, status = results(given)
    if with_cluster and status != 2:
        there = _in_cluster(given, kubeconfig, kube_context)
        # What was only possible is told again where it is the case.
        found = [r for r in found if (r.level, r.code) not in {("note", t.code) for t in there}] + there
        found.sort(key=lambda r: LEVELS.index(r.level))
        failing = LEVELS[: LEVELS.index(fail_on) + 1]
        status = 1 if any(r.level in failing for r in there) else status
    if output == "json":
        click.echo(json_text({"results": [asdict(r) for r in found]}))
        return status
    for result in found:
        _print(result)
    errors = sum(r.level == "error" for r in found)
    what = visible(config_file or "the defaults")
    click.echo(f"{what}: {errors or 'no'} error{'' if errors == 1 else 's'}")
    return status


def results(given: Input) -> tuple[list[Result], int]:
    """Everything that was found, errors first, and the exit status."""
    from injector.config import coherence
    from injector.config.dryrun import dry_run
    from injector.config.load import load_settings
    from injector.config.schema import read_settings
    from injector.core.injection.annotation_rules import open_to_all
    from injector.core.registration.checks import unsafe

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
        hint = "remove failureMode, so that the pod is denied"
        found.append(Result("warning", "fails-open", coherence.FAILS_OPEN, "server.failureMode", hint))
    if not status:
        found += [Result("note", "pod-security", told, hint=hint) for _, told, hint in unsafe(config)]
    found += _open_annotations(open_to_all(config.profile, config.annotation_rules))
    return found, status


def _open_annotations(allowed: Mapping[str, tuple[str, ...]]) -> Iterator[Result]:
    """One note about all annotations that nobody is kept from, and what they can change."""
    if allowed:
        listed = ", ".join(f"{key} ({', '.join(powers)})" for key, powers in allowed.items())
        message = f"any pod may use annotations that affect security: {listed}"
        hint = "limit them with rules under `annotations`; see docs/how-to/limit-annotations.md"
        yield Result("note", "open-annotations", message, hint=hint)


def _in_cluster(given: Input, kubeconfig: str | None, context: str | None) -> list[Result]:
    """What is found in the cluster. Raises ClusterError."""
    from injector.cli.check_cluster import found
    from injector.config.load import load_settings
    from injector.config.schema import read_settings

    settings = read_settings(given.file.text, given.file.origin)
    config = load_settings(settings, given)
    return [Result(**asdict(each)) for each in found(config, settings.server, kubeconfig, context)]


def _print(result: Result) -> None:
    import sys

    from injector.cli.report import coloured, paint

    colour = coloured(sys.stdout)
    tint = {"error": "red", "warning": "yellow", "note": "cyan"}[result.level]
    at = f"{result.where}: " if result.where else ""
    advice = f" (hint: {result.hint})" if result.hint else ""
    text = visible(at + result.message + advice)
    line = f"{paint(result.level + ':', tint, colour)} {text} [{result.code}]"
    click.echo(line, color=True if colour else None)
