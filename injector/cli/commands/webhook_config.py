"""`injector webhook-config`: its flags."""

from __future__ import annotations

from typing import Any, Final

import click

from injector.cli import options

EXAMPLES: Final = """\b
Examples:
  injector webhook-config --service mesh/injector --ca-file ca.pem | kubectl apply -f -
  injector webhook-config --config injector.yaml --service mesh/injector:8443/inject/cluster/east
  injector webhook-config --url https://127.0.0.1:8443/mutate --ca-file ca.pem
  injector webhook-config --config canary.yaml --service mesh/injector-canary --tag prod
  injector webhook-config --service mesh/injector --tag moved --tags-only"""


@click.command("webhook-config", epilog=EXAMPLES)
@options.config()
@click.option("--url", metavar="URL", help="Where the webhook listens, if not behind a Service.")
@click.option("--service", metavar="NS/NAME[:PORT][/PATH]", help="The Service in front of the webhook.")
@click.option(
    "--ca-file", metavar="FILE", help="Certificates of the CA, PEM; without it caBundle is left to others."
)
@click.option("--name", metavar="NAME", help="Name of the object, by default sidecar-injector-PROFILE[-REV].")
@click.option(
    "--failure-policy",
    type=click.Choice(["Fail", "Ignore"]),
    default="Fail",
    show_default=True,
    help="Whether pods may start without sidecar while the webhook cannot be reached.",
)
@click.option(
    "--timeout",
    type=click.IntRange(1, 30),
    default=10,
    show_default=True,
    metavar="SECONDS",
    help="How long the API server waits.",
)
@click.option(
    "--reinvocation-policy",
    type=click.Choice(["IfNeeded", "Never"]),
    default="IfNeeded",
    show_default=True,
    help="Whether we are asked again when a later webhook changed the pod.",
)
@click.option(
    "--side-effects",
    type=click.Choice(["auto", "None", "NoneOnDryRun"]),
    default="auto",
    show_default=True,
    help="NoneOnDryRun where admissions leave a trace; auto: where the file asks for records or Events.",
)
@click.option(
    "--match-conditions/--no-match-conditions",
    default=True,
    help="Whether the API server leaves out pods that are certain to be skipped; needs Kubernetes 1.28.",
)
@click.option(
    "--exclude-namespace",
    "excluded",
    multiple=True,
    metavar="NAME",
    help="A namespace whose pods are never sent, whatever its labels say; may be repeated.",
)
@click.option(
    "--tag",
    "tags",
    multiple=True,
    metavar="TAG",
    help="One more object, for pods and namespaces labelled with this revision tag; may be repeated.",
)
@click.option("--tags-only", is_flag=True, help="Leave the revision's own object out.")
def command(**flags: Any) -> int:
    """Print the MutatingWebhookConfiguration for a configuration, one more for each --tag.

    The selectors are the profile's. One that has none gets all pods whose label does not say false,
    in every namespace but those that it ignores, the webhook's own, kube-system and
    kube-node-lease. The conditions are made of what decides about a pod; they drop only pods that
    are certain to be skipped and say nothing but false.
    """
    from injector.cli import webhook_config

    return webhook_config.run(webhook_config.Flags(**flags))
