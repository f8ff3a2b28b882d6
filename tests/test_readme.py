"""The output that the README shows is what its commands print today."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from injector.cli.main import main

ROOT = Path(__file__).resolve().parent.parent
SESSIONS = re.findall(r"```\n\$ injector ([^\n]*)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def lines_in_order(shown: str, printed: str) -> None:
    """Each shown line is printed; between two of them only a line `...` may stand for others."""
    rest = printed.splitlines()
    elided = False
    for line in shown.splitlines():
        if line.strip() == "...":
            elided = True
            continue
        at = rest.index(line) if elided and line in rest else 0
        assert rest
        assert rest[at] == line
        rest, elided = rest[at + 1 :], False
    assert elided or rest == []


@pytest.mark.parametrize(("command", "shown"), SESSIONS)
def test_the_readme_shows_what_the_command_prints(
    command: str, shown: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    command, redirected, _ = command.partition(" >")
    assert main(shlex.split(command)) == 0
    done = capfd.readouterr()
    lines_in_order(shown, done.err if redirected else done.out)


def test_the_readme_shows_a_report_and_an_explanation() -> None:
    assert [command.split()[0] for command, _ in SESSIONS] == ["kube-inject", "explain"]


def test_a_line_that_is_not_printed_fails() -> None:
    with pytest.raises(AssertionError):
        lines_in_order("one\ntwo\n", "one\nthree\n")
    with pytest.raises(AssertionError):
        lines_in_order("one\n", "one\ntwo\n")
    lines_in_order("one\n...\nfour\n", "one\ntwo\nthree\nfour\n")
