"""Makes an input small that a seeded loop found: Hypothesis leaves out pieces of it."""

from __future__ import annotations

import contextlib
import copy
import json
import time
from collections.abc import Callable, Collection
from random import Random
from typing import Any, Final

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from hypothesis.strategies import DrawFn

_STAYS: Final = st.integers(0, 9999)
_ONCE: Final = settings(
    max_examples=200,
    phases=[Phase.generate, Phase.shrink],
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def shrink(
    tree: Any,
    fails: Callable[[Any], bool],
    *,
    fixed: Collection[str] = (),
    texts: bool = True,
    seconds: float = 20.0,
) -> Any:
    """The smallest part of a tree for which `fails` holds that was found in time; fields with `fixed`
    names stay, and without `texts` all texts stay whole."""
    deadline = time.monotonic() + seconds
    smallest, size = tree, len(json.dumps(tree))

    def is_smaller(part: Any) -> bool:
        nonlocal smallest, size
        if time.monotonic() > deadline or not fails(copy.deepcopy(part)):
            return False
        if len(json.dumps(part)) < size:
            smallest, size = part, len(json.dumps(part))
        return True

    # Once the time is over nothing fails any more, which Hypothesis takes for an error.
    with contextlib.suppress(HypothesisException, RecursionError):
        find(parts(tree, frozenset(fixed), texts=texts), is_smaller, settings=_ONCE, random=Random(0))
    return smallest


@st.composite
def parts(draw: DrawFn, tree: Any, fixed: Collection[str], *, texts: bool) -> Any:
    """A tree without some of its pieces. Most have most of it, the simplest have least."""

    def part(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: part(inner) for key, inner in value.items() if key in fixed or draw(_STAYS)}
        if isinstance(value, list):
            return [part(item) for item in value if draw(_STAYS)]
        if texts and isinstance(value, str) and len(value) > 1:
            length = 1
            while length < len(value) and draw(_STAYS):
                length *= 2
            return value[:length]
        return value

    return part(tree)
