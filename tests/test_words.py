"""Texts that users see use plain words and short sentences: messages, help, docs, chart.

`BANNED` lists what to avoid and what to write instead. A text that must keep such a word stands in
`QUOTED`, with the reason.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from injector.cli.main import cli

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 30

BANNED = {
    r"anew": "again; recreate",
    r"again and again": "repeatedly",
    r"asks?|asked|asking": "requests; calls; requires",
    r"comes of it": "the result",
    r"in sight|at hand": "available; known",
    r"is none": "is invalid; does not exist",
    r"likes?\b(?= (?:he|she|it|they))": "any number",
    r"nobody|nothing (?:speaks|says)": "no X; or use the passive voice",
    r"(?:some|every|any)body": "name who; another program; all callers",
    r"(?:of )?ours?|ourselves|we|us": "of this injector; injected; self-made",
    r"living": "running",
    r"own words": "message",
    r"says (?:no|yes)": "disables; enables",
    r"what becomes": "the result",
    r"whatever": "any; regardless of",
    r"in force": "active",
    r"beside": "next to; in addition to",
    r"put right": "corrected; fixed",
    r"sane mind": "(remove)",
    r"let through": "admitted",
    r"(?:speaks?|spoken)": "sets; uses",
    r"stands?": "is; is in",
    r"tells? us|told|tells?(?! apart)": "report; show; log",
    r"whoever|who asks": "anyone who; the caller",
    r"wants?|wanted": "requires; expects",
    r"(?:he|his|him)": "they; their",
    r"made anew": "recreated",
    r"(?<!there )is no (?=(?:JSON|PEM|YAML|map|list|CA|name|number|workload|regular))": "is not (valid)",
    r"cannot be had": "cannot be pulled",
    r"as far as can be": "probably",
}
"""What to avoid, as a pattern for whole words, and what to write instead."""

QUOTED: dict[str, str] = {}
"""Texts that keep a banned word or are longer than a sentence may be, each with its reason."""

VOCABULARIES = {"injector/records/redaction.py"}
"""Modules whose strings are lists of words of Kubernetes, which no user sees."""

GENERATED = {"annotations.md", "values.md", "reasons.md", "causes.md", "configuration.md", "commands.md"}
"""Pages made from the code: their texts are checked where they are written."""

DECISIONS = "adr"
"""The folder of decision records: they are not rewritten after the decision, and no manual for users."""

Text = tuple[str, str]


def documentation(tree: ast.AST) -> set[int]:
    """The nodes that are docstrings, of modules, classes, functions and names."""
    bodies = (getattr(node, "body", []) for node in ast.walk(tree))
    statements = (each for body in bodies if isinstance(body, list) for each in body)
    return {id(each.value) for each in statements if isinstance(each, ast.Expr)}


def strings(node: ast.AST, skipped: set[int]) -> Iterator[tuple[int, str]]:
    """Texts below a node; the values of an f-string count as one word each."""
    if id(node) in skipped:
        return
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
        yield node.lineno, "".join(map(str, parts))
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield node.lineno, node.value
    else:
        for child in ast.iter_child_nodes(node):
            yield from strings(child, skipped)


def messages() -> Iterator[Text]:
    """String constants of the program that have the form of a text for people."""
    for path in sorted((ROOT / "injector").rglob("*.py")):
        if path.relative_to(ROOT).as_posix() in VOCABULARIES:
            continue
        tree = ast.parse(path.read_text())
        for line, text in strings(tree, documentation(tree)):
            if re.search(r"[a-z]{2,} +[a-z]{2,}", text) and not re.search(r"\(\?|\[\^|&&|\|\|", text):
                yield f"{path.relative_to(ROOT)}:{line}", text


def helps() -> Iterator[Text]:
    """What --help prints above the options."""
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        yield f"injector {name} --help", re.split(r"\n\s*\n\b", command.help or "")[0]


def pages() -> Iterator[Text]:
    """Paragraphs, list items and table cells of the documentation, without code."""
    roots = [ROOT / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md")]
    charts = [ROOT / "charts" / "injector" / "README.md"]
    for path in [*roots, *charts, *sorted((ROOT / "docs").rglob("*.md"))]:
        if path.name in GENERATED or DECISIONS in path.parts:
            continue
        text = re.sub(
            r"```.*?```|<!--.*?-->", lambda m: "\n" * m[0].count("\n"), path.read_text(), flags=re.S
        )
        text = re.sub(r"`[^`]*`", "X", re.sub(r"\]\([^)]*\)", "]", text))
        for line, block in blocks(text):
            yield f"{path.relative_to(ROOT)}:{line}", block


def blocks(text: str) -> Iterator[tuple[int, str]]:
    """Paragraphs with the number of their first line; a list item and a table cell is one each."""
    first, lines = 1, list[str]()
    for number, line in enumerate([*text.splitlines(), ""], 1):
        new = re.match(r"\s*(?:[-*] |\d+\. |#|\||$)|    ", line)
        if new and lines:
            yield first, " ".join(lines)
            lines = []
        if line.startswith("|"):
            yield from ((number, cell) for cell in line.strip("|").split("|"))
        elif line.strip() and not (line.startswith("    ") and not lines):
            first = first if lines else number
            lines.append(line.strip())


def chart() -> Iterator[Text]:
    """Comments of values.yaml, which are the reference of the chart, alerts, and the notes."""
    folder = ROOT / "charts" / "injector"
    for number, line in enumerate((folder / "values.yaml").read_text().splitlines(), 1):
        if "# " in line:
            yield f"values.yaml:{number}", line.split("# ", 1)[1]
    for number, line in enumerate((folder / "files" / "alerts.yaml").read_text().splitlines(), 1):
        if re.match(r" +(?:summary|description): ", line):
            yield f"alerts.yaml:{number}", line.split(": ", 1)[1]
    notes = re.sub(r"{{.*?}}", "X", (folder / "templates" / "NOTES.txt").read_text(), flags=re.S)
    yield from ((f"NOTES.txt:{number}", line) for number, line in enumerate(notes.splitlines(), 1))


def profiles() -> Iterator[Text]:
    """Comments behind values, which are the reference of values, and the page of `explain`."""
    for path in sorted((ROOT / "templates").glob("*/profile.yaml")):
        for number, line in enumerate(path.read_text().split("\nvalues:\n")[-1].splitlines(), 1):
            if "# " in line:
                yield f"{path.parent.name} values:{number}", line.split("# ", 1)[1]
    page = (ROOT / "injector" / "pages" / "explain.html.j2").read_text()
    yield from (("explain.html.j2", text) for text in re.findall(r">([^<>{}]+)<", page))


SOURCES = {"messages": messages, "helps": helps, "pages": pages, "chart": chart, "profiles": profiles}


def banned(text: str) -> Iterator[str]:
    """What is wrong with the words of a text."""
    for pattern, instead in BANNED.items():
        if match := re.search(rf"(?<![\w/.-])(?:{pattern})(?![\w/-])", text, re.IGNORECASE):
            yield f"'{match[0]}': write {instead}"


def too_long(text: str) -> Iterator[str]:
    """The sentences of a text that have too many words."""
    for sentence in re.split(r"(?<=[.:;!?])\)?[*_]*\s|\n\n|\n  ", text):
        words = [word for word in sentence.split() if re.search(r"\w", word)]
        if len(words) > LONGEST:
            yield f"{len(words)} words: {sentence[:60]}"


@pytest.mark.parametrize("source", SOURCES)
def test_no_text_uses_a_banned_word(source: str) -> None:
    texts = list(SOURCES[source]())
    assert texts
    wrong = [f"{where}: {each}" for where, text in texts if text not in QUOTED for each in banned(text)]
    assert wrong == []


@pytest.mark.parametrize("source", SOURCES)
def test_no_sentence_is_too_long(source: str) -> None:
    texts = SOURCES[source]()
    wrong = [f"{where}: {each}" for where, text in texts if text not in QUOTED for each in too_long(text)]
    assert wrong == []


def test_each_exception_is_needed() -> None:
    texts = [text for source in SOURCES.values() for _, text in source()]
    used = {text for text in texts if any(banned(text)) or any(too_long(text))}
    assert [text for text in QUOTED if text not in used] == []


def test_the_patterns_match_what_they_ban() -> None:
    assert list(banned("make the pod anew"))
    assert list(banned("The injector says that it is none of OURS"))
    assert not list(banned("a standard restart"))
    assert list(too_long("word " * (LONGEST + 1)))
    assert not list(too_long("word " * LONGEST))
