"""What a shell completes: the script of the program, in the real shell where it is installed."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

# Each sets the words, calls what the script registered, and prints one suggestion on a line.
_BASH = """\
source "$1"
COMP_WORDS=("${@:2}")
COMP_CWORD=$(($# - 2))
compopt() { :; }
_injector_completion injector "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""
_FISH = """\
source $argv[1]
complete --do-complete (string join ' ' -- $argv[2..-1]) | string split -f1 \\t
"""
_POWERSHELL = """\
Invoke-Expression (Get-Content -Raw $args[0])
$line = ($args | Select-Object -Skip 1) -join " "
(TabExpansion2 $line $line.Length).CompletionMatches | ForEach-Object { $_.CompletionText }
"""


def completed(folder: Path, shell: str, *words: str, **environment: str) -> tuple[list[str], str]:
    """The suggestions for the last word of a line, and what is written to stderr.

    ``injector`` is first on the path of the shell, as after an installation.
    """
    program = folder / "bin" / "injector"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m injector.cli.main "$@"\n')
    program.chmod(0o755)
    script, driver = folder / "completion", folder / "driver.ps1"
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, **environment, "PATH": path, "HOME": str(folder)}
    script.write_bytes(
        subprocess.run([program, "completion", shell], env=env, capture_output=True, check=True).stdout
    )
    driver.write_text({"bash": _BASH, "fish": _FISH, "powershell": _POWERSHELL}[shell])
    call = {
        "bash": ["bash", "--norc", driver],
        "fish": ["fish", "--no-config", driver],
        "powershell": ["pwsh", "-NoProfile", "-File", driver],
    }[shell]
    done = subprocess.run(
        [*call, script, *words], env=env, capture_output=True, text=True, check=True, cwd=folder
    )
    return [line for line in done.stdout.splitlines() if line], done.stderr


INSTALLED = [
    shell
    for shell, name in (("bash", "bash"), ("fish", "fish"), ("powershell", "pwsh"))
    if shutil.which(name)
]
"""The shells of this machine whose completion can be called without a terminal; zsh has no such way."""
