"""`injector explain`: its flags."""

from __future__ import annotations

from typing import Any, Final

import click

from injector.cli import options

EXAMPLES: Final = """\b
Examples:
  injector explain -f shop.yaml
  injector explain -f shop.yaml --objects namespaces.yaml
  injector explain deploy/web -n shop --context prod
  injector explain deploy/web -n shop --live
  injector explain pod/web-7d9f-x2x -n shop --live --from-istiod istio-system
  injector explain -f shop.yaml --html shop.html
  injector explain -f shop.yaml -o json | jq '.workloads[].reason'"""


@click.command("explain", epilog=EXAMPLES)
@click.argument("target", required=False, metavar="[KIND/NAME]")
@options.filenames
@options.namespace("Namespace of KIND/NAME, or of objects that name none.")
@options.config()
@options.objects()
@options.cluster("As for kubectl; with KIND/NAME.")
@click.option("--live", is_flag=True, help="Say why its pod is not ready or not injected; with KIND/NAME.")
@options.from_istiod("Use what a live istiod's ConfigMaps say; with KIND/NAME.")
@options.output_format
@click.option("--html", metavar="FILE", help="Write a page for a browser, in one step, instead of stdout.")
def command(**flags: Any) -> int:
    """Why a workload is injected or not, rule by rule, and who set what.

    Looks at manifests, or at an object of a cluster (deploy/NAME, pod/NAME, sts/NAME ...). With
    --live it reads the state of the object's pod, its events and the end of the injected
    containers' logs, and names the cause (docs/reference/causes.md).
    """
    from injector.cli import explain

    return explain.run(explain.Flags(**flags))
