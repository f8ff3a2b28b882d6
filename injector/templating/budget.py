"""How much one rendering may use, the account of what it has used, and the refusal of anything else.

Jinja's sandbox stops a template from reaching Python's internals; it does not stop one from
burning the processor or filling the memory. So every operation whose cost can grow is charged to
a `RenderBudget` *before* the work is done. Which operation charges what belongs to those (`sandbox`,
`operations`, `filters`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, NoReturn, TypeVar

from injector.classes import dataclass

T = TypeVar("T")
Place = tuple[str, int]
"""Key of a compiled template, and a line in it."""

MiB: Final = 1 << 20
NODE: Final = 64
"""What a walk over a tree charges for each item: its time is that of so many characters."""
# Unions in isinstance cost three times as much, and some of these run for every expression.
LIST: Final = (list, tuple)
SIZED: Final = (str, list, tuple, dict)
TREE: Final = (dict, list, tuple)


@dataclass(frozen=True, slots=True)
class RenderLimits:
    """How much one rendering may use. Lengths of text are counted in characters."""

    steps: int = 200_000
    """Loop iterations, calls, filters, includes."""
    output: int = 8 * MiB
    """Text that is output, buffered output (set blocks, macros) included."""
    skeleton: int = 1 * MiB
    """YAML to be parsed, which costs far more than text."""
    work: int = 32 * MiB
    """Characters and items that operators, filters and comparisons touch or build."""
    text: int = 4 * MiB
    """One string."""
    items: int = 1_000_000
    """One list."""
    bits: int = 4096
    """One integer."""
    depth: int = 50
    """Macros that call each other; small enough that Python's own stack is never the limit."""
    skeletons: int = 4 * MiB
    """Bytes of parsed skeletons that are kept between renderings (an estimate)."""


class Refused(Exception):
    """What a template asks for makes no sense or is not allowed; the message is fit to be shown."""

    def __init__(self, message: str, hint: str = "", place: Place | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.place = place


class Exhausted(Refused):
    """A template asks for more than it may use."""


_NONE: Final[Mapping[str, Any]] = MappingProxyType({})


class RenderBudget:
    """The account of one rendering: what it has used, and the values that it has left in its skeleton.

    `units` is what one admission has left, in units of its account; `settled` are variables that are the
    same objects for many pods.
    """

    __slots__ = (
        *("_costs", "_most_output", "_most_steps", "_most_work"),
        *("depth", "last", "limits", "output", "places", "settled", "steps", "values", "work"),
    )

    def __init__(
        self, limits: RenderLimits, units: int | None = None, settled: Mapping[str, Any] = _NONE
    ) -> None:
        self.limits = limits
        self.settled = settled
        self._most_steps, self._most_work, self._most_output = limits.steps, limits.work, limits.output
        if units is not None:
            self._most_steps = min(limits.steps, units)
            self._most_work = min(limits.work, units * NODE)
            self._most_output = min(limits.output, units * NODE)
        self._costs: dict[int, tuple[object, int]] = {}
        self.steps = self.output = self.work = self.depth = 0
        self.values: list[object] = []
        self.places: list[tuple[str, int, str]] = []
        self.last: Place = ("", 1)

    def step(self, count: int = 1) -> None:
        """Charge loop iterations, calls, filters or includes. Raises Exhausted."""
        self.steps += count
        if self.steps > self._most_steps:
            self._exceeded(f"takes more than {self._most_steps} steps")

    def charge(self, units: int) -> None:
        """Charge characters and items that an operation touches or builds. Raises Exhausted."""
        self.work += units
        if self.work > self._most_work:
            self._exceeded(f"builds or compares more than {self._most_work} characters and items")

    def has_room(self, steps: int, work: int) -> bool:
        """Whether these may still be charged."""
        return self.steps + steps <= self._most_steps and self.work + work <= self._most_work

    def emit(self, text: str) -> str:
        """Count `text` as output and return it."""
        self.output += len(text)
        if self.output > self._most_output:
            self._exceeded(f"outputs more than {self._most_output} characters")
        return text

    def joined(self, pieces: Iterable[str]) -> str:
        """Count each piece as output, and return all of them as one text."""
        texts = []
        # As `emit`, without a call for each.
        for text in pieces:
            self.output += len(text)
            if self.output > self._most_output:
                self.emit("")
            texts.append(text)
        return "".join(texts)

    def room(self, size: int, kind: type) -> None:
        """Refuse a string (`str`) or list of this size before it is built."""
        limit = self.limits.text if kind is str else self.limits.items
        if size > limit:
            unit = "a text of more than {} characters" if kind is str else "a list of more than {} items"
            self._exceeded("builds " + unit.format(limit))
        self.charge(size if kind is str else size * 16)

    def built(self, value: T) -> T:
        """Check what an operation has built, and return it."""
        if isinstance(value, str):
            self.room(len(value), str)
        elif isinstance(value, LIST):
            self.room(len(value), list)
        elif isinstance(value, int) and value.bit_length() > self.limits.bits:
            self._exceeded(f"builds an integer of more than {self.limits.bits} bits")
        elif isinstance(value, complex):
            raise Refused("the result is not a real number")
        return value

    def cost(self, value: object) -> int:
        """The price of a walk over a value, all levels; shared parts count each time they are met."""
        if isinstance(value, str):
            return len(value) + 1
        if not isinstance(value, TREE):
            return NODE
        # No operation changes a value, and a template asks about the same ones again.
        known = self._costs.get(id(value))
        if known is None:
            known = self._costs[id(value)] = value, self._walked(value)
        return known[1]

    def _walked(self, value: Any) -> int:
        total, stack = NODE + len(value), [value]
        while stack:
            tree = stack.pop()
            total += NODE * len(tree)
            for item in tree.values() if isinstance(tree, dict) else tree:
                # Nearly all are texts and empty maps.
                if type(item) is str:
                    total += len(item)
                elif item and isinstance(item, SIZED):
                    total += len(item)
                    if not isinstance(item, str):
                        stack.append(item)
            if total > self._most_work:
                self.charge(total)
        return total

    @property
    def units(self) -> int:
        """What was used, in units of `work`."""
        return self.steps + (self.work + self.output) // NODE

    def _exceeded(self, what: str) -> NoReturn:
        raise Exhausted(
            f"the template {what}", "check for a loop, a macro or a text that grows without limit"
        )
