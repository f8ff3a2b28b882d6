"""`injector check`: its flags."""

from __future__ import annotations

from typing import Any, Final

import click

from injector.cli import options

EXAMPLES: Final = """\b
Examples:
  injector check --config injector.yaml
  injector check --config injector.yaml --cluster
  injector check --config injector.yaml --cluster --context prod -o json"""


@click.command("check", epilog=EXAMPLES)
@options.config("Configuration file; without one the defaults are checked.")
@click.option("--cluster", "with_cluster", is_flag=True, help="Look at the webhook in a cluster as well.")
@options.cluster("As for kubectl; with --cluster.")
@options.output_format
@click.option(
    "--fail-on",
    type=click.Choice(["warning", "error"]),
    default="warning",
    show_default=True,
    help="The least finding in a cluster that makes the exit status 1.",
)
def command(**flags: Any) -> int:
    """Check a configuration: keys and types, templates, a dry run on sample pods, and what is unwise.

    With --cluster also how the webhook stands in a cluster: caBundle and certificate, whether it is
    reached, selectors that never match or overlap with another injector's, pods that must not wait
    for it, missing rights, PodSecurity. Where no connection is possible the API server is let call
    the webhook, for a pod that is sent as a dry run.

    Exit status 1 where something is wrong, in a cluster also for a warning (--fail-on); 2 where the
    configuration does not load at all.
    """
    from injector.cli import check

    return check.run(check.Flags(**flags))
