"""The table of a pod's fields is the one that this API server has."""

from __future__ import annotations

import pytest

from hack.pod_fields import TABLE, of
from tests.beds.apiserver.bed import ApiServer


def test_the_table_is_that_of_the_api_server(bed: ApiServer) -> None:
    if bed.plane is None:
        pytest.skip("the cluster of E2E_KUBECONFIG may have another version than the table")
    assert TABLE.read_text() == of(bed), "make it again: python -m hack.pod_fields"
