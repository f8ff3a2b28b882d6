"""`injector kube-inject`: manifests in, manifests with sidecars out. Not here: its flags (`commands`)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Final

from injector.classes import dataclass, replace
from injector.cli import manifests, passed
from injector.cli.injection_input import InjectionInput
from injector.cli.manifests import Ending
from injector.cli.planned import PlannedInjection
from injector.cli.reading.sources import Sources
from injector.cli.report import Report
from injector.cli.reported import reported
from injector.cli.reporting.entries import InvalidWorkload, WorkloadError
from injector.cli.reporting.places import ManifestSite, SiteOf
from injector.cli.tally import Tally, number
from injector.cli.world import World
from injector.core import kinds, other_documents, workload
from injector.core.bundle_record import with_record, without_record
from injector.core.documents import is_blank, place, placed
from injector.core.finding_codes import FindingCode, Level
from injector.core.injection import near_misses
from injector.core.model import Decision, Finding, Manifest, Reason, Verdict
from injector.core.outcome import Outcome
from injector.core.profile import Config
from injector.core.validation.places import pointer_of
from injector.core.validation.problem import ResultProblem
from injector.errors import AnnotationError, ConfigError, InjectorError, ManifestError
from injector.pointer import get, join
from injector.yamltext import Document

if TYPE_CHECKING:
    from injector.cli.passed import Passed

# Findings that are the same for all workloads of a run.
_OF_THE_RUN: Final = frozenset({FindingCode.NATIVE_ASSUMED})


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeInjectFlags(InjectionInput):
    """The flags of `kube-inject`."""

    output: str | None


def run(flags: KubeInjectFlags) -> int:
    """Inject into the manifests; returns the exit status. Raises InjectorError."""
    if flags.output and os.path.realpath(flags.output) == os.path.realpath(flags.report_file or ""):
        raise ConfigError("it names the file of -o", where="--report-file", hint="choose another file")
    return reported(flags, flags.names, lambda report: _run(flags, report))


def _run(flags: KubeInjectFlags, report: Report) -> int:
    manifests.check_named(flags.names)
    config, around = flags.read()
    injection = InjectRun(config, around, report, flags.strict)
    sources = Sources(
        flags.recursive,
        urls=True,
        warn=lambda finding: injection.findings([finding]),
        selection=flags.selection,
    )
    stream = manifests.transformed(
        flags.names, injection.change, injection.look_at_other, sources, table=config.kinds
    )
    return stream.write(flags.output, report, lambda: injection.end(flags.fail_on))


@dataclass(frozen=True, slots=True)
class InjectRun:
    """Injects into one object after the other, and reports on each."""

    config: Config
    world: World
    report: Report
    strict: bool = False
    # The digest of the bundle that is recorded in workloads that are injected, empty where none is.
    recorded: str = ""
    tally: Tally = field(default_factory=Tally)
    planned: PlannedInjection = field(init=False)

    def __post_init__(self) -> None:
        """The injections share their plans."""
        object.__setattr__(self, "planned", PlannedInjection(self.config))

    def change(self, document: Document, manifest: Manifest, pointer: str) -> Manifest:
        """The object injected, or as it is. Raises ManifestError for one that is refused."""
        if not manifest.get("apiVersion") and (row := kinds.TABLE.upstream(manifest.get("kind"))):
            self.findings([other_documents.of_missing_version(document, pointer, row)])
        try:
            workloads = workload.locate_all(manifest, quirks=self.config.quirks, table=self.config.kinds)
        except ManifestError as error:
            if passed.is_parameter(manifest, error.where, pointer):
                self._passed(
                    passed.with_parameter(document, manifest, pointer, error), ManifestSite(document, pointer)
                )
                return manifest
            self.tally.results["refused"] += 1
            raise InvalidWorkload(passed.label_of(manifest), placed(error, document, pointer)) from error
        new = manifest
        for located in workloads:
            outcome = self._injected(document, located, pointer)
            if outcome.patch:
                # It is no longer what an earlier bundle made.
                new = without_record(new, self.config.profile.keys.bundle)
                new = replace(located, manifest=new).with_template(outcome.pod)
            if self.recorded and outcome.decision.verdict is Verdict.INJECT:
                new = with_record(new, self.config.profile.keys.bundle, self.recorded)
        if not workloads:
            self.unsupported(document, manifest, pointer)
        return new

    def _injected(self, document: Document, located: workload.Workload, pointer: str) -> Outcome:
        """The injection, reported. Raises ManifestError."""
        template, facts = located.template, self.world.facts(located)
        outcome = self.planned.inject(template, facts, _size(document, template), located.manifest)
        site = ManifestSite(document, pointer)

        def site_of(at: str) -> ManifestSite:
            return ManifestSite(document, _pointer_in(located, pointer, at)) if at else site

        problems = [p for p in outcome.problems if p.is_refused or (self.strict and not self.config.quirks)]
        if problems:
            first = problems[0].finding.code
            self._verdict("refused", located.label, first.value, first.meaning, site=site)
        else:
            self.verdict(located.label, outcome, site)
        # The first problem is the error that ends the command.
        first_problem = problems[0].finding if problems else None
        self.findings(
            [each for each in outcome.findings if each != first_problem],
            located.label,
            site_of,
        )
        if problems:
            raise _refused_result(document, located, pointer, problems)
        if outcome.decision.verdict is Verdict.DENY:
            raise refusal(document, located, pointer, outcome)
        if outcome.decision.verdict is Verdict.SKIP and self.strict:
            raise _skipped(place(document, pointer), located.label, outcome.decision)
        return outcome

    def verdict(self, what: str, outcome: Outcome, site: ManifestSite) -> None:
        """Report the result for an object in one line."""
        words = {Verdict.DENY: "refused", Verdict.SKIP: "skipped", Verdict.INJECT: "injected"}
        verdict, reason = outcome.decision.verdict, outcome.decision.reason
        if verdict is Verdict.INJECT and not outcome.patch:
            self._verdict("unchanged", what, reason.value, "The injection is already up to date.", site=site)
        else:
            decision = outcome.decision
            self._verdict(words[verdict], what, reason.value, decision.sentence, decision.hint, site)

    def _verdict(
        self,
        word: str,
        what: str,
        reason: str,
        sentence: str,
        hint: str = "",
        site: ManifestSite | None = None,
    ) -> None:
        self.tally.results[word] += 1
        self.report.verdict(word, what, reason, sentence, hint, site)

    def findings(self, findings: Iterable[Finding], what: str = "", site_of: SiteOf | None = None) -> None:
        """Report findings about an object, with their places where those are known."""
        for finding in findings:
            of_run = finding.code in _OF_THE_RUN
            self.report.findings([finding], "" if of_run else what, None if of_run else site_of)
            self.tally.count([finding])

    def end(self, fail_on: str | None) -> Ending:
        """What the configuration says of all workloads, the error of --fail-on, and the numbers."""
        self.findings(self.config.findings)
        return Ending(tuple(self._failures(Level(fail_on))) if fail_on else (), self.tally.line)

    def _failures(self, level: Level) -> Iterator[InjectorError]:
        """The error of --fail-on, where there are findings of the level or of a more urgent one."""
        if count := self.tally.at_least(level):
            text = f"{number(count, 'finding')} of this level or above"
            hint = "correct what is reported, or remove --fail-on"
            yield ManifestError(text, where=f"--fail-on {level.value}", hint=hint)

    def unsupported(self, document: Document, manifest: Manifest, pointer: str) -> None:
        """Report an object that has pods but no known pod template. With --strict ManifestError."""
        unchanged = passed.not_injectable(document, manifest, pointer, self.config.kinds)
        if unchanged is None:
            self.tally.others += 1
            return
        self._passed(unchanged, ManifestSite(document, pointer))

    def _passed(self, unchanged: Passed, site: ManifestSite) -> None:
        reason = Reason.UNSUPPORTED_KIND.value
        self._verdict("passed", unchanged.label, reason, unchanged.sentence, unchanged.hint, site)
        near = near_misses.find_near_misses(unchanged.template, self.config.profile, unchanged.holder)
        self.findings(near, unchanged.label, unchanged.site_of)
        if self.strict and not unchanged.is_complete:
            hint = f"{unchanged.hint}, remove --strict, or exclude the document"
            raise WorkloadError(
                unchanged.label, reason, f". {unchanged.sentence}", where=unchanged.where, hint=hint
            )

    def look_at_other(
        self, document: Document, kind: tuple[str, str] | None, finding: Finding | None
    ) -> None:
        """Report a document without workloads: what is wrong with it, and pod templates of another kind."""
        if finding:
            self.findings([finding])
        tree = passed.tree_with_containers(document, kind)
        if tree is not None:
            self.unsupported(document, tree, "")
        elif not is_blank(document):
            self.tally.others += 1


def _size(document: Document, template: Manifest) -> int:
    """At least the bytes of a pod template, whose texts may stand for many where the document has aliases."""
    return len(json.dumps(template)) if "*" in document.text else len(document.text)


def _pointer_in(located: workload.Workload, pointer: str, at: str) -> str:
    """A pointer in a pod template, or in the metadata of the object around it, as one in the document."""
    inside = get(located.template, at) is not None
    return pointer + (_in_workload(located, at) if inside else at)


def _skipped(where: str, what: str, decision: Decision) -> ManifestError:
    """With --strict a skip is an error."""
    hint = f"{decision.hint}, or " if decision.hint else ""
    hint += "remove --strict, or exclude the document"
    return WorkloadError(what, decision.reason.value, f". {decision.sentence}", where=where, hint=hint)


def _refused_result(
    document: Document, located: workload.Workload, pointer: str, problems: Sequence[ResultProblem]
) -> ManifestError:
    """The first problem of a result that is not written, with its place, and the number of the others."""
    first, more = problems[0], len(problems) - 1
    why = f": {first.finding.message}"
    if more:
        why += f", and {more} more problem{'s' if more > 1 else ''}"
    at = pointer + _in_workload(located, pointer_of(located.template, first.path))
    code, where, hint = first.finding.code.value, place(document, at), first.finding.hint
    return WorkloadError(located.label, code, why, where=where, hint=hint).at(at)


def _in_workload(located: workload.Workload, pointer: str) -> str:
    """A pointer in a pod template as one in the object that holds it."""
    for half, at in (("/metadata", located.metadata), ("/spec", located.spec)):
        if pointer == half or pointer.startswith(f"{half}/"):
            return at + pointer.removeprefix(half)
    return located.spec


def refusal(document: Document, located: workload.Workload, pointer: str, outcome: Outcome) -> ManifestError:
    """A denial as an error that says where in the file it comes from."""
    error = outcome.error or InjectorError(outcome.decision.reason.sentence)
    label, reason = located.label, outcome.decision.reason.value
    annotations = pointer + located.metadata + "/annotations"
    if isinstance(error, AnnotationError) and error.problems:

        def part(problem: AnnotationError) -> WorkloadError:
            at = join(annotations, problem.key)
            where, why = place(document, at), f": {problem}"
            return WorkloadError(label, reason, why, where=where, hint=problem.hint).at(at)

        parts = [part(each) for each in error.problems]
        parts.sort(key=lambda each: int(each.where.removeprefix(f"{document.source}:").partition(":")[0]))
        hints = {each.hint for each in error.problems}
        hint = hints.pop() if len(hints) == 1 else "correct or remove them"
        why = f": {len(parts)} annotations are not accepted"
        where = place(document, annotations)
        return WorkloadError(label, reason, why, where=where, hint=hint, parts=parts)
    at = pointer + located.spec
    if isinstance(error, AnnotationError):
        at = join(annotations, error.key)
    return WorkloadError(label, reason, f": {error}", where=place(document, at), hint=error.hint).at(at)
