"""Plans by the shapes they are for.

Pods of different namespaces have different shapes, and most of their plans are the same text but for the
namespace's name. Such a plan is kept once, so that a namespace more takes some hundred bytes. Not here: how
plans are made (planner.py), and the bounded cache itself (generations.py).
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable
from typing import Any, Final

from injector.classes import dataclass
from injector.core.model import Facts
from injector.core.outcome import Outcome
from injector.core.plans.generations import Generations
from injector.core.plans.plan import PatchPlan

# The shares of the bytes for shapes, and for keys that were met once; plans have the rest.
_SHAPES: Final = 4
_MET: Final = 16
# A plan may have this part of the bytes of all at most.
_LARGEST: Final = 8
RARELY: Final = 8
"""Of so many values for which there is no room, one is made."""
# Bytes of a shape beside its texts, and of a plan beside its pieces and its outcome.
_SHAPE: Final = 300
_REST: Final = 3000


@dataclass(frozen=True, slots=True)
class ProvenPlan:
    """A proven plan. `outcome` is of any pod of the shape: without pods, its operations without values.

    `orders` are the maps whose keys have another order than the patch gives them, which shows in a file.
    `spent` is at least the counted work of one of them; `rest` is the caller's.
    """

    plan: PatchPlan
    orders: tuple[tuple[str, tuple[str, ...]], ...]
    spent: int
    outcome: Outcome
    rest: Any


@dataclass(frozen=True, slots=True)
class KnownShape:
    """What is known of a shape: its plan, or that there can be none."""

    planned: ProvenPlan | None


_NO_PLAN: Final = KnownShape(None)


@dataclass(frozen=True, slots=True)
class _Shape:
    """The key of a shape's plan, None without one, and the facts that it was made with."""

    facts: tuple[Any, ...]
    plan: bytes | None


class PlanStore:
    """Plans and shapes of one configuration, at most `limit` bytes.

    `evicted` gets the number of those that are dropped for others.
    """

    def __init__(self, limit: int, evicted: Callable[[int], None]) -> None:
        shapes, met = limit // _SHAPES, limit // _MET
        self._plans: Generations[KnownShape] = Generations(
            limit - shapes - met, evicted, largest=_LARGEST, meets=False
        )
        self._shapes: Generations[_Shape] = Generations(shapes, evicted, meets=False)
        self._met = OnceMet(met)
        self._asked = 0

    def __len__(self) -> int:
        return len(self._plans)

    @property
    def size(self) -> int:
        """Bytes of all, with their keys."""
        return self._plans.size + self._shapes.size + self._met.size

    def find(self, key: bytes, facts: Facts) -> KnownShape | None:
        """What is known of a shape under these facts."""
        shape = self._shapes.get(key)
        if shape is None:
            return None
        known = _NO_PLAN if shape.plan is None else self._plans.get(shape.plan)
        if known is None or shape.facts != _beside_the_key(facts):
            self._shapes.drop(key)
            return None
        return known

    def wants(self, key: bytes) -> bool:
        """Whether a plan is to be made for a shape without one: it was met before, and there is room.

        Where others would be dropped for it, one in eight times. If there are more shapes than fit, each
        would else be dropped before it comes again.
        """
        if not self._met.again(key):
            return False
        self._asked += 1
        return not (self._shapes.is_full or self._plans.is_full) or self._asked % RARELY == 0

    def keep(self, key: bytes, facts: Facts, planned: ProvenPlan | None, size: int) -> None:
        """Keep the plan of a shape, or that it has none; `size` are the bytes of the plan's outcome."""
        name = None
        if planned is not None:
            name = hashlib.sha256(repr(planned).encode("utf-8", "surrogatepass")).digest()
            if self._plans.get(name) is None and not self._plans.put(
                name, KnownShape(planned), _REST + planned.plan.size + size
            ):
                return
        texts = [*facts.overrides, *facts.overrides.values()]
        self._shapes.put(key, _Shape(_beside_the_key(facts), name), _SHAPE + sum(map(len, texts)))

    def clear(self) -> None:
        """Forget all."""
        self._plans.clear()
        self._shapes.clear()
        self._met.clear()


class OnceMet:
    """Digests that were met, in `size` bytes; each has one place, which another may take.

    Of 2^32 pairs of digests, one is taken for the same.
    """

    def __init__(self, size: int) -> None:
        self._places = array("I", bytes(size - size % 4))

    @property
    def size(self) -> int:
        """Its bytes."""
        return len(self._places) * self._places.itemsize

    def again(self, digest: bytes) -> bool:
        """Whether a digest was met before; from now on it was."""
        if not self._places:
            return False
        place = int.from_bytes(digest[:8], "little") % len(self._places)
        mark = int.from_bytes(digest[8:12], "little") or 1
        before, self._places[place] = self._places[place], mark
        return before == mark

    def clear(self) -> None:
        """Forget all."""
        self._places = array("I", bytes(self.size))


def _beside_the_key(facts: Facts) -> tuple[Any, ...]:
    """The facts that the key of a shape does not say."""
    return (
        facts.namespace_object,
        facts.native_sidecars,
        facts.overrides,
        facts.objects,
        facts.origin,
        facts.defaults,
    )
