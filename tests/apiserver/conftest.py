"""A client of the API server for the tests of injector.kube."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from injector.kube.client import Cluster, connect
from tests.beds.apiserver.bed import ApiServer


@pytest.fixture
def cluster(bed: ApiServer) -> Iterator[Cluster]:
    with connect(str(bed.kubeconfig), None) as connected:
        yield connected
