"""`injector explain`: why a workload is injected or not, and which layer set each value.

Here: finding the workload, and showing what the core explains. Not here: the explanation itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import click

from injector.cli import manifests
from injector.core import workload
from injector.core.model import Finding, Manifest, Step, Verdict
from injector.errors import ConfigError, ManifestError
from injector.printable import json_text, visible

if TYPE_CHECKING:
    from injector.cli.world import World
    from injector.core.diagnosis.diagnoses import Diagnosis
    from injector.core.profile import Config
    from injector.core.reports.provenance import Explanation, Origin
    from injector.kube.client import Cluster
    from injector.yamltext import Document

EXAMPLES: Final = """\b
Examples:
  injector explain -f shop.yaml
  injector explain -f shop.yaml --objects namespaces.yaml
  injector explain deploy/web -n shop --context prod
  injector explain deploy/web -n shop --live
  injector explain pod/web-7d9f-x2x -n shop --live --from-istiod istio-system
  injector explain -f shop.yaml --html shop.html
  injector explain -f shop.yaml -o json | jq '.workloads[].reason'"""

_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Explained:
    """A workload, where it stands, its explanation, and what its pod shows in the cluster."""

    where: str
    workload: workload.Workload
    found: Explanation
    live: Diagnosis | None = None


@click.command("explain", epilog=EXAMPLES)
@click.argument("target", required=False, metavar="[KIND/NAME]")
@click.option(
    "-f",
    "--filename",
    "filenames",
    multiple=True,
    metavar="FILE|DIR|-",
    help="Manifests; may be repeated. Links that leave a folder are skipped.",
)
@click.option(
    "-n",
    "--namespace",
    default="",
    metavar="NS",
    help="Namespace of KIND/NAME, or of objects without a namespace.",
)
@click.option(
    "--config", "config_file", metavar="FILE", help="Configuration file; the same as for the webhook."
)
@click.option(
    "--objects",
    multiple=True,
    metavar="FILE",
    help="Namespaces and other objects of the cluster, from files.",
)
@click.option("--kubeconfig", metavar="FILE", help="Same as for kubectl; requires KIND/NAME.")
@click.option("--context", "kube_context", metavar="NAME", help="Same as for kubectl; requires KIND/NAME.")
@click.option(
    "--live", is_flag=True, help="Explain why its pod is not ready or not injected; requires KIND/NAME."
)
@click.option(
    "--from-istiod",
    metavar="NS[/REVISION]",
    help="Use the ConfigMaps of a running istiod; requires KIND/NAME.",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    help="Output format: text for people, json for programs.",
)
@click.option(
    "--html", metavar="FILE", help="Write an HTML page instead of stdout; the file is replaced atomically."
)
def command(target: str | None, **flags: Any) -> int:
    """Explain why a workload is injected or not, rule by rule, and where each value comes from.

    Reads manifests, or an object of a cluster (deploy/NAME, pod/NAME, sts/NAME ...). With --live
    it also reads the status and the events of the object's pod and the last log lines of the
    injected containers, and reports the cause (docs/reference/causes.md).
    """
    if bool(target) == bool(flags["filenames"]):
        raise ConfigError("give either -f FILE or KIND/NAME", hint="see 'injector explain --help'")
    if flags["html"] and (flags["live"] or flags["output"] == "json"):
        raise ConfigError(
            "--html cannot be combined with --live or -o json", where="--html", hint="remove one of them"
        )
    if target:
        config, found = _of_cluster(target, flags)
    else:
        config, found = _of_files(flags)
    if flags["html"]:
        from injector.pages.explain import page

        inputs = [] if target else [each.where.rpartition(":")[0] for each in found]
        manifests.write(page(found, config), flags["html"], inputs, "--html", onto_input=False)
    elif flags["output"] == "json":
        shown = {"workloads": [_json(each) for each in found], "findings": _findings(config.findings)}
        click.echo(json_text(shown))
    else:
        _show(found, config)
    refused = any(e.found.outcome.decision.verdict is Verdict.DENY and e.live is None for e in found)
    return 1 if refused else 0


def _of_files(flags: dict[str, Any]) -> tuple[Config, list[Explained]]:
    from injector.cli.world import from_objects
    from injector.config.load import load

    for key in ("kubeconfig", "kube_context", "live", "from_istiod"):
        if flags[key]:
            flag = "--" + key.removeprefix("kube_").replace("_", "-")
            hint = "give KIND/NAME, or --objects FILE"
            raise ConfigError(
                "these options need a cluster, and files are explained without one", where=flag, hint=hint
            )
    config = load(flags["config_file"])
    around = from_objects(flags["objects"], flags["namespace"])
    out: list[Explained] = []

    def look(document: Document, manifest: Manifest, pointer: str) -> Manifest:
        try:
            found = workload.locate(manifest, quirks=config.quirks)
        except ManifestError as error:
            raise manifests.placed(error, document, pointer) from error
        if found:
            out.append(_explained(manifests.place(document, pointer), found, around, config))
        return manifest

    for document in manifests.read_all(flags["filenames"]):
        manifests.changed(document, look)
    if not out:
        hint = f"supported kinds: {', '.join(workload.KINDS)}"
        raise ManifestError("no object with a pod template", where=", ".join(flags["filenames"]), hint=hint)
    return config, out


def _of_cluster(target: str, flags: dict[str, Any]) -> tuple[Config, list[Explained]]:
    from injector.cli import world
    from injector.kube.objects import workload as fetch

    namespace = flags["namespace"] or "default"
    with world.connected(flags["kubeconfig"], flags["kube_context"]) as cluster:
        config = _configured(cluster, flags)
        manifest = fetch(cluster, target, namespace)
        unread: tuple[str, ...] = ()
        if flags["live"]:
            around, unread = world.around(cluster, config.profile, namespace)
        else:
            around = world.from_cluster(cluster, config.profile, namespace)
        if flags["objects"]:
            around = world.together(around, world.from_objects(flags["objects"], namespace))
        explained = _explained(f"namespace {namespace}", _located(manifest, target, config), around, config)
        if flags["live"]:
            from injector.cli.live import diagnosis

            explained = replace(explained, live=diagnosis(cluster, manifest, around, config, unread))
    return config, [explained]


def _configured(cluster: Cluster, flags: dict[str, Any]) -> Config:
    """The local configuration, with a live control plane's on top where that is asked for."""
    from injector.cli import world
    from injector.config.load import NONE, Overrides, load, rules_of

    overrides = NONE
    if flags["from_istiod"]:
        if rules_of(flags["config_file"]) != "istio":
            hint = "remove the flag, or choose a profile with a mesh"
            raise ConfigError("the profile does not support this flag", where="--from-istiod", hint=hint)
        namespace, _, revision = flags["from_istiod"].partition("/")
        maps = world.Maps.named(namespace, revision or None, world.MESH_MAP, world.INJECT_MAP)
        overrides = world.control_plane(cluster, maps, Overrides(revision=revision or None))
    return load(flags["config_file"], overrides)


def _located(manifest: Manifest, target: str, config: Config) -> workload.Workload:
    try:
        found = workload.locate(manifest, quirks=config.quirks)
    except ManifestError as error:
        raise ManifestError(error.message, where=f"{target} {error.where}", hint=error.hint) from error
    if found is None:
        raise ManifestError("the object has no pod template", where=target[:64])
    return found


def _explained(where: str, found: workload.Workload, around: World, config: Config) -> Explained:
    from injector.core.reports.provenance import explain

    return Explained(where, found, explain(found.template, around.facts(found), config, found.manifest))


# --- for programs -------------------------------------------------------------------------------


def _json(each: Explained) -> dict[str, Any]:
    from injector.cli.live import as_json

    outcome = each.found.outcome
    error = outcome.error
    live = {"live": as_json(each.live)} if each.live else {}
    return {
        "kind": each.workload.kind,
        "namespace": each.workload.namespace,
        "name": each.workload.name,
        "where": each.where,
        "verdict": outcome.decision.verdict.value,
        "reason": outcome.decision.reason.value,
        "sentence": outcome.decision.reason.sentence,
        "error": {"message": str(error), "hint": error.hint} if error else None,
        "trace": [
            {"rule": s.rule, "seen": s.seen, "verdict": s.verdict, "won": s.won}
            for s in outcome.decision.trace
        ],
        "findings": _findings(outcome.findings),
        "origins": [
            {"pointer": o.pointer, "value": o.value, "layer": o.layer, "detail": o.detail}
            for o in each.found.origins
        ],
        **live,
    }


def _findings(found: tuple[Finding, ...]) -> list[dict[str, Any]]:
    return [{"code": f.code, "message": f.message, "action": f.action} for f in found]


# --- for people ---------------------------------------------------------------------------------


def _show(found: list[Explained], config: Config) -> None:
    import sys

    from injector.cli.report import coloured

    colour = coloured(sys.stdout)
    lines: list[str] = []
    for each in found:
        if each.live:
            from injector.cli.live import text

            lines += [*text(each.live, colour), ""]
        else:
            lines += [*_text(each, colour), ""]
    # What to know about the configuration is no answer to why a living pod is not ready.
    told = () if any(each.live for each in found) else config.findings
    lines += map(_told, told)
    click.echo("\n".join(lines).rstrip("\n"), color=True if colour else None)


def _text(each: Explained, colour: bool) -> Iterator[str]:
    from injector.cli.report import COLOURS, paint
    from injector.core.reports.provenance import WORDS

    outcome = each.found.outcome
    word = WORDS[outcome.decision.verdict]
    yield f"{paint(visible(each.workload.label), 'white', colour, bold=True)}  ({visible(each.where)})"
    reason = outcome.decision.reason
    yield f"  {paint(word, COLOURS[word], colour, bold=True)}: {reason.value}. {reason.sentence}"
    if outcome.error:
        yield f"  {visible(str(outcome.error))}"
        if outcome.error.hint:
            yield f"    hint: {visible(outcome.error.hint)}"
    yield from ("", "  Rules, in order")
    yield from _trace(outcome.decision.trace, colour)
    if outcome.findings:
        yield from ("", "  What to know")
        for finding in outcome.findings:
            yield f"    {_told(finding)}"
    if each.found.origins:
        yield from ("", "  What was added, and who set it")
        yield from _origins(each.found.origins, colour)


def _told(finding: Finding) -> str:
    return f"{'warning' if finding.action else 'note'}: {visible(finding.message)} [{finding.code}]"


def _trace(trace: tuple[Step, ...], colour: bool) -> Iterator[str]:
    from injector.cli.report import paint

    rows = [(visible(step.rule), visible(step.seen), visible(step.verdict)) for step in trace]
    rule = max((len(row[0]) for row in rows), default=0)
    seen = min(max((len(row[1]) for row in rows), default=0), _SHOWN)
    for step, row in zip(trace, rows, strict=True):
        mark = "->" if step.won else "  "
        line = f"{mark} {row[0]:<{rule}}  {row[1]:<{seen}}  {row[2]}"
        yield "    " + (paint(line, "cyan", colour, bold=True) if step.won else line)


def _origins(origins: tuple[Origin, ...], colour: bool) -> Iterator[str]:
    from injector.cli.report import paint

    groups: dict[str, list[tuple[str, Origin]]] = {}
    for origin in origins:
        group, path = origin.place
        groups.setdefault(group, []).append((visible(path), origin))
    for group, members in groups.items():
        yield f"    {paint(visible(group), 'white', colour, bold=True)}"
        width = min(max(len(path) for path, _ in members), _SHOWN)
        for path, origin in members:
            told = origin.layer + (f": {origin.detail}" if origin.detail else "")
            layer = paint(f"[{visible(told)}]", "blue", colour)
            yield f"      {path:<{width}}  {visible(_value(origin.value))}  {layer}"


def _value(value: Any) -> str:
    plain = isinstance(value, str) and value.isprintable()
    text = value if plain else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
