"""The API server that the tests of this folder share; the first run on a machine builds it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.beds.apiserver.bed import Bed, apiserver, unavailable

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Time limits here are for the tests alone: the bed's first build takes minutes."""
    for item in items:
        if HERE in item.path.parents and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(600, func_only=True))


@pytest.fixture(scope="session")
def bed() -> Iterator[Bed]:
    """A cluster without nodes, or that of E2E_KUBECONFIG. Use namespaces of your own in it."""
    if reason := unavailable():
        pytest.skip(f"API server bed: {reason}")
    with apiserver() as running:
        yield running


@pytest.fixture
def namespace(bed: Bed, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty namespace of the test's own."""
    made = bed.make_namespace()
    yield made
    bed.run_kubectl("delete", "namespace", made, "--wait=false")
