"""What one module does is not done by hand elsewhere."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

import injector

ROOT = Path(injector.__file__).parent

ONLY_IN = {
    "printable.shown": (re.compile(r"\[:6[0-4]\]"), "printable.py"),
    "pointer.escape and pointer.unescape": (re.compile(r"[\"']~[01][\"']"), "pointer.py"),
}


@pytest.mark.parametrize("function", ONLY_IN)
def test_there_is_one_function_for_it(function: str) -> None:
    pattern, module = ONLY_IN[function]
    written = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted(ROOT.rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line) and path.relative_to(ROOT).as_posix() != module
    ]
    assert written == [], f"use {function}"


# Nothing else may be called as these are; a fourth needs a reason that outweighs the confusion.
CLASSES_OF_ONE_NAME = {
    "Certificates": "the settings in the file, and what serve makes of them",
    "Look": "two commands, each with its own look at a cluster",
}


def test_no_other_class_name_is_used_twice() -> None:
    names = Counter(
        node.name
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    )
    assert len(CLASSES_OF_ONE_NAME) <= 3
    assert (
        sorted(name for name, count in names.items() if count > 1 and name not in CLASSES_OF_ONE_NAME) == []
    )
