"""Completion: in the real shells that are installed, and the protocol of each of them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import click
import pytest

from injector.cli import suggestions
from injector.cli.commands.completion import SHELLS
from injector.cli.main import VARIABLE, cli
from tests.cli.conftest import Run
from tests.shells import INSTALLED, completed

KUBECONFIG = "contexts: [{name: prod-eu}, {name: prod-us}, {name: test}]\n"
# The words of the line, the last one incomplete, and what is suggested.
LINES = [
    (["kube"], ["kube-inject"]),
    (["help", "rep"], ["replay"]),
    (["explain", "--context", "prod-"], ["prod-eu", "prod-us"]),
    (["audit", "--context", "t"], ["test"]),
    (["explain", "--html", ""], []),
    (["explain", "dep"], ["deployment", "deploy", "deployments"]),
    (["completion", "po"], ["powershell"]),
]


@pytest.fixture
def kubeconfig(tmp_path: Path) -> str:
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG)
    return str(path)


@pytest.mark.parametrize("shell", INSTALLED)
@pytest.mark.parametrize(("words", "expected"), LINES)
def test_a_shell_completes_commands_flags_contexts_and_kinds(
    tmp_path: Path, kubeconfig: str, shell: str, words: list[str], expected: list[str]
) -> None:
    suggestions, errors = completed(tmp_path, shell, "injector", *words, KUBECONFIG=kubeconfig)
    assert (suggestions, errors) == (expected, "")


def suggested(*words: str, **environment: str) -> tuple[str, str]:
    """What the program prints for PowerShell, whose protocol has one line for each suggestion."""
    protocol = {
        VARIABLE: "powershell_complete",
        "COMP_WORDS": "\n".join(["injector", *words[:-1]]),
        "COMP_INCOMPLETE": words[-1],
    }
    argv = [sys.executable, "-c", "from injector.cli.main import main; main()"]
    env = {**os.environ, **protocol, **environment}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    # Without a suggestion there is an empty line.
    return done.stdout.lstrip("\n"), done.stderr


@pytest.mark.parametrize("broken", ["a: [", "contexts: 5", None])
@pytest.mark.parametrize(
    ("words", "suggestion"),
    # A target may also be a file, which the shell completes.
    [(["--context", ""], ""), (["-n", ""], ""), (["deploy/"], "file\tdeploy/\tdeploy/\n")],
)
def test_without_a_usable_kubeconfig_there_is_no_suggestion_of_a_cluster_and_no_message(
    tmp_path: Path, broken: str | None, words: list[str], suggestion: str
) -> None:
    path = tmp_path / "kubeconfig"
    if broken is not None:
        path.write_text(broken)
    assert suggested("explain", *words, KUBECONFIG=str(path)) == (suggestion, "")


def test_powershell_gets_the_type_the_word_and_its_description(kubeconfig: str) -> None:
    assert suggested("help", "repl")[0] == "plain\treplay\treplay\n"
    assert suggested("repl")[0].startswith("plain\treplay\tShow what a new configuration would change")
    assert suggested("kube-inject", "-f", "we")[0] == "file\twe\twe\n"
    assert suggested("explain", "--context", "'te", KUBECONFIG=kubeconfig)[0] == "plain\ttest\ttest\n"


def test_a_cluster_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    # A real one would have to be waited for.
    def connected(*_: object) -> None:
        ended.wait()

    monkeypatch.setattr("injector.cli.world.connected", connected)
    monkeypatch.setattr(suggestions, "SECONDS", 0)
    context = click.Context(cli)
    assert suggestions.items("namespaces", context, click.Argument(["x"]), "") == []
    ended.set()


@pytest.mark.parametrize(
    ("what", "incomplete", "expected"),
    [
        ("targets", "dep", ["plain deployment", "plain deploy", "plain deployments"]),
        ("targets", "shop.y", ["file shop.y"]),
        ("targets", "nonsense/", ["file nonsense/"]),
        ("reasons", "host-n", ["plain host-network"]),
    ],
)
def test_what_is_no_kind_may_be_a_file(what: str, incomplete: str, expected: list[str]) -> None:
    argument = click.Argument(["targets"], metavar="[KIND/NAME|FILE]")
    items = suggestions.items(what, click.Context(cli), argument, incomplete)
    assert [f"{item.type} {item.value}" for item in items] == expected


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_a_script_that_calls_the_program(run: Run, shell: str) -> None:
    done = run("completion", shell)
    assert (done.status, done.err) == (0, "")
    assert f"{shell}_complete" in done.out
    assert VARIABLE in done.out
