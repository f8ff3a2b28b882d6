"""`injector kube-inject`: manifests in, manifests with sidecars out. Not here: its flags (`commands`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from injector import yamltext
from injector.cli import configuration, manifests, world
from injector.cli.configuration import Located, Wanted
from injector.cli.report import Report
from injector.cli.world import Access, World
from injector.config.control_plane import INJECT_MAP, MESH_MAP, Maps, check_mesh, read_overrides
from injector.config.loading import Overrides, Text, rules_of
from injector.core import workload
from injector.core.documents import place, placed
from injector.core.injection.pipeline import inject
from injector.core.model import Manifest, Reason, Verdict
from injector.core.outcome import Outcome
from injector.core.profile import Config
from injector.core.validation.places import pointer_of
from injector.core.validation.problem import ResultProblem
from injector.errors import ClusterError, InjectorError, ManifestError
from injector.files import read_text
from injector.pointer import get, join
from injector.printable import shown
from injector.yamltext import Document

if TYPE_CHECKING:
    from injector.kube.client import Cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeInjectFlags(Access):
    """The flags of `kube-inject`."""

    config_file: str | None
    config_map: str | None
    filenames: tuple[str, ...]
    output: str | None
    namespace: str
    control_namespace: str | None
    revision: str | None
    mesh_file: str | None
    values_file: str | None
    inject_file: str | None
    mesh_map: str | None
    inject_map: str | None
    from_cluster: bool
    objects: tuple[str, ...]
    strict: bool

    @property
    def asks_cluster(self) -> bool:
        """Whether everything is read from the cluster."""
        return self.from_cluster or bool(self.named)

    def of_a_mesh(self) -> dict[str, str | None]:
        """The flags that mean nothing to a profile without mesh rules."""
        return {
            "--meshConfigFile": self.mesh_file,
            "--meshConfigMapName": self.mesh_map,
            "--injectConfigMapName": self.inject_map,
            "--istioNamespace": self.control_namespace,
        }


def run(flags: KubeInjectFlags) -> int:
    """Inject into the manifests; returns the exit status. Raises InjectorError."""
    manifests.check_named(flags.filenames)
    config, around = _around(flags)
    injection = InjectRun(config, around, Report(), flags.strict)
    stream = manifests.transformed(flags.filenames, injection.change, injection.look_at_other)
    injection.report.findings(config.findings)
    return stream.write(flags.output)


@dataclass(frozen=True, slots=True)
class InjectRun:
    """Injects into one object after the other, and reports on each."""

    config: Config
    world: World
    report: Report
    strict: bool = False

    def change(self, document: Document, manifest: Manifest, pointer: str) -> Manifest:
        """The object injected, or as it is. Raises ManifestError for one that is refused."""
        try:
            located = workload.locate(manifest, quirks=self.config.quirks)
        except ManifestError as error:
            raise placed(error, document, pointer) from error
        if located is None:
            self.unsupported(manifest)
            return manifest
        outcome = inject(located.template, self.world.facts(located), self.config, manifest)
        problems = [p for p in outcome.problems if p.is_refused or (self.strict and not self.config.quirks)]
        if problems:
            first = problems[0].finding.code
            self.report.verdict("refused", located.label, first.value, first.meaning)
        else:
            self.verdict(located.label, outcome)
        # The first problem is the error that ends the command.
        first_problem = problems[0].finding if problems else None
        self.report.findings([each for each in outcome.findings if each != first_problem], located.label)
        if problems:
            raise _refused_result(document, located, pointer, problems)
        if outcome.decision.verdict is Verdict.DENY:
            raise refusal(document, located, pointer, outcome)
        if outcome.decision.verdict is Verdict.SKIP and self.strict:
            raise _skipped(place(document, pointer), located.label, outcome.decision.reason)
        return located.with_template(outcome.pod) if outcome.patch else manifest

    def verdict(self, what: str, outcome: Outcome) -> None:
        """Report the result for an object in one line."""
        words = {Verdict.DENY: "refused", Verdict.SKIP: "skipped", Verdict.INJECT: "injected"}
        verdict, reason = outcome.decision.verdict, outcome.decision.reason
        if verdict is Verdict.INJECT and not outcome.patch:
            self.report.verdict("unchanged", what, reason.value, "The injection is already up to date.")
        else:
            self.report.reasoned(words[verdict], what, reason)

    def unsupported(self, manifest: Manifest) -> None:
        """Report a kind that has pods but no known pod template; other kinds are not reported."""
        pods = get(manifest, "/spec/template/spec")
        if isinstance(pods, dict) and isinstance(pods.get("containers"), list):
            meta = manifest.get("metadata")
            self.report.reasoned(
                "passed",
                f"{shown(manifest.get('kind'))} {_name(meta if isinstance(meta, dict) else {})}",
                Reason.UNSUPPORTED_KIND,
            )

    def look_at_other(self, document: Document) -> None:
        """Report a document of another kind that has containers; it is not changed."""
        if "containers" not in document.text or yamltext.kind_of(document) is None:
            return
        try:
            tree = yamltext.load(document)
        except ManifestError:
            return
        if isinstance(tree, dict):
            self.unsupported(tree)


def _name(meta: Manifest) -> str:
    """The name for messages, with the namespace where the object has one."""
    name = shown(meta.get("name") or meta.get("generateName") or "?")
    return f"{shown(meta['namespace'])}/{name}" if meta.get("namespace") else name


def _skipped(where: str, what: str, reason: Reason) -> ManifestError:
    """With --strict a skip is an error."""
    hint = "remove --strict, or exclude the document"
    return ManifestError(f"{what}: {reason.value}. {reason.sentence}", where=where, hint=hint)


def _refused_result(
    document: Document, located: workload.Workload, pointer: str, problems: Sequence[ResultProblem]
) -> ManifestError:
    """The first problem of a result that is not written, with its place, and the number of the others."""
    first, more = problems[0], len(problems) - 1
    message = f"{located.label}: {first.finding.code}: {first.finding.message}"
    if more:
        message += f", and {more} more problem{'s' if more > 1 else ''}"
    at = pointer_of(located.template, first.path)
    where = place(document, pointer + _in_workload(located, at))
    return ManifestError(message, where=where, hint=first.finding.hint)


def _in_workload(located: workload.Workload, pointer: str) -> str:
    """A pointer in a pod template as one in the object that holds it."""
    for half, at in (("/metadata", located.metadata), ("/spec", located.spec)):
        if pointer == half or pointer.startswith(f"{half}/"):
            return at + pointer.removeprefix(half)
    return located.spec


def refusal(document: Document, located: workload.Workload, pointer: str, outcome: Outcome) -> ManifestError:
    """A denial as an error that says where in the file it comes from."""
    error = outcome.error or InjectorError(outcome.decision.reason.sentence)
    at = located.spec
    key = getattr(error, "key", "")
    if key:
        at = join(f"{located.metadata}/annotations", key)
    message = f"{located.label}: {outcome.decision.reason.value}: {error}"
    return ManifestError(message, where=place(document, pointer + at), hint=error.hint)


def _around(flags: KubeInjectFlags) -> tuple[Config, World]:
    """The configuration and the objects that the flags name. Raises InjectorError."""
    overrides = Overrides(
        mesh=_read(flags.mesh_file),
        values=_read(flags.values_file),
        inject=_read(flags.inject_file),
        revision=flags.revision,
        control_namespace=flags.control_namespace,
    )
    wanted = Wanted(
        config_file=flags.config_file,
        config_map=flags.config_map,
        namespace=flags.namespace,
        revision=flags.revision,
        overrides=overrides,
        running=flags.asks_cluster,
    )
    around = world.from_objects(flags.objects, flags.namespace)
    if not (flags.asks_cluster or flags.mesh_map or flags.inject_map or flags.config_map):
        return _checked(configuration.located(wanted), flags).config(), around
    with world.connected(flags) as cluster:
        chosen = _checked(configuration.located(wanted, cluster), flags)
        config = _with_maps(chosen, flags, cluster).config()
        if flags.asks_cluster:
            seen = world.from_cluster(cluster, config.profile, flags.namespace or cluster.namespace)
            around = world.combined(seen, around) if flags.objects else seen
    return config, around


def _checked(chosen: Located, flags: KubeInjectFlags) -> Located:
    """The configuration, if its profile supports the flags. Raises ConfigError."""
    for flag, value in flags.of_a_mesh().items():
        if value:
            check_mesh(flag, chosen.inputs)
    return chosen


def _with_maps(chosen: Located, flags: KubeInjectFlags, cluster: Cluster) -> Located:
    """The configuration with the ConfigMaps of an istiod on top: those that flags name, else its own.

    A configuration of the cluster is complete without them.
    """
    mesh, inject = flags.mesh_map, flags.inject_map
    named = bool(mesh or inject or flags.control_namespace)
    if not named and (chosen.in_cluster or rules_of(chosen.inputs) != "istio"):
        return chosen
    if not (mesh or inject):
        mesh, inject = MESH_MAP, INJECT_MAP
    maps = Maps.named(flags.control_namespace or "istio-system", flags.revision, mesh, inject)
    overrides = replace(chosen.inputs.overrides, control_namespace=None)
    try:
        overrides = read_overrides(world.reader(cluster), maps, overrides)
    except ClusterError as error:
        if error.status != 404 or named or flags.revision or chosen.is_default:
            raise
        configuration.report(f"the configuration is used without an istiod: {error.message}")
        return chosen
    return replace(chosen, inputs=replace(chosen.inputs, overrides=overrides))


def _read(path: str | None) -> Text | None:
    return None if path is None else Text(read_text(Path(path)), path)
