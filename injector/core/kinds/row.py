"""What a row of the table of kinds says. Not here: the rows themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping

from injector.classes import dataclass


@dataclass(frozen=True, slots=True)
class Parent:
    """How the controller of a pod shows which object made the controller itself.

    `api_version` is empty where it is that of the controller. One of the other fields is set.
    """

    kind: str
    api_version: str = ""
    # The pod's label whose value the controller appends to the parent's name.
    hash_label: str = ""
    # The pod's label whose value is the parent's name.
    name_label: str = ""
    # A regular expression for what the controller's name has after the parent's name, and one for
    # what upstream takes for it.
    suffix: str = ""
    suffix_quirk: str = ""

    def name(self, controller: str, labels: Mapping[str, str], *, quirks: bool = False) -> str:
        """The parent's name; empty where the controller has no such parent."""
        if self.name_label:
            return labels.get(self.name_label) or ""
        if self.suffix:
            suffix = self.suffix_quirk if quirks else self.suffix
            match = re.fullmatch(f"(.+)(?:{suffix})", controller)
            return match[1] if match else ""
        end = "-" + (labels.get(self.hash_label) or "")
        return controller.removesuffix(end) if end != "-" and controller.endswith(end) else ""


@dataclass(frozen=True, slots=True)
class Rolling:
    """The fields of a kind's spec and status that a rolling restart reads."""

    # Of the spec, and what holds where it says nothing.
    strategy: str
    # Of the status: pods of the new template, those of them that serve, and pods of both templates.
    updated: str
    available: str
    total: str = ""
    max_unavailable: int | str = 1
    max_surge: int | str = 0
    rounds_up: bool = True
    # The status names a current and an update revision, and counts anew once they are the same.
    revisions: bool = False


@dataclass(frozen=True, slots=True)
class Restriction:
    """Fields of a pod spec that a kind's API server takes only by a setting each, and where these are."""

    settings: tuple[tuple[str, str], ...]
    place: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of objects that make pods: it is a pod, has templates of pods, or says why it has none."""

    kind: str
    # What the API server serves, and all API groups whose manifests are read.
    api_version: str
    groups: frozenset[str]
    # The resource, empty where none is read from a cluster, and the other names that kubectl takes.
    plural: str = ""
    aliases: tuple[str, ...] = ()
    # JSON pointers of the pod templates; * is each element of a list or map. Several are optional each.
    templates: tuple[str, ...] = ("/spec/template",)
    # Why an object without any of these is passed; empty where its first one must be there.
    without: str = ""
    # JSON pointer of a reference to the object that has the pod template instead.
    reference: str = ""
    # A template without containers, or with one that has no name, is no whole pod: others complete it.
    partial: bool = False
    # JSON pointer of the number of pods that it asks for: 1 where a spec, 0 where a status does not say.
    replicas: str = ""
    # Fields of the status that count the pods that it made; none where other objects make them.
    made: tuple[str, ...] = ()
    runs_to_completion: bool = False
    rolling: Rolling | None = None
    parents: tuple[Parent, ...] = ()
    # What it makes that makes its pods, by kubectl's long name; empty for pods, and where `parents` show it.
    makes: str = ""
    # The API version by which its pods are attributed to it, where that is not its own.
    owner_version: str = ""
    restriction: Restriction | None = None
    # Whether upstream injects into it; with quirks, other kinds are passed.
    upstream: bool = True

    @property
    def template(self) -> str:
        """The first of the pod templates."""
        return self.templates[0] if self.templates else ""

    def names(self, *, group: bool = True) -> tuple[str, ...]:
        """What kubectl calls it, before its group, or without one.

        A Service of Knative needs it: `services` are those of Kubernetes.
        """
        return (self.plural, *self.aliases) if group or self.kind.lower() in self.aliases else self.aliases

    def serves(self, group: str) -> bool:
        """Whether `group` is ``apps`` or ``v1.apps`` for ``apps/v1``."""
        served, slash, version = self.api_version.partition("/")
        return bool(slash) and group in (served, f"{version}.{served}")

    @property
    def api_path(self) -> str:
        """The path of the API that serves it."""
        return f"/{'apis' if '/' in self.api_version else 'api'}/{self.api_version}"
