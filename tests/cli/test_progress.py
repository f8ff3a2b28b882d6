"""How far a long run is, on a terminal and nowhere else."""

from __future__ import annotations

import contextlib
import io

import pytest

from injector.cli.progress import MANY, cleared, counted, running

CLEARED = "\r\x1b[K"


class Terminal(io.StringIO):
    """A stream that is a terminal: a real one belongs to a process."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "term", "shows"),
    [(Terminal(), "xterm", True), (io.StringIO(), "xterm", False), (Terminal(), "dumb", False)],
    ids=["terminal", "pipe", "dumb terminal"],
)
def test_only_a_terminal_shows_how_far_a_long_run_is(
    stream: io.StringIO, term: str, shows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    with contextlib.redirect_stderr(stream):
        assert list(counted(range(MANY), "explaining")) == list(range(MANY))
    shown = stream.getvalue()
    assert bool(shown) is shows
    if shows:
        assert f"explaining 0 of {MANY}" in shown
        assert f"explaining {MANY - 1} of {MANY}" in shown
        assert "\n" not in shown
        assert shown.endswith(CLEARED)


def test_a_short_run_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    with contextlib.redirect_stderr(Terminal()) as stream:
        assert list(counted(range(MANY - 1), "explaining")) == list(range(MANY - 1))
    assert stream.getvalue() == ""


def test_the_line_is_cleared_before_an_error_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    def divide() -> None:
        for number in counted(range(MANY), "explaining"):
            1 / number

    monkeypatch.setenv("TERM", "xterm")
    with contextlib.redirect_stderr(Terminal()) as stream:
        with pytest.raises(ZeroDivisionError):
            divide()
        assert stream.getvalue().endswith(CLEARED)


@pytest.mark.parametrize(
    ("stream", "term", "shows"),
    [(Terminal(), "xterm", True), (io.StringIO(), "xterm", False), (Terminal(), "dumb", False)],
    ids=["terminal", "pipe", "dumb terminal"],
)
def test_a_stream_of_unknown_length_shows_how_many_are_done(
    stream: io.StringIO, term: str, shows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    with contextlib.redirect_stderr(stream):
        assert list(running(iter(range(MANY + 1)), "document")) == list(range(MANY + 1))
    assert stream.getvalue() == (f"{CLEARED}document {MANY}{CLEARED}" if shows else "")


def test_another_line_removes_that_of_the_progress_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    with contextlib.redirect_stderr(Terminal()) as stream:
        for number in running(iter(range(MANY + 2)), "document"):
            if number >= MANY:
                cleared()
                stream.write(f"line {number}\n")
    assert stream.getvalue() == f"{CLEARED}document {MANY}{CLEARED}line {MANY}\nline {MANY + 1}\n"
