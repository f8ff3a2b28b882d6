"""Asking a cluster while serving: requests, lists and watches with asyncio, and the API server's clock.

Not here: keeping up with a list (watching.py), and what client.py shares with it.

aiohttp and the client are imported in functions, as in client.py.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

from injector.errors import ClusterError
from injector.kube.api_errors import Request, decoded, refused, unreachable
from injector.kube.client import CONNECT_SECONDS, METHODS, READ_SECONDS, request_arguments
from injector.kube.kubeconfig import (
    client_not_installed,
    find_kubeconfig,
    load_config,
    unreadable_credentials,
    unusable_config,
    with_user_agent,
)
from injector.kube.lean_import import ASYNC_LATER, lean_import
from injector.kube.lists import Listing, Object, Objects, Pages, watch_event

# The API server ends a watch after this time by itself; then a new one goes on where it stopped.
WATCH_SECONDS = 290
# Bookmarks come about once a minute. Where nothing comes for longer, the connection may be dead.
WATCH_SILENCE_SECONDS = 120

# The Date of an answer has whole seconds, and the answer is under way for a while.
CLOCK_SECONDS = 2.0


class AsyncCluster:
    """A cluster for `serve`; `connect_async` makes one. Every method raises ClusterError.

    `load` makes a new client with fresh credentials: tokens of login programs expire, so one is
    made when the API server answers 401.
    """

    def __init__(self, api: Any, load: Callable[[], Awaitable[Any]]) -> None:
        self._api = api
        self._load = load
        self._ahead: float | None = None

    def time(self) -> float:
        """The time by the API server's clock, in seconds since 1970; this machine's until it answers.

        It goes on while this machine's clock is set to another time.
        """
        return time.time() if self._ahead is None else time.monotonic() + self._ahead

    async def get(self, path: str) -> Object:
        """Return the object at a path, as ``/api/v1/namespaces/default``."""
        return await self._ask("get", path, {})

    async def list(self, path: str, params: Mapping[str, str] | None = None) -> Objects:
        """Return the items of all pages, as `Cluster.list` does."""
        return (await self.listing(path, params)).items

    async def listing(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        keep: Callable[[Object], Any] = lambda item: item,
    ) -> Listing:
        """Return what `keep` leaves of the items of all pages, with the version of the list."""
        pages = Pages(params, keep)
        while not pages.complete:
            try:
                pages.add(await self._ask("list", path, pages.query))
            except ClusterError as error:
                pages.start_over(error)
        return Listing(pages.items, pages.resource_version)

    async def create(self, path: str, body: Object) -> Object:
        """Make an object in the collection at a path; status 409 where there is one of that name."""
        return await self._ask("create", path, {}, body)

    async def replace(self, path: str, body: Object) -> Object:
        """Replace the object at a path; status 409 where its resourceVersion is not the newest."""
        return await self._ask("update", path, {}, body)

    async def patch(self, path: str, body: Object) -> Object:
        """Apply a strategic merge patch to the object at a path; status 409 as for `replace`."""
        return await self._ask("patch", path, {}, body)

    async def watch(
        self, path: str, resource_version: str, params: Mapping[str, str] | None = None
    ) -> AsyncGenerator[Object, None]:
        """Yield the events after a version, bookmarks among them, until the API server ends the watch.

        Raises ClusterError with status 410 where the version is too old, before or between events.
        Close the iterator (contextlib.aclosing) if you leave it early.
        """
        import aiohttp

        query = {
            **(params or {}),
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        timeout = aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=WATCH_SILENCE_SECONDS)
        request = Request(self._api.configuration.host, "watch", path)
        answer = await self._open(request, query, timeout)
        try:
            async for line in answer.content:
                yield watch_event(json.loads(line), request)
        except (aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: a line cut off
            raise unreachable(request, error) from error
        finally:
            _drop(answer)

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _ask(
        self, verb: str, path: str, query: Mapping[str, str], body: Object | None = None
    ) -> Object:
        import aiohttp

        request = Request(self._api.configuration.host, verb, path)
        timeout = aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
        answer = await self._open(request, query, timeout, body)
        try:
            return decoded(request, await answer.read())
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(request, error) from error

    async def _open(
        self, request: Request, query: Mapping[str, str], timeout: Any, body: Object | None = None
    ) -> Any:
        """Send, after a 401 once more with fresh credentials; return the answer where it is good."""
        answer = await self._send(request, query, timeout, body)
        if answer.status == 401:
            _drop(answer)
            await self._renew()
            answer = await self._send(request, query, timeout, body)
        self._read_clock(answer.headers.get("Date", ""))
        if answer.status in (200, 201):
            return answer
        try:
            content = await answer.read()
        except OSError:
            content = b""
        raise refused(request, answer.status, content)

    def _read_clock(self, date: str) -> None:
        """Use the time of an answer where it differs by more than its rounding."""
        try:
            server_time = parsedate_to_datetime(date).timestamp()
        except ValueError:
            return
        if self._ahead is None or not 0 <= self.time() - server_time <= CLOCK_SECONDS:
            self._ahead = server_time - time.monotonic()

    async def _send(
        self, request: Request, query: Mapping[str, str], timeout: Any, body: Object | None
    ) -> Any:
        import aiohttp

        method = METHODS.get(request.verb, "GET")
        arguments = request_arguments(query)
        if body is not None:
            arguments["body"] = body
        if method == "PATCH":
            arguments["header_params"]["Content-Type"] = "application/strategic-merge-patch+json"
        try:
            prepared = await self._api.param_serialize(method, request.path, **arguments)
        except Exception as error:
            raise unreadable_credentials(request, error) from error
        try:
            return (await self._api.call_api(*prepared, _request_timeout=timeout)).response
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(request, error) from error

    async def _renew(self) -> None:
        """Use the credentials of a new client in this one, which may have requests under way."""
        fresh = await self._load()
        self._api.configuration.api_key = fresh.configuration.api_key
        self._api.configuration.refresh_api_key_hook = fresh.configuration.refresh_api_key_hook
        await fresh.close()


def load_client_async() -> None:
    """Import the client, which `connect_async` does else. Raises ClusterError where it is not installed."""
    try:
        with lean_import(ASYNC_LATER):
            import kubernetes.aio.client.api_client
            import kubernetes.aio.config  # noqa: F401
    except ModuleNotFoundError as error:
        raise client_not_installed(error) from error


async def connect_async(kubeconfig: str | None, context: str | None) -> AsyncCluster:
    """Return what `connect` returns, for asyncio. To be closed in the loop that made it."""
    load_client_async()
    from kubernetes.aio import config
    from kubernetes.aio.client.api_client import ApiClient
    from kubernetes.aio.client.configuration import Configuration

    source = find_kubeconfig(kubeconfig, context)

    async def load() -> Any:
        configuration = Configuration()
        try:
            if (loading := load_config(config, configuration, source, context)) is not None:
                await loading
            return with_user_agent(ApiClient(configuration))
        except Exception as error:
            raise unusable_config(source, error, config.ConfigException) from error

    return AsyncCluster(await load(), load)


def _drop(answer: Any) -> None:
    """Close the connection of an answer that is not read to its end, without the end of TLS.

    That would still be under way when the loop ends.
    """
    if answer.connection and answer.connection.transport:
        answer.connection.transport.abort()
    answer.close()
