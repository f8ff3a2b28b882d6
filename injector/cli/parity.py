"""`injector parity`: is what the command line makes of manifests what the webhook of a cluster makes?

Each pod is sent as a dry run, once to be injected by the webhook, and once as the command line injects it,
so that what the API server and other webhooks add is in both answers. Nothing is stored. Not here: the
comparison (core), and what is printed (`parity_report`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import click

from injector.classes import dataclass, replace
from injector.cli import configuration, manifests, parity_report, world
from injector.cli.cluster_tags import with_cluster_tags
from injector.cli.injection_input import ConfigurationInput
from injector.cli.parity_report import DIFFERENT, NOT_COMPARED, SAME, ApiRefusal, Compared
from injector.cli.progress import counted
from injector.cli.reading.selection import Selection
from injector.cli.reading.sources import Sources
from injector.cli.results import PROGRAMS, for_programs
from injector.cli.world import World
from injector.core import documents, workload
from injector.core.created_pod import created_pod, makes_pods
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Manifest, Verdict
from injector.core.profile import Config
from injector.core.registration.tag_entries import with_tags
from injector.core.reports.parity import compared, without_injection
from injector.core.workload import Workload
from injector.errors import ClusterError, InjectorError, ManifestError
from injector.yamltext import Document

if TYPE_CHECKING:
    from injector.kube.client import Cluster

_MANY: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityFlags(ConfigurationInput):
    """The flags of `parity`."""

    bundle: str | None
    manifests: tuple[str, ...]
    filenames: tuple[str, ...]
    objects: tuple[str, ...]
    recursive: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    output: str
    complete: bool
    fail_on: str

    @property
    def packed(self) -> str | None:
        """The bundle that is used instead."""
        return self.bundle

    @property
    def asks_cluster(self) -> bool:
        """Always: the pods are sent to it."""
        return True


def run(flags: ParityFlags) -> int:
    """Compare the workloads; returns the exit status. Raises InjectorError."""
    names = flags.manifests + flags.filenames
    manifests.check_named(names)
    with world.connected(flags) as cluster:
        chosen = flags.located(cluster)
        config = with_tags(with_cluster_tags(cluster, chosen.config()), flags.tags)
        sources = Sources(flags.recursive, selection=Selection.of(flags.include, flags.exclude))
        subjects = _subjects(sources.documents(names), config)
        doors = _Doors(cluster, config, _surroundings(cluster, config, subjects, flags))
        results = [doors.compare(subject) for subject in counted(subjects, "comparing", _MANY)]
    if flags.output in PROGRAMS:
        click.echo(for_programs(parity_report.as_tree(results, config), flags.output))
    else:
        for line in parity_report.lines(results, config, complete=flags.complete):
            click.echo(line)
    return _status(results, flags.fail_on)


def _status(compared: Sequence[Compared], fail_on: str) -> int:
    results = {each.result for each in compared}
    if DIFFERENT in results or (NOT_COMPARED in results and fail_on == NOT_COMPARED):
        return 1
    # A comparison of nothing proves nothing.
    return int(SAME not in results)


@dataclass(frozen=True, slots=True)
class _Subject:
    """A workload, and its place."""

    where: str
    located: Workload


def _subjects(read: Sequence[Document], config: Config) -> list[_Subject]:
    """The workloads of the manifests. Raises ManifestError for a document that cannot be read."""
    out: list[_Subject] = []

    def look(document: Document, manifest: Manifest, pointer: str) -> Manifest:
        try:
            out.extend(
                _Subject(documents.place(document, pointer), each)
                for each in workload.locate_all(manifest, quirks=config.quirks, table=config.kinds)
            )
        except ManifestError as error:
            raise documents.placed(error, document, pointer) from error
        return manifest

    for document in read:
        if documents.has_workloads(document, config.kinds):
            documents.changed(document, look)
    if not out:
        hint = "'injector kinds' lists the kinds that have pods"
        raise ManifestError("no workload is in the manifests", hint=hint)
    return out


def _surroundings(
    cluster: Cluster, config: Config, subjects: Sequence[_Subject], flags: ParityFlags
) -> Mapping[str, World]:
    """What is known of each namespace, by its name; the default has the empty name as well.

    What may not be read is reported.
    """
    default = flags.namespace or cluster.namespace
    of_files = world.from_objects(flags.objects, default)
    out: dict[str, World] = {}
    for name in dict.fromkeys([default, *(each.located.namespace or default for each in subjects)]):
        seen, unread = world.around(cluster, config.profile, name)
        out[name] = replace(world.combined(seen, of_files), lookup=name)
        for reason in unread:
            configuration.report(f"not read: {reason}")
    return {**out, "": out[default]}


@dataclass(frozen=True, slots=True)
class _Doors:
    """Sends pods to the API server, and compares its answers."""

    cluster: Cluster
    config: Config
    worlds: Mapping[str, World]

    def compare(self, subject: _Subject) -> Compared:
        """The comparison of one workload. Raises ClusterError where the API server does not answer."""
        located = subject.located
        namespace = located.namespace or self.worlds[""].lookup
        start = Compared(subject.where, located.label, namespace)
        if not makes_pods(located):
            return replace(start, refusal=f"no controller creates pods of a {located.kind}")
        facts = replace(self.worlds[namespace].facts(located), namespace=namespace)
        injected, denial = self._injected(located, facts)
        plain = created_pod(located, located.template, namespace)
        by_webhook = self._answer(plain)
        if denial:
            return _of_denial(start, denial, by_webhook)
        switch = self.config.profile.keys.switch
        sent = created_pod(located, injected, namespace)
        by_command = self._answer(without_injection(sent, switch))
        if isinstance(by_webhook, ApiRefusal) or isinstance(by_command, ApiRefusal):
            return _of_refusals(start, by_webhook, by_command)
        comparison = compared(by_webhook, by_command, sent, self.config.profile.keys)
        result = DIFFERENT if comparison.differences else SAME
        return replace(start, result=result, differences=comparison.differences, others=comparison.others)

    def _injected(self, located: Workload, facts: Facts) -> tuple[Manifest, str]:
        """The template as kube-inject writes it, and why it would write nothing."""
        outcome = inject(located.template, facts, self.config, located.manifest)
        refused = [each.finding.message for each in outcome.problems if each.is_refused]
        if outcome.decision.verdict is Verdict.DENY:
            error = outcome.error or InjectorError(outcome.decision.sentence)
            refused.insert(0, f"{outcome.decision.reason.value}: {error}")
        return outcome.pod if outcome.patch else located.template, refused[0] if refused else ""

    def _answer(self, pod: Manifest) -> Manifest | ApiRefusal:
        """The pod as the API server would store it. Raises ClusterError where there is no answer at all."""
        path = f"/api/v1/namespaces/{quote(str(pod['metadata']['namespace']), safe='')}/pods"
        try:
            return self.cluster.create(path, pod, {"dryRun": "All"})
        except ClusterError as error:
            if error.status in (0, 401):
                raise
            return ApiRefusal(error.message)


def _of_denial(start: Compared, denial: str, by_webhook: Manifest | ApiRefusal) -> Compared:
    """A pod that the command line does not inject: neither may the webhook."""
    if isinstance(by_webhook, ApiRefusal):
        return replace(start, result=SAME, refusal=f"both refuse it: {denial}")
    return replace(
        start, result=DIFFERENT, refusal=f"the command line refuses it, the cluster does not: {denial}"
    )


def _of_refusals(
    start: Compared, by_webhook: Manifest | ApiRefusal, by_command: Manifest | ApiRefusal
) -> Compared:
    """A pod that the API server refuses in one form or in both."""
    if isinstance(by_webhook, ApiRefusal) and isinstance(by_command, ApiRefusal):
        return replace(start, refusal=by_webhook)
    if isinstance(by_webhook, ApiRefusal):
        text = f"the cluster refuses the pod, and accepts what the command line makes: {by_webhook}"
    else:
        text = f"the cluster refuses what the command line makes: {by_command}"
    return replace(start, result=DIFFERENT, refusal=text)
