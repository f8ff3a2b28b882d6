"""Callers of the webhook: how a review is sent, and honest callers during an attack."""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import math
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hack.attack import pods
from hack.attack.stand import Stand

_PAUSE_SECONDS = 0.05


def webhook(server: Stand, patience: float) -> http.client.HTTPSConnection:
    """A connection to the webhook, verified against its CA; it opens when it is used."""
    return http.client.HTTPSConnection(
        server.host, server.port, timeout=patience, context=_trusting(server.ca)
    )


def health(server: Stand, patience: float) -> http.client.HTTPConnection:
    """A connection to the listener of health and metrics."""
    return http.client.HTTPConnection(server.host, server.health_port, timeout=patience)


def post(connection: http.client.HTTPConnection, body: bytes) -> tuple[int, bytes]:
    """Status and body of what the webhook answers to a review."""
    connection.request("POST", "/mutate?timeout=10s", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def verdict(status: int, text: bytes) -> str:
    """What a review gets: allowed, the reason of a denial, or the status of HTTP."""
    if status != 200:
        return str(status)
    response = json.loads(text)["response"]
    return "allowed" if response["allowed"] else str(response["status"]["message"]).partition(":")[0]


def healthy(connection: http.client.HTTPConnection) -> bool:
    """Whether /healthz answers that all is well."""
    connection.request("GET", "/healthz")
    return connection.getresponse().read() == b"ok"


def admitted(connection: http.client.HTTPConnection, namespace: str) -> bool:
    """Whether an ordinary pod of a namespace is admitted."""
    body = json.dumps(pods.review(pods.wide(2, 15), namespace)).encode()
    return verdict(*post(connection, body)) == "allowed"


def seconds_of(ask: Callable[[], bool]) -> float:
    """How long a question takes; infinity where it gets no answer, or not the one that is due."""
    begun = time.monotonic()
    try:
        answered = ask()
    except (OSError, http.client.HTTPException):
        answered = False
    return time.monotonic() - begun if answered else math.inf


@contextlib.contextmanager
def asking(*questions: Callable[[], bool]) -> Iterator[list[float]]:
    """Each question again and again while the body runs; the seconds are complete when it has ended."""
    done = threading.Event()
    waits: list[float] = []

    def ask(question: Callable[[], bool]) -> None:
        waits.append(seconds_of(question))
        while not done.wait(_PAUSE_SECONDS):
            waits.append(seconds_of(question))

    threads = [threading.Thread(target=ask, args=(question,)) for question in questions]
    for thread in threads:
        thread.start()
    try:
        yield waits
    finally:
        done.set()
        for thread in threads:
            thread.join()


def health_of_webhook(server: Stand, patience: float) -> bool:
    """Ask /healthz of the webhook's listener, on a new connection."""
    with contextlib.closing(webhook(server, patience)) as connection:
        return healthy(connection)


def health_of_health(server: Stand, patience: float) -> bool:
    """Ask /healthz of the health listener, on a new connection."""
    with contextlib.closing(health(server, patience)) as connection:
        return healthy(connection)


def admission(server: Stand, patience: float) -> bool:
    """An honest admission of another namespace, on a new connection."""
    with contextlib.closing(webhook(server, patience)) as connection:
        return admitted(connection, "shop")


@functools.cache
def _trusting(ca: Path) -> ssl.SSLContext:
    trust = ssl.create_default_context(cafile=str(ca))
    trust.check_hostname = False
    return trust
