"""`injector kube-inject`: its flags, which are those of `istioctl kube-inject`."""

from __future__ import annotations

from typing import Any, Final

import click

from injector.cli import options
from injector.cli.injection_options import injection

_NO_XDS: Final = "rendering is local; --from-cluster reads the configuration from the cluster"
# KubeInjectFlags of istioctl that have no meaning here, and what to use instead.
REFUSED: Final = {
    "--operatorFileName": "use --valuesFile for its spec.values and --meshConfigFile for its spec.meshConfig",
    "--webhookConfig": "rendering is local; --from-cluster reads the configuration that the webhook uses",
    "--xds-address": _NO_XDS,
    "--xds-label": _NO_XDS,
    "--xds-port": _NO_XDS,
    "--cert-dir": _NO_XDS,
    "--authority": _NO_XDS,
    "--timeout": "the command does not wait; remove the flag",
}
REFUSED_SWITCHES: Final = {"--insecure": _NO_XDS, "--plaintext": _NO_XDS}

EXAMPLES: Final = """\b
Examples:
  injector kube-inject -f shop.yaml | kubectl apply -f -
  injector kube-inject --config injector.yaml -R -f manifests/ -o injected.yaml
  injector kube-inject shop.yaml --objects namespaces.yaml --strict
  injector kube-inject -f shop.yaml --from-cluster --context prod
  helm template shop | injector kube-inject -f -"""


def refused_flags(command: options.Command) -> options.Command:
    """The flags of istioctl that have no meaning here."""
    for flag, hint in REFUSED.items():
        command = options.refused(flag, hint)(command)
    for flag, hint in REFUSED_SWITCHES.items():
        command = options.refused(flag, hint, is_flag=True)(command)
    return command


@click.command("kube-inject", epilog=EXAMPLES)
@options.config()
@options.config_map()
@options.manifests
@options.filenames("Manifests, YAML or JSON, also a URL; may be repeated, or separated by commas.")
@options.output_file
@injection
@refused_flags
def command(**flags: Any) -> int:
    """Inject sidecars into manifests: manifests on stdout, a report on stderr.

    Documents that are not injected pass through byte for byte. Nothing is printed or written when
    one document fails. No cluster is needed. FILE is the same as -f FILE.
    """
    from injector.cli import inject

    return inject.run(inject.KubeInjectFlags(**flags))
