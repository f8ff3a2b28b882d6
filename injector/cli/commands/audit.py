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

Exit status: 0 nothing was found, or all that was found is put right; 1 something is left."""


@click.command("audit", epilog=EXAMPLES)
@options.namespace("Look at the pods of this namespace.")
@click.option("-A", "--all-namespaces", is_flag=True, help="Look at all pods.")
@options.config()
@options.from_istiod()
@options.path("webhook")
@click.option("--restart", is_flag=True, help="Show which owners would be rolled anew; with --yes roll them.")
@click.option("--yes", is_flag=True, help="With --restart: do it.")
@click.option(
    "--parallel",
    type=click.IntRange(1, 20),
    default=1,
    show_default=True,
    metavar="N",
    help="How many owners are rolled at a time.",
)
@click.option(
    "--timeout",
    type=click.IntRange(1, 86400),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="How long one owner may wait for its budgets, and then take.",
)
@options.cluster()
@options.output_format
def command(**flags: Any) -> int:
    """List pods whose sidecar is missing, stale, foreign or unwanted, by owner.

    Decides and renders with the same configuration and rules as the webhook. With --restart the
    owners are rolled as `kubectl rollout restart` does it, a few at a time, and never while a
    PodDisruptionBudget of their pods allows too little; without --yes it only says what it would do.
    """
    from injector.cli import audit

    return audit.run(audit.Flags(**flags))
