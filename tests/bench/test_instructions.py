"""The work of an admission, in instructions, stays below bounds that are written by hand."""

from __future__ import annotations

import pytest

from hack.bench.instructions import callgrind, run

BOUNDS = {"first": 80.0, "replica": 2.0}


@pytest.mark.skipif(callgrind.unavailable() is not None, reason=str(callgrind.unavailable()))
def test_an_admission_takes_no_more_instructions_than_its_bound() -> None:
    figures = run.multiples()
    # In a run of all tests callgrind counted less of replicas; `make instructions` says what is low.
    assert [name for name, figure in figures.items() if figure > run.BOUNDS[name]] == []
    assert figures.keys() == run.BOUNDS.keys()


def test_a_figure_within_its_bound_is_no_problem() -> None:
    assert run.problems({"first": 79.9, "replica": 1.01}, BOUNDS) == []


@pytest.mark.parametrize("before", [40.0, 59.0, 80.0])
def test_doubled_work_is_noticed_wherever_the_figure_was(before: float) -> None:
    assert run.problems({"first": before, "replica": 1.5}, BOUNDS) == []
    [problem] = run.problems({"first": 2 * before + 0.1, "replica": 1.5}, BOUNDS)
    assert problem.startswith("first: ")
    assert "the bound is 80" in problem


def test_a_bound_that_would_hide_doubled_work_is_to_be_lowered() -> None:
    [problem] = run.problems({"first": 39.0, "replica": 1.5}, BOUNDS)
    assert problem == "first: 39.0 times json.loads, below half of the bound 80: lower it"


def test_a_kind_without_a_bound_and_a_bound_without_a_kind_are_problems() -> None:
    assert run.problems({"first": 60.0}, BOUNDS) != []
    assert run.problems({"first": 60.0, "replica": 1.5, "more": 1.0}, BOUNDS) != []


def test_the_reason_names_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert callgrind.unavailable() == "valgrind and gcc missing: apt-get install valgrind gcc libc6-dev"
