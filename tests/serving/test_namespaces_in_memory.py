"""What stays in memory of namespaces: their labels and annotations."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Mapping
from typing import Any

from hack.bench.namespaces import PagedCluster, namespace
from injector.core.model import Namespace
from injector.kube.lists import PAGE_SIZE
from injector.kube.objects import NAMESPACES
from injector.serving.cluster_facts import ClusterFacts
from tests.server.webhook_factories import a_config

COUNT = 2 * PAGE_SIZE + 1


def whole_objects() -> int:
    """Objects of the cluster that are in memory with all of their fields."""
    return sum(1 for each in gc.get_objects() if type(each) is dict and "managedFields" in each)


class Watched(PagedCluster):
    """Notes how many whole objects there are before each page."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.whole: list[int] = []

    async def _ask(self, verb: str, path: str, query: Mapping[str, str], body: Any = None) -> Any:
        if path == NAMESPACES:
            gc.collect()
            self.whole.append(whole_objects())
        return await super()._ask(verb, path, query, body)


def test_of_each_page_only_labels_and_annotations_are_left_before_the_next_one_is_read() -> None:
    cluster = Watched(COUNT)

    async def main() -> list[Namespace | None]:
        async with asyncio.TaskGroup() as group:
            facts = ClusterFacts(cluster)
            facts.need(a_config())
            facts.start(group)
            async with asyncio.timeout(60):
                while not facts.synced(NAMESPACES):
                    await asyncio.sleep(0)
            facts.stop()
        return [facts.namespace_of(namespace(number)["metadata"]["name"]) for number in range(COUNT)]

    # What other tests left is garbage, and no object of this cluster.
    gc.collect()
    before = whole_objects()
    got = asyncio.run(main())
    assert cluster.whole == [before] * 3
    for number, each in enumerate(got):
        metadata = namespace(number)["metadata"]
        assert each == Namespace(metadata["name"], metadata["labels"], metadata["annotations"])


def test_equal_texts_of_two_namespaces_are_in_memory_once() -> None:
    cluster = PagedCluster(98)

    async def main() -> list[Namespace]:
        async with asyncio.TaskGroup() as group:
            facts = ClusterFacts(cluster)
            facts.need(a_config())
            facts.start(group)
            async with asyncio.timeout(60):
                while not facts.synced(NAMESPACES):
                    await asyncio.sleep(0)
            facts.stop()
        names = (namespace(number)["metadata"]["name"] for number in (0, 97))
        return [each for name in names if (each := facts.namespace_of(name))]

    first, second = asyncio.run(main())
    assert first.labels["team"] is second.labels["team"]
    assert all(a is b for a, b in zip(sorted(first.annotations), sorted(second.annotations), strict=True))
