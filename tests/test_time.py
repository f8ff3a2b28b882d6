"""No test depends on the day or on the length of a run, as far as its text shows.

What a run shows: ``make test-busy`` and ``make test-ahead``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack import conditions

REPO = Path(__file__).resolve().parents[1]
BEDS = REPO / "tests" / "beds"
FILES = [path for folder in ("tests", "hack") for path in sorted((REPO / folder).rglob("*.py"))]
# Calls that read the clock, or make what is valid from now on, by the end of their names.
OF_NOW = (
    *("time.time", "time.time_ns", "time.monotonic", "time.gmtime", "time.localtime", "time.strftime"),
    *("datetime.now", "datetime.utcnow", "date.today", "formatdate"),
    *("token", "Authority.make", "write_server_keys"),
)
# Shorter ones a busy machine may miss.
LEAST_DEADLINE = 60


def at_import(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls that are made when a module is imported: not those in bodies of functions and lambdas."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.Lambda):
            continue
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            for part in (*child.decorator_list, child.args):
                yield from at_import(part)
            continue
        if isinstance(child, ast.Call):
            yield child
        yield from at_import(child)


def early(text: str) -> list[str]:
    """Calls of a module that read the clock when it is imported."""
    calls = [ast.unparse(call.func) for call in at_import(ast.Module(ast.parse(text).body, []))]
    return [name for name in calls if f".{name}".endswith(tuple(f".{end}" for end in OF_NOW))]


def short(text: str) -> list[str]:
    """Deadlines of a module that a busy machine may miss, where they are written as numbers."""
    calls = []
    for call in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)):
        timeouts = [keyword.value for keyword in call.keywords if keyword.arg == "timeout"]
        if isinstance(call.func, ast.Attribute) and call.func.attr == "timeout":  # asyncio.timeout
            timeouts += call.args[:1]
        numbers = [each.value for each in timeouts if isinstance(each, ast.Constant)]
        calls += [ast.unparse(call) for n in numbers if isinstance(n, int | float) and n < LEAST_DEADLINE]
    return calls


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("NOW = time.time()", ["time.time"]),
        ("GOOD = f'Bearer {SIGNER.token()}'", ["SIGNER.token"]),
        ("@mark([(1, {'exp': int(time.time()) - 9})])\ndef test(a): pass", ["time.time"]),
        ("class A:\n    made = datetime.datetime.now(UTC)", ["datetime.datetime.now"]),
        ("def f(now=time.time()): pass", ["time.time"]),
        ("def f(): return time.time()", []),
        ("clock = lambda: time.time()", []),
        ("class A:\n    def now(self): return time.time()", []),
    ],
)
def test_what_reads_the_clock_at_import_is_seen(text: str, calls: list[str]) -> None:
    assert early(text) == calls


def test_nothing_is_made_at_import_that_becomes_old() -> None:
    calls_by_file = {str(path.relative_to(REPO)): early(path.read_text()) for path in FILES}
    assert {name: calls for name, calls in calls_by_file.items() if calls} == {}


def test_deadlines_of_tests_only_end_what_hangs() -> None:
    # The beds ask again and again, each time for a short while.
    tests = [path for path in FILES if REPO / "tests" in path.parents and BEDS not in path.parents]
    calls_by_file = {str(path.relative_to(REPO)): short(path.read_text()) for path in tests}
    assert {name: calls for name, calls in calls_by_file.items() if calls} == {}


def test_without_libfaketime_the_run_on_another_day_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # An empty folder stands for a machine without it.
    monkeypatch.setattr(conditions, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match=r"libfaketime .* is missing: apt-get install faketime"):
        conditions.ahead().__enter__()
