"""Makes a failing case small: leaves out pieces as long as the same place still differs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tests.differential.cases import Case
from tests.differential.comparison import MISSING, REFUSED
from tests.differential.rounds import Failure
from tests.differential.settings import Tree
from tests.generators import shrinking

_SECONDS: Final = 120.0
# Without these a document is another one, or none.
_FIXED: Final = frozenset({"apiVersion", "kind", "name", "containers", "values", "mesh", "document"})


def shrink(failure: Failure, again: Callable[[Case], list[Failure]], seconds: float = _SECONDS) -> Failure:
    """The smallest failure that was found in time; `again` runs a case."""
    wanted, settings = _signature(failure), failure.case.settings
    whole: Tree = {
        "values": settings.values,
        "mesh": settings.mesh,
        "revision": [settings.revision],
        "document": failure.case.documents[0],
    }

    def case_of(part: Tree) -> Case:
        [revision] = part.get("revision") or ["default"]
        changed = replace(settings, values=part["values"], mesh=part["mesh"], revision=revision)
        return replace(failure.case, settings=changed, documents=(part["document"],))

    def failing(part: Tree) -> Failure | None:
        return next((f for f in again(case_of(part)) if _signature(f) & wanted), None)

    smallest = shrinking.shrink(
        whole, lambda part: failing(part) is not None, fixed=_FIXED, texts=False, seconds=seconds
    )
    return failing(smallest) or failure


def _signature(failure: Failure) -> set[tuple[str, bool, str]]:
    """Where it differs, without the numbers of list items, which change as pieces go; whether it is
    istioctl that has nothing there; and the end of what a program says that refuses the document."""
    error = next((line for line in failure.message.splitlines() if line.lower().startswith("error:")), "")
    return {
        (re.sub(r"/\d+", "/N", d.pointer), d.upstream in (MISSING, REFUSED), error.rpartition(": ")[2])
        for d in failure.differences
    }
