"""`injector render`: its flags."""

from __future__ import annotations

import gc
from typing import Any, Final

import click

from injector.cli import options
from injector.cli.injection_options import injection
from injector.cli.pipeline_options import pipelines

EXAMPLES: Final = """\b
Examples:
  injector render -R manifests/ --diff
  injector render -k overlays/prod | kubectl apply -f -
  injector render --helm ./shop -- --namespace shop --values prod.yaml"""


@click.command("render", epilog=EXAMPLES)
@options.config()
@options.config_map()
@options.manifests
@options.filenames("Manifests, YAML or JSON; may be repeated, or separated by commas.")
@click.option("--diff", is_flag=True, help="Print what injection changes, as a unified diff.")
@pipelines
@injection
def command(**flags: Any) -> int:
    """Inject sidecars into manifests for CI and GitOps: only what injection adds or changes differs.

    Manifests on stdout, a report on stderr. Nothing is printed when one document fails. No cluster is
    needed. FILE is the same as -f FILE.
    """
    # A short run makes little garbage and many objects that stay: looking for it costs a tenth of the time.
    gc.set_threshold(100_000)
    from injector.cli import render

    return render.run(render.RenderFlags(**flags))
