"""The short form of `make kill-test`: kills exactly before steps of a run, without a moment of chance."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.killing.__main__ import FILES_OF_STEPS, STEPS

REPO = Path(__file__).resolve().parents[2]


def test_a_killed_run_leaves_each_file_old_or_new_and_the_next_run_no_stray_file() -> None:
    # In a process of its own, as one with threads must not be forked.
    command = [sys.executable, "-m", "tests.killing", "--steps"]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    rows = json.loads(done.stdout)
    assert [(row["event"], row["number"]) for row in rows] == STEPS
    for row in rows:
        before = row["number"] - 1
        expected = (0, before) if row["event"] == "create" else (before, FILES_OF_STEPS - before)
        assert (row["new"], row["temporary"]) == expected
    assert sum(0 < row["new"] < FILES_OF_STEPS for row in rows) == 7
