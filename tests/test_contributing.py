"""CONTRIBUTING names files and folders that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_every_path_of_the_table_of_changes_exists() -> None:
    section = (ROOT / "CONTRIBUTING.md").read_text().split("## Where do I change what\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (?!change|---)(.+?) \| (.+) \|$", section, re.MULTILINE)
    paths = {path for _, files in rows for path in re.findall(r"`([\w./-]+(?:/|\.\w+)|Makefile)`", files)}
    assert len(rows) >= 12
    assert len(paths) > len(rows)
    assert sorted(path for path in paths - {"run.warn"} if not (ROOT / path).exists()) == []
