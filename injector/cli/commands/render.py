"""`injector render`: its flags."""

from __future__ import annotations

from typing import Any, Final

import click

from injector.cli import options
from injector.cli.injection_options import injection
from injector.cli.pipeline_options import pipelines

EXAMPLES: Final = """\b
Examples:
  injector render -R manifests/ --diff
  injector render -R manifests/ --check
  injector render --check --bundle bundle.yaml@sha256:DIGEST --against cluster
  injector render -R manifests/ --output-dir rendered/
  injector render -R manifests/ -o kustomize --output-dir overlay/
  injector render -R manifests/ --in-place
  injector render -k overlays/prod | kubectl apply -f -
  injector render --helm ./shop -- --namespace shop --values prod.yaml"""


@click.command("render", epilog=EXAMPLES)
@options.config()
@options.config_map()
@options.manifests
@options.filenames("Manifests, YAML or JSON; may be repeated, or separated by commas.")
@click.option("--diff", is_flag=True, help="Print what injection changes, as a unified diff.")
@click.option(
    "--base",
    type=options.FILES,
    metavar="FILE",
    help="Print what changes from this configuration to the one in use, by kind of change, as Markdown.",
)
@click.option(
    "--check", is_flag=True, help="Print what injection would change; exit status 1 where it is anything."
)
@click.option(
    "--record-bundle",
    is_flag=True,
    help="Record the digest of --bundle in each injected workload, outside of its pod template.",
)
@click.option(
    "--against",
    type=options.FILES,
    metavar="cluster|BUNDLE",
    help="With --check: also fail where the configuration in use differs from this one; says by which keys.",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["yaml", "json", "patch", "kustomize"]),
    help="Output format: yaml manifests as they were read (default), json one value after the other, patch a"
    " list of JSON patches, kustomize a folder.",
)
@click.option(
    "--output-dir",
    type=options.FILES,
    metavar="DIR",
    help="Write the files to this folder instead of stdout, also those without changes.",
)
@options.in_place
@click.option(
    "--jobs",
    type=click.IntRange(0, 256),
    default=1,
    metavar="N",
    help="Render in so many processes; 0: one for each CPU. Default: 1.",
)
@pipelines
@injection
def command(**flags: Any) -> int:
    """Inject sidecars into manifests for CI and GitOps: only what injection adds or changes differs.

    Manifests on stdout, a report on stderr. Nothing is printed or written when one document fails. No
    cluster is needed. FILE is the same as -f FILE.
    """
    from injector.cli import render

    return render.run(render.RenderFlags(**flags))
