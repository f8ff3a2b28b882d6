"""What injection changes of a user's own fields by design, so that anything else is a loss.

The laws and the register name them: probes that are asked through the proxy's agent, metrics
annotations that the agent answers for, annotations in which a profile keeps its books, and in the
user's own version of an injected container the image that is `auto`. With quirks off each of them
comes back by uninject, which is checked elsewhere (doors.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from fuzz.oracles import Way, lost

Tree = dict[str, Any]

_LISTS: Final = ("containers", "initContainers")
_METRICS: Final = re.compile(
    r"prometheus[^a-zA-Z0-9]io[^a-zA-Z0-9](scrape|port|path)|prometheus[^a-zA-Z0-9]istio[^a-zA-Z0-9]io[^a-zA-Z0-9]scrape-targets",
    re.DOTALL,
)
_HANDLERS: Final = re.compile(
    r"/spec/(?:containers|initContainers)/name=[^/]*"
    r"/(?:(?:liveness|readiness|startup)Probe|lifecycle/(?:preStop|postStart))"
    r"/(?:httpGet/(?:path|port|scheme)|tcpSocket|grpc)",
    re.DOTALL,
)


def losses(before: Tree, after: Tree, ours: set[str], books: frozenset[str]) -> list[Way]:
    """The places of the user's pod that are gone without being meant to.

    `ours` are the names of injected containers and volumes, `books` the profile's own annotations.
    """
    return [way for way in _found(before, after, ours) if not _meant(before, way, ours, books)]


def _found(before: Tree, after: Tree, ours: set[str]) -> Iterator[Way]:
    for way in lost(before, after):
        name = way[-1].removeprefix("name=")
        if len(way) == 3 and way[1] in _LISTS and name in ours:
            # An injected container may live in the other list than the user's version of it.
            other = _LISTS[way[1] == "containers"]
            yield from lost(_named(before, way[1], name), _named(after, other, name), way)
        else:
            yield way


def _named(pod: Tree, part: str, name: str) -> Tree | None:
    return next((c for c in pod["spec"].get(part) or [] if c.get("name") == name), None)


def _meant(before: Tree, way: Way, ours: set[str], books: frozenset[str]) -> bool:
    if way[:2] == ("metadata", "annotations") and len(way) == 3:
        return way[2] in books or way[2] == "istio.io/rev" or bool(_METRICS.fullmatch(way[2]))
    if _HANDLERS.fullmatch("/" + "/".join(way)):
        return True
    users = (
        _named(before, way[1], way[2].removeprefix("name=")) if len(way) > 3 and way[1] in _LISTS else None
    )
    if users is None or users["name"] not in ours:
        return False
    # Where the proxy has to be root to capture, its own user is only the one that is left alone.
    return way[3:] == ("image",) and users["image"] == "auto" or way[3:] == ("securityContext", "runAsUser")
