"""Credentials that cannot be read any more: an error of the cluster, with what to do, from both clients."""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn

import pytest
from kubernetes.aio.client.api_client import ApiClient as AsyncApiClient
from kubernetes.aio.client.configuration import Configuration as AsyncConfiguration
from kubernetes.client.api_client import ApiClient
from kubernetes.client.configuration import Configuration

from injector.errors import ClusterError
from injector.kube.async_client import AsyncCluster
from injector.kube.client import Cluster

NAMESPACES = "/api/v1/namespaces"
# As the client lets them through when it reads the token of the ServiceAccount again.
TROUBLES = [
    (PermissionError(13, "Permission denied", "/token"), "Permission denied"),
    (KeyError("s3cret"), "KeyError"),
]


async def _never() -> NoReturn:
    raise AssertionError("no new client is made")


def _check(error: ClusterError, words: str) -> None:
    assert error.message == f"the credentials cannot be read: {words}"
    assert (error.status, bool(error.hint)) == (0, True)


@pytest.mark.parametrize(("trouble", "words"), TROUBLES)
def test_a_token_that_cannot_be_read_is_reported(trouble: Exception, words: str) -> None:
    def hook(_configuration: Any) -> NoReturn:
        raise trouble

    configuration: Any = Configuration(retries=False)
    configuration.api_key["BearerToken"] = "old"
    configuration.refresh_api_key_hook = hook
    with Cluster(ApiClient(configuration)) as cluster, pytest.raises(ClusterError) as caught:
        cluster.get(NAMESPACES)
    _check(caught.value, words)


@pytest.mark.parametrize(("trouble", "words"), TROUBLES)
def test_a_token_that_cannot_be_read_is_reported_while_serving(trouble: Exception, words: str) -> None:
    async def hook(_configuration: Any) -> NoReturn:
        raise trouble

    async def main() -> None:
        configuration: Any = AsyncConfiguration()
        configuration.api_key["BearerToken"] = "old"
        configuration.refresh_api_key_hook = hook
        async with AsyncCluster(AsyncApiClient(configuration), _never) as cluster:
            for asked in (cluster.get(NAMESPACES), cluster.listing(NAMESPACES)):
                with pytest.raises(ClusterError) as caught:
                    await asked
                _check(caught.value, words)

    asyncio.run(main())
