"""`render --jobs`: the same output and report as with one process, and nothing that hangs or stays."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from injector import errors
from injector.cli.workers import in_order
from injector.errors import AnnotationError, InjectorError, ManifestError
from injector.yamltext import YamlError
from tests.cli.conftest import DEPLOYMENT, Run
from tests.cli.test_render import OFF, RENDER, SERVICE, named


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "flags", [[], ["--diff"], ["-o", "patch"], ["-o", "json"], ["--check"], ["--report", "json"]]
)
@pytest.mark.parametrize("fails", [False, True])
def test_output_and_report_are_those_of_one_process(run: Run, flags: list[str], fails: bool) -> None:
    Path("many").mkdir()
    documents = [SERVICE, OFF, "# only a comment\n", "value: 1\n", DEPLOYMENT.replace("web:1", "auto")]
    # One that is written anew, which is reported.
    documents.append(
        DEPLOYMENT.replace("        image: web:1", "        image: &a web:1\n        args: [*a]")
    )
    documents += [named(DEPLOYMENT, f"w{number}") for number in range(100)]
    Path("many/a.yaml").write_text("---\n".join(documents))
    Path("many/b.yaml").write_text("key: value\n")
    Path("many/c.yaml").write_text("# nothing\n")
    if fails:
        Path("many/d.yaml").write_text(DEPLOYMENT.replace("web:1", "5") + "---\na: [\n")
        Path("many/e.yaml").write_bytes(b"\xff")
    Path("many/f.yaml").write_text(DEPLOYMENT)
    alone = run(*RENDER, "many", *flags)
    for count in ("2", "3"):
        assert run(*RENDER, "many", *flags, "--jobs", count) == alone
    assert (alone.status == 1, alone.out == "") == (fails or flags == ["--check"], fails)


@pytest.mark.usefixtures("folder")
def test_a_folder_for_kustomize_is_that_of_one_process(run: Run) -> None:
    Path("many.yaml").write_text("---\n".join(named(DEPLOYMENT, f"w{number}") for number in range(50)))
    for count in ("1", "2"):
        flags = ["-f", "many.yaml", "-o", "kustomize", "--output-dir", f"out{count}", "--jobs", count]
        assert run(*RENDER, *flags).status == 0
    one, two = (
        {path.relative_to(folder): path.read_text() for path in folder.rglob("*.yaml")}
        for folder in (Path("out1"), Path("out2"))
    )
    assert one == two
    assert len(one) > 1


def numbers(count: int, taken: list[int]) -> Iterator[int]:
    for number in range(count):
        taken.append(number)
        yield number


def test_results_come_in_order_and_tasks_are_not_taken_far_ahead() -> None:
    taken: list[int] = []
    for task, (result, pid) in in_order(lambda n: (n * n, os.getpid()), numbers(200, taken), 3):
        assert result == task * task
        assert pid != os.getpid()
        assert len(taken) <= task + 4 * 3 + 1
    assert len(taken) == 200


def test_an_error_of_the_work_is_raised_here() -> None:
    def work(number: int) -> int:
        raise ManifestError("wrong", where=f"file:{number}", hint="do something")

    with pytest.raises(ManifestError, match="file:0: wrong") as error:
        list(in_order(work, iter(range(5)), 2))
    assert error.value.hint == "do something"


def test_a_process_that_dies_is_an_error() -> None:
    def work(number: int) -> int:
        if number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    with pytest.raises(ManifestError, match="--jobs: a process that renders ended early, by signal 9"):
        list(in_order(work, iter(range(10)), 2))


BLOCKED = """
import os, signal
from injector.cli.workers import in_order

# What a shell starts in the background ignores it.
signal.signal(signal.SIGINT, signal.default_int_handler)

def work(number):
    os.write(1, f"{os.getpid()}\\n".encode())
    signal.pause()

list(in_order(work, iter(range(5)), 2))
"""


@pytest.mark.parametrize(("number", "group"), [(signal.SIGINT, True), (signal.SIGKILL, False)])
def test_the_end_of_the_run_ends_all_its_processes(number: signal.Signals, group: bool) -> None:
    # In a group of its own, as a terminal sends Ctrl-C to all processes of a command.
    text = textwrap.dedent(BLOCKED)
    if not group:
        text = text.replace("signal.pause()", "return number").replace("range(5)", "range(10**9)")
    command = [sys.executable, "-c", text]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as running:
        assert running.stdout
        pids: set[int] = set()
        while len(pids) < 2:
            pids.add(int(running.stdout.readline()))
        (os.killpg if group else os.kill)(running.pid, number)
        # The pipe ends when no process holds it any more.
        running.stdout.read()
        assert running.wait() != 0


@pytest.mark.parametrize(
    "error",
    [
        AnnotationError.of([AnnotationError("a/b", "wrong", hint="hint")]),
        YamlError("not valid YAML", source="f", line=3, column=4, hint="hint"),
        errors.ReviewError("none", status=422),
        errors.ClusterError("refused", status=403, where="w"),
        ManifestError("several", where="w", hint="h", rows=["a", "b"]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_come_from_other_processes_as_they_are(error: InjectorError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), copy.lines, copy.hint, copy.where) == (
        str(error),
        error.lines,
        error.hint,
        error.where,
    )
    assert vars(copy).keys() == vars(error).keys()
