"""`injector webhook-config`: the MutatingWebhookConfiguration that sends the API server's pods to us.

Which pods are sent is the profile's table of selectors, the same that the command line decides by.
The objects carry no label of any mesh: a running control plane writes its own certificate into
every configuration that bears its revision's label. Not here: applying it, and certificates.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import click

from injector.errors import ConfigError

if TYPE_CHECKING:
    from injector.core.model import Manifest
    from injector.core.profile import Config
    from injector.core.registration.match_conditions import MatchCondition
    from injector.core.selectors import Selector, WebhookEntry

PATH: Final = "/mutate"

_LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*", re.ASCII)
_SERVICE = re.compile(
    rf"(?P<namespace>{_LABEL})/(?P<name>{_LABEL})(:(?P<port>[0-9]{{1,5}}))?(?P<path>/\S*)?", re.ASCII
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
@click.option("--url", metavar="URL", help="URL of the webhook, if it has no Service.")
@click.option("--service", metavar="NS/NAME[:PORT][/PATH]", help="The Service of the webhook.")
@click.option("--ca-file", metavar="FILE", help="CA certificates, PEM; without it, caBundle is not set.")
@click.option("--name", metavar="NAME", help=("Name of the object; default: sidecar-injector-PROFILE[-REV]."))
@click.option(
    "--failure-policy",
    type=click.Choice(["Fail", "Ignore"]),
    default="Fail",
    show_default=True,
    help="Whether pods may start without a sidecar while the webhook cannot be reached.",
)
@click.option(
    "--timeout",
    type=click.IntRange(1, 30),
    default=10,
    show_default=True,
    metavar="SECONDS",
    help="How long the API server waits for an answer.",
)
@click.option(
    "--reinvocation-policy",
    type=click.Choice(["IfNeeded", "Never"]),
    default="IfNeeded",
    show_default=True,
    help="Whether the webhook is called again after a later webhook changed the pod.",
)
@click.option(
    "--side-effects",
    type=click.Choice(["auto", "None", "NoneOnDryRun"]),
    default="auto",
    show_default=True,
    help=(
        "NoneOnDryRun if admissions have side effects; auto: if the configuration enables records or Events."
    ),
)
@click.option(
    "--match-conditions/--no-match-conditions",
    default=True,
    help="Whether the API server excludes pods that are certainly skipped; needs Kubernetes 1.28.",
)
@click.option(
    "--exclude-namespace",
    "excluded",
    multiple=True,
    metavar="NAME",
    help="A namespace whose pods are never sent, regardless of its labels; may be repeated.",
)
@click.option(
    "--tag",
    "tags",
    multiple=True,
    metavar="TAG",
    help="Also print an object for this revision tag; may be repeated.",
)
@click.option("--tags-only", is_flag=True, help=("Print only the objects of tags, not that of the revision."))
def command(
    config_file: str | None,
    tags: tuple[str, ...],
    excluded: tuple[str, ...],
    *,
    tags_only: bool,
    **flags: Any,
) -> int:
    """Print the MutatingWebhookConfiguration of a configuration, and another one for each --tag.

    The profile defines the selectors. Without selectors, the webhook gets all pods that do not
    disable injection by label, except in ignored namespaces, its own namespace, kube-system and
    kube-node-lease. The match conditions exclude only pods that are certainly skipped without a
    warning.
    """
    from injector import yamltext
    from injector.config.load import load

    if tags_only and not tags:
        raise ConfigError("there is nothing to print", where="--tags-only", hint="add --tag")
    config = load(config_file)
    client = _client(flags["url"], flags["service"], flags["ca_file"])
    options = Options(
        client,
        flags["failure_policy"],
        flags["timeout"],
        flags["reinvocation_policy"],
        match_conditions(config) if flags["match_conditions"] else (),
        _side_effects(flags["side_effects"], config_file),
        frozenset(_name(name, "--exclude-namespace") for name in excluded),
    )
    found = list(configurations(config, options, flags["name"], tags))
    click.echo("---\n".join(yamltext.dump(item) for item in found[tags_only:]), nl=False)
    if options.failure_policy == "Ignore":
        told = "while the webhook does not answer, pods are created without a sidecar (failurePolicy Ignore)"
        click.echo(f"warning: {told}", err=True)
    return 0


@dataclass(frozen=True, slots=True)
class Options:
    """What all entries have in common; `client` is their clientConfig."""

    client: Manifest
    failure_policy: str = "Fail"
    timeout: int = 10
    reinvocation_policy: str = "IfNeeded"
    conditions: tuple[MatchCondition, ...] = ()
    side_effects: str = "None"
    excluded: frozenset[str] = frozenset()


def _side_effects(asked: str, config_file: str | None) -> str:
    """As asked, else by whether the file has `serve` keep records or write Events."""
    from injector.config.load import Input
    from injector.config.schema import read_settings

    if asked != "auto":
        return asked
    given = Input.from_file(config_file).file
    server = read_settings(given.text, given.origin).server
    return "NoneOnDryRun" if server.record.directory or server.events != "off" else "None"


def match_conditions(config: Config) -> tuple[MatchCondition, ...]:
    """The conditions that every entry of a configuration gets."""
    from injector.core.registration.match_conditions import conditions

    return conditions(config.policy, config.profile)


def configurations(
    config: Config, options: Options, name: str | None = None, tags: tuple[str, ...] = ()
) -> Iterator[Manifest]:
    """The object of the configuration's revision, then one for each tag.

    Raises ConfigError for a name that Kubernetes refuses, and for a tag that means nothing.
    """
    profile, revision = config.profile, config.revision or "default"
    suffix = "" if revision == "default" else f"-{revision}"
    name = _name(name or f"sidecar-injector-{profile.name}{suffix}", "--name")
    service = options.client.get("service") or {}
    yield _configuration(name, own_entries(config, service.get("namespace")), options)
    for tag in tags:
        entries = profile.tag_entries(tag, config.values)
        if not entries:
            raise ConfigError(f"profile {profile.name} does not support revision tags", where="--tag")
        if tag == revision:
            hint = "the object of the revision already has these selectors"
            raise ConfigError(f"tag {tag[:63]} equals the revision", where="--tag", hint=hint)
        yield _configuration(_name(f"{name}-tag-{tag}", "--tag"), entries, options)


def own_entries(config: Config, own_namespace: str | None) -> tuple[WebhookEntry, ...]:
    """The entries of the configuration's revision; the namespace is the webhook's own, if it has one."""
    return config.policy.entries or (_whole(config, own_namespace),)


def _configuration(name: str, entries: tuple[WebhookEntry, ...], options: Options) -> Manifest:
    from injector.core import names

    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name, "labels": {names.APP_LABEL: names.APP}},
        "webhooks": [_webhook(entry, options) for entry in entries],
    }


def _webhook(entry: WebhookEntry, options: Options) -> Manifest:
    found: Manifest = {
        "name": entry.name,
        "clientConfig": options.client,
        "rules": [
            {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
        ],
        "namespaceSelector": without(entry.namespaces, options.excluded).as_manifest(),
        "objectSelector": entry.objects.as_manifest(),
        "failurePolicy": options.failure_policy,
        "sideEffects": options.side_effects,
        "timeoutSeconds": options.timeout,
        "reinvocationPolicy": options.reinvocation_policy,
        "admissionReviewVersions": ["v1"],
    }
    if options.conditions:
        found["matchConditions"] = [condition.as_manifest() for condition in options.conditions]
    return found


def without(selector: Selector, excluded: frozenset[str]) -> Selector:
    """The selector of namespaces, which some are taken out of by their names."""
    from injector.core import names
    from injector.core.selectors import Requirement, Selector

    if not excluded:
        return selector
    return Selector((*selector.requirements, Requirement(names.METADATA_NAME_LABEL, "NotIn", excluded)))


def _whole(config: Config, own_namespace: str | None) -> WebhookEntry:
    """The entry of a profile without selectors.

    Our own namespace is left out: nobody would answer for the first pod of the webhook itself. So are
    those of the cluster, which has to start without us.
    """
    from injector.core import names
    from injector.core.selectors import Requirement, Selector, WebhookEntry

    name = _name(whole_name(config), "profile name")
    outside = config.policy.ignored_namespaces | names.CLUSTER_NAMESPACES
    if own_namespace:
        outside |= {own_namespace}
    namespaces = (Requirement(names.METADATA_NAME_LABEL, "NotIn", outside),)
    not_off = Requirement(config.policy.switch, "NotIn", frozenset({names.NO}))
    return WebhookEntry(name, Selector(namespaces), Selector((not_off,)))


def whole_name(config: Config) -> str:
    """The name of the one entry of a profile without selectors."""
    # The API server wants at least three segments.
    return f"pods.{config.profile.name}.sidecar-injector"


def _name(text: str, where: str) -> str:
    if not _NAME.fullmatch(text):
        hint = "use at most 253 lower case letters, digits, - and ."
        raise ConfigError(f"{text[:64]!r} is not a valid Kubernetes name", where=where, hint=hint)
    return text


def _client(url: str | None, service: str | None, ca_file: str | None) -> Manifest:
    if (url is None) == (service is None):
        hint = "use --service for a webhook inside the cluster, --url outside"
        raise ConfigError("exactly one of --url and --service is required", hint=hint)
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
        raise ConfigError("the API server does not accept this URL", where="--url", hint=hint)
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
        raise ConfigError("the file has no valid certificate", where=file, hint="PEM is expected") from error
    return base64.b64encode(found.encode("ascii")).decode("ascii")
