"""The generators as Hypothesis strategies, which it makes small where a test fails.

Generators take a `Random`. Hypothesis' own (`st.randoms`) is slow, and makes what `random() < chance`
gives more frequent as it shrinks; the one here makes it go away.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.generators.containers import VOLUMES, draw_container
from tests.generators.pods import draw_clean
from tests.generators.values import unshared

Tree = dict[str, Any]
T = TypeVar("T")

_STEPS: Final = 1000
_SHARES: Final = st.integers(0, _STEPS - 1)
_BITS: Final = [st.integers(0, 2**count - 1) for count in range(65)]


class Choices(Random):
    """A source of random choices that Hypothesis makes; the simplest are the first of a sequence, the
    smallest number, and no for everything that a chance decides."""

    def __new__(cls, *_: object) -> Choices:
        return super().__new__(cls)

    def __init__(self, draw: DrawFn) -> None:
        self._draw = draw

    def random(self) -> float:
        """A number from 0 to 1; 1 itself is never drawn."""
        return (_STEPS - 1 - self._draw(_SHARES)) / _STEPS

    def getrandbits(self, k: int, /) -> int:
        """A number of so many bits, which is what Random draws from sequences with."""
        return self._draw(_BITS[k])


@st.composite
def _choices(draw: DrawFn) -> Choices:
    return Choices(draw)


def drawn(generator: Callable[[Random], T]) -> SearchStrategy[T]:
    """What a generator gives."""
    return st.builds(generator, _choices())


def containers(name: str) -> SearchStrategy[Tree]:
    """Containers of that name, as people write them."""
    return drawn(lambda random: unshared(draw_container(random, name)))


def pods(injected: Callable[[Tree], Tree] | None = None) -> SearchStrategy[Tree]:
    """Pod templates that Kubernetes would accept, with every feature in at least one of fifty.

    `injected` makes an injected pod of a plain one; it is called for about one pod in four. Without
    it none carries an earlier injection.
    """
    plain = drawn(draw_clean)
    if injected is None:
        return plain
    return st.tuples(plain, st.integers(0, 3)).map(
        lambda pair: injected(pair[0]) if pair[1] == 3 else pair[0]
    )


def overlays() -> SearchStrategy[Tree]:
    """What a template may give: a partial pod without nulls and directives."""
    return drawn(_draw_overlay)


def _draw_overlay(random: Random) -> Tree:
    spec: Tree = {}
    for part in ("containers", "initContainers"):
        if random.random() < 0.5:
            names = random.sample(["app", "web", "init-0", "ours"], random.randint(0, 2))
            spec[part] = [draw_container(random, name) for name in names]
    if random.random() < 0.5:
        spec["volumes"] = [{"name": name, "emptyDir": {}} for name in ("ours", *VOLUMES[:2])]
    if random.random() < 0.5:
        spec["securityContext"] = {"fsGroup": 1337}
    return {"metadata": {"labels": {"ours": "yes"}, "annotations": {"a/b": "c"}}, "spec": spec}
