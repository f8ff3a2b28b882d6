"""`injector bundle`: its flags."""

from __future__ import annotations

from typing import Any, Final

import click

from injector.cli import options
from injector.cli.injection_options import configuration, from_cluster

EXAMPLES: Final = """\b
Examples:
  injector bundle --config injector.yaml -o bundle.yaml
  injector bundle --from-cluster --context prod > bundle.yaml
  injector render -R manifests/ --bundle bundle.yaml@sha256:DIGEST"""


@click.command("bundle", epilog=EXAMPLES)
@options.config()
@options.config_map()
@options.from_istiod()
@options.namespace("Use the release that serves this namespace.")
@configuration
@from_cluster
@options.output_file
def command(**flags: Any) -> int:
    """Pack everything that a rendering depends on, other than the manifests, into one file.

    The file has the configuration, the profile with its templates, values and mesh configuration, of files
    or of a cluster. The same input gives the same bytes. FILE@sha256:DIGEST is printed on stderr, for
    --bundle of other commands. No Secret is read, and none is packed.
    """
    from injector.cli import bundle

    return bundle.run(bundle.BundleFlags(**flags))
