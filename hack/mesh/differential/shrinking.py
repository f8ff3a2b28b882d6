"""Makes a failing case small: takes pieces away as long as the same place still differs.

Greedy and bounded: first the settings, then the document, large pieces before small ones.
"""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

from hack.mesh.differential.cases import Case
from hack.mesh.differential.comparison import MISSING, REFUSED
from hack.mesh.differential.rounds import Failure
from hack.mesh.differential.settings import Settings, Tree

_SECONDS: Final = 30.0
# Without these a document is another one, or none.
_KEPT: Final = frozenset({"apiVersion", "kind", "name", "containers"})
Again = Callable[[Case], list[Failure]]


def shrink(failure: Failure, again: Again, seconds: float = _SECONDS) -> Failure:
    """The smallest failure that was found in time; `again` runs a case."""
    deadline = time.monotonic() + seconds
    wanted = _signature(failure)
    progress = True
    while progress:
        progress = False
        for case in _smaller(failure.case):
            if time.monotonic() > deadline:
                return failure
            found = next((f for f in again(case) if _signature(f) & wanted), None)
            if found:
                failure = found
                progress = True
                break
    return failure


def _signature(failure: Failure) -> set[tuple[str, bool, str]]:
    """Where it differs, without the numbers of list items, which change as pieces go; whether it is
    istioctl that has nothing there; and the end of what a program says that refuses the document."""
    told = next((line for line in failure.told.splitlines() if line.lower().startswith("error:")), "")
    return {
        (re.sub(r"/\d+", "/N", d.pointer), d.upstream in (MISSING, REFUSED), told.rpartition(": ")[2])
        for d in failure.differences
    }


def _smaller(case: Case) -> Iterator[Case]:
    settings = case.settings
    for changed in _smaller_settings(settings):
        yield replace(case, settings=changed)
    for document in _pieces_gone(case.documents[0]):
        yield replace(case, documents=(document,))


def _smaller_settings(settings: Settings) -> Iterator[Settings]:
    for values in _pieces_gone(settings.values):
        yield replace(settings, values=values)
    for mesh in _pieces_gone(settings.mesh):
        yield replace(settings, mesh=mesh)
    if settings.revision != "default":
        yield replace(settings, revision="default")


def _pieces_gone(tree: Tree) -> Iterator[Tree]:
    """The tree without one of its pieces, the outer ones first."""
    for way in sorted(_ways(tree), key=len):
        smaller = copy.deepcopy(tree)
        holder: Any = smaller
        for step in way[:-1]:
            holder = holder[step]
        del holder[way[-1]]
        yield smaller


def _ways(tree: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    steps = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for step, value in steps:
        if step not in _KEPT:
            yield (*before, step)
        yield from _ways(value, (*before, step))
