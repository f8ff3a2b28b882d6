"""What shellcheck says of a script."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def shellcheck(shell: str, script: str, *without: str) -> str:
    """Its remarks, but for codes whose reason the caller names."""
    program = Path(sys.executable).parent / "shellcheck"
    command = [str(program), f"--shell={shell}", f"--exclude={','.join(without)}", "-"]
    return subprocess.run(command, input=script, capture_output=True, text=True, check=False).stdout
