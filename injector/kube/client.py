"""Asking a cluster: one request at a time, with the official client's authentication and transport.

Not here: asyncio (async_client.py), the client's configuration (kubeconfig.py), what an answer holds
(lists.py, objects.py), and the wording of errors (api_errors.py).

The client is imported inside functions: it takes long to load (lean_import.py), and it is an optional
dependency.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

from injector.classes import dataclass
from injector.errors import ClusterError
from injector.kube.api_errors import Request, decoded, refused, unreachable
from injector.kube.kubeconfig import (
    USER_AGENT,
    check_kubeconfig,
    client_not_installed,
    find_kubeconfig,
    load_config,
    unreadable_credentials,
    unusable_config,
)
from injector.kube.lean_import import lean_import
from injector.kube.lists import Object, Objects, Pages

CONNECT_SECONDS = 10
READ_SECONDS = 60
# The API server's public keys have a media type of their own.
ACCEPT = "application/json, application/jwk-set+json"

METHODS = {"create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE"}
"""HTTP methods of the verbs that change something."""


@dataclass(frozen=True, slots=True)
class Transport:
    """The client's configuration and transport, without its models: as the client's ApiClient holds them."""

    configuration: Any
    rest_client: Any

    def close(self) -> None:
        """Close the connections."""
        self.rest_client.close()


class Cluster:
    """A cluster for the command line; `connect` makes one. Every method raises ClusterError.

    `namespace` is that of the kubeconfig's context, or of this pod.
    """

    def __init__(self, api: Any, namespace: str = "default") -> None:
        self._api = api
        self.namespace = namespace
        self._timeouts: tuple[float, float | None] = (CONNECT_SECONDS, READ_SECONDS)
        self._headers: Sequence[tuple[str, str]] = ()

    def limit(self, seconds: float | None) -> None:
        """Wait for each answer so long at most; infinite: for ever, None: as it is."""
        if seconds is not None:
            self._timeouts = (min(CONNECT_SECONDS, seconds), None if seconds == math.inf else seconds)

    def act_as(self, headers: Sequence[tuple[str, str]]) -> None:
        """Add headers to each request, which name another user and its groups."""
        self._headers = headers

    def get(self, path: str) -> Object:
        """Return the object at a path, as ``/api/v1/namespaces/default``."""
        try:
            return self._ask("get", path, {})
        except ClusterError as error:
            # The answer is the same for an object that does not exist in a namespace that does not.
            namespace = Request("", "get", path).namespace()
            if error.reason == "NotFound" and namespace:
                self._check_namespace(namespace)
            raise

    def _check_namespace(self, name: str) -> None:
        """Raise ClusterError for a namespace that does not exist, where it may be read."""
        try:
            self._ask("get", f"/api/v1/namespaces/{name}", {})
        except ClusterError as error:
            if error.reason == "NotFound":
                raise

    def check_namespace(self, name: str) -> None:
        """Raise ClusterError for a namespace that does not exist; one that may not be read is accepted."""
        self._check_namespace(quote(name, safe=""))

    def list(self, path: str, params: Mapping[str, str] | None = None) -> Objects:
        """Return the items of all pages. A ``limit`` in `params` is the size of a page.

        Each item carries `apiVersion` and `kind`, which the API server leaves out in lists.
        """
        pages = Pages(params)
        while not pages.complete:
            try:
                pages.add(self._ask("list", path, pages.query))
            except ClusterError as error:
                pages.start_over(error)
        return pages.items

    def each(self, path: str, params: Mapping[str, str] | None = None) -> Iterator[Object]:
        """Yield the items of a list page by page, each object once, so that few are held at a time."""
        pages, seen = Pages(params), set[str]()
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
        """Create an object in the list at a path, a review among them; return the API server's answer."""
        request, body = self._answer("create", path, params or {}, sent=item)
        return decoded(request, body)

    def patch(self, path: str, change: Object) -> Object:
        """Apply a strategic merge patch to the object at a path; return it as it is then."""
        request, body = self._answer("patch", path, {}, sent=change)
        return decoded(request, body)

    def replace(self, path: str, item: Object) -> Object:
        """Replace the object at a path; status 409 where its resourceVersion is not the present one."""
        request, body = self._answer("update", path, {}, sent=item)
        return decoded(request, body)

    def delete(self, path: str, version: str) -> None:
        """Delete the object at a path; status 409 where `version` is not its resourceVersion any more."""
        self._answer("delete", path, {}, sent={"preconditions": {"resourceVersion": version}})

    def text(self, path: str, params: Mapping[str, str]) -> str:
        """Return the text at a path, such as the log of a container."""
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
        headers = urllib3.HTTPHeaderDict({"Accept": accept, "User-Agent": USER_AGENT})
        try:
            for name, value in (*_authentication(self._api.configuration), *self._headers):
                headers.add(name, value)
        except Exception as error:
            raise unreadable_credentials(request, error) from error
        kind = "strategic-merge-patch+json" if verb == "patch" else "json"
        if sent is not None:
            headers["Content-Type"] = f"application/{kind}"
        url = f"{request.where}?{urlencode(query)}" if query else request.where
        try:
            answer = self._api.rest_client.request(
                METHODS.get(verb, "GET"),
                url,
                headers=headers,
                body=sent,
                _request_timeout=self._timeouts,
            )
            body = answer.read()
        except ApiException as error:  # status 0: the transport's wrapping of a TLS error
            raise unreachable(request, error.__context__ or error) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise unreachable(request, error) from error
        if answer.status not in (200, 201):
            raise refused(request, answer.status, body)
        return request, body


def connect(kubeconfig: str | None, context: str | None) -> Cluster:
    """Return the cluster of a kubeconfig, else of $KUBECONFIG or ~/.kube/config, else the one of this pod.

    Nothing is sent yet. Raises ClusterError where the client is not installed or the
    configuration cannot be used.
    """
    try:
        with lean_import():
            from kubernetes import config
            from kubernetes.client.configuration import Configuration
            from kubernetes.client.rest import RESTClientObject
    except ModuleNotFoundError as error:
        raise client_not_installed(error) from error
    # Without a retry: the transport's own retries write warnings to stderr.
    configuration = Configuration(retries=False)
    source = find_kubeconfig(kubeconfig, context)
    namespace = check_kubeconfig(source, context)
    try:
        load_config(config, configuration, source, context)
        return Cluster(Transport(configuration, RESTClientObject(configuration)), namespace)
    except Exception as error:
        raise unusable_config(source, error, config.ConfigException) from error


def _authentication(configuration: Any) -> list[tuple[str, str]]:
    """The headers that identify the user; a token that expires is read again."""
    settings = configuration.auth_settings().values()
    return [(each["key"], each["value"]) for each in settings if each["in"] == "header"]


def load_client() -> None:
    """Load the whole client. Raises ClusterError where it is not installed."""
    try:
        import kubernetes  # noqa: F401
    except ModuleNotFoundError as error:
        raise client_not_installed(error) from error


def request_arguments(query: Mapping[str, str], accept: str = ACCEPT) -> dict[str, Any]:
    """The arguments of the client for a request without a body."""
    return {
        "query_params": list(query.items()),
        "header_params": {"Accept": accept},
        "auth_settings": ["BearerToken"],
    }
