"""The workloads that `injector explain` is about: of manifests, or of a cluster.

Not here: what is explained of them, and how it is printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from injector import yamltext
from injector.cli import live, manifests, world
from injector.cli.live_config import load_live
from injector.cli.world import World
from injector.config.loading import load
from injector.core import documents, workload
from injector.core.diagnosis.diagnoses import Diagnosis
from injector.core.kinds import KINDS
from injector.core.model import Facts, Manifest
from injector.core.profile import Config
from injector.core.reports.provenance import Explanation
from injector.errors import ClusterError, InjectorError, ManifestError
from injector.kube import targets
from injector.kube.client import Cluster
from injector.kube.targets import WorkloadReference
from injector.yamltext import Document


@dataclass(frozen=True, slots=True)
class LocatedWorkload:
    """A workload, its place in a file or cluster, and what is known of its surroundings."""

    where: str
    workload: workload.Workload
    facts: Facts


@dataclass(frozen=True, slots=True)
class Explained:
    """A workload, its place in a file or cluster, its explanation, and the diagnosis of its pod."""

    where: str
    workload: workload.Workload
    explanation: Explanation
    live: Diagnosis | None = None


@dataclass(frozen=True, slots=True)
class ExplainInput:
    """The workloads with the configuration that counts for them, and what could not be read.

    `diagnose` gives the state of a workload's pod.
    """

    config: Config
    subjects: Sequence[LocatedWorkload]
    errors: Sequence[InjectorError] = ()
    diagnose: Callable[[LocatedWorkload], Diagnosis] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhereFlags:
    """The flags for where workloads are looked for, and what is known of their surroundings."""

    namespace: str
    all_namespaces: bool
    selector: str
    config_file: str | None
    objects: tuple[str, ...]
    kubeconfig: str | None
    kube_context: str | None
    live: bool
    from_istiod: str | None


def of_files(filenames: Sequence[str], flags: WhereFlags) -> ExplainInput:
    """The workloads of manifests. Raises ManifestError where there is none."""
    config = load(flags.config_file)
    around = world.from_objects(flags.objects, flags.namespace)
    subjects: list[LocatedWorkload] = []
    errors: list[InjectorError] = []

    def look(document: Document, manifest: Manifest, pointer: str) -> Manifest:
        try:
            located = workload.locate(manifest, quirks=config.quirks)
        except ManifestError as error:
            errors.append(documents.placed(error, document, pointer))
            return manifest
        if located:
            where = documents.place(document, pointer)
            subjects.append(LocatedWorkload(where, located, around.facts(located)))
        return manifest

    for document in manifests.read_all(filenames):
        try:
            kind = yamltext.kind_of(document)
            if kind and workload.has_template(kind[1]):
                documents.changed(document, look)
            else:
                documents.check_other(document, kind)
        except ManifestError as error:
            errors.append(error)
    if not subjects and not errors:
        hint = f"supported kinds: {', '.join(KINDS)}"
        raise ManifestError("no object with a pod template", where=", ".join(filenames), hint=hint)
    return ExplainInput(config, subjects, errors)


@contextmanager
def of_cluster(wanted: Sequence[WorkloadReference], flags: WhereFlags) -> Iterator[ExplainInput]:
    """The workloads of a cluster, as long as the connection is open. Raises ClusterError."""
    lookup = flags.namespace or "default"
    with world.connected(flags.kubeconfig, flags.kube_context) as cluster:
        config = load_live(cluster, flags.config_file, flags.from_istiod)
        namespace = "" if flags.all_namespaces else lookup
        items = list(targets.fetched(cluster, wanted, namespace, flags.selector))
        objects = [item for item in items if not isinstance(item, ClusterError)]
        errors = [item for item in items if isinstance(item, ClusterError)]
        if not items:
            raise _nothing(wanted, namespace, flags.selector)
        around = _Surroundings(cluster, config, flags, lookup)
        subjects = [_subject(item, lookup, around, config) for item in objects]

        def diagnose(subject: LocatedWorkload) -> Diagnosis:
            known, unread = around.of(subject.workload.namespace or lookup)
            return live.diagnosis(cluster, subject.workload.manifest, known, config, unread)

        yield ExplainInput(config, subjects, errors, diagnose if flags.live else None)


class _Surroundings:
    """The objects around workloads, read once for each namespace, or once for all of them."""

    def __init__(self, cluster: Cluster, config: Config, flags: WhereFlags, lookup: str) -> None:
        of_files = world.from_objects(flags.objects, lookup)

        @cache
        def of(namespace: str) -> tuple[World, tuple[str, ...]]:
            if flags.live:
                seen, unread = world.around(cluster, config.profile, namespace)
            else:
                seen, unread = world.from_cluster(cluster, config.profile, lookup), ()
            return (world.combined(seen, of_files) if flags.objects else seen), unread

        self._of = of
        self._separate = flags.live

    def of(self, namespace: str) -> tuple[World, tuple[str, ...]]:
        """What is known around a namespace, and what could not be read."""
        return self._of(namespace if self._separate else "")


def _subject(item: Manifest, lookup: str, around: _Surroundings, config: Config) -> LocatedWorkload:
    meta = item.get("metadata") or {}
    namespace = str(meta.get("namespace") or lookup)
    try:
        located = workload.locate(item, quirks=config.quirks)
    except ManifestError as error:
        name = f"{item.get('kind')} {namespace}/{meta.get('name')}"
        raise ManifestError(error.message, where=f"{name} {error.where}", hint=error.hint) from error
    if located is None:
        raise ManifestError("the object has no pod template", where=str(item.get("kind")))
    known, _ = around.of(namespace)
    return LocatedWorkload(f"namespace {namespace}", located, known.facts(located))


def _nothing(wanted: Sequence[WorkloadReference], namespace: str, selector: str) -> ManifestError:
    """No object was listed."""
    kinds = " or ".join(dict.fromkeys(target.kind.plural for target in wanted))
    place = f"in namespace {namespace}" if namespace else "in any namespace"
    matching = f" with labels {selector}" if selector else ""
    hint = "check --namespace and --selector; -A looks in all namespaces"
    return ManifestError(f"there are no {kinds}{matching} {place}", hint=hint)
