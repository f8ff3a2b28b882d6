"""Lists that are read page by page, from a real API server."""

from __future__ import annotations

import pytest

from injector.errors import ClusterError
from injector.kube.client import connect
from tests.beds.apiserver.bed import ApiServer

# The API server restarts in one of these.
pytestmark = pytest.mark.xdist_group("pages")


def make(bed: ApiServer, namespace: str, count: int) -> str:
    items = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"m{n}"}} for n in range(count)]
    manifest = {"apiVersion": "v1", "kind": "List", "items": items}
    bed.kubectl("create", "-n", namespace, "-f", "-", manifest=manifest)
    return f"/api/v1/namespaces/{namespace}/configmaps"


def test_each_object_comes_once_and_says_its_kind(bed: ApiServer, namespace: str) -> None:
    path = make(bed, namespace, 5)
    with connect(str(bed.kubeconfig), None) as cluster:
        items = list(cluster.each(path, {"limit": "2"}))
        assert {item["kind"] for item in items} == {"ConfigMap"}
        names = [item["metadata"]["name"] for item in items]
        assert len(names) == len(set(names))
        assert {f"m{n}" for n in range(5)} <= set(names)


def test_pages_that_expire_are_read_again_and_yielded_once(bed: ApiServer, namespace: str) -> None:
    path = make(bed, namespace, 5)
    with connect(str(bed.kubeconfig), None) as cluster:
        pages = cluster.each(path, {"limit": "2"})
        names = [next(pages)["metadata"]["name"]]
        make_more = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "later"}}
        bed.kubectl("create", "-n", namespace, "-f", "-", manifest=make_more)
        bed.forget_history()
        names += [item["metadata"]["name"] for item in pages]
    assert len(names) == len(set(names))
    assert {"later", *(f"m{n}" for n in range(5))} <= set(names)


def test_a_patch_changes_what_it_names_and_returns_the_object(bed: ApiServer, namespace: str) -> None:
    path = make(bed, namespace, 1) + "/m0"
    with connect(str(bed.kubeconfig), None) as cluster:
        item = cluster.patch(path, {"metadata": {"annotations": {"a": "b"}}})
        assert (item["metadata"]["annotations"], item["kind"]) == ({"a": "b"}, "ConfigMap")
        assert cluster.get(path)["metadata"]["annotations"] == {"a": "b"}
        with pytest.raises(ClusterError) as caught:
            cluster.patch(path + "-none", {"metadata": {}})
        assert caught.value.status == 404
