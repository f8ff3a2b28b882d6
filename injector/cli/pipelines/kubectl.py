"""`kubectl inject`: `injector render` as a plugin of kubectl, and its completion.

kubectl looks for the programs `kubectl-inject` and `kubectl_complete-inject` on PATH. Not here: what the
command does.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator, Sequence
from typing import Final

import click

from injector.cli import main as program

NAME: Final = "kubectl inject"
EXAMPLES: Final = """\b
Examples:
  kubectl inject -f shop.yaml | kubectl apply -f -
  kubectl inject -R manifests/ --diff
  kubectl inject -k overlays/prod --context prod"""
# What the shell does with words that are completed, as the library of kubectl numbers it.
_OR_FILES, _NO_FILES = 0, 4


def inject() -> int:
    """The program `kubectl-inject`."""
    return program.main(sys.argv[1:], command(), NAME)


def complete() -> int:
    """The program `kubectl_complete-inject`: the words of the line, the last of them incomplete."""
    from injector.cli import completion

    completion.prepare(silent=True)
    for line in completed(sys.argv[1:]):
        click.echo(line)
    return 0


def command() -> click.Command:
    """`render`, with examples of its own."""
    render = program.cli.get_command(click.Context(program.cli), "render")
    assert render is not None
    render = copy.copy(render)
    render.epilog = EXAMPLES
    return render


def completed(words: Sequence[str]) -> Iterator[str]:
    """The lines that kubectl reads: words with their descriptions, and what else the shell may complete."""
    # Only for completion, which is a process of its own.
    from click.shell_completion import ShellComplete

    *before, incomplete = words or [""]
    items = ShellComplete(command(), {}, NAME, "").get_completions(list(before), incomplete)
    for item in items:
        if item.type == "plain":
            yield f"{item.value}\t{item.help}".rstrip() if item.help else str(item.value)
    yield f":{_NO_FILES if all(item.type == 'plain' for item in items) else _OR_FILES}"
