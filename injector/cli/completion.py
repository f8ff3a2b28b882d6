"""The completion of shells: those of click, and PowerShell. Not here: what is completed (`suggestions`)."""

from __future__ import annotations

import os
import sys
from typing import Final

import click
from click.shell_completion import CompletionItem, ShellComplete, add_completion_class, get_completion_class

_POWERSHELL: Final = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        ForEach-Object { $_.ToString() })
    $env:%(complete_var)s = "powershell_complete"
    $env:COMP_WORDS = $words -join "`n"
    $env:COMP_INCOMPLETE = $wordToComplete
    try {
        $items = @(%(prog_name)s)
    } finally {
        Remove-Item Env:%(complete_var)s, Env:COMP_WORDS, Env:COMP_INCOMPLETE -ErrorAction SilentlyContinue
    }
    foreach ($item in $items | Where-Object { $_ }) {
        $type, $value, $help = $item -split "`t", 3
        if ($type -eq "file") {
            [System.Management.Automation.CompletionCompleters]::CompleteFilename($wordToComplete)
        } else {
            [System.Management.Automation.CompletionResult]::new($value, $value, "ParameterValue", $help)
        }
    }
}
"""


class PowerShellComplete(ShellComplete):
    """PowerShell 5.1 and later, which click does not know."""

    name = "powershell"
    source_template = _POWERSHELL

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the cursor, and the one at the cursor."""
        words = os.environ.get("COMP_WORDS", "").split("\n")[1:]
        return [word.strip("'\"") for word in words], os.environ.get("COMP_INCOMPLETE", "").strip("'\"")

    def format_completion(self, item: CompletionItem) -> str:
        """One line for each item; PowerShell refuses an empty description."""
        help = (item.help or item.value).replace("\n", " ")
        return f"{item.type}\t{item.value}\t{help}"


def script(shell: str, command: click.Command, variable: str) -> str:
    """The script of a shell; `variable` is in the environment of a process that only completes."""
    add_completion_class(PowerShellComplete)
    of_shell = get_completion_class(shell)
    assert of_shell is not None
    maker = of_shell(command, {}, "injector", variable)
    # Not maker.source(), which starts the shell to read its version.
    return maker.source_template % maker.source_vars()


def prepare(*, silent: bool) -> None:
    """Make PowerShell known, and let nothing appear on the line that a person writes."""
    add_completion_class(PowerShellComplete)
    if silent:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 until the process ends
