"""Objects as the API server sends them: the pages of a list, and the events of a watch.

Objects are plain dicts, so that fields newer than the client survive. Not here: requests (client.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from injector.classes import dataclass
from injector.errors import ClusterError
from injector.kube.api_errors import Request, refused

Object: TypeAlias = dict[str, Any]
# The classes below have a method `list`, which hides the type inside them.
Objects: TypeAlias = list[Object]

PAGE_SIZE = 500


@dataclass(frozen=True, slots=True)
class Listing:
    """What is needed of the items of all pages, and the version from which a watch goes on."""

    items: list[Any]
    resource_version: str


class Pages:
    """The pages of one list: the next query, and the items so far.

    `keep` reduces an item to what is needed of it, before the next page is read.
    """

    def __init__(
        self, params: Mapping[str, str] | None, keep: Callable[[Object], Any] = lambda item: item
    ) -> None:
        self.query = {"limit": str(PAGE_SIZE), **(params or {})}
        self.items: list[Any] = []
        self._keep = keep
        self.resource_version = ""
        self.complete = False

    def add(self, page: Object) -> None:
        """Add the next page. Raises ClusterError where it is none."""
        _check_page(page)
        version, kind = str(page.get("apiVersion", "")), str(page.get("kind", "")).removesuffix("List")
        for item in page.get("items") or ():
            self.items.append(self._keep({"apiVersion": version, "kind": kind, **item}))
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


def _check_page(page: Object) -> None:
    """Raise ClusterError where it is no list: else an empty answer would look like an empty cluster."""
    items, metadata = page.get("items") or [], page.get("metadata")
    whole = "items" in page and isinstance(items, list) and isinstance(metadata, dict)
    if not whole or not all(_has(item, "name") for item in items):
        raise _unexpected("list of objects")


def watch_event(event: Any, request: Request) -> Object:
    """The event of a line of a watch. Raises ClusterError for an error event, or what is no event."""
    item = event.get("object") if isinstance(event, dict) else None
    if not isinstance(event, dict) or not isinstance(item, dict):
        raise _unexpected("event of a watch")
    if event.get("type") == "ERROR":
        code = item.get("code")
        raise refused(request, code if isinstance(code, int) else 500, item)
    if not _has(item, "resourceVersion") or not (event.get("type") == "BOOKMARK" or _has(item, "name")):
        raise _unexpected("event of a watch")
    return event


def _has(item: Any, key: str) -> bool:
    """Whether it is an object with such a text in its metadata."""
    metadata = item.get("metadata") if isinstance(item, dict) else None
    return isinstance(metadata, dict) and isinstance(metadata.get(key), str)


def _unexpected(wanted: str) -> ClusterError:
    return ClusterError(
        f"unexpected answer ({wanted} is expected); this is probably not a Kubernetes API server",
        status=200,
        hint="check the server in the kubeconfig's context, and proxies in between",
    )
