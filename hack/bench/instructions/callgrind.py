"""Counts the instructions of parts of a Python process with valgrind's callgrind.

Here: running it and reading its files. Not here: what is counted (counted.py), and what it may be (run.py).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from hack.setup import REPO

HEADER: Final = Path("/usr/include/valgrind/callgrind.h")
PACKAGES: Final = {"valgrind": ("valgrind",), "gcc": ("gcc", "libc6-dev")}
SOURCE: Final = Path(__file__).with_name("counting.c")


class CountingError(Exception):
    """Nothing was counted; the text is what callgrind wrote last."""


def unavailable() -> str | None:
    """Say in one line why nothing can be counted here; None where it can."""
    missing = [program for program in PACKAGES if not shutil.which(program)]
    if not missing and not HEADER.exists():
        missing = ["valgrind"]
    packages = " ".join(name for program in missing for name in PACKAGES[program])
    return f"{' and '.join(missing)} missing: apt-get install {packages}" if missing else None


def totals(module: str) -> dict[str, int]:
    """Instructions of each part that a module, run with the path of the library, names in its dumps.

    Of several dumps of a part, the largest counts.
    """
    with tempfile.TemporaryDirectory(prefix="instructions-") as folder:
        library, out = Path(folder, "counting.so"), Path(folder, "out")
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE], check=True)
        command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}",
                   sys.executable, "-m", module, str(library)]  # fmt: skip
        # Coverage would be counted as well. The order of sets, and with it the work, is the same in each run.
        environ = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE")}
        environ["PYTHONHASHSEED"] = "0"
        done = subprocess.run(command, cwd=REPO, env=environ, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CountingError("\n".join(done.stderr.splitlines()[-20:]))
        # Now and then callgrind begins late, and counts less.
        most: dict[str, int] = {}
        for file in sorted(Path(folder).glob("out.*")):
            name, total = _total(file.read_text())
            most[name] = max(total, most.get(name, 0))
        return most


def _total(profile: str) -> tuple[str, int]:
    """Name and instructions of a part, from the file that callgrind wrote of it."""
    name = re.search(r"^desc: Trigger: Client Request: (.+)$", profile, re.MULTILINE)
    total = re.search(r"^totals: (\d+)$", profile, re.MULTILINE)
    if name is None or total is None:
        raise CountingError(f"a file of callgrind is not understood: {profile[:300]}")
    return name[1], int(total[1])
