"""`injector tag`: revision tags of a cluster: list them, point one to a revision, remove one.

Here: what is read and written, and what is refused. Not here: the objects (core.registration.tags).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import click

from injector.classes import dataclass
from injector.cli import world
from injector.cli.configuration import Wanted, located
from injector.cli.results import PROGRAMS, for_programs, table
from injector.cli.world import Access
from injector.config.loading import load_input
from injector.core import names
from injector.core.model import Manifest
from injector.core.profile import Config
from injector.core.registration import tags
from injector.core.registration.configuration import TAG_SEPARATOR, checked_name
from injector.core.registration.entries import CONFIGURATIONS, labels_of
from injector.core.registration.tags import Registration
from injector.errors import ClusterError, ConfigError
from injector.kube.client import Cluster
from injector.kube.objects import NAMESPACES
from injector.kube.survey import SurveyReader
from injector.printable import first_of, shown, visible

HEADINGS: Final = ("tag", "revision", "service", "namespaces", "object", "helm release")


@dataclass(frozen=True, slots=True, kw_only=True)
class TagFlags(Access):
    """The flags of the commands `tag`; a command without one of them leaves its default."""

    config_file: str | None
    tag: str = ""
    revision: str = ""
    overwrite: bool = False
    yes: bool = False
    output: str = "text"


@dataclass(frozen=True, slots=True)
class TagReader:
    """The injector's objects in a cluster, by revision and tag."""

    config: Config
    cluster: Cluster
    keys: frozenset[str]
    registrations: tuple[Registration, ...]

    def tagged(self, tag: str) -> Registration | None:
        """The object of a tag."""
        return next((each for each in self.registrations if each.tag == tag), None)

    def revisions(self) -> dict[str, Registration]:
        """The revisions' own objects by revision."""
        return {name: each for each in self.registrations if each.tag is None for name in each.serves}

    def labelled(self, tag: str, spaces: Sequence[Manifest]) -> list[str]:
        """Which namespaces have labels that name a tag, without those that are being deleted."""
        return [
            str(each["metadata"]["name"])
            for each in spaces
            if any(labels_of(each).get(key) == tag for key in self.keys)
            and (each.get("status") or {}).get("phase") != "Terminating"
        ]

    def pointed(self, registration: Registration) -> str:
        """The revision that a tag points to; what it calls where that is no revision's."""
        return tags.revision_of(registration, self.registrations) or f"none ({registration.target})"


def _reader(cluster: Cluster, flags: TagFlags) -> TagReader:
    # Only the profile counts here: its labels of revisions, and how they match.
    config = load_input(located(Wanted(config_file=flags.config_file, running=False)).inputs)
    keys = tags.revision_keys(config.profile, config.values)
    if not keys:
        raise ConfigError(f"profile {config.profile.name} has no revision tags", where="tag")
    return TagReader(config, cluster, keys, tuple(tags.registrations(cluster.list(CONFIGURATIONS), keys)))


# --- list -------------------------------------------------------------------------------------------


def list_tags(flags: TagFlags) -> int:
    """Print the tags; returns the exit status. Raises InjectorError."""
    with world.connected(flags) as cluster:
        reader = _reader(cluster, flags)
        spaces = cluster.list(NAMESPACES)
        rows = [_row(reader, each, spaces) for each in reader.registrations if each.tag is not None]
    if flags.output in PROGRAMS:
        click.echo(for_programs({"tags": rows}, flags.output))
    elif rows:
        listed = [
            [*map(str, (*list(row.values())[:3], len(row["namespaces"]), row["object"], row["release"]))]
            for row in rows
        ]
        click.echo("\n".join(table(HEADINGS, listed)))
    else:
        click.echo("no revision tags", err=True)
    return 0


def _row(reader: TagReader, registration: Registration, spaces: Sequence[Manifest]) -> dict[str, Any]:
    tag = registration.tag or ""
    return {
        "tag": tag,
        "revision": reader.pointed(registration),
        "service": registration.target,
        "namespaces": reader.labelled(tag, spaces),
        "object": registration.name,
        "release": registration.release,
    }


# --- set --------------------------------------------------------------------------------------------


def set_tag(flags: TagFlags) -> int:
    """Point a tag to a revision in one write; returns the exit status. Raises InjectorError."""
    checked_name(f"x-{flags.tag}", "TAG")
    with world.connected(flags) as cluster:
        reader = _reader(cluster, flags)
        revisions = reader.revisions()
        revision = revisions.get(flags.revision)
        if revision is None:
            hint = f"revisions of this cluster: {first_of(sorted(revisions)) or 'none'}"
            message = f"no injector serves revision {shown(flags.revision)}"
            raise ConfigError(message, where="--revision", hint=hint)
        if flags.tag in revisions:
            hint = "namespaces with this label are injected already; choose another tag"
            raise ConfigError(f"{shown(flags.tag)} is the name of a revision", where="TAG", hint=hint)
        present = reader.tagged(flags.tag)
        if present is not None:
            _check_overwrite(reader, present, flags)
        name = present.name if present else f"{_stem(reader)}{TAG_SEPARATOR}{flags.tag}"
        _check_bundle(revision)
        _check_rights(cluster, revision, name)
        entries = reader.config.profile.tag_entries(flags.tag, reader.config.values)
        item = tags.pointing(name, entries, revision.raw, present.raw if present else None)
        if present:
            cluster.replace(f"{CONFIGURATIONS}/{name}", item)
        else:
            cluster.create(CONFIGURATIONS, item)
    was = f", which pointed to revision {reader.pointed(present)}" if present else ""
    click.echo(visible(f"tag {flags.tag}{was}: points to revision {flags.revision} ({name})"))
    if present and present.release:
        click.echo(visible(f"warning: {_owned(present, flags.tag)}"), err=True)
    click.echo(visible(f"Pods get revision {flags.revision} when they are created again."), err=True)
    return 0


def _stem(reader: TagReader) -> str:
    return f"{names.APP}-{reader.config.profile.name}"


def _check_overwrite(reader: TagReader, present: Registration, flags: TagFlags) -> None:
    if flags.overwrite:
        return
    message = f"tag {flags.tag} points to revision {reader.pointed(present)}"
    owned = f"; {_owned(present, flags.tag)}" if present.release else ""
    raise ConfigError(message + owned, where="TAG", hint="add --overwrite to move it")


def _owned(present: Registration, tag: str) -> str:
    """What Helm does with an object that this command changes."""
    return (
        f"{present.name} belongs to the Helm release {present.release}: its next upgrade points the tag "
        f"back, or deletes the object where {tag} is no longer in webhook.tags; set webhook.createTags=false "
        "to leave tags out of releases"
    )


def _check_bundle(revision: Registration) -> None:
    clients = [webhook.get("clientConfig") or {} for webhook in revision.raw["webhooks"]]
    if not all(client.get("caBundle") for client in clients):
        message = f"{revision.name} has an entry without caBundle: the API server could not call the webhook"
        hint = "wait until the injector of that revision runs, which writes it"
        raise ClusterError(message, status=0, where=revision.name, hint=hint)


def _check_rights(cluster: Cluster, revision: Registration, name: str) -> None:
    """Refuse where the revision's injector renews caBundle, and may not do so in the object of the tag."""
    reader = SurveyReader(cluster)
    account = _account(reader, revision.raw)
    if account is None:
        return
    own = reader.may("patch", f"{CONFIGURATIONS}/{revision.name}", account)
    of_tag = reader.may("patch", f"{CONFIGURATIONS}/{name}", account)
    if own is False or of_tag:
        # Without the right for its own object, the certificates are somebody else's.
        return
    if own is None or of_tag is None:
        message = f"whether ServiceAccount {'/'.join(account)} may patch {name} cannot be checked"
        hint = "use an account that may create subjectaccessreviews.authorization.k8s.io"
        raise ClusterError(message, status=403, where=name, hint=hint)
    message = f"ServiceAccount {'/'.join(account)} may not patch {name}"
    hint = (
        f"add {name.rpartition(TAG_SEPARATOR)[2]} to webhook.tags of the release of that revision; without "
        "the right, caBundle expires and pods are rejected"
    )
    raise ClusterError(message, status=403, where=name, hint=hint)


def _account(reader: SurveyReader, configuration: Manifest) -> tuple[str, str] | None:
    """The ServiceAccount of the pods behind a webhook; None for a webhook outside the cluster."""
    service = (configuration["webhooks"][0].get("clientConfig") or {}).get("service")
    if not service:
        return None
    path = f"/api/v1/namespaces/{service['namespace']}/services/{service['name']}"
    for pod in reader.behind(reader.cluster.get(path)):
        return str(service["namespace"]), str(pod["spec"].get("serviceAccountName") or "default")
    message = f"Service {service['namespace']}/{service['name']} has no pods"
    raise ClusterError(
        message, status=0, hint="pods of the tag would not be injected; start the injector first"
    )


# --- remove -----------------------------------------------------------------------------------------


def remove_tag(flags: TagFlags) -> int:
    """Delete the object of a tag; returns the exit status. Raises InjectorError."""
    with world.connected(flags) as cluster:
        reader = _reader(cluster, flags)
        present = reader.tagged(flags.tag)
        if present is None:
            known = sorted(each.tag for each in reader.registrations if each.tag)
            hint = f"tags of this cluster: {first_of(known) or 'none'}"
            raise ConfigError(f"there is no tag {shown(flags.tag)}", where="TAG", hint=hint)
        if present.release and not flags.overwrite:
            message = f"{present.name} belongs to the Helm release {present.release}, which makes it again"
            hint = "remove the tag from webhook.tags of that release, or add --overwrite"
            raise ConfigError(message, where="TAG", hint=hint)
        used = reader.labelled(flags.tag, cluster.list(NAMESPACES))
        if used and not flags.yes:
            message = f"{len(used)} namespaces use tag {flags.tag}: {first_of(used)}"
            hint = "their new pods would not be injected; label them with a revision first, or add --yes"
            raise ConfigError(message, where="TAG", hint=hint)
        cluster.delete(f"{CONFIGURATIONS}/{present.name}", present.raw["metadata"]["resourceVersion"])
    click.echo(visible(f"tag {flags.tag} removed ({present.name})"))
    return 0
