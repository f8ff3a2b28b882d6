"""`injector webhook-config`: the MutatingWebhookConfiguration that makes the API server call the webhook.

The profile's table of selectors says which pods are sent; `kube-inject` decides with the same table.
The objects have no label of a mesh: a running control plane writes its own certificate into every
configuration with the label of its revision. Not here: applying it, and certificates.
"""

from __future__ import annotations

import base64
import re
import ssl
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from injector import yamltext
from injector.classes import dataclass
from injector.cli.configuration import Wanted, located
from injector.config.loading import settings_of
from injector.config.server_settings import Server
from injector.core.model import Manifest
from injector.core.registration.configuration import LABEL, Options, checked_name, configurations
from injector.core.registration.failure_modes import contradiction
from injector.core.registration.match_conditions import conditions
from injector.errors import ConfigError
from injector.files import read_text
from injector.patterns import pattern

PATH: Final = "/mutate"

_SERVICE = pattern(
    rf"(?P<namespace>{LABEL})/(?P<name>{LABEL})(:(?P<port>[0-9]{{1,5}}))?(?P<path>/\S*)?", re.ASCII
)
_CERTIFICATE = pattern(r"-----BEGIN CERTIFICATE-----\n.*?-----END CERTIFICATE-----\n?", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookConfigFlags:
    """The flags of `webhook-config`."""

    config_file: str | None
    url: str | None
    service: str | None
    ca_file: str | None
    name: str | None
    failure_policy: str
    timeout: int
    reinvocation_policy: str
    side_effects: str
    match_conditions: bool
    excluded: tuple[str, ...]
    tags: tuple[str, ...]
    tags_only: bool


def run(flags: WebhookConfigFlags) -> int:
    """Print the objects; returns the exit status. Raises ConfigError."""
    if flags.tags_only and not flags.tags:
        raise ConfigError("there is nothing to print", where="--tags-only", hint="add --tag")
    chosen = located(Wanted(config_file=flags.config_file))
    config, server = chosen.config(), settings_of(chosen.inputs).server
    client = _client(flags.url, flags.service, flags.ca_file)
    options = Options(
        client,
        flags.failure_policy,
        flags.timeout,
        flags.reinvocation_policy,
        conditions(config.policy, config.profile) if flags.match_conditions else (),
        _side_effects(flags.side_effects, server),
        frozenset(checked_name(name, "--exclude-namespace") for name in flags.excluded),
    )
    objects = list(configurations(config, options, flags.name, flags.tags))
    click.echo("---\n".join(yamltext.dump(item) for item in objects[flags.tags_only :]), nl=False)
    if options.failure_policy == "Ignore":
        text = "while the webhook does not answer, pods are created without a sidecar (failurePolicy Ignore)"
        click.echo(f"warning: {text}", err=True)
    wrong = contradiction(options.failure_policy, server.failure_mode)
    if wrong:
        click.echo(f"warning: {wrong[0]} (hint: {wrong[1]})", err=True)
    return 0


def _side_effects(asked: str, server: Server) -> str:
    """The flag, or for `auto` what the settings for records and Events imply."""
    if asked != "auto":
        return asked
    return "NoneOnDryRun" if server.record.directory or server.events != "off" else "None"


def _client(url: str | None, service: str | None, ca_file: str | None) -> Manifest:
    if (url is None) == (service is None):
        hint = "use --service for a webhook inside the cluster, --url outside"
        raise ConfigError("exactly one of --url and --service is required", hint=hint)
    client: Manifest = {"url": _url(url)} if url is not None else {"service": _service(service or "")}
    if ca_file is not None:
        client["caBundle"] = _bundle(ca_file)
    return client


def _url(text: str) -> str:
    """The URL as the API server accepts it, with the default path where it has none."""
    hint = "https://HOST[:PORT]/PATH without user, query and fragment"
    try:
        parts = urlsplit(text)
        usable = parts.scheme == "https" and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or "@" in parts.netloc or "?" in text or "#" in text:
        raise ConfigError("the API server does not accept this URL", where="--url", hint=hint)
    return text if parts.path.strip("/") else text.rstrip("/") + PATH


def _service(text: str) -> Manifest:
    match = _SERVICE.fullmatch(text)
    port = int(match["port"] or 443) if match else 0
    if match is None or not 0 < port < 65536:
        hint = "NS/NAME[:PORT][/PATH], such as sidecar-injector/injector:443/mutate"
        raise ConfigError("a namespace and a name are expected", where="--service", hint=hint)
    return {
        "namespace": match["namespace"],
        "name": match["name"],
        "port": port,
        "path": match["path"] or PATH,
    }


def _bundle(file: str) -> str:
    """The certificates of a file without the rest of it: any user may read the object."""
    certificates = "".join(_CERTIFICATE.findall(read_text(Path(file)).replace("\r\n", "\n")))
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificates)
    except (ssl.SSLError, ValueError, TypeError) as error:
        raise ConfigError("the file has no valid certificate", where=file, hint="PEM is expected") from error
    return base64.b64encode(certificates.encode("ascii")).decode("ascii")
