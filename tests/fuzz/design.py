"""What injection changes of a user's own fields by design, so that anything else is a loss.

The laws and the register name them: probes that are asked through the proxy's agent, metrics
annotations that the agent answers for, annotations in which a profile keeps its books, and in the
user's own version of an injected container the image that is `auto`. With quirks off each of them
comes back by uninject, which is checked elsewhere (doors.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tests.fuzz.oracles import Place, lost

Tree = dict[str, Any]

_LISTS: Final = ("containers", "initContainers")
_METRICS: Final = re.compile(
    r"prometheus[^a-zA-Z0-9](io[^a-zA-Z0-9](scrape|port|path)|istio[^a-zA-Z0-9]io[^a-zA-Z0-9]scrape.targets)",
    re.DOTALL,
)
_HANDLERS: Final = re.compile(
    r"(?:(?:liveness|readiness|startup)Probe|lifecycle/(?:preStop|postStart))"
    r"/(?:httpGet/(?:path|port|scheme)|tcpSocket|grpc)",
)


# What the templates write themselves: the effective value stands where the asked one stood.
_WRITTEN: Final = re.compile(
    r"istio\.io/rev|traffic\.sidecar\.istio\.io/.*|sidecar\.istio\.io/(interceptionMode|rewriteAppHTTPProbers)",
    re.DOTALL,
)


_NAME: Final = ("metadata", "labels", "service.istio.io/canonical-name")


@dataclass(frozen=True)
class Meant:
    """What is ours in a pod: names of containers and volumes, the profile's own annotations, and the
    variables that cluster, network and request path set whatever the user says."""

    names: frozenset[str]
    books: frozenset[str]
    variables: frozenset[str]


def losses(before: Tree, after: Tree, meant: Meant, *, merged: bool) -> list[Place]:
    """The places of the user's pod that are gone without being meant to.

    `merged` says that in what is injected the user's fields do not always stand: with quirks, as
    upstream does it, and where something else is the user's version.
    """
    places = _lost_places(before, after, meant.names)
    return [
        place
        for place in places
        if not (merged and _is_ours(place, meant.names)) and not _is_meant(before, place, meant)
    ]


def is_cut(before: Tree, place: Place) -> bool:
    """Whether the place is a label that upstream cuts to what a label can be (register, Q43)."""
    return place == _NAME and bool(re.search(r"^[-_.]|[-_.]$|.{64}", str(value_at(before, place))))


def _is_ours(place: Place, ours: frozenset[str]) -> bool:
    if place[:3] == ("spec", "securityContext", "sysctls"):
        # A list that the gateway's template sets as a whole.
        return True
    return len(place) > 2 and place[0] == "spec" and place[2].removeprefix("name=") in ours


def _lost_places(before: Tree, after: Tree, ours: frozenset[str]) -> Iterator[Place]:
    for place in lost(before, after):
        name = place[-1].removeprefix("name=")
        if len(place) == 3 and place[1] in _LISTS and name in ours:
            # An injected container may live in the other list than the user's version of it.
            other = _LISTS[place[1] == "containers"]
            yield from lost(_named(before, place[1], name), _named(after, other, name), place)
        else:
            yield place


def _named(pod: Tree, part: str, name: str) -> Tree | None:
    return next((c for c in pod["spec"].get(part) or [] if c.get("name") == name), None)


def value_at(tree: Any, place: Place) -> Any:
    """What is at a place of a tree."""
    for step in place:
        if isinstance(tree, dict):
            tree = tree.get(step)
        else:
            key, _, value = step.partition("=")
            named = [item for item in tree if isinstance(item, dict) and item.get(key) == value]
            tree = named[0] if named else tree[int(step)]
    return tree


def _is_meant(before: Tree, place: Place, meant: Meant) -> bool:
    if place[:2] == ("metadata", "annotations") and len(place) == 3:
        return place[2] in meant.books or bool(_WRITTEN.fullmatch(place[2]) or _METRICS.fullmatch(place[2]))
    if place[:1] == ("spec",) and place[1] in _LISTS and _HANDLERS.fullmatch("/".join(place[3:])):
        return True
    if not (_is_ours(place, meant.names) and place[1] in _LISTS):
        return False
    name = place[2].removeprefix("name=")
    if _named(before, _LISTS[place[1] == "containers"], name):
        # Kubernetes takes no pod with one name in both lists; one version of it counts.
        return True
    users = _named(before, place[1], name) or {}
    if place[3:4] == ("env",):
        # Of two variables of one name the last one counts, for Kubernetes as well.
        variable = place[4].removeprefix("name=")
        return variable in meant.variables or [e["name"] for e in users["env"]].count(variable) > 1
    if value_at(before, place) in (False, 0):
        # Kubernetes leaves zeros out, so that nobody can tell one from a field that is not there.
        return True
    # Where the proxy has to be root to capture, its own user is only the one that is left alone.
    return (place[3:] == ("image",) and users["image"] == "auto") or place[3:] == (
        "securityContext",
        "runAsUser",
    )
