"""Whose turn it is: namespaces by the CPU that they have used, without any clock."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from injector.server.shares import Accounts, Lines, namespace_of
from tests.server.webhook_factories import a_body, a_pod


@dataclass(frozen=True, eq=False)
class Entry:
    namespace: str
    number: int = 0
    size: int = 0


def lines_of(*entries: Entry) -> tuple[Accounts, Lines[Entry]]:
    accounts = Accounts()
    lines: Lines[Entry] = Lines(accounts)
    for entry in entries:
        lines.add(entry)
    return accounts, lines


def turns(accounts: Accounts, lines: Lines[Entry], costs: dict[str, float], count: int) -> list[str]:
    """Whose turn it was, each of which costs what it costs."""
    seen = []
    for _ in range(count):
        entry = lines.take()
        assert entry is not None
        accounts.charge(entry.namespace, costs[entry.namespace])
        accounts.leave(entry.namespace)
        seen.append(entry.namespace)
    return seen


def test_within_a_namespace_the_order_is_first_in_first_out() -> None:
    _, lines = lines_of(*(Entry("shop", number) for number in range(5)))
    taken = [lines.take() for _ in range(6)]
    assert [entry.number for entry in taken if entry] == [0, 1, 2, 3, 4]
    assert taken[-1] is None


def test_namespaces_get_the_same_cpu_and_not_the_same_number_of_turns() -> None:
    greedy = [Entry("greedy", number) for number in range(100)]
    honest = [Entry("shop", number) for number in range(100)]
    accounts, lines = lines_of(*greedy, *honest)
    seen = Counter(turns(accounts, lines, {"greedy": 0.5, "shop": 0.01}, 102))
    # The first 0.5 s of one buy 50 turns of the other.
    assert seen == {"greedy": 2, "shop": 100}


def test_an_idle_namespace_saves_no_share() -> None:
    accounts, lines = lines_of(*(Entry("busy", number) for number in range(40)))
    turns(accounts, lines, {"busy": 1.0}, 20)
    for number in range(20):
        lines.add(Entry("new", number))
    seen = turns(accounts, lines, {"busy": 1.0, "new": 1.0}, 10)
    assert seen.count("busy") == seen.count("new") == 5


def test_use_without_competition_is_not_charged_later() -> None:
    accounts, lines = lines_of()
    for number in range(50):
        lines.add(Entry("busy", number))
        turns(accounts, lines, {"busy": 1.0}, 1)
    lines.add(Entry("new"))
    lines.add(Entry("busy"))
    assert turns(accounts, lines, {"busy": 1.0, "new": 1.0}, 2) == ["new", "busy"]
    assert accounts._used["new"] - accounts._used["busy"] == 0


def test_what_a_namespace_uses_in_one_lane_counts_in_the_other() -> None:
    accounts = Accounts()
    short: Lines[Entry] = Lines(accounts)
    long: Lines[Entry] = Lines(accounts)
    long.add(Entry("greedy"))
    short.add(Entry("greedy"))
    short.add(Entry("shop"))
    turns(accounts, long, {"greedy": 1.0}, 1)
    assert turns(accounts, short, {"greedy": 0.01, "shop": 0.01}, 2) == ["shop", "greedy"]


def test_a_third_namespace_that_uses_much_elsewhere_does_not_blur_the_others() -> None:
    accounts = Accounts()
    short: Lines[Entry] = Lines(accounts)
    long: Lines[Entry] = Lines(accounts)
    for number in range(200):
        short.add(Entry("flood", number))
        short.add(Entry("shop", number))
    seen: Counter[str] = Counter()
    for _ in range(20):
        long.add(Entry("greedy"))
        turns(accounts, long, {"greedy": 1.0}, 1)
        seen.update(turns(accounts, short, {"flood": 0.09, "shop": 0.01}, 5))
    assert seen["shop"] * 0.01 == pytest.approx(seen["flood"] * 0.09, abs=0.09)


def test_those_that_are_busy_are_passed_over() -> None:
    _, lines = lines_of(Entry("greedy"), Entry("shop"))
    taken = lines.take({"greedy"})
    assert taken is not None
    assert taken.namespace == "shop"
    assert lines.take({"greedy"}) is None


def test_the_last_of_the_longest_line_is_removed() -> None:
    _, lines = lines_of(*(Entry("greedy", number) for number in range(3)), Entry("shop"))
    assert (lines.longest(), lines.last_of_longest().number) == (3, 2)
    assert len(lines) == 3


def test_a_request_that_stops_waiting_leaves_its_line() -> None:
    entry, other = Entry("shop", 1), Entry("shop", 2)
    _, lines = lines_of(entry, other)
    assert lines.discard(entry)
    assert not lines.discard(entry)
    assert (lines.take(), lines.take(), len(lines)) == (other, None, 0)


def test_a_newcomer_waits_by_the_pace_of_its_own_namespace() -> None:
    _, lines = lines_of(Entry("greedy"))
    for _ in range(100):
        lines.took("greedy", 1.0)
        lines.took("shop", 0.1)
    assert lines.wait("greedy") == pytest.approx(1.0, rel=0.01)
    assert lines.wait("shop") == pytest.approx(0.1, rel=0.01)
    assert lines.wait("never seen") <= 0.02
    lines.add(Entry("shop"))
    # One turn of the other namespace may come before each of its own.
    assert lines.wait("shop") == pytest.approx(0.2, rel=0.01)


def test_a_thousand_namespaces_that_go_are_forgotten_and_those_that_wait_are_not() -> None:
    accounts = Accounts(most=10)
    lines: Lines[Entry] = Lines(accounts)
    lines.add(Entry("waits"))
    accounts.charge("waits", 5.0)
    for number in range(1000):
        name = f"n{number}"
        lines.add(Entry(name))
        entry = lines.take({"waits"})
        assert entry is not None
        accounts.charge(name, 7.0 + number % 3)
        accounts.leave(name)
        assert len(accounts) <= 12
    assert accounts.used("waits") == 5.0


FIRST = b'{"kind":"AdmissionReview","request":{"uid":"1","name":'


@pytest.mark.parametrize(("body", "namespace"), [
    (a_body(namespace="shop"), "shop"),
    (FIRST + b'"web","namespace":"shop","object":{"metadata":{"namespace":"bank"}}}}', "shop"),
    # A name that looks like it: its quotation marks are escaped in JSON.
    (FIRST + json.dumps('","namespace":"bank').encode() + b',"namespace":"shop"}}', "shop"),
    (FIRST + json.dumps('\\","namespace":"bank').encode() + b',"namespace":"shop"}}', "shop"),
    (FIRST + json.dumps("x" * 100_000).encode() + b',"namespace":"shop"}}', ""),
    (b'{"namespace":"' + b"x" * 64 + b'"}', ""),
    (b'{"namespace": null}', ""),
    (b"", ""),
    (b"\xff\xfe" * 100, ""),
])  # fmt: skip
def test_the_namespace_is_read_from_the_head(body: bytes, namespace: str) -> None:
    assert namespace_of(body) == namespace


def test_no_text_of_a_pod_is_taken_for_the_namespace_of_the_request() -> None:
    texts = ['"namespace":"bank"', '\\"namespace\\":\\"bank\\"', "\\", '"', 'x","namespace":"bank","y":"']
    for text in texts:
        pod: dict[str, Any] = a_pod(annotations={text: text})
        request = {"uid": text, "name": text, "object": pod}
        assert namespace_of(json.dumps({"request": request}).encode()) == ""
