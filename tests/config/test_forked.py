"""Children that are copies of their process: their answers, bounds and ends.

Each test is a process of its own, as one with several threads cannot be copied.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

BEGIN = """\
import json, os, resource, signal, sys, threading, time
from injector.config import child, forked

here = os.getpid()
calls = []

def run(answer, meanwhile=lambda: None):
    raw, ended = forked.run(answer, "counting", "count less", meanwhile)
    return raw if ended is None else f"{ended.code.value}: {ended.message}"

def children():
    try:
        return os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return "none"

def fail(error):
    raise error

def wait():
    while True:
        time.sleep(1)

"""

LIMIT = "limit: counting exceeds 20 s of CPU time or 1024 MiB"


def ran(code: str, status: int = 0) -> str:
    """What a process prints on stdout; it prints nothing else."""
    command = [sys.executable, "-c", BEGIN + code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (status, "")
    return done.stdout.strip()


def test_a_copy_answers_with_what_its_process_has_loaded() -> None:
    code = "calls.append({'own': [1, None]})\nprint(run(lambda: [calls, os.getpid() != here]), children())"
    assert ran(code) == "[[{'own': [1, None]}], True] none"


def test_what_is_done_meanwhile_is_done_while_it_works() -> None:
    code = """
reading, writing = os.pipe()
print(run(lambda: os.read(reading, 1).decode(), lambda: os.write(writing, b"x")))
"""
    assert ran(code) == "x"


def test_an_answer_may_be_longer_than_a_pipe_holds() -> None:
    assert ran("print(len(run(lambda: 'x' * 1_000_000)))") == "1000000"


def test_time_and_memory_of_a_copy_are_bounded_and_those_of_its_process_are_not() -> None:
    code = """
limits = lambda: [list(resource.getrlimit(each)) for each in (resource.RLIMIT_CPU, resource.RLIMIT_AS)]
before = limits()
seconds, memory = child.CPU_SECONDS, child.MEMORY_BYTES
print(run(limits) == [[seconds, seconds + 1], [memory, memory]], limits() == before)
"""
    assert ran(code) == "True True"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            "fail(ValueError('n'))",
            "crash: counting: the process ended with status 1: ValueError: n",
        ),
        ("fail(KeyboardInterrupt)", "crash: counting: the process ended with status 1: no message"),
        ("fail(MemoryError)", "limit: counting exceeds 20 s of CPU time or 1024 MiB"),
        ("bytearray(child.MEMORY_BYTES)", "limit: counting exceeds 20 s of CPU time or 1024 MiB"),
        ("os.kill(os.getpid(), signal.SIGXCPU)", "limit: counting exceeds 20 s of CPU time or 1024 MiB"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "limit: counting exceeds 20 s of CPU time or 1024 MiB"),
        ("os.abort()", "crash: counting: the process ended with status -6: no message"),
    ],
)
def test_why_there_is_no_answer(answer: str, said: str) -> None:
    assert (
        ran(f"print(run(lambda: {answer}))\nprint(children(), os.getpid() == here)") == f"{said}\nnone True"
    )


def test_a_copy_that_waits_is_ended() -> None:
    code = "child.WALL_SECONDS = 0\nprint(run(wait), children())"
    assert ran(code) == "limit: counting takes more than 0 s none"


def test_a_copy_ends_with_what_failed_meanwhile() -> None:
    code = """
try:
    run(wait, lambda: fail(KeyError("library")))
except KeyError as error:
    print(error, children())
"""
    assert ran(code) == "'library' none"


def test_a_copy_whose_process_was_stopped_ends_without_a_word() -> None:
    code = """
def answer():
    while os.getppid() == here:
        time.sleep(0.01)
    return "for nobody"

run(answer, lambda: os.kill(here, signal.SIGTERM))
"""
    # Its streams are read until the copy has ended too.
    assert ran(code, status=-15) == ""


@pytest.mark.skipif(sys.platform != "linux", reason="copies are made on Linux only")
def test_a_process_with_two_threads_is_not_copied() -> None:
    code = """
print(forked.possible())
threading.Thread(target=time.sleep, args=[5], daemon=True).start()
print(forked.possible())
"""
    assert ran(code) == "True\nFalse"
