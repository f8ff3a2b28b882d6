"""A client of the API server for the tests of injector.kube, and a webhook for those of `injector audit`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from injector.kube.client import Cluster, connect
from tests.apiserver.auditing import AUDITED, Mesh, a_mesh
from tests.apiserver.webhook_serving import wait_until_called
from tests.beds.apiserver.bed import ApiServer


@pytest.fixture
def cluster(bed: ApiServer) -> Iterator[Cluster]:
    with connect(str(bed.kubeconfig), None) as connected:
        yield connected


@pytest.fixture(scope="module")
def audited(bed: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    folder = tmp_path_factory.mktemp("audit")
    with a_mesh(bed, folder) as mesh:
        yield mesh


@pytest.fixture
def shop(audited: Mesh) -> Iterator[str]:
    """A namespace whose pods the webhook of `audited` is called for."""
    with audited.bed.namespace({"istio-injection": "enabled"}) as name:
        wait_until_called(audited.bed, name, AUDITED)
        yield name
