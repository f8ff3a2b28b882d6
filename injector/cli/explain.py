"""`injector explain`: why a workload is injected or not, and which layer set each value.

Here: finding the workload, and showing what the core explains. Not here: the explanation itself.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import click

from injector.cli import configuration, live, manifests, world
from injector.cli.configuration import Wanted
from injector.cli.report import COLOURS, coloured, paint
from injector.cli.results import PROGRAMS, for_programs
from injector.cli.sources import Sources
from injector.cli.world import Access, World
from injector.core import documents, workload
from injector.core.diagnosis.diagnoses import Diagnosis
from injector.core.kinds import KINDS
from injector.core.model import Finding, Manifest, Step, Verdict
from injector.core.profile import Config
from injector.core.registration.tag_entries import with_tags
from injector.core.reports.provenance import WORDS, Explanation, ValueOrigin, explain
from injector.errors import ConfigError, ManifestError
from injector.kube.objects import workload as fetch
from injector.pages.explain import page
from injector.printable import shown, visible
from injector.yamltext import Document

_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Explained:
    """A workload, its place in a file or cluster, its explanation, and the diagnosis of its pod."""

    where: str
    workload: workload.Workload
    explanation: Explanation
    live: Diagnosis | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainFlags(Access):
    """The flags of `explain`."""

    target: str | None
    filenames: tuple[str, ...]
    namespace: str
    config_file: str | None
    config_map: str | None
    objects: tuple[str, ...]
    tags: tuple[str, ...]
    live: bool
    from_istiod: str | None
    output: str
    html: str | None
    recursive: bool


def run(flags: ExplainFlags) -> int:
    """Explain a target or manifests; returns the exit status. Raises InjectorError."""
    if bool(flags.target) == bool(flags.filenames):
        raise ConfigError("give either -f FILE or KIND/NAME", hint="see 'injector explain --help'")
    if flags.html and (flags.live or flags.output in PROGRAMS):
        raise ConfigError(
            "--html cannot be combined with --live or -o",
            where="--html",
            hint="remove one of them",
        )
    if flags.target:
        config, explained = _of_cluster(flags.target, flags)
    else:
        config, explained = _of_files(flags)
    if flags.html:
        inputs = [] if flags.target else [each.where.rpartition(":")[0] for each in explained]
        manifests.write(page(explained, config), flags.html, inputs, "--html", onto_input=False)
    elif flags.output in PROGRAMS:
        shown = {"workloads": [_json(each) for each in explained], "findings": _findings(config.findings)}
        click.echo(for_programs(shown, flags.output))
    else:
        _show(explained, config)
    verdicts = [each.explanation.outcome.decision.verdict for each in explained if each.live is None]
    return 1 if Verdict.DENY in verdicts else 0


def _of_files(flags: ExplainFlags) -> tuple[Config, list[Explained]]:
    needs_cluster = {
        flags.named: flags.named,
        "--live": flags.live,
        "--from-istiod": flags.from_istiod,
        "--config-map": flags.config_map,
    }
    for flag, value in needs_cluster.items():
        if value:
            hint = "give KIND/NAME, or --objects FILE"
            raise ConfigError(
                "these options need a cluster, and files are explained without one", where=flag, hint=hint
            )
    config = with_tags(configuration.located(Wanted(config_file=flags.config_file)).config(), flags.tags)
    around = world.from_objects(flags.objects, flags.namespace)
    out: list[Explained] = []

    def look(document: Document, manifest: Manifest, pointer: str) -> Manifest:
        try:
            workloads = workload.locate_all(manifest, quirks=config.quirks)
        except ManifestError as error:
            raise documents.placed(error, document, pointer) from error
        where = documents.place(document, pointer) if workloads else ""
        out.extend(_explained(where, located, around, config) for located in workloads)
        return manifest

    for document in manifests.read_all(flags.filenames, Sources(flags.recursive, urls=True)):
        kind = documents.kind_of(document)
        if kind and workload.has_template(kind[1]):
            documents.changed(document, look)
        else:
            documents.check_other(document, kind)
    if not out:
        hint = f"supported kinds: {', '.join(KINDS)}"
        raise ManifestError("no object with a pod template", where=", ".join(flags.filenames), hint=hint)
    return config, out


def _of_cluster(target: str, flags: ExplainFlags) -> tuple[Config, list[Explained]]:
    with world.connected(flags) as cluster:
        namespace = flags.namespace or cluster.namespace
        wanted = Wanted(
            config_file=flags.config_file,
            config_map=flags.config_map,
            from_istiod=flags.from_istiod,
            namespace=namespace,
        )
        config = with_tags(configuration.located(wanted, cluster).config(), flags.tags)
        manifest = fetch(cluster, target, namespace)
        unread: tuple[str, ...] = ()
        if flags.live:
            around, unread = world.around(cluster, config.profile, namespace)
        else:
            around = world.from_cluster(cluster, config.profile, namespace)
        if flags.objects:
            around = world.combined(around, world.from_objects(flags.objects, namespace))
        explained = _explained(f"namespace {namespace}", _located(manifest, target, config), around, config)
        if flags.live:
            explained = replace(explained, live=live.diagnosis(cluster, manifest, around, config, unread))
    return config, [explained]


def _located(manifest: Manifest, target: str, config: Config) -> workload.Workload:
    try:
        located = workload.locate(manifest, quirks=config.quirks)
    except ManifestError as error:
        raise ManifestError(error.message, where=f"{target} {error.where}", hint=error.hint) from error
    if located is None:
        raise ManifestError("the object has no pod template", where=shown(target))
    return located


def _explained(where: str, located: workload.Workload, around: World, config: Config) -> Explained:
    explanation = explain(located.template, around.facts(located), config, located.manifest)
    return Explained(where, located, explanation)


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


def _findings(findings: tuple[Finding, ...]) -> list[dict[str, Any]]:
    return [{"code": f.code, "message": f.message, "action": f.actionable} for f in findings]


# --- for people ---------------------------------------------------------------------------------


def _show(explained: list[Explained], config: Config) -> None:
    colour = coloured(sys.stdout)
    lines: list[str] = []
    for each in explained:
        if each.live:
            lines += [*live.text(each.live, colour), ""]
        else:
            lines += [*_text(each, colour), ""]
    # Findings about the configuration do not explain why a pod is not ready.
    findings = () if any(each.live for each in explained) else config.findings
    lines += map(_note, findings)
    click.echo("\n".join(lines).rstrip("\n"), color=True if colour else None)


def _text(each: Explained, colour: bool) -> Iterator[str]:
    outcome = each.explanation.outcome
    word = WORDS[outcome.decision.verdict]
    yield f"{paint(visible(each.workload.label), 'white', colour, bold=True)}  ({visible(each.where)})"
    decision = outcome.decision
    sentence = visible(decision.sentence)
    yield f"  {paint(word, COLOURS[word], colour, bold=True)}: {decision.reason.value}. {sentence}"
    if decision.hint:
        yield f"    hint: {visible(decision.hint)}"
    if outcome.error:
        yield f"  {visible(str(outcome.error))}"
        if outcome.error.hint:
            yield f"    hint: {visible(outcome.error.hint)}"
    yield from ("", "  Rules, in order")
    yield from _trace(outcome.decision.trace, colour)
    if outcome.findings:
        yield from ("", "  What to know")
        for finding in outcome.findings:
            yield f"    {_note(finding)}"
    if each.explanation.origins:
        yield from ("", "  What was added, and who set it")
        yield from _origins(each.explanation.origins, colour)


def _note(finding: Finding) -> str:
    return f"{finding.level.value}: {visible(finding.message)} [{finding.code}]"


def _trace(trace: tuple[Step, ...], colour: bool) -> Iterator[str]:
    rows = [(visible(step.rule), visible(step.seen), visible(step.verdict)) for step in trace]
    rule = max((len(row[0]) for row in rows), default=0)
    seen = min(max((len(row[1]) for row in rows), default=0), _SHOWN)
    for step, row in zip(trace, rows, strict=True):
        mark = "->" if step.decisive else "  "
        line = f"{mark} {row[0]:<{rule}}  {row[1]:<{seen}}  {row[2]}"
        yield "    " + (paint(line, "cyan", colour, bold=True) if step.decisive else line)


def _origins(origins: tuple[ValueOrigin, ...], colour: bool) -> Iterator[str]:
    groups: dict[str, list[tuple[str, ValueOrigin]]] = {}
    for origin in origins:
        group, path = origin.place
        groups.setdefault(group, []).append((visible(path), origin))
    for group, members in groups.items():
        yield f"    {paint(visible(group), 'white', colour, bold=True)}"
        width = min(max(len(path) for path, _ in members), _SHOWN)
        for path, origin in members:
            layer = origin.layer + (f": {origin.detail}" if origin.detail else "")
            painted = paint(f"[{visible(layer)}]", "blue", colour)
            yield f"      {path:<{width}}  {visible(_value(origin.value))}  {painted}"


def _value(value: Any) -> str:
    plain = isinstance(value, str) and value.isprintable()
    text = value if plain else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
