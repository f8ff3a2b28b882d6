"""The node, the mesh and the injector that the tests of this folder share.

All tests run in one process, one after the other. A test that takes a part away brings it back.
While you write tests, ``PYTHONPATH=hack python -m mesh up NAME`` and E2E_CLUSTER=NAME spare the
start; E2E_KUBECONFIG=FILE takes a cluster that is not ours, and E2E_LOAD the command that brings an
image archive to it (``kind load image-archive``, ``k3d image import``).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import bed as clusters
from cluster.bed import Cluster, NotOurs
from mesh import bed as meshes
from mesh.bed import Mesh
from mesh.injector import Injector, install

HERE = Path(__file__).resolve().parent
INJECTED = {"istio-injection": "enabled"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Time limits are for the tests alone: the first build of all programs takes many minutes."""
    for item in items:
        if HERE in item.path.parents and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(240, func_only=True))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """What only a node of our own can show is skipped elsewhere, with the reason."""
    try:
        return (yield)
    except NotOurs as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A node of our own, or the cluster of E2E_CLUSTER or E2E_KUBECONFIG."""
    if reason := clusters.unavailable():
        pytest.skip(f"node: {reason}")
    with clusters.cluster() as running:
        yield running


@pytest.fixture(scope="session")
def mesh(cluster: Cluster) -> Iterator[Mesh]:
    """A real istiod in the cluster; it injects nothing itself."""
    if reason := meshes.unavailable():
        pytest.skip(f"mesh: {reason}")
    with meshes.mesh(cluster) as running:
        yield running


@pytest.fixture(scope="session")
def injector(mesh: Mesh) -> Injector:
    """Our webhook in the place of istiod's, for namespaces with the labels of `INJECTED`."""
    return install(mesh.cluster)


@pytest.fixture(scope="module")
def injected_namespace(cluster: Cluster, injector: Injector) -> Iterator[str]:
    """An empty namespace whose pods are injected, for the tests of one file."""
    made = cluster.make_namespace(INJECTED)
    yield made
    cluster.delete_namespace(made)


@pytest.fixture(scope="module")
def plain_namespace(cluster: Cluster) -> Iterator[str]:
    """An empty namespace whose pods are left alone, for the tests of one file."""
    made = cluster.make_namespace()
    yield made
    cluster.delete_namespace(made)
