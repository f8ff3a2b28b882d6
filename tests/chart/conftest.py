"""What the chart's tests share: helm where it can be had, and an API server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.beds import helm
from tests.beds.apiserver.bed import Bed, apiserver, unavailable
from tests.beds.programs import build

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Time limits here are for the tests alone: the first build of the programs takes minutes."""
    for item in items:
        if HERE in item.path.parents and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(600, func_only=True))


@pytest.fixture(scope="session", autouse=True)
def programs() -> None:
    """Helm 3 and 4 and kubeconform, built where they are missing."""
    names = (*helm.VERSIONS, "kubeconform")
    if reason := build.unavailable(names):
        pytest.skip(f"helm: {reason}")
    build.programs(names)


@pytest.fixture(scope="session")
def bed() -> Iterator[Bed]:
    """A cluster without nodes. Use namespaces of your own in it."""
    if reason := unavailable():
        pytest.skip(f"API server bed: {reason}")
    with apiserver() as running:
        yield running
