"""`injector serve`: the flags of the webhook."""

from __future__ import annotations

from typing import Any, Final

import click

from injector.cli import options

EXAMPLES: Final = """\b
Examples:
  injector serve --config injector.yaml --tls-cert tls.crt --tls-key tls.key
  injector serve --config-map sidecar-injector/injector --tls-bundle tls.pem
  injector serve --from-istiod istio-system/canary --tls-cert tls.crt --tls-key tls.key
  injector serve --config injector.yaml --namespaces off ...     (without a cluster)"""


@click.command("serve", epilog=EXAMPLES)
@options.config("The configuration file.")
@options.config_map("Read the configuration from a ConfigMap; default key: injector.yaml.")
@options.from_istiod()
@click.option("--tls-cert", metavar="FILE", help="Certificate chain, PEM.")
@click.option("--tls-key", metavar="FILE", help="Private key, PEM.")
@click.option(
    "--tls-bundle", metavar="FILE", help="Key and chain in one file; replaces --tls-cert and --tls-key."
)
@click.option("--listen", metavar="HOST:PORT", help="Address of the webhook; default :8443.")
@click.option("--health-listen", metavar="HOST:PORT", help="Address of health and metrics; default :8080.")
@click.option("--debug-listen", metavar="HOST:PORT", help="Loopback address of the debug page; default: off.")
@click.option("--namespaces", type=click.Choice(["watch", "off"]), help="off: do not watch a cluster.")
@click.option(
    "--failure-mode",
    type=click.Choice(["deny", "allow"]),
    help="What to do with a pod when the injector itself fails.",
)
@click.option(
    "--record", "record_dir", metavar="DIR", help="Folder for records of admissions, for 'injector replay'."
)
@click.option("--record-key", metavar="FILE", help="Key of the pseudonyms in records.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]))
@options.kubeconfig("Same as for kubectl; by default the cluster that this process runs in.")
def command(**flags: Any) -> None:
    """Run the admission webhook until SIGTERM.

    Logs are JSON lines on stderr. The source of the configuration is read every few seconds. If it
    is invalid, the error is logged and the last valid configuration stays in use.
    """
    from injector import collection, installation
    from injector.cli import configuration

    # Before the configuration is read: its errors are no help without the packages.
    installation.require("serve")
    with collection.postponed():
        from injector.serving import start

        if not flags["config_map"]:
            flags["config_file"] = configuration.file_of(flags["config_file"])
        start.serve(start.ServeFlags(**flags))
