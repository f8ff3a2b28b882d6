"""`injector check`: its flags."""

from __future__ import annotations

from typing import Any, Final

import click

from injector.cli import options

EXAMPLES: Final = """\b
Examples:
  injector check --config injector.yaml
  injector check --config injector.yaml --fail-on warning
  injector check --config injector.yaml --cluster --wait 60
  injector check --config injector.yaml --cluster --context prod -o json"""


@click.command("check", epilog=EXAMPLES)
@options.config("Configuration file or URL; the same file as for the webhook.")
@options.config_map()
@options.bundle()
@click.option("--cluster", "with_cluster", is_flag=True, help="Also check the webhook in a cluster.")
@options.cluster("Same as for kubectl; requires --cluster.")
@options.output_format("text", "json", "yaml")
@options.report("stdout in place of the text")
@click.option("--all", "complete", is_flag=True, help="List every note in full; -o json always does.")
@click.option(
    "--wait",
    type=click.IntRange(min=0),
    default=0,
    metavar="SECONDS",
    help="Check the cluster again until nothing fails, at most this long.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["note", "warning", "error"]),
    help="The lowest level of a finding that sets exit status 1. Default: error, in a cluster warning.",
)
def command(**flags: Any) -> int:
    """Check a configuration: keys and types, templates, a trial run on sample pods, risky settings.

    With --cluster, also check the webhook in a cluster: caBundle and certificate, connection,
    selectors that never match or that overlap with another injector, pods that must not depend on
    it, missing permissions, PodSecurity. If a direct connection is not possible, a pod is sent to
    the API server as a dry run, so that it calls the webhook.

    Exit status 1 if there is an error, in the cluster also for a warning (--fail-on); 2 if the
    configuration cannot be loaded.
    """
    from injector.cli import check

    return check.run(check.CheckFlags(**flags))
