"""`injector parity`: its flags."""

from __future__ import annotations

from typing import Any, Final

import click

from injector.cli import options
from injector.cli.injection_options import configuration

EXAMPLES: Final = """\b
Examples:
  injector parity -R -f manifests/
  injector parity -R manifests/ --bundle bundle.yaml@sha256:DIGEST --context prod
  injector parity shop.yaml -o json | jq '.workloads[].differences'"""


@click.command("parity", epilog=EXAMPLES)
@options.manifests
@options.filenames()
@options.config()
@options.config_map()
@options.bundle()
@options.namespace("Namespace of objects without a namespace.")
@configuration
@options.objects(
    "Namespaces and other objects, from files or folders; those of the cluster are read as well."
)
@options.cluster()
@options.output_format("text", "json", "yaml")
@click.option("--all", "complete", is_flag=True, help="List also what others set; -o json always does.")
@click.option(
    "--fail-on",
    type=click.Choice(["different", "not-compared"]),
    default="different",
    help="not-compared: also fail for a workload that the cluster refuses for another reason.",
)
def command(**flags: Any) -> int:
    """Compare what the webhook of a cluster injects with what the command line injects.

    For each workload, the pod that its controller would create is sent to the API server as a dry run,
    so that nothing is stored. Fields that injection set must be equal; what the API server and other
    webhooks set is counted apart. This needs the right to create pods.

    Exit status 1 if a workload is different, or if none could be compared.
    """
    from injector.cli import parity

    return parity.run(parity.ParityFlags(**flags))
