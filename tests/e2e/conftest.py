"""The node, the mesh and the injector that the tests of this folder share.

All tests run in one process, one after the other. A test that takes a part away brings it back.
While you write tests, ``python -m tests.beds.mesh up NAME`` and E2E_CLUSTER=NAME spare the
start; E2E_KUBECONFIG=FILE takes a cluster that is not ours, and E2E_LOAD the command that brings an
image archive to it (``kind load image-archive``, ``k3d image import``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.beds.mesh import bed as meshes
from tests.beds.mesh.bed import Mesh
from tests.beds.mesh.injector import Injector, installed
from tests.beds.node import bed as clusters
from tests.beds.node.bed import Cluster, NotOurs

HERE = Path(__file__).resolve().parent
INJECTED = {"istio-injection": "enabled"}

NewNamespace = Callable[[Mapping[str, str]], str]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Time limits are for the tests alone: the first build of all programs takes many minutes."""
    for item in items:
        if HERE in item.path.parents and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(600, func_only=True))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Iterator[None]:
    """What only a node of our own can show is skipped elsewhere, with the reason."""
    try:
        return (yield)
    except NotOurs as reason:
        pytest.skip(str(reason))


# What holds for the fixtures of a test holds for the test.
pytest_runtest_call = pytest_runtest_setup


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A node of our own, or the cluster of E2E_CLUSTER or E2E_KUBECONFIG."""
    if reason := clusters.unavailable():
        pytest.skip(f"node: {reason}")
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with contextlib.ExitStack() as stack:
        yield stack.enter_context(clusters.cluster(keep=lambda: request.session.testsfailed > 0))
        # What a cluster says at its end is of the whole session, not of the last test.
        with capture.global_and_fixture_disabled():
            stack.close()


@pytest.fixture(scope="session")
def mesh(cluster: Cluster) -> Iterator[Mesh]:
    """A real istiod in the cluster; it injects nothing itself."""
    if reason := meshes.unavailable():
        pytest.skip(f"mesh: {reason}")
    with meshes.mesh(cluster) as running:
        yield running


@pytest.fixture(scope="session")
def injector(mesh: Mesh) -> Iterator[Injector]:
    """Our webhook in the place of istiod's, for namespaces with the labels of `INJECTED`."""
    with installed(mesh.cluster) as running:
        yield running


@pytest.fixture(scope="module")
def new_namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[NewNamespace]:
    """Makes an empty namespace with these labels, for the tests of one file.

    The logs of pods go with them. So where a test of the file fails it stays in a cluster of ours.
    """
    made: list[str] = []
    failed = request.session.testsfailed

    def make(labels: Mapping[str, str]) -> str:
        made.append(cluster.make_namespace(labels))
        return made[-1]

    yield make
    if cluster.node is None or request.session.testsfailed == failed:
        for name in made:
            cluster.delete_namespace(name)


@pytest.fixture(scope="module")
def injected_namespace(new_namespace: NewNamespace, injector: Injector) -> str:
    """A namespace whose pods are injected."""
    return new_namespace(INJECTED)


@pytest.fixture(scope="module")
def plain_namespace(new_namespace: NewNamespace) -> str:
    """A namespace whose pods are left alone."""
    return new_namespace({})
