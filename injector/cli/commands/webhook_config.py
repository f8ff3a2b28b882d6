"""`injector webhook-config`: its flags."""

from __future__ import annotations

from typing import Any, Final

import click

from injector.cli import options

EXAMPLES: Final = """\b
Examples:
  injector webhook-config --service sidecar-injector/injector --ca-file ca.pem | kubectl apply -f -
  injector webhook-config --config injector.yaml --service sidecar-injector/injector:8443/inject/cluster/east
  injector webhook-config --url https://127.0.0.1:8443/mutate --ca-file ca.pem
  injector webhook-config --config canary.yaml --service sidecar-injector/injector-canary --tag prod
  injector webhook-config --service sidecar-injector/injector --tag moved --tags-only"""


@click.command("webhook-config", epilog=EXAMPLES)
@options.config()
@click.option("--url", metavar="URL", help="URL of the webhook, if it has no Service.")
@click.option("--service", metavar="NS/NAME[:PORT][/PATH]", help="The Service of the webhook.")
@click.option("--ca-file", metavar="FILE", help="CA certificates, PEM; without it, caBundle is not set.")
@click.option("--name", metavar="NAME", help="Name of the object; default: sidecar-injector-PROFILE[-REV].")
@click.option(
    "--failure-policy",
    type=click.Choice(["Fail", "Ignore"]),
    default="Fail",
    show_default=True,
    help="Whether pods may start without a sidecar while the webhook cannot be reached.",
)
@click.option(
    "--timeout",
    type=click.IntRange(1, 30),
    default=10,
    show_default=True,
    metavar="SECONDS",
    help="How long the API server waits for an answer.",
)
@click.option(
    "--reinvocation-policy",
    type=click.Choice(["IfNeeded", "Never"]),
    default="IfNeeded",
    show_default=True,
    help="Whether the webhook is called again after a later webhook changed the pod.",
)
@click.option(
    "--side-effects",
    type=click.Choice(["auto", "None", "NoneOnDryRun"]),
    default="auto",
    show_default=True,
    help="NoneOnDryRun if admissions have side effects; auto: with records or Events.",
)
@click.option(
    "--match-conditions/--no-match-conditions",
    default=True,
    help="Whether the API server excludes pods that are certainly skipped; needs Kubernetes 1.28.",
)
@click.option(
    "--exclude-namespace",
    "excluded",
    multiple=True,
    metavar="NAME",
    help="A namespace whose pods are never sent, regardless of its labels; may be repeated.",
)
@options.tags("Also print an object for this revision tag; may be repeated.")
@click.option("--tags-only", is_flag=True, help="Print only the objects of tags, not that of the revision.")
def command(**flags: Any) -> int:
    """Print the MutatingWebhookConfiguration of a configuration, and another one for each --tag.

    The profile defines the selectors. Without selectors, the webhook gets all pods that do not
    disable injection by label, except in ignored namespaces, its own namespace, kube-system and
    kube-node-lease. The match conditions exclude only pods that are certainly skipped without a
    warning.
    """
    from injector.cli import webhook_config

    return webhook_config.run(webhook_config.WebhookConfigFlags(**flags))
