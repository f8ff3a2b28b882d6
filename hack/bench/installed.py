"""The injector as a user has it: its wheel in an environment with nothing else, compiled as pip does.

A checkout starts otherwise: its environment has hundreds of packages, and files that each start reads.
Here: making that environment, anew for each run but for the packages. Not here: what is measured in it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hack import setup

# Where a process would find other modules than those that are installed, or would not find compiled ones.
_LEADING_ELSEWHERE: Final = ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")


def program() -> Path:
    """The command `injector` of a wheel of this checkout, with all extras. Raises SetupError."""
    python = setup.environment(
        setup.REPO / "build" / "installed",
        sys.executable,
        editable=False,
        requirements=(setup.REPO / "requirements" / "serve.txt",),
    )
    with tempfile.TemporaryDirectory(prefix="wheel-") as folder:
        _run([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder])
        (wheel,) = Path(folder).glob("*.whl")
        install = ["install", "--quiet", "--no-deps", "--no-index", "--force-reinstall", str(wheel)]
        _run([str(python), *setup.PIP, *install])
    return python.parent / "injector"


def environment(**changes: str) -> dict[str, str]:
    """The variables of a process that runs it."""
    return {key: each for key, each in os.environ.items() if key not in _LEADING_ELSEWHERE} | changes


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(
        command, cwd=setup.REPO, env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise setup.SetupError(f"{command[0]}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
