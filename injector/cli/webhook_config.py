"""`injector webhook-config`: the MutatingWebhookConfiguration that sends the API server's pods to us.

Which pods are sent is the profile's table of selectors, the same that the command line decides by.
The objects carry no label of any mesh: a running control plane writes its own certificate into
every configuration that bears its revision's label. Not here: applying it, and certificates.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import click

from injector.core.registration.configuration import LABEL, Options, checked_name, configurations
from injector.core.registration.match_conditions import conditions
from injector.errors import ConfigError

if TYPE_CHECKING:
    from injector.core.model import Manifest

PATH: Final = "/mutate"

_SERVICE = re.compile(
    rf"(?P<namespace>{LABEL})/(?P<name>{LABEL})(:(?P<port>[0-9]{{1,5}}))?(?P<path>/\S*)?", re.ASCII
)
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\n.*?-----END CERTIFICATE-----\n?", re.DOTALL)

EXAMPLES: Final = """\b
Examples:
  injector webhook-config --service mesh/injector --ca-file ca.pem | kubectl apply -f -
  injector webhook-config --config injector.yaml --service mesh/injector:8443/inject/cluster/east
  injector webhook-config --url https://127.0.0.1:8443/mutate --ca-file ca.pem
  injector webhook-config --config canary.yaml --service mesh/injector-canary --tag prod
  injector webhook-config --service mesh/injector --tag moved --tags-only"""


@click.command("webhook-config", epilog=EXAMPLES)
@click.option(
    "--config", "config_file", metavar="FILE", help="Configuration file; the same as for the webhook."
)
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
def command(
    config_file: str | None,
    tags: tuple[str, ...],
    excluded: tuple[str, ...],
    *,
    tags_only: bool,
    **flags: Any,
) -> int:
    """Print the MutatingWebhookConfiguration for a configuration, one more for each --tag.

    The selectors are the profile's. One that has none gets all pods whose label does not say false,
    in every namespace but those that it ignores, the webhook's own, kube-system and
    kube-node-lease. The conditions are made of what decides about a pod; they drop only pods that
    are certain to be skipped and say nothing but false.
    """
    from injector import yamltext
    from injector.config.load import load

    if tags_only and not tags:
        raise ConfigError("there is nothing to print", where="--tags-only", hint="give a --tag with it")
    config = load(config_file)
    client = _client(flags["url"], flags["service"], flags["ca_file"])
    options = Options(
        client,
        flags["failure_policy"],
        flags["timeout"],
        flags["reinvocation_policy"],
        conditions(config.policy, config.profile) if flags["match_conditions"] else (),
        _side_effects(flags["side_effects"], config_file),
        frozenset(checked_name(name, "--exclude-namespace") for name in excluded),
    )
    found = list(configurations(config, options, flags["name"], tags))
    click.echo("---\n".join(yamltext.dump(item) for item in found[tags_only:]), nl=False)
    if options.failure_policy == "Ignore":
        told = "while the webhook does not answer, pods are made without sidecar (failurePolicy Ignore)"
        click.echo(f"warning: {told}", err=True)
    return 0


def _side_effects(asked: str, config_file: str | None) -> str:
    """As asked, else by whether the file has `serve` keep records or write Events."""
    from injector.config.load import Input
    from injector.config.schema import read_settings

    if asked != "auto":
        return asked
    given = Input.from_file(config_file).file
    server = read_settings(given.text, given.origin).server
    return "NoneOnDryRun" if server.record.directory or server.events != "off" else "None"


def _client(url: str | None, service: str | None, ca_file: str | None) -> Manifest:
    if (url is None) == (service is None):
        hint = "--service inside the cluster, --url outside"
        raise ConfigError("exactly one of --url and --service is needed", hint=hint)
    client: Manifest = {"url": _url(url)} if url is not None else {"service": _service(service or "")}
    if ca_file is not None:
        client["caBundle"] = _bundle(ca_file)
    return client


def _url(text: str) -> str:
    """The URL as the API server accepts it, with our path where it has none."""
    hint = "https://HOST[:PORT]/PATH without user, query and fragment"
    try:
        parts = urlsplit(text)
        usable = parts.scheme == "https" and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or "@" in parts.netloc or "?" in text or "#" in text:
        raise ConfigError("this URL is not accepted by the API server", where="--url", hint=hint)
    return text if parts.path.strip("/") else text.rstrip("/") + PATH


def _service(text: str) -> Manifest:
    match = _SERVICE.fullmatch(text)
    port = int(match["port"] or 443) if match else 0
    if match is None or not 0 < port < 65536:
        hint = "NS/NAME[:PORT][/PATH], such as mesh/injector:443/mutate"
        raise ConfigError("a namespace and a name are expected", where="--service", hint=hint)
    return {
        "namespace": match["namespace"],
        "name": match["name"],
        "port": port,
        "path": match["path"] or PATH,
    }


def _bundle(file: str) -> str:
    """The certificates of a file, and nothing else of it: everybody may read the object."""
    import ssl
    from pathlib import Path

    from injector.files import read_text

    found = "".join(_CERTIFICATE.findall(read_text(Path(file)).replace("\r\n", "\n")))
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=found)
    except (ssl.SSLError, ValueError, TypeError) as error:
        raise ConfigError("no certificate can be read", where=file, hint="PEM is expected") from error
    return base64.b64encode(found.encode("ascii")).decode("ascii")
