"""The reference pages say what the code says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from injector.core import finding_sentences
from injector.core.finding_codes import FindingCode
from injector.core.model import SENTENCES, Reason

ROOT = Path(__file__).resolve().parent.parent


def test_no_reference_page_is_stale() -> None:
    # In a process of its own: click keeps on a command what the first context asked it for.
    argv = [sys.executable, "-m", "hack.reference", "--check"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")


def test_every_reason_has_its_sentence_and_stands_on_the_page() -> None:
    assert set(SENTENCES) == set(Reason)
    page = (ROOT / "docs" / "reference" / "reasons.md").read_text()
    assert [r.value for r in Reason if f"`{r.value}`" not in page] == []


def test_every_finding_has_its_sentences() -> None:
    assert set(finding_sentences.SENTENCES) == set(FindingCode)
    assert [code.value for code in FindingCode if not code.levels] == []


def test_the_index_leads_to_every_page_and_to_nothing_else() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link).resolve() for link in re.findall(r"\]\(([^)#]+)", index.read_text())}
    assert [str(path) for path in linked if not path.exists()] == []
    pages = set((ROOT / "docs").rglob("*.md")) - {index}
    assert sorted(str(page.relative_to(ROOT)) for page in pages - linked) == []
