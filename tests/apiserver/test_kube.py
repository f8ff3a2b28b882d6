"""injector.kube against a real API server, whose answers a fake may get wrong."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from injector.errors import ClusterError
from injector.kube import targets
from injector.kube.async_client import AsyncCluster, connect_async
from injector.kube.client import Cluster
from injector.kube.configmaps import configmap_key
from injector.kube.lists import Listing
from injector.kube.watching import Informer, Timing
from tests.beds.apiserver.bed import ApiServer

POD = {"containers": [{"name": "app", "image": "example.invalid/app:1"}]}
TEMPLATE = {"metadata": {"labels": {"app": "shop"}}, "spec": POD}
SELECTED = {"selector": {"matchLabels": {"app": "shop"}}, "template": TEMPLATE}
ONCE = {"template": {"spec": {**POD, "restartPolicy": "Never"}}}
WORKLOADS: dict[str, tuple[str, dict[str, Any]]] = {
    "Pod": ("v1", POD),
    "Deployment": ("apps/v1", {"replicas": 0, **SELECTED}),
    "StatefulSet": ("apps/v1", {"replicas": 0, **SELECTED}),
    "DaemonSet": ("apps/v1", SELECTED),
    "ReplicaSet": ("apps/v1", {"replicas": 0, **SELECTED}),
    "ReplicationController": ("v1", {"replicas": 0, "selector": {"app": "shop"}, "template": TEMPLATE}),
    "Job": ("batch/v1", {"suspend": True, **ONCE}),
    "CronJob": ("batch/v1", {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": ONCE}}),
}


@pytest.fixture(scope="module")
def workloads(bed: ApiServer) -> Iterator[str]:
    """A namespace with one workload of each kind, all named shop."""
    with bed.namespace() as namespace:
        create(
            bed, namespace, *(a(kind, "shop", version, spec=s) for kind, (version, s) in WORKLOADS.items())
        )
        yield namespace


@pytest.fixture(scope="module")
def forgetful(bed: ApiServer) -> ApiServer:
    """A cluster that has forgotten its first versions."""
    if bed.plane is None:
        pytest.skip("needs a cluster whose history can be dropped")
    bed.forget_history()
    return bed


def a(kind: str, name: str, version: str = "v1", **parts: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **parts}


def create(bed: ApiServer, namespace: str, *items: dict[str, Any]) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": items}
    bed.kubectl("create", "-n", namespace, "-f", "-", manifest=listed)


def make_configmaps(bed: ApiServer, namespace: str, count: int) -> set[str]:
    names = [f"map-{number}" for number in range(count)]
    create(bed, namespace, *(a("ConfigMap", name, data={"me": name}) for name in names))
    return set(names)


def names_of(items: list[dict[str, Any]]) -> list[str]:
    return [item["metadata"]["name"] for item in items]


# --- asking


def test_an_object_comes_as_the_api_server_wrote_it(cluster: Cluster, bed: ApiServer) -> None:
    expected = json.loads(bed.kubectl("get", "--raw", "/api/v1/namespaces/kube-system"))

    assert expected == cluster.get("/api/v1/namespaces/kube-system")


def test_a_list_holds_each_item_of_all_pages_once(cluster: Cluster, bed: ApiServer, namespace: str) -> None:
    made = make_configmaps(bed, namespace, 7)

    names = names_of(cluster.list(f"/api/v1/namespaces/{namespace}/configmaps", {"limit": "2"}))

    assert made <= set(names)
    assert len(set(names)) == len(names)


def test_the_asyncio_half_lists_all_pages_too(bed: ApiServer, namespace: str) -> None:
    made = make_configmaps(bed, namespace, 7)

    async def ask() -> list[str]:
        async with await connect_async(str(bed.kubeconfig), None) as other:
            return names_of(await other.list(f"/api/v1/namespaces/{namespace}/configmaps", {"limit": "2"}))

    assert made <= set(asyncio.run(ask()))


def test_the_items_of_a_list_say_what_they_are(cluster: Cluster, workloads: str) -> None:
    (item,) = cluster.list(f"/apis/apps/v1/namespaces/{workloads}/deployments")

    assert (item["apiVersion"], item["kind"]) == ("apps/v1", "Deployment")


def test_pages_that_went_out_of_date_are_read_again_as_a_whole(
    cluster: Cluster, bed: ApiServer, namespace: str
) -> None:
    if bed.plane is None:
        pytest.skip("needs a cluster whose history can be dropped")
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    made = make_configmaps(bed, namespace, 5)
    first = cluster.get(f"{path}?limit=2")
    bed.kubectl("delete", "-n", namespace, "configmap", "map-4")
    bed.forget_history()

    items = cluster.list(path, {"limit": "2", "continue": first["metadata"]["continue"]})

    assert made - {"map-4"} <= set(names_of(items))
    assert "map-4" not in names_of(items)


def test_neither_the_models_nor_the_generated_api_of_the_client_are_loaded(bed: ApiServer) -> None:
    program = f"""
import asyncio, sys
from injector.kube.async_client import connect_async
from injector.kube.client import connect
assert not any(name.split(".")[0] == "kubernetes" for name in sys.modules)
async def ask():
    async with await connect_async({str(bed.kubeconfig)!r}, None) as cluster:
        await cluster.list("/api/v1/namespaces")
asyncio.run(ask())
with connect({str(bed.kubeconfig)!r}, None) as cluster:
    cluster.list("/api/v1/namespaces")
print([name for name in sys.modules if ".client.models." in name or ".client.api." in name])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_a_watch_gives_what_happened_since_a_version(bed: ApiServer, namespace: str) -> None:
    path, only = f"/api/v1/namespaces/{namespace}/configmaps", {"fieldSelector": "metadata.name=map-0"}

    async def watch() -> list[tuple[str, str]]:
        async with await connect_async(str(bed.kubeconfig), None) as other:
            version = (await other.listing(path, only)).resource_version
            make_configmaps(bed, namespace, 1)
            bed.kubectl("delete", "-n", namespace, "configmap", "map-0")
            seen = []
            async with contextlib.aclosing(other.watch(path, version, only)) as events:
                async for event in events:
                    if event["type"] != "BOOKMARK":
                        seen.append((event["type"], event["object"]["metadata"]["name"]))
                    if len(seen) == 2:
                        break
            return seen

    assert asyncio.run(watch()) == [("ADDED", "map-0"), ("DELETED", "map-0")]


def test_a_watch_from_an_ancient_version_is_refused_with_410(forgetful: ApiServer) -> None:
    async def watch() -> None:
        async with await connect_async(str(forgetful.kubeconfig), None) as other:
            async for _ in other.watch("/api/v1/namespaces", "1"):
                pass

    with pytest.raises(ClusterError) as caught:
        asyncio.run(watch())
    assert caught.value.status == 410


def test_the_asyncio_half_reads_expired_credentials_again(bed: ApiServer) -> None:
    valid = bed.kubectl("create", "token", "default", "-n", "default").strip()
    path = bed.kubeconfig_with_token("expired")

    async def ask() -> str:
        async with await connect_async(str(path), None) as other:
            bed.kubeconfig_with_token(valid).rename(path)
            review = await other.get("/version")
            return str(review["major"])

    assert asyncio.run(ask()) == "1"


# --- objects


def test_a_key_of_a_configmap_is_its_text(cluster: Cluster, bed: ApiServer, namespace: str) -> None:
    text = "a: 1\n# kept\nü: '2'\n"
    create(bed, namespace, a("ConfigMap", "settings", data={"config": text}))

    assert text == configmap_key(cluster, namespace, "settings", "config")


def test_a_missing_key_is_refused_with_the_keys_that_are_there(
    cluster: Cluster, bed: ApiServer, namespace: str
) -> None:
    create(bed, namespace, a("ConfigMap", "settings", data={"values": "", "config": ""}))

    with pytest.raises(ClusterError) as caught:
        configmap_key(cluster, namespace, "settings", "confg")

    assert caught.value.where == f"ConfigMap {namespace}/settings"
    assert caught.value.hint == "it has these keys: config, values"


@pytest.mark.parametrize("kind", WORKLOADS)
def test_a_workload_is_found_by_every_name_that_the_api_server_gives_its_kind(
    cluster: Cluster, workloads: str, kind: str
) -> None:
    version, _ = WORKLOADS[kind]
    served = cluster.get(f"/api{'s' if '/' in version else ''}/{version}")["resources"]
    resource = next(r for r in served if r["kind"] == kind and "/" not in r["name"])
    names = [resource["name"], resource["singularName"], kind, *resource.get("shortNames", [])]
    if "/" in version:
        group, _, number = version.partition("/")
        names += [f"{resource['name']}.{group}", f"{resource['singularName']}.{number}.{group}"]

    words = [f"{name}/shop" for name in names]
    items: list[Any] = list(targets.fetched(cluster, targets.parsed(words), workloads))

    assert [(kind, version, "shop")] * len(names) == [
        (item["kind"], item["apiVersion"], item["metadata"]["name"]) for item in items
    ]


def test_a_name_cannot_leave_its_place_in_the_path(cluster: Cluster, workloads: str) -> None:
    (answer,) = targets.fetched(cluster, targets.parsed(["pod/shop?watch=1"]), workloads)
    assert isinstance(answer, ClusterError)
    assert answer.status == 404


# --- mirrors


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


def trouble(mirror: Informer) -> tuple[float | None, ClusterError | None]:
    """Since when an informer is stale, and its last error."""
    return mirror.stale_since, mirror.last_error


@contextlib.asynccontextmanager
async def mirrored(cluster: AsyncCluster, path: str, **more: Any) -> AsyncIterator[Informer]:
    """A mirror that runs. Without jitter its first pauses are 0.25, 0.5 and 1 s."""
    mirror = Informer(cluster, path, **{"timing": Timing(jitter=lambda: 0.0), **more})
    async with asyncio.TaskGroup() as group:
        running = group.create_task(mirror.run())
        await asyncio.wait_for(mirror.synced.wait(), 60)
        yield mirror
        running.cancel()


def test_a_mirror_follows_what_is_created_changed_and_deleted(bed: ApiServer, namespace: str) -> None:
    async def follow() -> None:
        async with (
            await connect_async(str(bed.kubeconfig), None) as cluster,
            mirrored(cluster, "/api/v1/namespaces") as mirror,
        ):
            assert mirror.get(namespace) is not None
            generations = [mirror.generation]

            made = await asyncio.to_thread(bed.make_namespace)
            await until(lambda: mirror.get(made) is not None)
            generations.append(mirror.generation)

            await asyncio.to_thread(bed.kubectl, "label", "namespace", made, "colour=blue")
            await until(lambda: "colour" in (mirror.get(made) or {})["metadata"]["labels"])
            generations.append(mirror.generation)

            await asyncio.to_thread(bed.delete_namespace, made)
            await until(lambda: mirror.get(made) is None)
            generations.append(mirror.generation)

            assert sorted(set(generations)) == generations
            assert namespace in names_of(mirror.items())

    asyncio.run(follow())


def test_a_mirror_of_a_kind_with_namespaces_is_asked_with_both_names(bed: ApiServer, namespace: str) -> None:
    async def follow() -> None:
        make_configmaps(bed, namespace, 1)
        async with (
            await connect_async(str(bed.kubeconfig), None) as cluster,
            mirrored(cluster, "/api/v1/configmaps") as mirror,
        ):
            assert (mirror.get(namespace, "map-0") or {}).get("data") == {"me": "map-0"}
            assert mirror.get("map-0") is None

    asyncio.run(follow())


def test_a_change_of_what_an_informer_does_not_store_is_no_change(bed: ApiServer, namespace: str) -> None:
    async def follow() -> None:
        make_configmaps(bed, namespace, 1)
        steps = []

        def keep(item: dict[str, Any]) -> dict[str, Any]:
            steps.append(item["metadata"].get("annotations", {}).get("step"))
            return {"data": item.get("data")}

        path, only = f"/api/v1/namespaces/{namespace}/configmaps", {"fieldSelector": "metadata.name=map-0"}
        async with (
            await connect_async(str(bed.kubeconfig), None) as cluster,
            mirrored(cluster, path, params=only, keep=keep) as mirror,
        ):
            before = mirror.generation
            await asyncio.to_thread(
                bed.kubectl, "annotate", "-n", namespace, "configmap", "map-0", "step=one"
            )
            await until(lambda: "one" in steps)
            assert mirror.generation == before
            assert mirror.items() == [{"data": {"me": "map-0"}}]

    asyncio.run(follow())


def test_an_informer_keeps_its_objects_while_the_api_server_is_away_and_catches_up(
    bed: ApiServer, namespace: str
) -> None:
    if bed.plane is None:
        pytest.skip("needs an API server that can be stopped")

    async def follow() -> None:
        async with (
            await connect_async(str(bed.kubeconfig), None) as cluster,
            mirrored(cluster, "/api/v1/namespaces", timing=Timing(lambda: 42.0, lambda: 0.0)) as mirror,
        ):
            bed.stop_apiserver()
            await until(lambda: mirror.stale_since is not None)
            assert mirror.stale_since == 42.0
            assert mirror.get(namespace) is not None
            assert mirror.synced.is_set()

            bed.start_apiserver()
            bed.kubectl("label", "namespace", namespace, "colour=blue")
            await until(lambda: "colour" in (mirror.get(namespace) or {})["metadata"]["labels"])
            assert trouble(mirror) == (None, None)

    asyncio.run(follow())


class Behind(AsyncCluster):
    """A client whose first list is from long ago; the 410 that follows is the API server's own."""

    lists = 0

    async def listing(self, *arguments: Any) -> Listing:
        self.lists += 1
        real = await super().listing(*arguments)
        return Listing([], "1") if self.lists == 1 else real


def test_a_mirror_lists_again_when_its_version_is_gone(forgetful: ApiServer, namespace: str) -> None:
    async def follow() -> None:
        async with await connect_async(str(forgetful.kubeconfig), None) as real:
            behind = Behind(real._api, real._load)
            async with mirrored(behind, "/api/v1/namespaces") as mirror:
                await until(lambda: mirror.get(namespace) is not None)
                assert behind.lists == 2
                assert mirror.stale_since is None

    asyncio.run(follow())


def test_a_kind_that_is_not_served_yet_is_an_empty_mirror_until_it_is(bed: ApiServer, namespace: str) -> None:
    group = f"{namespace}.example.invalid"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    definition = a(
        "CustomResourceDefinition",
        f"things.{group}",
        "apiextensions.k8s.io/v1",
        spec={
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    )

    async def follow() -> None:
        async with (
            await connect_async(str(bed.kubeconfig), None) as cluster,
            mirrored(cluster, f"/apis/{group}/v1/things") as mirror,
        ):
            assert mirror.items() == []
            assert mirror.stale_since is None
            bed.kubectl("create", "-f", "-", manifest=definition)
            bed.kubectl("wait", "--for=condition=Established", f"crd/things.{group}", "--timeout=90s")
            create(bed, namespace, a("Thing", "one", f"{group}/v1"))
            await until(lambda: mirror.get(namespace, "one") is not None)

    try:
        asyncio.run(follow())
    finally:
        bed.kubectl("delete", "crd", f"things.{group}", "--wait=false", "--ignore-not-found")
