"""A cluster in memory: objects by path, versions, and the API server's refusals; a clock, and counters."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from injector.certs.pair import decoded, encoded, read_bundle
from injector.core.registration.entries import CONFIGURATIONS
from injector.errors import ClusterError

Object = dict[str, Any]


def refusal(status: int, message: str = "") -> ClusterError:
    return ClusterError(message or f"status {status}", status=status)


@dataclass
class FakeCluster:
    """`broken` maps verbs, or a verb and a path, to the error that they raise."""

    objects: dict[str, Object] = field(default_factory=dict)
    broken: dict[str, ClusterError] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    version: int = 0

    def _ask(self, verb: str, path: str) -> None:
        self.asked.append((verb, path))
        for asked in (verb, f"{verb} {path}"):
            if asked in self.broken:
                raise self.broken[asked]

    def put(self, path: str, body: Object) -> Object:
        self.version += 1
        stored = copy.deepcopy(body)
        stored.setdefault("metadata", {})["resourceVersion"] = str(self.version)
        self.objects[path] = stored
        return copy.deepcopy(stored)

    async def get(self, path: str) -> Object:
        self._ask("get", path)
        if path not in self.objects:
            raise refusal(404)
        return copy.deepcopy(self.objects[path])

    async def list(self, path: str) -> Sequence[Object]:
        self._ask("list", path)
        return [copy.deepcopy(o) for at, o in self.objects.items() if at.startswith(f"{path}/")]

    async def create(self, path: str, body: Object) -> Object:
        self._ask("create", path)
        at = f"{path}/{body['metadata']['name']}"
        if at in self.objects:
            raise refusal(409)
        return self.put(at, body)

    async def replace(self, path: str, body: Object) -> Object:
        self._ask("update", path)
        self._current(path, body)
        return self.put(path, body)

    async def patch(self, path: str, body: Object) -> Object:
        """Merges the only thing that is ever patched: caBundle by the name of the entry."""
        self._ask("patch", path)
        self._current(path, body)
        item = copy.deepcopy(self.objects[path])
        for change in body["webhooks"]:
            (entry,) = (e for e in item["webhooks"] if e["name"] == change["name"])
            entry["clientConfig"] |= change["clientConfig"]
        return self.put(path, item)

    def _current(self, path: str, body: Object) -> None:
        if path not in self.objects:
            raise refusal(404)
        if self.objects[path]["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
            raise refusal(409)


@dataclass
class Counted:
    """What was counted, the last expiries, and when something is due."""

    renewals: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    expiries: Mapping[tuple[str, str], float] = field(default_factory=dict)
    due: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def certificates(
        self, expiries: Mapping[tuple[str, str], float], due: Mapping[tuple[str, str], float]
    ) -> None:
        self.expiries, self.due = expiries, due

    def certificate_renewed(self, what: str) -> None:
        self.renewals.append(what)

    def certificate_failed(self, what: str) -> None:
        self.failures.append(what)


@dataclass
class Clock:
    """Stands still until a test moves it; any moment will do."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def registered(cluster: FakeCluster, ca_bundle: str = "", service: str = "hook", name: str = "one") -> str:
    client: dict[str, Any] = {"service": {"namespace": "mesh", "name": service}}
    if ca_bundle:
        client["caBundle"] = encoded(ca_bundle)
    path = f"{CONFIGURATIONS}/{name}"
    cluster.put(path, {"metadata": {"name": name}, "webhooks": [{"name": "a.b.c", "clientConfig": client}]})
    return path


def trusted(cluster: FakeCluster, path: str = f"{CONFIGURATIONS}/one") -> set[str]:
    text = decoded(cluster.objects[path]["webhooks"][0]["clientConfig"].get("caBundle"))
    return {c.fingerprint for c in read_bundle(text)}
