"""`injector audit`: its flags."""

from __future__ import annotations

from typing import Any, Final

import click

from injector.cli import options

EXAMPLES: Final = """\b
Examples:
  injector audit -A --config injector.yaml
  injector audit deploy/web -n shop --config injector.yaml
  injector audit -n shop --from-istiod istio-system -o json | jq '.pods[].state'
  injector audit -A --config injector.yaml --watch
  injector audit -n shop --config injector.yaml --restart
  injector audit -n shop --config injector.yaml --restart --yes --parallel 2
  injector audit -A --config injector.yaml --restart --yes --window 'Mon-Fri 22:00-04:00 Europe/Berlin'

Exit status: 0 no pod has a problem, or all were fixed; 1 problems remain, or pods could not be
read; 2 wrong usage or configuration; 130 interrupted."""


@click.command("audit", epilog=EXAMPLES)
@click.argument(
    "workloads", nargs=-1, type=options.Suggested("targets"), metavar="[KIND/NAME | KIND [NAME]]..."
)
@options.namespace("Check the pods of this namespace.")
@click.option("-A", "--all-namespaces", is_flag=True, help="Check the pods of all namespaces.")
@click.option("-l", "--selector", default="", metavar="SELECTOR", help="Check pods with these labels.")
@options.config()
@options.config_map()
@options.from_istiod()
@options.path("webhook")
@click.option(
    "--accept",
    multiple=True,
    type=click.Choice(["missing", "stale", "unwanted", "foreign", "refused"]),
    help="Count pods in this state, but do not report them; may be repeated.",
)
@click.option("--watch", is_flag=True, help="Continue, and print a line for each pod whose state changes.")
@click.option("--events", is_flag=True, help="Write a Kubernetes Event on each owner with a finding.")
@click.option(
    "--fail-on",
    type=click.Choice(["finding", "error"]),
    default="finding",
    show_default=True,
    help="What sets exit status 1 without --restart: a finding, or only an error of the run.",
)
@click.option(
    "--restart", is_flag=True, help="Show which owners would be restarted; with --yes restart them."
)
@click.option("--yes", is_flag=True, help="With --restart: restart the owners.")
@click.option(
    "--parallel",
    type=click.IntRange(1, 20),
    default=1,
    show_default=True,
    metavar="N",
    help="How many owners are restarted at a time.",
)
@click.option(
    "--timeout",
    type=click.IntRange(1, 86400),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="How long an owner may wait for its PodDisruptionBudgets, and how long its rollout may take.",
)
@click.option(
    "--window",
    multiple=True,
    metavar="TEXT",
    help="Restart only in these hours: '[DAYS] HH:MM-HH:MM [ZONE]'; may be repeated. No owner is begun after"
    " the end; those in progress continue.",
)
@options.cluster()
@options.output_format("text", "wide", "json", "yaml")
def command(**flags: Any) -> int:
    """List pods whose sidecar is missing, stale, foreign or unwanted, by owner.

    With names, such as deploy/web or deploy web, only the pods of these owners are checked.

    Uses the configuration and the rules of the webhook. With --restart --yes, the owners are
    restarted like with `kubectl rollout restart`, a few at a time, and only if the
    PodDisruptionBudgets of their pods allow it; without --yes, --restart only shows the plan.
    """
    from injector.cli import audit

    return audit.run(audit.AuditFlags(**flags))
