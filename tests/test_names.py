"""Names in the code say what a thing is.

The words here say where a value came from, or that there is one; the thing has a name of its own.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
EMPTY_WORDS = {"told", "found", "given", "kept"}


def names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The names that a module makes, with their lines: of variables, attributes, functions and classes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name


def empty(text: str) -> list[str]:
    """The names of a module's text that say nothing."""
    return [
        f"{line}: {name}" for line, name in names(ast.parse(text)) if name.strip("_").lower() in EMPTY_WORDS
    ]


@pytest.mark.parametrize("folder", ["injector", "hack", "tests"])
def test_no_name_says_only_that_there_is_something(folder: str) -> None:
    paths = sorted((REPO / folder).rglob("*.py"))
    assert paths
    assert [f"{path}:{name}" for path in paths for name in empty(path.read_text())] == []


@pytest.mark.parametrize(
    "text",
    [
        "told = 1",
        "def f(given): ...",
        "def kept(): ...",
        "self.found = 1",
        "for _found in x: ...",
        "class Told: ...",
    ],
)
def test_such_a_name_is_seen(text: str) -> None:
    assert len(empty(text)) == 1
