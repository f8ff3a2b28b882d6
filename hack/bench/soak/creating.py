"""Workers that create and delete pods without pause, and look at each pod that comes back.

Here: requests on connections that stay open, what counts as refused, what a pod must carry. Not
here: what happens to the webhook meanwhile.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from hack.bench.soak.waiting import SoakError
from tests.beds.apiserver.bed import ApiServer

CONFIGURATION = "soak.example.com/configuration"
STATUS = "sidecar.istio.io/status"
SIDECAR = "istio-proxy"
ANSWER_SECONDS = 60
RETRY_SECONDS = 0.05
KEPT_MESSAGES = 20
UNREACHED = ", webhook not reached"

_PROBE = {"httpGet": {"path": "/ready", "port": 8080}}
_APP = {"name": "app", "image": "example.invalid/app:1", "ports": [{"containerPort": 8080}]}
# Several shapes, so that not one cached answer is measured.
SHAPES: tuple[dict[str, Any], ...] = (
    {"spec": {"containers": [_APP]}},
    {"spec": {"containers": [{**_APP, "readinessProbe": _PROBE, "livenessProbe": _PROBE}]}},
    {"spec": {"containers": [_APP, {"name": "more", "image": "example.invalid/more:1"}]}},
    {"annotations": {"proxy.istio.io/config": "concurrency: 1"}, "spec": {"containers": [_APP]}},
)


class Outages:
    """When the API server was away on purpose."""

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self._ended = 0.0

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """The API server is away while the body runs, and back and ready after it."""
        began, self._ended = time.monotonic(), float("inf")
        yield
        self._ended = time.monotonic()
        self.count += 1
        self.seconds += self._ended - began

    def met(self, began: float) -> bool:
        """Whether a request that began then, and ends now, met one."""
        return began < self._ended


@dataclass
class Tally:
    """What came of all creations. One lock for all workers."""

    created: int = 0
    deleted: int = 0
    refused: int = 0
    bare: int = 0
    retried: Counter[str] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)
    configuration: int = 0
    messages: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def took(self, began: float, pod: dict[str, Any]) -> None:
        """Count a pod that was created."""
        missing = missing_of(pod)
        configuration = int((pod["metadata"].get("annotations") or {}).get(CONFIGURATION, -1))
        with self._lock:
            self.created += 1
            self.milliseconds.append((time.monotonic() - began) * 1000)
            self.configuration = max(self.configuration, configuration)
            if missing:
                self.bare += 1
                self._keep(missing)

    def refuse(self, message: str) -> None:
        """Count a creation that was refused, or failed, without the API server being away."""
        with self._lock:
            self.refused += 1
            self._keep(message)

    def retry(self, why: str) -> None:
        """Count an attempt that met an API server that was away."""
        with self._lock:
            self.retried[why] += 1

    def delete(self) -> None:
        """Count a pod that was deleted."""
        with self._lock:
            self.deleted += 1

    def _keep(self, message: str) -> None:
        if len(self.messages) < KEPT_MESSAGES:
            self.messages.append(message[:500])


def missing_of(pod: dict[str, Any]) -> str:
    """What an injected pod must carry and this one does not; empty where nothing is missing."""
    spec = pod["spec"]
    names = [c["name"] for c in [*spec.get("initContainers", []), *spec["containers"]]]
    text = (pod["metadata"].get("annotations") or {}).get(STATUS)
    if text is None:
        return f"no annotation {STATUS}"
    status = json.loads(text)
    listed = [name for key in ("initContainers", "containers") for name in status[key] or []]
    if SIDECAR not in listed or not set(listed) <= set(names):
        return f"the status lists {listed}, the pod has {names}"
    return "" if "app" in names else "the user's own container is gone"


class _Away(Exception):
    """The API server does not answer."""


class Worker:
    """One after another: create a pod, look at it, delete it."""

    def __init__(self, bed: ApiServer, namespace: str, number: int, tally: Tally, outages: Outages) -> None:
        config = json.loads(bed.kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._host = urlsplit(cluster["server"]).netloc
        self._trust = ssl.create_default_context(cafile=cluster["certificate-authority"])
        self._headers = {"Authorization": f"Bearer {user['token']}", "Content-Type": "application/json"}
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        self._number, self._tally, self._outages = number, tally, outages
        self._http: http.client.HTTPSConnection | None = None

    def run(self, stop: threading.Event) -> None:
        """Create and delete pods until `stop` is set."""
        try:
            for made in itertools.count():
                if stop.is_set():
                    return
                name = f"soak-{self._number}-{made}"
                if self._create(name, SHAPES[made % len(SHAPES)]):
                    self._delete(name)
        finally:
            self._hang_up()

    def _create(self, name: str, shape: dict[str, Any]) -> bool:
        metadata = {"name": name, "labels": {"app": "soak"}, "annotations": shape.get("annotations", {})}
        body = json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": shape["spec"]})
        while True:
            began = time.monotonic()
            try:
                status, answer = self._ask("POST", self._path, body)
                if status == 409:
                    # The answer to an earlier attempt was lost, the pod was not.
                    status, answer = self._ask("GET", f"{self._path}/{name}")
            except _Away as error:
                if self._may_retry(began, "no connection"):
                    continue
                self._tally.refuse(f"the API server was lost: {error}")
                return False
            if status in (200, 201):
                self._tally.took(began, json.loads(answer))
                return True
            webhook = UNREACHED if b"failed calling webhook" in answer else ""
            if not self._may_retry(began, f"status {status}{webhook}"):
                self._tally.refuse(answer.decode(errors="replace"))
                return False

    def _delete(self, name: str) -> None:
        while True:
            began = time.monotonic()
            try:
                status, answer = self._ask("DELETE", f"{self._path}/{name}?gracePeriodSeconds=0")
            except _Away as error:
                if self._may_retry(began, "no connection"):
                    continue
                raise SoakError(f"the API server was lost: {error}") from error
            if status in (200, 404):
                self._tally.delete()
                return
            if not self._may_retry(began, f"status {status}"):
                raise SoakError(f"a pod could not be deleted: {answer.decode(errors='replace')[:500]}")

    def _may_retry(self, began: float, why: str) -> bool:
        if not self._outages.met(began):
            return False
        self._tally.retry(why)
        time.sleep(RETRY_SECONDS)
        return True

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        if self._http is None:
            self._http = http.client.HTTPSConnection(self._host, timeout=ANSWER_SECONDS, context=self._trust)
        try:
            self._http.request(method, path, body, self._headers)
            answer = self._http.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._hang_up()
            raise _Away(f"{type(error).__name__}: {error}") from error

    def _hang_up(self) -> None:
        if self._http is not None:
            self._http.close()
            self._http = None


@contextlib.contextmanager
def creating(
    bed: ApiServer, namespace: str, workers: int, tally: Tally, outages: Outages
) -> Iterator[Callable[[], None]]:
    """Let workers work while the body runs; yields what raises the error of a worker that had to stop."""
    stop = threading.Event()
    with ThreadPoolExecutor(workers) as pool:
        made = [Worker(bed, namespace, number, tally, outages) for number in range(workers)]
        running = [pool.submit(worker.run, stop) for worker in made]

        def check() -> None:
            for worker in running:
                if worker.done():
                    worker.result()

        try:
            yield check
        finally:
            stop.set()
        for worker in running:
            worker.result()
