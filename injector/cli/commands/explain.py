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
@click.argument("target", required=False, type=options.Suggested("targets"), metavar="[KIND/NAME]")
@options.filenames("Manifests, YAML or JSON, also a URL; may be repeated, or separated by commas.")
@options.namespace("Namespace of KIND/NAME, or of objects without a namespace.")
@options.config()
@options.config_map()
@options.objects()
@options.tags()
@options.cluster("Same as for kubectl; requires KIND/NAME.")
@click.option(
    "--live", is_flag=True, help="Explain why its pod is not ready or not injected; requires KIND/NAME."
)
@options.from_istiod("Use the ConfigMaps of a running istiod; requires KIND/NAME.")
@options.output_format("text", "json", "yaml")
@click.option(
    "--html", metavar="FILE", help="Write an HTML page instead of stdout; the file is replaced atomically."
)
def command(**flags: Any) -> int:
    """Explain why a workload is injected or not, rule by rule, and where each value comes from.

    Reads manifests, or an object of a cluster (deploy/NAME, pod/NAME, sts/NAME ...). With --live
    it also reads the status and the events of the object's pod and the last log lines of the
    injected containers, and reports the cause (docs/reference/causes.md).
    """
    from injector.cli import explain

    return explain.run(explain.ExplainFlags(**flags))
