"""`injector audit`: its flags."""

from __future__ import annotations

from typing import Any, Final

import click

from injector.cli import options

EXAMPLES: Final = """\b
Examples:
  injector audit -A --config injector.yaml
  injector audit -n shop --from-istiod istio-system -o json | jq '.pods[].state'
  injector audit -n shop --config injector.yaml --restart
  injector audit -n shop --config injector.yaml --restart --yes --parallel 2

Exit status: 0 no problem was found, or all were fixed; 1 problems remain."""


@click.command("audit", epilog=EXAMPLES)
@options.namespace("Check the pods of this namespace.")
@click.option("-A", "--all-namespaces", is_flag=True, help="Check the pods of all namespaces.")
@options.config()
@options.config_map()
@options.from_istiod()
@options.path("webhook")
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
@options.cluster()
@options.output_format("text", "json", "yaml")
def command(**flags: Any) -> int:
    """List pods whose sidecar is missing, stale, foreign or unwanted, by owner.

    Uses the configuration and the rules of the webhook. With --restart --yes, the owners are
    restarted like with `kubectl rollout restart`, a few at a time, and only if the
    PodDisruptionBudgets of their pods allow it; without --yes, --restart only shows the plan.
    """
    from injector.cli import audit

    return audit.run(audit.AuditFlags(**flags))
