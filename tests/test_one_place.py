"""What one module does is not done by hand elsewhere."""

from __future__ import annotations

import re
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
