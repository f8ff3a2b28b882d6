"""Asking a cluster: the official client's configuration, authentication and transport.

Objects are plain dicts, so that fields newer than the client survive. Here: one request at a time,
lists and watches. Not here: what to do with the objects (objects.py), nor keeping up with them
(watching.py), nor the wording of refusals (api_errors.py).

The client is imported inside functions: loading it costs half a second, and it is an optional
dependency. Its generated API and model classes are not loaded at all.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

from injector.errors import ClusterError
from injector.kube.api_errors import Request, decoded, refused, unreachable

Object: TypeAlias = dict[str, Any]
# The classes below have a method `list`, which hides the type inside them.
Objects: TypeAlias = list[Object]

PAGE_SIZE = 500
CONNECT_SECONDS = 10
READ_SECONDS = 60
# The API server ends a watch after this time by itself; then a new one goes on where it stopped.
WATCH_SECONDS = 290
# Bookmarks come about once a minute. Where nothing comes for longer, the connection may be dead.
WATCH_SILENCE_SECONDS = 120

USER_AGENT = "sidecar-injector"

# The API server's own public keys have a type of their own.
ACCEPT = "application/json, application/jwk-set+json"

METHODS = {"create": "POST", "update": "PUT", "patch": "PATCH"}
"""HTTP methods of the verbs that change something."""

# The Date of an answer has whole seconds, and the answer is under way for a while.
CLOCK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Listing:
    """All pages of a list, and the version from which a watch goes on."""

    items: Objects
    resource_version: str


class _Pages:
    """The pages of one list: what to ask next, and what came so far."""

    def __init__(self, params: Mapping[str, str] | None) -> None:
        self.query = {"limit": str(PAGE_SIZE), **(params or {})}
        self.items: Objects = []
        self.resource_version = ""
        self.complete = False

    def add(self, page: Object) -> None:
        """Take in the next page; raises ClusterError where it is none."""
        _check_page(page)
        version, kind = str(page.get("apiVersion", "")), str(page.get("kind", "")).removesuffix("List")
        self.items += [{"apiVersion": version, "kind": kind, **item} for item in page.get("items") or []]
        metadata = page.get("metadata") or {}
        self.resource_version = str(metadata.get("resourceVersion", ""))
        self.query["continue"] = str(metadata.get("continue") or "")
        self.complete = not self.query["continue"]

    def start_over(self, error: ClusterError) -> None:
        """Ask for everything in one piece if the pages went out of date while they were read."""
        if error.status != 410 or not self.query.pop("continue", ""):
            raise error
        self.query.pop("limit", None)
        self.items = []


class Cluster:
    """A cluster for the command line; `connect` makes one. Every method raises ClusterError."""

    def __init__(self, api: Any) -> None:
        self._api = api

    def get(self, path: str) -> Object:
        """Return the object at a path, as ``/api/v1/namespaces/default``."""
        return self._ask("get", path, {})

    def list(self, path: str, params: Mapping[str, str] | None = None) -> Objects:
        """Return the items of all pages. A ``limit`` in `params` is the size of a page.

        Each item carries `apiVersion` and `kind`, which the API server leaves out in lists.
        """
        pages = _Pages(params)
        while not pages.complete:
            try:
                pages.add(self._ask("list", path, pages.query))
            except ClusterError as error:
                pages.start_over(error)
        return pages.items

    def each(self, path: str, params: Mapping[str, str] | None = None) -> Iterator[Object]:
        """Yield the items of a list page by page, each object once, so that few are held at a time."""
        pages, seen = _Pages(params), set[str]()
        while not pages.complete:
            try:
                pages.add(self._ask("list", path, pages.query))
            except ClusterError as error:
                pages.start_over(error)
            for item in pages.items:
                # After starting over, what came before comes again.
                uid = str((item.get("metadata") or {}).get("uid", ""))
                if uid not in seen:
                    seen.add(uid)
                    yield item
            pages.items = []

    def create(self, path: str, item: Object, params: Mapping[str, str] | None = None) -> Object:
        """Create an object in the list at a path, or have a question answered that is asked by one."""
        request, body = self._answer("create", path, params or {}, sent=item)
        return decoded(request, body)

    def patch(self, path: str, change: Object) -> Object:
        """Apply a strategic merge patch to the object at a path; return it as it is then."""
        request, body = self._answer("patch", path, {}, sent=change)
        return decoded(request, body)

    def text(self, path: str, params: Mapping[str, str]) -> str:
        """Return the text at a path that holds no object, as the log of a container."""
        _, body = self._answer("get", path, params, "*/*")
        return body.decode(errors="replace")

    def close(self) -> None:
        """Close the connections."""
        self._api.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, verb: str, path: str, query: Mapping[str, str]) -> Object:
        request, body = self._answer(verb, path, query)
        return decoded(request, body)

    def _answer(
        self,
        verb: str,
        path: str,
        query: Mapping[str, str],
        accept: str = ACCEPT,
        sent: Object | None = None,
    ) -> tuple[Request, bytes]:
        import urllib3
        from kubernetes.client.exceptions import ApiException

        request = Request(self._api.configuration.host, verb, path)
        arguments = _arguments(query, accept)
        if sent is not None:
            arguments["body"] = sent
            kind = "strategic-merge-patch+json" if verb == "patch" else "json"
            arguments["header_params"]["Content-Type"] = f"application/{kind}"
        try:
            prepared = self._api.param_serialize(METHODS.get(verb, "GET"), path, **arguments)
        except Exception as error:
            raise _without_credentials(request, error) from error
        try:
            answer = self._api.call_api(*prepared, _request_timeout=(CONNECT_SECONDS, READ_SECONDS))
            body = answer.read()
        except ApiException as error:  # status 0: the transport's wrapping of a TLS error
            raise unreachable(request, error.__context__ or error) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise unreachable(request, error) from error
        if answer.status not in (200, 201):
            raise refused(request, answer.status, body)
        return request, body


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
        """The time by the API server's clock, in seconds since 1970; ours where it never answered.

        It goes on while this machine's clock is set to another time.
        """
        return time.time() if self._ahead is None else time.monotonic() + self._ahead

    async def get(self, path: str) -> Object:
        """Return the object at a path, as ``/api/v1/namespaces/default``."""
        return await self._ask("get", path, {})

    async def list(self, path: str, params: Mapping[str, str] | None = None) -> Objects:
        """Return the items of all pages, as `Cluster.list` does."""
        return (await self.listing(path, params)).items

    async def listing(self, path: str, params: Mapping[str, str] | None = None) -> Listing:
        """Return the items of all pages with the version of the list."""
        pages = _Pages(params)
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
                yield _event(json.loads(line), request)
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
        """Send, with fresh credentials if the API server wants some; return an answer that is good."""
        answer = await self._send(request, query, timeout, body)
        if answer.status == 401:
            answer.release()
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
        """Take over the time of an answer, where it is off by more than its rounding."""
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
        arguments = _arguments(query)
        if body is not None:
            arguments["body"] = body
        if method == "PATCH":
            arguments["header_params"]["Content-Type"] = "application/strategic-merge-patch+json"
        try:
            prepared = await self._api.param_serialize(method, request.path, **arguments)
        except Exception as error:
            raise _without_credentials(request, error) from error
        try:
            return (await self._api.call_api(*prepared, _request_timeout=timeout)).response
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(request, error) from error

    async def _renew(self) -> None:
        """Take over the credentials of a new client; other requests may be under way on this one."""
        fresh = await self._load()
        self._api.configuration.api_key = fresh.configuration.api_key
        self._api.configuration.refresh_api_key_hook = fresh.configuration.refresh_api_key_hook
        await fresh.close()


def connect(kubeconfig: str | None, context: str | None) -> Cluster:
    """Return the cluster of a kubeconfig, else of $KUBECONFIG or ~/.kube/config, else the one around us.

    Nothing is sent yet. Raises ClusterError where the client is not installed or the
    configuration cannot be used.
    """
    try:
        from kubernetes import config
        from kubernetes.client.api_client import ApiClient
        from kubernetes.client.configuration import Configuration
    except ModuleNotFoundError as error:
        raise _not_installed() from error
    # Without a retry: the transport's own retries write warnings to stderr.
    configuration = Configuration(retries=False)
    source = _kubeconfig(kubeconfig, context)
    try:
        _load(config, configuration, source, context)
        return Cluster(_named(ApiClient(configuration)))
    except Exception as error:
        raise _unusable(source, error, config.ConfigException) from error


async def connect_async(kubeconfig: str | None, context: str | None) -> AsyncCluster:
    """Return what `connect` returns, for asyncio. To be closed in the loop that made it."""
    try:
        from kubernetes.aio import config
        from kubernetes.aio.client.api_client import ApiClient
        from kubernetes.aio.client.configuration import Configuration
    except ModuleNotFoundError as error:
        raise _not_installed() from error
    source = _kubeconfig(kubeconfig, context)

    async def load() -> Any:
        configuration = Configuration()
        try:
            if (loading := _load(config, configuration, source, context)) is not None:
                await loading
            return _named(ApiClient(configuration))
        except Exception as error:
            raise _unusable(source, error, config.ConfigException) from error

    return AsyncCluster(await load(), load)


def inside(kubeconfig: str | None, context: str | None) -> bool:
    """Return whether `connect` would take the cluster around this process."""
    return _kubeconfig(kubeconfig, context) is None


def _kubeconfig(path: str | None, context: str | None) -> str | None:
    """Return the files to read, separated as in $KUBECONFIG; None stands for the cluster around us."""
    source = path or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    if any(Path(part).expanduser().is_file() for part in source.split(os.pathsep) if part):
        return source
    if path or context or "KUBERNETES_SERVICE_HOST" not in os.environ:
        raise ClusterError(
            "the kubeconfig file does not exist",
            reason="Configuration",
            where=source,
            hint="set --kubeconfig or $KUBECONFIG",
        )
    return None


def _load(config: Any, configuration: Any, source: str | None, context: str | None) -> Any:
    """Fill a configuration of the client; what its asyncio half returns is to be awaited."""
    if source:
        return config.load_kube_config(source, context, client_configuration=configuration)
    # The ServiceAccount of this pod. The client reads its token again every minute.
    return config.load_incluster_config(client_configuration=configuration)


def _named(api: Any) -> Any:
    api.user_agent = USER_AGENT
    return api


def _unusable(source: str | None, error: Exception, expected: type[Exception]) -> ClusterError:
    """The client raises anything from KeyError to binascii.Error for a kubeconfig that is broken.

    Its own messages may hold whole entries, secrets among them, from the first brace on.
    """
    text = str(error).split("{")[0].rstrip(" /") if isinstance(error, expected) else type(error).__name__
    return ClusterError(
        f"the cluster configuration is not usable: {text}",
        reason="Configuration",
        where=source or "the ServiceAccount of this pod",
        hint="run 'kubectl config view' with the same file and context",
    )


def _without_credentials(request: Request, error: Exception) -> ClusterError:
    """The client reads the token again when it is old, and lets through what that raises."""
    reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
    return ClusterError(
        f"the credentials cannot be read: {reason}",
        reason="Configuration",
        where=request.where,
        hint="check the token of this pod's ServiceAccount, or 'kubectl config view'",
    )


def _not_installed() -> ClusterError:
    return ClusterError(
        "the Kubernetes client is not installed",
        reason="NotInstalled",
        hint="pip install 'sidecar-injector[cluster]'",
    )


def _drop(answer: Any) -> None:
    """Close the connection of an answer that is not read to its end.

    At once: a polite end of TLS would still be under way when the loop ends.
    """
    if answer.connection and answer.connection.transport:
        answer.connection.transport.abort()
    answer.close()


def _arguments(query: Mapping[str, str], accept: str = ACCEPT) -> dict[str, Any]:
    return {
        "query_params": list(query.items()),
        "header_params": {"Accept": accept},
        "auth_settings": ["BearerToken"],
    }


def _check_page(page: Object) -> None:
    """Raise ClusterError where it is no list: an empty answer must not pass for an empty cluster."""
    items, metadata = page.get("items") or [], page.get("metadata")
    whole = "items" in page and isinstance(items, list) and isinstance(metadata, dict)
    if not whole or not all(_has(item, "name") for item in items):
        raise _strange("list of objects")


def _event(event: Any, request: Request) -> Object:
    """What a line of a watch says. Raises ClusterError where it tells of an error, or is no event."""
    item = event.get("object") if isinstance(event, dict) else None
    if not isinstance(event, dict) or not isinstance(item, dict):
        raise _strange("event of a watch")
    if event.get("type") == "ERROR":
        code = item.get("code")
        raise refused(request, code if isinstance(code, int) else 500, item)
    if not _has(item, "resourceVersion") or not (event.get("type") == "BOOKMARK" or _has(item, "name")):
        raise _strange("event of a watch")
    return event


def _has(item: Any, key: str) -> bool:
    """Whether it is an object with such a text in its metadata."""
    metadata = item.get("metadata") if isinstance(item, dict) else None
    return isinstance(metadata, dict) and isinstance(metadata.get(key), str)


def _strange(wanted: str) -> ClusterError:
    return ClusterError(
        f"unexpected answer ({wanted} is expected); this is probably not a Kubernetes API server",
        status=200,
        hint="check the server in the kubeconfig's context, and proxies in between",
    )
