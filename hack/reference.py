"""Write the reference pages from the code: `python -m hack.reference`; `--check` only compares.

The pages are docs/reference/{annotations,values,reasons,findings,causes,kinds,metrics,configuration,
commands}.md. Everything in them is declared where it is used; a test fails when a page is not what this
program would write.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from injector import yamltext
from injector.cli.main import cli
from injector.config.fields import declared
from injector.config.schema import Settings
from injector.core import finding_pages
from injector.core import kinds as workload_kinds
from injector.core.diagnosis.causes import AFTER, NOT_INJECTED, NOT_MADE, NOT_RUN
from injector.core.finding_codes import FindingCode, Subject
from injector.core.model import Reason, Verdict
from injector.metrics import METRICS, PROCESS
from injector.profiles.istio.annotations import ANNOTATIONS, LABELS, CatalogueEntry
from injector.profiles.istio.symptoms import SYMPTOMS
from injector.profiles.istio.value_table import NO_EFFECT, TYPES

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"
NOTE = "<!-- Written by hack/reference.py (`make docs`); edit the code, not this page. -->\n"
TABLE = "<!-- The table is written by hack/reference.py (`make docs`); edit injector/metrics.py. -->\n"
TABLE_END = "<!-- end of the table -->\n"
VERDICTS = {"Injected": Verdict.INJECT, "Skipped": Verdict.SKIP, "Denied": Verdict.DENY}


def table(*rows: tuple[str, ...]) -> str:
    """A Markdown table; the first row is its head."""
    head, *body = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def code(text: object) -> str:
    """A value as code; nothing for an empty one."""
    return f"`{text}`" if str(text) else ""


def annotation_keys() -> str:
    """Every annotation and label of the istio profile."""

    def rows(entries: tuple[CatalogueEntry, ...] | list[CatalogueEntry]) -> Iterator[tuple[str, ...]]:
        yield ("key", "type", "who", "default", "effect", "accepted", "can change")
        for e in entries:
            key = code(e.key) + (" (deprecated)" if e.deprecated else "")
            yield (key, e.type, e.who, e.default, e.effect, e.accepts, ", ".join(e.powers))

    intro = (
        "All of them stand on the **pod** (in a workload: on its template), unless the effect says else.\n"
        "What an annotation *can change* of the injected containers matters for security; an operator may\n"
        "[limit who uses it](../how-to/limit-annotations.md).\n"
    )
    return (
        f"{NOTE}# Annotations and labels of the istio profile\n\n{intro}\n## Annotations\n\n"
        f"{table(*rows(list(ANNOTATIONS)))}\n## Labels\n\n{table(*rows(list(LABELS)))}"
    )


def values() -> str:
    """Every value of the istio profile, with the comment behind it in profile.yaml."""
    text = (ROOT / "templates" / "istio" / "profile.yaml").read_text()
    tree = yamltext.load_text(text, "profile.yaml")["values"]
    comments = dict(_comments(text.split("\nvalues:\n")[1]))
    rows = [("value", "default", "accepts", "effect", "no effect")]
    for path, default in _leaves(tree, ""):
        shown = "" if default is None else yamltext.dump(default).strip()
        without = NO_EFFECT[path].reason if path in NO_EFFECT else ""
        rows.append((code(path), code(shown), TYPES[path].expected, comments.pop(path), without))
    if comments:
        raise SystemExit(f"profile.yaml: comments of values that are not there: {sorted(comments)}")
    intro = (
        "Under `values:` in the configuration; a null removes a default. Numbers, `true` and `false` may be\n"
        "written as texts, as Helm's `--set-string` does. With `istioQuirks` nothing is refused. The last\n"
        "column says why some values of a key, or all, change no pod.\n"
    )
    return f"{NOTE}# Values of the istio profile\n\n{intro}\n{table(*rows)}"


def _comments(block: str) -> Iterator[tuple[str, str]]:
    path: list[tuple[int, str]] = []
    for line in block.splitlines():
        match = re.match(r"( +)([A-Za-z_]+):(?:.*?#\s(.*))?", line)
        if not match:
            continue
        depth = len(match[1])
        path = [*((d, k) for d, k in path if d < depth), (depth, match[2])]
        if match[3]:
            yield ".".join(key for _, key in path), match[3]


def _leaves(tree: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(tree, dict) and tree and not path.endswith("resources"):
        for key, inner in tree.items():
            yield from _leaves(inner, f"{path}.{key}".lstrip("."))
    else:
        yield path, tree


def reasons() -> str:
    """The closed set of reasons."""
    parts = []
    for title, verdict in VERDICTS.items():
        rows = [("reason", "meaning"), *((code(r), r.sentence) for r in Reason if r.verdict is verdict)]
        parts.append(f"## {title}\n\n{table(*rows)}")
    intro = (
        "One word says why. It is the same in the report of the command line, the log line, the label of\n"
        "the metric, the audit annotation `reason` and in `injector explain`. The set is closed.\n"
    )
    return f"{NOTE}# Reasons\n\n{intro}\n" + "\n".join(parts)


def findings() -> str:
    """The closed set of findings."""
    titles = {
        Subject.POD: "About a pod",
        Subject.NAMESPACE: "About the namespace of a pod",
        Subject.CONFIGURATION: "About the configuration",
        Subject.CLUSTER: "About the webhook in a cluster",
        Subject.FILE: "About files with manifests",
    }
    parts = []
    for subject, title in titles.items():
        rows = [("code", "level", "meaning", "what to do")]
        for each in FindingCode:
            if each.subject is subject:
                page = finding_pages.PAGES.get(each.value, "")
                more = f" [More](../{page})." if page else ""
                rows.append((code(each), " or ".join(each.levels), each.meaning, each.advice + more))
        parts.append(f"## {title}\n\n{table(*rows)}")
    intro = (
        "A finding never changes what happens to a pod. The code is the same in the reports of the command\n"
        "line, the log line `finding`, the admission warning and the Kubernetes Event. The set is closed.\n"
        "Warnings and Events carry only findings that require an action; a note requires none.\n"
        "A dry run that finds an error keeps `serve` from taking over a configuration.\n"
    )
    return f"{NOTE}# Findings\n\n{intro}\n" + "\n".join(parts)


def causes() -> str:
    """The table that `injector explain --live` looks into."""
    groups = {
        "No pod is made": NOT_MADE,
        "The pod is not injected": NOT_INJECTED,
        "The cluster cannot run the pod": NOT_RUN,
        "The pod cannot join the mesh (profile istio)": tuple(s.cause_type for s in SYMPTOMS),
        "A container does not run": AFTER,
    }
    intro = (
        "`injector explain KIND/NAME --live` looks for these, and its verdict is the first that it finds in\n"
        "this order. A row in *italics* follows from something else: for the application's own containers\n"
        "it is the verdict where no other row fits; for an injected one the verdict is `unknown` then.\n"
    )
    parts = [f"{NOTE}# Causes\n\n{intro}"]
    for title, rows in groups.items():
        listed = [("cause", "what it is", "how it is recognized", "what to do")]
        for row in rows:
            word = f"*{code(row.id)}*" if row.follows else code(row.id)
            listed.append((word, row.title, row.shown_by, row.action))
        parts.append(f"## {title}\n\n{table(*listed)}")
    return "\n".join(parts)


def kinds() -> str:
    """The table of workload kinds."""
    rows: list[tuple[str, ...]] = [
        ("kind", "API groups", "pod template", "`explain KIND/NAME`", "restarted", "Events", "made by")
    ]
    for row in workload_kinds.KINDS.values():
        groups = ", ".join(code(group or "v1") for group in sorted(row.groups))
        marks = ["yes" if mark else "" for mark in (row.rolling, row.made)]
        makers = ", ".join(parent.kind for parent in row.parents)
        rows.append((code(row.kind), groups, _templates(row), _names(row), *marks, makers))
    others: list[tuple[str, ...]] = [("kind", "API group", "pod templates", "`explain KIND/NAME`", "without")]
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in workload_kinds.TABLE.rows[len(rows) - 1 :]:
        group = ", ".join(map(code, sorted(row.groups)))
        if row.templates:
            others.append((code(row.kind), group, _templates(row), _names(row), _without(row)))
        elif row.without:
            reasons.setdefault((group, row.without), []).append(code(row.kind))
    why = [("kinds", "API group", "why"), *((", ".join(each), *of) for of, each in reasons.items())]
    intro = (
        "Objects of these kinds have pod templates that are injected into; others pass unchanged.\n"
        "`injector kinds` lists them, [kinds of your own](../how-to/add-workload-kinds.md) too.\n"
    )
    columns = (
        "*Restarted*: by `injector audit --restart`. *Events*: `server.events` writes Events on it.\n"
        "*Made by*: the owner that is read from names and labels.\n"
    )
    custom = (
        "`*` is each element of a list or map. *Without*: what is said of an object that has none.\n"
        "With `compatibility.istioQuirks`, `kube-inject` and `render` pass these kinds, as istioctl does.\n"
    )
    named = (
        "Objects of these kinds make pods from other fields. `kube-inject` and `render` report and pass\n"
        "them; with `--strict` they are errors. The webhook injects their pods when they are created.\n"
    )
    return (
        f"{NOTE}# Workload kinds\n\n{intro}\n## Kubernetes and OpenShift\n\n{columns}\n{table(*rows)}\n"
        f"## Other operators\n\n{custom}\n{table(*others)}\n## Kinds without a pod template\n\n{named}\n"
        f"{table(*why)}"
    )


def _templates(row: workload_kinds.Kind) -> str:
    return ", ".join(code(pointer or "/") for pointer in row.templates)


def _names(row: workload_kinds.Kind) -> str:
    """The names that kubectl takes: with the group where the first of them is another kind's."""
    if not row.plural:
        return ""
    first = workload_kinds.TABLE.called(row.plural) == row
    plural = row.plural if first else f"{row.plural}.{row.api_version.partition('/')[0]}"
    return ", ".join(
        code(name)
        for name in (plural, *row.aliases)
        if name == plural or workload_kinds.TABLE.called(name) == row
    )


def _without(row: workload_kinds.Kind) -> str:
    return f"{code(row.reference)}: of another object" if row.reference else row.without


def metrics() -> str:
    """The page about metrics and alerts; all but its table is written by hand."""
    rows = [("metric", "type", "meaning", "what to do")]
    for metric in (*METRICS, *PROCESS):
        name = metric.name + (f"{{{','.join(metric.labels)}}}" if metric.labels else "")
        rows.append((code(name), metric.type, metric.help, metric.action))
    before, _, rest = (FOLDER / "metrics.md").read_text().partition(TABLE)
    _, _, after = rest.partition(TABLE_END)
    return f"{before}{TABLE}\n{table(*rows)}\n{TABLE_END}{after}"


def configuration() -> str:
    """Every key of the configuration file."""
    rows = [("key", "takes", "default", "meaning")]
    for path, shape, default, sentence in declared(Settings):
        shown = "" if default in (None, "", {}, [], ()) else yamltext.dump(_plain(default)).strip()
        rows.append((code(path), shape.expected, code(shown), sentence))
    intro = "One file, or the ConfigMap that holds it, for both doors. Unknown keys are errors.\n"
    return f"{NOTE}# Configuration file\n\n{intro}\n{table(*rows)}"


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def commands() -> str:
    """The help of every command."""
    parts = [f"{NOTE}# Commands\n"]
    shape: dict[str, Any] = {**cli.context_settings, "max_content_width": 100, "terminal_width": 100}
    context = click.Context(cli, info_name="injector", **shape)
    parts.append(f"```\n{cli.get_help(context)}\n```\n")
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        below = click.Context(command, info_name=name, parent=context, **shape)
        texts = [command.get_help(below)]
        if isinstance(command, click.Group):
            for inner, each in command.commands.items():
                texts.append(each.get_help(click.Context(each, info_name=inner, parent=below, **shape)))
        parts.append(f"## injector {name}\n\n```\n" + "\n\n".join(texts) + "\n```\n")
    return "\n".join(parts)


PAGES = {
    "annotations.md": annotation_keys,
    "values.md": values,
    "reasons.md": reasons,
    "findings.md": findings,
    "causes.md": causes,
    "kinds.md": kinds,
    "metrics.md": metrics,
    "configuration.md": configuration,
    "commands.md": commands,
}


def stale() -> list[str]:
    """The pages that differ from what the code gives."""
    files = {name: FOLDER / name for name in PAGES}
    return [name for name, path in files.items() if not path.exists() or path.read_text() != PAGES[name]()]


def main() -> int:
    """Write the pages, or print which are stale."""
    old = stale()
    if "--check" in sys.argv[1:]:
        print("\n".join(f"docs/reference/{name} is stale: run `make docs`" for name in old))
        return 1 if old else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in old:
        (FOLDER / name).write_text(PAGES[name]())
        print(f"docs/reference/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
