"""Expensive pods of one namespace, and what the others wait meanwhile.

One caller sends a pod of the namespace `greedy` once a second, whatever becomes of the ones before. Two
callers send ordinary pods of other namespaces, one asks /healthz, each on a connection that stays open.
Here: the pods, the callers and the figures. Not here: the server (stand.py).
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import json
import math
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from attack.rows import Row, Server, forget_the_peak, peak_mb

SECONDS = 10.0
LONG_SECONDS = 60.0
_PATIENCE = 10.0
_STATUS = "sidecar.istio.io/status"
_UNDO = "sidecar-injector/undo"


def wide(containers: int, variables: int) -> dict[str, Any]:
    """A pod that is legitimate and large: the largest sensible one has 20 containers of 200 variables."""
    env = [{"name": f"VARIABLE_{number}", "value": "x" * 24} for number in range(variables)]
    return _pod(
        [{"name": f"c{number}", "image": "example.com/web:1", "env": env} for number in range(containers)]
    )


def undone(count: int) -> dict[str, Any]:
    """A forged undo annotation with an entry for each container."""
    entries = json.dumps([[f"/spec/containers/c{number}/tty", True] for number in range(count)])
    return _pod([{"name": f"c{number}"} for number in range(count)], {_STATUS: "{}", _UNDO: entries})


def listed(count: int) -> dict[str, Any]:
    """A forged status that lists as many volumes as the pod has, by other names."""
    forged = json.dumps({"volumes": [f"x{number}" for number in range(count)]})
    pod = _pod([{"name": "web"}], {_STATUS: forged})
    pod["spec"]["volumes"] = [{"name": f"v{number}"} for number in range(count)]
    return pod


def probed(count: int) -> dict[str, Any]:
    """Probes whose port nobody declares, each of them a finding."""
    probe = {"httpGet": {"port": "x"}}
    return _pod([{"name": f"c{number}", "livenessProbe": probe} for number in range(count)])


EXPENSIVE: dict[str, Callable[[], dict[str, Any]]] = {
    "20 containers with 200 variables": lambda: wide(20, 200),
    "90 containers with 200 variables": lambda: wide(90, 200),
    "10,000 findings": lambda: probed(10_000),
    "800 undo entries": lambda: undone(800),
    "25,000 names in a status": lambda: listed(25_000),
    "one variable of 2.9 MB": lambda: _pod([{"name": "c", "env": [{"name": "A", "value": "x" * 2_900_000}]}]),
    "2,000 empty containers in 40 KB": lambda: _pod([{"name": f"c{number}"} for number in range(2000)]),
}


def rows(server: Server, seconds: float = SECONDS) -> Iterator[Row]:
    """Each expensive pod for some seconds; LONG_SECONDS for the figures of the documentation."""
    forget_the_peak(server.pid)
    idle = peak_mb(server.pid)
    for what, make in EXPENSIVE.items():
        yield _row(server, what, json.dumps(review(make(), "greedy")).encode(), seconds, idle)


def _row(server: Server, what: str, body: bytes, seconds: float, idle: float) -> Row:
    forget_the_peak(server.pid)
    begun = time.monotonic()
    until = begun + seconds
    with concurrent.futures.ThreadPoolExecutor(8) as callers:
        honest = [callers.submit(_ask_again, _admission(server, space), until) for space in ("shop", "bank")]
        health = callers.submit(_ask_again, _health(server), until)
        greedy = _greedy(server, body, until)
        waits = sorted(wait for each in honest for wait in each.result())
        asked = health.result()
    more = peak_mb(server.pid) - idle
    answer = (
        f"{dict(greedy)}; {len(waits)} honest admissions: p50 {_part(waits, 0.5):.3f} s, p99 "
        f"{_part(waits, 0.99):.3f} s; /healthz at most {max(asked):.3f} s; {more:.0f} MB more"
    )
    slowest = max([*waits, *asked])
    return Row("3", what, peak_mb(server.pid), time.monotonic() - begun, slowest, answer)


def _greedy(server: Server, body: bytes, until: float) -> Counter[str]:
    """What the expensive pods got."""
    answers: Counter[str] = Counter()

    def send() -> None:
        with contextlib.closing(_connection(server)) as connection:
            answers[_post(connection, body)] += 1

    threads = []
    while time.monotonic() < until:
        threads.append(threading.Thread(target=send))
        threads[-1].start()
        time.sleep(1.0)
    for thread in threads:
        thread.join()
    return answers


def _ask_again(ask: Callable[[], Any], until: float) -> list[float]:
    """Seconds of each question, 20 of which are asked in a second; infinity for one without an answer."""
    waits = []
    while time.monotonic() < until:
        begun = time.monotonic()
        try:
            ask()
            waits.append(time.monotonic() - begun)
        except (OSError, http.client.HTTPException, AssertionError):
            waits.append(math.inf)
        time.sleep(max(0.05 - (time.monotonic() - begun), 0))
    return waits


def _admission(server: Server, namespace: str) -> Callable[[], None]:
    connection = _connection(server)
    body = json.dumps(review(wide(2, 15), namespace)).encode()

    def ask() -> None:
        assert _post(connection, body) == "allowed"

    return ask


def _health(server: Server) -> Callable[[], None]:
    connection = http.client.HTTPConnection(server.host, server.health_port, timeout=_PATIENCE)

    def ask() -> None:
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"ok"

    return ask


def _connection(server: Server) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cafile=server.ca)
    context.check_hostname = False
    return http.client.HTTPSConnection(server.host, server.port, context=context, timeout=_PATIENCE)


def _post(connection: http.client.HTTPSConnection, body: bytes) -> str:
    """What a review gets: allowed, the reason of a denial, or the status of HTTP."""
    connection.request("POST", "/mutate?timeout=10s", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        return str(answer.status)
    response = json.loads(text)["response"]
    return "allowed" if response["allowed"] else str(response["status"]["message"]).partition(":")[0]


def _part(waits: list[float], part: float) -> float:
    return waits[min(int(len(waits) * part), len(waits) - 1)]


def _pod(containers: list[dict[str, Any]], annotations: dict[str, str] | None = None) -> dict[str, Any]:
    meta = {"name": "web", "annotations": annotations or {}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": containers}}


def review(pod: dict[str, Any], namespace: str) -> dict[str, Any]:
    """An AdmissionReview as the API server writes it: the request's namespace before the object."""
    request = {"uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "kind": {"version": "v1", "kind": "Pod"},
               "namespace": namespace, "operation": "CREATE", "object": pod}  # fmt: skip
    return {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}
