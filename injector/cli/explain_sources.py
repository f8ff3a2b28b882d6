"""The workloads that `injector explain` is about: of manifests, or of a cluster.

Not here: what is explained of them, and how it is printed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache

from injector.classes import dataclass
from injector.cli import configuration, live, world
from injector.cli.cluster_tags import with_cluster_tags
from injector.cli.configuration import Wanted
from injector.cli.reading.sources import Sources
from injector.cli.world import Access, World
from injector.core import documents, workload
from injector.core.diagnosis.diagnoses import Diagnosis
from injector.core.model import Facts, Manifest
from injector.core.profile import Config
from injector.core.registration.tag_entries import with_tags
from injector.core.reports.provenance import Explanation
from injector.errors import ClusterError, ConfigError, InjectorError, ManifestError
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

    `texts` are all documents that were read, or the cluster's objects as JSON. `diagnose` gives the
    state of a workload's pod.
    """

    config: Config
    subjects: Sequence[LocatedWorkload]
    errors: Sequence[InjectorError] = ()
    texts: Sequence[str] = ()
    diagnose: Callable[[LocatedWorkload], Diagnosis] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadSearch(Access):
    """The flags for where workloads are looked for, and what is known of their surroundings."""

    namespace: str
    all_namespaces: bool
    selector: str
    config_file: str | None
    config_map: str | None
    bundle: str | None
    objects: tuple[str, ...]
    tags: tuple[str, ...]
    live: bool
    from_istiod: str | None


def of_files(filenames: Sequence[str], sources: Sources, search: WorkloadSearch) -> ExplainInput:
    """The workloads of manifests. Raises ManifestError where there is none."""
    chosen = configuration.located(Wanted(config_file=search.config_file, bundle=search.bundle))
    config = with_tags(chosen.config(), search.tags)
    around = world.from_objects(search.objects, search.namespace).with_native(chosen.native_sidecars)
    subjects: list[LocatedWorkload] = []
    errors: list[InjectorError] = []

    def look(document: Document, manifest: Manifest, pointer: str) -> Manifest:
        try:
            workloads = workload.locate_all(manifest, quirks=config.quirks, table=config.kinds)
        except ManifestError as error:
            errors.append(documents.placed(error, document, pointer))
            return manifest
        where = documents.place(document, pointer) if workloads else ""
        subjects.extend(LocatedWorkload(where, each, around.facts(each)) for each in workloads)
        return manifest

    read = sources.documents(filenames)
    for document in read:
        try:
            kind = documents.kind_of(document)
            if kind and config.kinds.may_hold_pods(*kind):
                documents.changed(document, look)
            else:
                documents.check_other(document, kind)
        except ManifestError as error:
            errors.append(error)
    if not subjects and not errors:
        hint = "'injector kinds' lists the supported kinds"
        raise ManifestError("no object with a pod template", where=", ".join(filenames), hint=hint)
    return ExplainInput(config, subjects, errors, [document.raw for document in read])


@contextmanager
def of_cluster(words: Sequence[str], search: WorkloadSearch) -> Iterator[ExplainInput]:
    """The workloads of a cluster that words name, as long as the connection is open.

    Raises ConfigError for words that name none, and ClusterError.
    """
    with ExitStack() as stack:
        cluster = _connected(stack, words, search)
        lookup = search.namespace or cluster.namespace
        namespace = "" if search.all_namespaces else lookup
        chosen = Wanted(
            config_file=search.config_file,
            config_map=search.config_map,
            bundle=search.bundle,
            from_istiod=search.from_istiod,
            namespace=namespace,
        )
        config = with_cluster_tags(cluster, configuration.located(chosen, cluster).config(), search.tags)
        wanted = targets.parsed(words, config.kinds)
        items = list(targets.fetched(cluster, wanted, namespace, search.selector))
        objects = [item for item in items if not isinstance(item, ClusterError)]
        errors = [item for item in items if isinstance(item, ClusterError)]
        if not items:
            if namespace:
                cluster.check_namespace(namespace)
            raise _nothing(wanted, namespace, search.selector)
        around = _Surroundings(cluster, config, search, lookup)
        subjects = [each for item in objects for each in _located(item, lookup, around, config)]

        def diagnose(subject: LocatedWorkload) -> Diagnosis:
            known, unread = around.of(subject.workload.namespace or lookup)
            return live.diagnosis(cluster, subject.workload.manifest, known, config, unread)

        texts = [json.dumps(item, sort_keys=True) for item in objects]
        yield ExplainInput(config, subjects, errors, texts, diagnose if search.live else None)


def _connected(stack: ExitStack, words: Sequence[str], search: WorkloadSearch) -> Cluster:
    """The cluster. Without one, words that name no known kind are the error."""
    try:
        return stack.enter_context(world.connected(search))
    except (ClusterError, ConfigError):
        targets.parsed(words)
        raise


class _Surroundings:
    """The objects around workloads, read once for each namespace, or once for all of them."""

    def __init__(self, cluster: Cluster, config: Config, search: WorkloadSearch, lookup: str) -> None:
        of_files = world.from_objects(search.objects, lookup)

        @cache
        def of(namespace: str) -> tuple[World, tuple[str, ...]]:
            if search.live:
                seen, unread = world.around(cluster, config.profile, namespace)
            else:
                seen, unread = world.from_cluster(cluster, config.profile, lookup), ()
            return (world.combined(seen, of_files) if search.objects else seen), unread

        self._of = of
        self._separate = search.live

    def of(self, namespace: str) -> tuple[World, tuple[str, ...]]:
        """What is known around a namespace, and what could not be read."""
        return self._of(namespace if self._separate else "")


def _workloads(manifest: Manifest, config: Config) -> tuple[workload.Workload, ...]:
    """The workloads of an object. The webhook injects pods of any kind, whatever kube-inject passes."""
    workloads = workload.locate_all(manifest, quirks=config.quirks, table=config.kinds)
    return workloads or workload.locate_all(manifest, table=config.kinds)


def _located(item: Manifest, lookup: str, around: _Surroundings, config: Config) -> Iterator[LocatedWorkload]:
    """The workloads in an object of a cluster. Raises ManifestError where it is shaped as none."""
    meta = item.get("metadata") or {}
    namespace = str(meta.get("namespace") or lookup)
    try:
        workloads = _workloads(item, config)
    except ManifestError as error:
        name = f"{item.get('kind')} {namespace}/{meta.get('name')}"
        raise ManifestError(error.message, where=f"{name} {error.where}", hint=error.hint) from error
    known, _ = around.of(namespace)
    for each in workloads:
        yield LocatedWorkload(f"namespace {namespace}", each, known.facts(each))


def _nothing(wanted: Sequence[WorkloadReference], namespace: str, selector: str) -> ManifestError:
    """No object was listed."""
    kinds = " or ".join(dict.fromkeys(target.kind.plural for target in wanted))
    place = f"in namespace {namespace}" if namespace else "in any namespace"
    matching = f" with labels {selector}" if selector else ""
    hint = "check --namespace and --selector; -A looks in all namespaces"
    return ManifestError(f"there are no {kinds}{matching} {place}", hint=hint)
