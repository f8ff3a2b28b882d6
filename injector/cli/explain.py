"""`injector explain`: why a workload is injected or not, and which layer set each value.

Here: which workloads are explained, and for whom. Not here: the explanation itself (core), reading
workloads (`explain_sources`), and what people see (`explain_text`, `explain_table`).
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import click

from injector.classes import dataclass, replace
from injector.cli import explain_sources, explain_table, explain_text, live
from injector.cli.explain_sources import Explained, ExplainInput, WorkloadSearch
from injector.cli.failures import print_errors
from injector.cli.progress import MANY, counted
from injector.cli.reading import sources
from injector.cli.reading.selection import Selection
from injector.cli.results import PROGRAMS, for_programs
from injector.cli.writing.output import write
from injector.core.injection.pipeline import inject
from injector.core.model import Finding, Reason, Verdict
from injector.core.reports.provenance import Explainer, Explanation
from injector.errors import ConfigError
from injector.kube import targets
from injector.pages.explain import digest_of, page
from injector.printable import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainFlags(WorkloadSearch):
    """The flags of `explain`."""

    targets: tuple[str, ...]
    filenames: tuple[str, ...]
    recursive: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    reasons: tuple[str, ...]
    skipped: bool
    show_all: bool
    output: str
    html: str | None

    @property
    def filters(self) -> bool:
        """Whether only some of the workloads are shown."""
        return bool(self.reasons) or self.skipped

    def shows(self, explanation: Explanation) -> bool:
        """Whether a workload passes the filters."""
        decision = explanation.outcome.decision
        chosen = not self.reasons or decision.reason.value in self.reasons
        return chosen and not (self.skipped and decision.verdict is Verdict.INJECT)


def run(flags: ExplainFlags) -> int:
    """Explain workloads of a cluster or of manifests; returns the exit status. Raises InjectorError."""
    flags = _with_manifests(flags)
    _check(flags)
    with _source(flags) as source:
        everyone = len(source.subjects)
        as_table = flags.output == "wide" or (not flags.show_all and (everyone > 1 or flags.filters))
        complete = bool(flags.html) or flags.output in PROGRAMS
        explained = _explained(source, flags, origins=complete or not (as_table or flags.live))
    status = print_errors(source.errors) if source.errors else 0
    if source.errors and (flags.filenames or flags.html or not explained):
        return status
    if flags.html:
        inputs = [each.where.rpartition(":")[0] for each in explained] if flags.filenames else []
        text = page(explained, source.config, digest=digest_of(source.texts))
        write(text, flags.html, inputs, "--html", onto_input=False)
    elif complete:
        workloads = [_json(each) for each in explained]
        result = {"workloads": workloads, "findings": _findings(source.config.findings)}
        click.echo(for_programs(result, flags.output))
    elif as_table:
        explain_table.show(explained, everyone, source.config, wide=flags.output == "wide")
    else:
        explain_text.show(explained, source.config, complete=flags.show_all)
    verdicts = [each.explanation.outcome.decision.verdict for each in explained if each.live is None]
    return max(status, int(Verdict.DENY in verdicts))


def _with_manifests(flags: ExplainFlags) -> ExplainFlags:
    """The flags with manifests that are given as plain arguments."""
    if flags.targets and not flags.filenames and all(map(sources.is_named, flags.targets)):
        return replace(flags, targets=(), filenames=flags.targets)
    return flags


def _check(flags: ExplainFlags) -> None:
    """Raise ConfigError for flags that contradict each other."""
    if bool(flags.targets) == bool(flags.filenames):
        raise ConfigError("give either -f FILE or KIND/NAME", hint="see 'injector explain --help'")
    if flags.html and (flags.live or flags.output != "text"):
        raise ConfigError(
            "--html cannot be combined with --live or -o", where="--html", hint="remove one of them"
        )
    if flags.show_all and flags.output == "wide":
        raise ConfigError("--all is not a table", where="--all", hint="remove --all or -o wide")
    for word in flags.reasons:
        if word not in set(Reason):
            near = difflib.get_close_matches(word, list(Reason), n=1)
            hint = f"did you mean {near[0]}?" if near else f"use one of {', '.join(Reason)}"
            raise ConfigError(f"{shown(word)} is not a reason", where="--reason", hint=hint)
    needs_cluster = {
        flags.named: flags.named,
        "--live": flags.live,
        "--from-istiod": flags.from_istiod,
        "--config-map": flags.config_map,
        "--selector": flags.selector,
        "--all-namespaces": flags.all_namespaces,
    }
    for flag, value in needs_cluster.items() if flags.filenames else ():
        if value:
            hint = "give KIND/NAME, or --objects FILE"
            raise ConfigError(
                "these options need a cluster, and files are explained without one", where=flag, hint=hint
            )


def _source(flags: ExplainFlags) -> AbstractContextManager[ExplainInput]:
    if flags.filenames:
        selection = Selection.of(flags.include, flags.exclude)
        read = sources.Sources(flags.recursive, urls=True, selection=selection)
        return nullcontext(explain_sources.of_files(flags.filenames, read, flags))
    for flag, value in {"--selector": flags.selector, "--all-namespaces": flags.all_namespaces}.items():
        if value and targets.have_names(flags.targets):
            hint = "give the kind alone, or remove the flag"
            raise ConfigError("this flag cannot be combined with a name", where=flag, hint=hint)
    return explain_sources.of_cluster(flags.targets, flags)


def _explained(source: ExplainInput, flags: ExplainFlags, *, origins: bool) -> list[Explained]:
    """The workloads that pass the filters, with the origins of values where these are shown."""
    explainer = Explainer(source.config)
    out: list[Explained] = []
    # Each diagnosis takes several requests.
    many = 2 if source.diagnose else MANY
    for subject in counted(source.subjects, "explaining", many):
        located, facts = subject.workload, subject.facts
        explanation = Explanation(inject(located.template, facts, source.config, located.manifest))
        if not flags.shows(explanation):
            continue
        if origins:
            explanation = explainer.completed(explanation.outcome, located.template, facts)
        diagnosis = source.diagnose(subject) if source.diagnose else None
        out.append(Explained(subject.where, located, explanation, diagnosis))
    return out


# --- for programs -------------------------------------------------------------------------------


def _json(each: Explained) -> dict[str, Any]:
    outcome = each.explanation.outcome
    error = outcome.error
    diagnosis = {"live": live.as_json(each.live)} if each.live else {}
    return {
        "kind": each.workload.kind,
        "namespace": each.workload.namespace,
        "name": each.workload.name,
        "where": each.where,
        "verdict": outcome.decision.verdict.value,
        "reason": outcome.decision.reason.value,
        "sentence": outcome.decision.reason.sentence,
        "detail": outcome.decision.detail or None,
        "hint": outcome.decision.hint or None,
        "error": {"message": str(error), "hint": error.hint} if error else None,
        "trace": [
            {"rule": s.rule, "seen": s.seen, "verdict": s.verdict, "won": s.decisive}
            for s in outcome.decision.trace
        ],
        "findings": _findings(outcome.findings),
        "origins": [
            {"pointer": o.pointer, "value": o.value, "layer": o.layer, "detail": o.detail}
            for o in each.explanation.origins
        ],
        **diagnosis,
    }


def _findings(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [
        {"code": f.code, "message": f.message, "action": f.actionable, "where": f.where, "hint": f.hint}
        for f in findings
    ]
