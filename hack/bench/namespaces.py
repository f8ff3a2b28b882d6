"""What the copies of namespaces in `serve` cost in memory: ``python -m hack.bench.namespaces``.

Here: a cluster that answers as an API server does, page by page, and the resident set before and after. It is
to be run in a process of its own, as memory that was free before would not be counted.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from injector.config.loading import load
from injector.core.profile import Config
from injector.kube.async_client import AsyncCluster
from injector.kube.lists import PAGE_SIZE, Object
from injector.kube.objects import NAMESPACES
from injector.serving.cluster_facts import ClusterFacts

COUNT = 5_000


class Cached(NamedTuple):
    """Bytes of the resident set: how many more there are once so many namespaces are known, and the most."""

    namespaces: int
    size: int
    peak: int


def measured(count: int = COUNT) -> Cached:
    """The figures, from a process of its own."""
    command = [sys.executable, "-m", "hack.bench.namespaces", str(count)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=Path(__file__).parents[2])
    return Cached(**json.loads(ran.stdout))


@dataclass
class PagedCluster(AsyncCluster):
    """A cluster with so many namespaces, and no other objects."""

    count: int

    async def _ask(
        self, _verb: str, path: str, query: Mapping[str, str], _body: Object | None = None
    ) -> Object:
        begin = int(query.get("continue") or 0) if path == NAMESPACES else self.count
        end = min(begin + PAGE_SIZE, self.count)
        more = {"continue": str(end)} if end < self.count else {}
        items = [namespace(number) for number in range(begin, end)]
        page = {
            "kind": "List",
            "apiVersion": "v1",
            "metadata": {"resourceVersion": "1", **more},
            "items": items,
        }
        # Texts of its own, as those of another answer are.
        decoded: Object = json.loads(json.dumps(page))
        return decoded

    async def watch(
        self, _path: str, _version: str, _params: Mapping[str, str] | None = None
    ) -> AsyncGenerator[Object, None]:
        """No events."""
        await asyncio.Event().wait()
        yield {}


def namespace(number: int) -> dict[str, Any]:
    """A Namespace as `kubectl apply` and a team's tools make it."""
    name = f"team-{number % 97}-application-{number}"
    labels = {
        "kubernetes.io/metadata.name": name,
        "istio-injection": "enabled",
        "pod-security.kubernetes.io/enforce": "baseline",
        "team": f"team-{number % 97}",
    }
    annotations = {
        "example.com/owner": f"team-{number % 97}@example.com",
        "example.com/cost-center": f"{number % 97:06}",
        "kubectl.kubernetes.io/last-applied-configuration": json.dumps(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        ),
    }
    fields: dict[str, Any] = {f"f:{key}": {} for key in (*labels, *annotations)}
    managed = {
        "manager": "kubectl-client-side-apply",
        "operation": "Update",
        "apiVersion": "v1",
        "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:metadata": {"f:annotations": fields, "f:labels": fields}},
    }
    metadata = {
        "name": name,
        "uid": f"{number:08}-0000-4000-8000-000000000000",
        "resourceVersion": str(number + 1),
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": labels,
        "annotations": annotations,
        "managedFields": [managed],
    }
    return {"metadata": metadata, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}


async def _cached(count: int) -> Cached:
    # What is loaded at the first use is no copy of a namespace.
    config = load(None)
    before, _ = await _known(1, config)
    size, peak = await _known(count, config)
    return Cached(count, size - before, peak - before)


async def _known(count: int, config: Config) -> tuple[int, int]:
    """The resident set once so many namespaces are known, and the most of it so far."""
    facts = ClusterFacts(PagedCluster(count))
    facts.need(config)
    async with asyncio.TaskGroup() as group:
        facts.start(group)
        while not facts.synced(NAMESPACES):
            await asyncio.sleep(0.01)
        gc.collect()
        size, peak = _memory("VmRSS"), _memory("VmHWM")
        if facts.namespace_of(namespace(count - 1)["metadata"]["name"]) is None:
            sys.exit("namespaces: the last one is not known")
        facts.stop()
    return size, peak


def _memory(field: str) -> int:
    text = Path("/proc/self/status").read_text()
    (kilobytes,) = re.findall(rf"^{field}:\s+([0-9]+) kB$", text, re.MULTILINE)
    return int(kilobytes) * 1024


if __name__ == "__main__":
    figures = asyncio.run(_cached(int(sys.argv[1]) if sys.argv[1:] else COUNT))
    json.dump(figures._asdict(), sys.stdout)
    sys.stdout.write(os.linesep)
