"""`injector explain`: its flags."""

from __future__ import annotations

from typing import Any, Final

import click

from injector.cli import options

EXAMPLES: Final = """\b
Examples:
  injector explain -f shop.yaml
  injector explain -f shop/ --objects namespaces.yaml --skipped
  injector explain deploy/web -n shop --context prod --all
  injector explain deploy web api -n shop
  injector explain deploy,sts,ds -A --reason not-selected -o wide
  injector explain pods -n shop -l app=web --live
  injector explain pod/web-7d9f-x2x -n shop --live --from-istiod istio-system
  injector explain -f shop.yaml --html shop.html
  injector explain -f shop.yaml -o json | jq '.workloads[].reason'"""


@click.command("explain", epilog=EXAMPLES)
@click.argument(
    "targets",
    nargs=-1,
    type=options.Suggested("targets"),
    metavar="[KIND/NAME...|KIND [NAME...]|FILE...]",
)
@options.filenames("Manifests, YAML or JSON, also a URL; may be repeated, or separated by commas.")
@options.namespace("Namespace of KIND/NAME, or of objects without a namespace.")
@click.option("-A", "--all-namespaces", is_flag=True, help="All objects of the kind in all namespaces.")
@click.option(
    "-l", "--selector", default="", metavar="SELECTOR", help="Only objects with these labels, as app=web."
)
@options.config()
@options.config_map()
@options.bundle()
@options.objects()
@options.tags()
@options.cluster("Same as for kubectl; requires KIND/NAME.")
@click.option("--live", is_flag=True, help="Explain why pods are not ready or not injected; requires KIND.")
@options.from_istiod("Use the ConfigMaps of a running istiod; requires KIND/NAME.")
@click.option(
    "--reason",
    "reasons",
    multiple=True,
    type=options.Suggested("reasons"),
    metavar="WORD",
    help="Show only workloads with this reason; may be repeated.",
)
@click.option("--skipped", is_flag=True, help="Show only workloads that are not injected.")
@click.option("--all", "show_all", is_flag=True, help="Show all rules, and the values of the profile too.")
@options.output_format("text", "wide", "json", "yaml")
@click.option(
    "--html", metavar="FILE", help="Write an HTML page instead of stdout; the file is replaced atomically."
)
def command(**flags: Any) -> int:
    """Explain why workloads are injected or not, and where the injected values come from.

    Reads manifests, or objects of a cluster (deploy/NAME, pod/NAME, sts/NAME ...). One workload is
    shown with its reason, findings and the values that the profile did not set; several are a table.
    With --live it also reads the status and the events of each object's pod and the last log lines
    of the injected containers, and reports the cause (docs/reference/causes.md).
    """
    from injector.cli import explain

    return explain.run(explain.ExplainFlags(**flags))
