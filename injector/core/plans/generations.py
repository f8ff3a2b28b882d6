"""A cache that is bounded by bytes, in two generations.

What was used lately survives: a value that is read moves to the younger generation, and when that one has
half of the bytes, the older one is dropped. So a flood of new keys drops only what nobody reads meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

V = TypeVar("V")

_LARGEST: Final = 16
# What Python needs for a key and its place in a dictionary, in bytes.
_PLACE: Final = 160
# The share of the cache for the keys that were met once.
_MET: Final = 8


class Generations(Generic[V]):
    """Values by digest or text; at most `limit` bytes, of which keys that were only met have an eighth.

    `evicted` gets the number of values that are dropped for others. A value may have the part `largest` of
    the bytes at most. `meets` is false where nobody asks which keys were met; values have their bytes then.
    """

    def __init__(
        self,
        limit: int,
        evicted: Callable[[int], None] = lambda _count: None,
        *,
        largest: int = _LARGEST,
        meets: bool = True,
    ) -> None:
        self._limit = limit
        self._largest = limit // largest
        self._of_met = limit // _MET if meets else 0
        self._evicted = evicted
        self._young: dict[bytes | str, tuple[V, int]] = {}
        self._old: dict[bytes | str, tuple[V, int]] = {}
        self._young_size = self._old_size = 0
        self._met: tuple[set[bytes], set[bytes]] = (set(), set())

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    @property
    def size(self) -> int:
        """Bytes of the values and of all keys."""
        return self._young_size + self._old_size + sum(map(len, self._met)) * _PLACE

    def get(self, key: bytes | str) -> V | None:
        """The value of a key, None without one."""
        entry = self._young.get(key)
        if entry is None:
            entry = self._old.pop(key, None)
            if entry is None:
                return None
            self._old_size -= entry[1]
            self._add(key, entry)
        return entry[0]

    @property
    def is_full(self) -> bool:
        """Whether values are dropped for others from now on."""
        return bool(self._old)

    def met(self, key: bytes) -> bool:
        """Whether a key was met before; from now on it was.

        Only a key that comes twice deserves a value: what is sent once evicts nothing.
        """
        young, old = self._met
        if key in young or key in old:
            return True
        if (len(young) + 1) * _PLACE * 2 > self._of_met:
            if not young:
                return False
            self._met = young, old = set(), young
        young.add(key)
        return False

    def put(self, key: bytes | str, value: V, size: int) -> bool:
        """Keep a value that has `size` bytes; False where it is too large."""
        size += _PLACE
        if size > self._largest:
            return False
        self.drop(key)
        self._add(key, (value, size))
        return True

    def drop(self, key: bytes | str) -> None:
        """Forget the value of a key."""
        self._young_size -= self._young.pop(key, (None, 0))[1]
        self._old_size -= self._old.pop(key, (None, 0))[1]

    def clear(self) -> None:
        """Forget all values and keys."""
        self._young, self._old = {}, {}
        self._young_size = self._old_size = 0
        self._met = (set(), set())

    def _add(self, key: bytes | str, entry: tuple[V, int]) -> None:
        if self._young_size + entry[1] > (self._limit - self._of_met) // 2:
            if self._old:
                self._evicted(len(self._old))
            self._old, self._old_size = self._young, self._young_size
            self._young, self._young_size = {}, 0
        self._young[key] = entry
        self._young_size += entry[1]
