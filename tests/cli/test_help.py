"""What is said about commands: help, the alias, and names that are nearly right."""

from __future__ import annotations

import pytest

from injector.cli.main import ALIASES, COMMANDS
from tests.cli.conftest import Run


@pytest.mark.parametrize("name", [*COMMANDS, *ALIASES])
def test_help_of_a_command_is_what_the_command_itself_shows(run: Run, name: str) -> None:
    shown = run("help", name)
    assert (shown.status, shown.out, shown.err) == (0, run(name, "--help").out, "")


def test_help_alone_lists_the_commands_and_help_of_a_subcommand_is_its_own(run: Run) -> None:
    assert run("help").out == run("--help").out
    assert run("help", "tag", "set").out == run("tag", "set", "--help").out
    assert "Usage: injector tag set " in run("help", "tag", "set").out


@pytest.mark.usefixtures("folder")
def test_inject_is_kube_inject_and_is_listed_in_its_line_alone(run: Run) -> None:
    flags = ("--config", "c.yaml", "web.yaml")
    assert run("inject", *flags).out == run("kube-inject", *flags).out != ""
    listed = run("--help").out.split("Commands:\n")[1].split("\n\n")[0]
    assert "Inject sidecars into manifests (alias: inject)." in listed
    # A long sentence goes on in lines that begin further right.
    names = [line.split()[0] for line in listed.splitlines() if line[2] != " "]
    assert names == list(COMMANDS)


@pytest.mark.parametrize(
    ("argv", "near"),
    [
        (["injct"], "inject"),
        (["injection"], "inject"),
        (["kubeinject"], "kube-inject"),
        (["uninjct"], "uninject"),
        (["hlep"], "help"),
        (["help", "kubeinject"], "kube-inject"),
    ],
)
def test_a_name_that_is_nearly_right_gets_the_nearest_command(run: Run, argv: list[str], near: str) -> None:
    done = run(*argv)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"error: no such command {argv[-1]!r}; did you mean {near}?\n")


def test_help_below_a_command_without_commands_is_a_usage_error(run: Run) -> None:
    done = run("help", "explain", "pods")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("error: injector explain has no commands\n")
