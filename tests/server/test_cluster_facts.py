"""What `serve` keeps of a cluster, with a cluster that is a dict."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from injector.core.model import Namespace
from injector.errors import ClusterError
from injector.kube.lists import Listing
from injector.kube.objects import NAMESPACES, NODES
from injector.server.answers import answer, facts_of
from injector.server.reviews import request_of
from injector.serving.cluster_facts import ClusterFacts
from tests.server.webhook_factories import Shipper, a_config, a_review

THINGS = "/apis/example.com/v1/things"


@dataclass
class DictCluster:
    """Lists by path; a path that is missing is one that the cluster does not serve."""

    lists: dict[str, list[dict[str, Any]]]
    forbidden: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)
    events: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)

    async def listing(self, path: str, _params: object, keep: Callable[[Any], Any]) -> Listing:
        self.asked.append(path)
        if path in self.forbidden:
            raise ClusterError("not allowed to list it", status=403, hint="grant the verb")
        if path not in self.lists:
            raise ClusterError("this cluster does not serve it", status=404)
        return Listing([keep(item) for item in self.lists[path]], "1")

    async def watch(self, path: str, _version: str, _params: object = None) -> AsyncIterator[dict[str, Any]]:
        while True:
            if path != NODES:
                await asyncio.Event().wait()
            yield await self.events.get()


class Curious(Shipper):
    def watched(self) -> tuple[str, ...]:
        return (THINGS,)


def an_object(name: str, **fields: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": "1", **fields.pop("metadata", {})}, **fields}


def a_node(name: str, version: str) -> dict[str, Any]:
    return an_object(name, status={"nodeInfo": {"kubeletVersion": version}, "images": ["large"]})


async def until(fits: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not fits():
            await asyncio.sleep(0)


def a_cluster(**kwargs: Any) -> DictCluster:
    labelled = an_object("shop", metadata={"labels": {"a": "b"}, "managedFields": []})
    lists = {NAMESPACES: [labelled], NODES: [a_node("one", "v1.34.0")]}
    return DictCluster({**lists, **kwargs.pop("lists", {})}, **kwargs)


def run(cluster: DictCluster | None, body: Callable[[ClusterFacts], Any], **config: Any) -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            watched = ClusterFacts(cluster)  # type: ignore[arg-type]
            watched.need(a_config(**config))
            watched.start(group)
            await body(watched)
            watched.stop()

    asyncio.run(main())


def test_nothing_is_known_before_the_first_list_and_everything_after_it() -> None:
    cluster = a_cluster()

    async def body(watched: ClusterFacts) -> None:
        assert watched.not_ready() == {NAMESPACES: "not read yet", NODES: "not read yet"}
        assert (watched.namespace_of("shop"), watched.native_sidecars("")) == (None, None)
        await until(lambda: not watched.not_ready())
        assert watched.namespace_of("shop") == Namespace("shop", {"a": "b"}, {})
        assert watched.namespace_of("gone") is None
        assert watched.native_sidecars("") is True
        assert watched.synced(NAMESPACES)
        assert watched.objects() == ()

    run(cluster, body)


def test_nodes_are_read_only_where_the_cluster_decides_about_native_sidecars() -> None:
    for mode, paths in (("auto", [NAMESPACES, NODES]), ("enabled", [NAMESPACES]), ("disabled", [NAMESPACES])):
        cluster = a_cluster()

        async def body(watched: ClusterFacts) -> None:
            await until(lambda: not watched.not_ready())

        run(cluster, body, native_sidecars=mode)
        assert sorted(cluster.asked) == sorted(paths)


def test_a_node_that_is_named_decides_and_a_changed_one_counts() -> None:
    cluster = a_cluster(lists={NODES: [a_node("new", "v1.34.0"), a_node("old", "v1.30.0")]})

    async def body(watched: ClusterFacts) -> None:
        await until(lambda: not watched.not_ready())
        assert [watched.native_sidecars(name) for name in ("", "new", "old", "gone")] == [
            False,
            True,
            False,
            False,
        ]
        cluster.events.put_nowait({"type": "MODIFIED", "object": a_node("old", "v1.35.0")})
        await until(lambda: watched.native_sidecars("") is True)

    run(cluster, body)


def test_objects_are_those_that_the_profile_asks_for() -> None:
    thing = an_object("x", kind="Thing", spec={"a": 1}, metadata={"managedFields": [1], "namespace": "shop"})
    cluster = a_cluster(lists={THINGS: [thing]})

    async def body(watched: ClusterFacts) -> None:
        await until(lambda: not watched.not_ready())
        (item,) = watched.objects()
        assert (item["kind"], item["spec"]) == ("Thing", {"a": 1})
        assert "managedFields" not in item["metadata"]
        assert watched.objects() is watched.objects()

    run(cluster, body, rules=Curious)


def test_a_kind_that_the_cluster_does_not_serve_has_no_objects() -> None:
    async def body(watched: ClusterFacts) -> None:
        await until(lambda: not watched.not_ready())
        assert watched.objects() == ()

    run(a_cluster(), body, rules=Curious)


def test_what_must_not_be_read_is_waited_for_with_the_reason() -> None:
    async def body(watched: ClusterFacts) -> None:
        await until(lambda: watched.not_ready() == {NODES: "not allowed to list it (hint: grant the verb)"})
        assert watched.native_sidecars("") is None

    run(a_cluster(forbidden=frozenset({NODES})), body)


def test_what_a_later_configuration_needs_is_watched_from_then_on() -> None:
    cluster = a_cluster()

    async def body(watched: ClusterFacts) -> None:
        await until(lambda: not watched.not_ready())
        watched.need(a_config(native_sidecars="auto"))
        assert watched.not_ready() == {NODES: "not read yet"}
        await until(lambda: not watched.not_ready())

    run(cluster, body, native_sidecars="enabled")
    assert sorted(cluster.asked) == [NAMESPACES, NODES]


def test_without_a_cluster_nothing_is_known_and_nothing_is_waited_for() -> None:
    async def body(watched: ClusterFacts) -> None:
        assert watched.not_ready() == {}
        assert (watched.namespace_of("shop"), watched.native_sidecars(""), watched.objects()) == (
            None,
            None,
            (),
        )

    run(None, body)


def test_annotations_of_a_namespace_are_there_as_defaults_for_its_pods() -> None:
    annotations = {"example.com/level": "debug", "note": "x"}
    cluster = a_cluster(lists={NAMESPACES: [an_object("shop", metadata={"annotations": annotations})]})
    config = a_config(namespace_defaults=("example.com/level",))

    async def body(watched: ClusterFacts) -> None:
        await until(lambda: not watched.not_ready())
        request = request_of(a_review())
        answered = answer(request, config, facts_of(request, config, watched.namespace_of))
        assert answered.outcome.defaults == {"example.com/level": "debug"}

    run(cluster, body)
