"""Expensive pods of one namespace, and what the others wait meanwhile.

One caller sends a pod of the namespace `greedy` once a second, without waiting for answers. Two
callers send ordinary pods of other namespaces, one asks /healthz, each on a connection that stays open.
Here: the figures. Not here: the pods, the callers, the server.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from hack.attack import callers, pods
from hack.attack.rows import Row, forget_the_peak, peak_mb
from hack.attack.stand import Stand, standing

SECONDS = 10.0
_PATIENCE = 10.0

EXPENSIVE: dict[str, Callable[[], pods.Pod]] = {
    "20 containers with 200 variables": lambda: pods.wide(20, 200),
    "90 containers with 200 variables": lambda: pods.wide(90, 200),
    "10,000 findings": lambda: pods.probed(10_000),
    "800 undo entries": lambda: pods.undone(800),
    "25,000 names in a status": lambda: pods.listed(25_000),
    "one variable of 2.9 MB": lambda: pods.of(pods.many(1, env=[{"name": "A", "value": "x" * 2_900_000}])),
    "a label's key of 2.9 MB": lambda: pods.labelled("sidecar.istio.io/" + "a" * 2_900_000),
    "an own proxy with 100,000 emoji": lambda: pods.own_proxy("\U0001f600" * 100_000),
    "2,000 empty containers in 40 KB": lambda: pods.of(pods.many(2000)),
}


def rows(checkout: Path, seconds: float = SECONDS) -> Iterator[Row]:
    """Each expensive pod for some seconds, each on a server of its own."""
    for what, make in EXPENSIVE.items():
        body = json.dumps(pods.review(make(), "greedy")).encode()
        with standing(checkout) as server:
            yield row(server, what, body, seconds)


def row(server: Stand, what: str, body: bytes, seconds: float) -> Row:
    """One body, sent once a second."""
    with contextlib.ExitStack() as stack:
        honest = []
        for namespace in ("shop", "bank"):
            connection = stack.enter_context(contextlib.closing(callers.webhook(server, _PATIENCE)))
            honest.append(_again(connection, partial(callers.admitted, namespace=namespace)))
        inner = stack.enter_context(contextlib.closing(callers.health(server, _PATIENCE)))
        health = _again(inner, callers.healthy)
        for question in (*honest, health):
            callers.seconds_of(question)  # what is made once, as templates, is made
        forget_the_peak(server.pid)
        idle = peak_mb(server.pid)
        begun = time.monotonic()
        with callers.asking(*honest) as waits, callers.asking(health) as asked:
            greedy = _greedy(server, body, begun + seconds)
    waits.sort()
    peak = peak_mb(server.pid)
    answers = ", ".join(f"{count} {answer}" for answer, count in greedy.most_common())
    answer = (
        f"{answers}; {len(waits)} honest admissions: p50 {_part(waits, 0.5):.3f} s, p99 "
        f"{_part(waits, 0.99):.3f} s; /healthz at most {max(asked):.3f} s; {peak - idle:.0f} MB more"
    )
    return Row("3", what, peak, time.monotonic() - begun, max([*waits, *asked]), answer)


def _again(
    connection: http.client.HTTPConnection, ask: Callable[[http.client.HTTPConnection], bool]
) -> Callable[[], bool]:
    """A request on a connection that stays open, and is opened again after a failure."""

    def question() -> bool:
        try:
            return ask(connection)
        except (OSError, http.client.HTTPException):
            connection.close()
            raise

    return question


def _greedy(server: Stand, body: bytes, until: float) -> Counter[str]:
    """The answers to the expensive pods, counted."""
    answers: Counter[str] = Counter()

    def send() -> None:
        with contextlib.closing(callers.webhook(server, _PATIENCE)) as connection:
            try:
                answer = callers.verdict(*callers.post(connection, body))
            except (OSError, http.client.HTTPException):
                answer = "without an answer"
            answers[answer] += 1

    threads = []
    while time.monotonic() < until:
        threads.append(threading.Thread(target=send))
        threads[-1].start()
        time.sleep(1.0)
    for thread in threads:
        thread.join()
    return answers


def _part(waits: list[float], part: float) -> float:
    return waits[min(int(len(waits) * part), len(waits) - 1)]
