"""The fixtures of the test beds; where a bed cannot run, its tests are skipped with one line of reason.

A bed is started when the first test of the session asks for it and ends with the session. A test that takes
a part of it away brings it back. Not here: fixtures of one folder, which stand with its tests.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.beds.apiserver.bed import ApiServer
from tests.beds.bed import Bed, NotOurs
from tests.beds.mesh import bed as meshes
from tests.beds.mesh.bed import Mesh
from tests.beds.mesh.injector import Injector, installed
from tests.beds.node.bed import Cluster

# By these a test takes part in a bed. `programs` is what a folder builds of its own.
FIXTURES = {"bed", "cluster", "mesh", "injector", "programs"}

NewNamespace = Callable[[Mapping[str, str]], str]


def required(label: str, reason: str | None) -> None:
    """Skip the test where there is a reason why `label` cannot run here."""
    if reason:
        pytest.skip(f"{label}: {reason}")


def require(bed: type[Bed]) -> None:
    """Skip the test where the bed cannot run here."""
    required(bed.label, bed.unavailable())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Time limits are for the tests alone: the first build of all programs takes many minutes."""
    for item in items:
        if not FIXTURES.isdisjoint(getattr(item, "fixturenames", ())) and not item.get_closest_marker(
            "timeout"
        ):
            item.add_marker(pytest.mark.timeout(600, func_only=True))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Iterator[None]:
    """Tests that need a cluster made by the bed are skipped elsewhere, with the reason."""
    try:
        return (yield)
    except NotOurs as reason:
        pytest.skip(str(reason))


# What holds for the fixtures of a test holds for the test.
pytest_runtest_call = pytest_runtest_setup


@pytest.fixture(scope="session")
def bed() -> Iterator[ApiServer]:
    """An API server without nodes, or the cluster of E2E_KUBECONFIG. Use namespaces of your own in it."""
    require(ApiServer)
    with ApiServer.running() as running:
        yield running


@pytest.fixture
def namespace(bed: ApiServer) -> Iterator[str]:
    """An empty namespace of the test's own."""
    with bed.namespace() as name:
        yield name


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A node of the bed, or the cluster of E2E_CLUSTER or E2E_KUBECONFIG."""
    require(Cluster)
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with contextlib.ExitStack() as stack:
        yield stack.enter_context(Cluster.running(keep=lambda: request.session.testsfailed > 0))
        # What a cluster says at its end is of the whole session, not of the last test.
        with capture.global_and_fixture_disabled():
            stack.close()


@pytest.fixture(scope="session")
def mesh(cluster: Cluster) -> Iterator[Mesh]:
    """A real istiod in the cluster; it injects nothing itself."""
    required("mesh", meshes.unavailable())
    with meshes.mesh(cluster) as running:
        yield running


@pytest.fixture(scope="session")
def injector(mesh: Mesh) -> Iterator[Injector]:
    """The webhook in the place of istiod's, for namespaces that are labelled for injection."""
    with installed(mesh.cluster) as running:
        yield running


@pytest.fixture(scope="module")
def new_namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[NewNamespace]:
    """Makes an empty namespace with these labels, for the tests of one file.

    The logs of pods go with them. So where a test of the file fails it stays, in a cluster that the bed made.
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
