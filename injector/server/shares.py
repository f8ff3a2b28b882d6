"""Fair shares: of the namespaces that wait, the one that has used the least CPU is next.

Start-time fair queuing: each namespace has an account of CPU seconds. An idle one begins at the least
account of the active ones, so idle time gives no credit. Not here: the lanes (queue.py), clocks and the
loop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Final, Generic, Protocol, TypeVar

from injector.patterns import pattern

MOST_ACCOUNTS: Final = 1024
# The weight of the newest turn in the estimated time of a turn of its namespace.
_WEIGHT: Final = 1 / 8
# The most that is estimated for a turn of an unknown namespace, in seconds.
_USUAL: Final = 0.02

_HEAD: Final = 4096
_NAMESPACE: Final = pattern(rb'"namespace"\s*:\s*"([-a-z0-9]{1,63})"')


def namespace_of(body: bytes) -> str:
    """The namespace that a review's head names, for the account only; empty where it names none.

    The API server writes the namespace of the request before the object. No text of a pod can look like
    it: a quotation mark inside of a JSON string has a backslash before it.
    """
    match = _NAMESPACE.search(body, 0, _HEAD)
    return match[1].decode("ascii") if match else ""


class Accounts:
    """The CPU seconds of each namespace; old accounts are forgotten."""

    def __init__(self, most: int = MOST_ACCOUNTS) -> None:
        self._most = most
        self._used: dict[str, float] = {}
        # How many turns of a namespace wait or run; none is 0.
        self._active: dict[str, int] = {}
        self._floor = 0.0

    def __len__(self) -> int:
        return len(self._used)

    def enter(self, namespace: str) -> None:
        """One more turn of a namespace waits."""
        if namespace not in self._active:
            if self._active:
                self._floor = max(self._floor, min(map(self._used.__getitem__, self._active)))
            self._used[namespace] = max(self._used.get(namespace, 0.0), self._floor)
        self._active[namespace] = self._active.get(namespace, 0) + 1

    def leave(self, namespace: str) -> None:
        """A turn of a namespace is over, or was refused."""
        self._active[namespace] -= 1
        if not self._active[namespace]:
            del self._active[namespace]
            if not self._active:
                self._floor = max(self._floor, self._used[namespace])
            if len(self._used) > self._most:
                self._forget()

    def charge(self, namespace: str, seconds: float) -> None:
        """Add the CPU seconds of a turn."""
        self._used[namespace] += seconds

    def used(self, namespace: str) -> float:
        """The account of a namespace that is active."""
        return self._used[namespace]

    def _forget(self) -> None:
        """Drop idle accounts that are not above the floor; without any, the lower half of the idle ones."""
        idle = sorted((self._used[name], name) for name in self._used if name not in self._active)
        least = idle[len(idle) // 2][0] if idle else 0.0
        for used, name in idle:
            if used <= max(self._floor, least):
                del self._used[name]


class Waiting(Protocol):
    """What waits in a line."""

    @property
    def namespace(self) -> str:
        """Whose account is charged."""

    @property
    def size(self) -> int:
        """Bytes of the body."""


W = TypeVar("W", bound=Waiting)


class Lines(Generic[W]):
    """A line for each namespace, in order within it."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._lines: dict[str, deque[tuple[int, W]]] = {}
        self._length = self._number = 0
        self._pace = 0.0
        self._paces: dict[str, float] = {}

    def __len__(self) -> int:
        return self._length

    def add(self, entry: W) -> None:
        """Add an entry to the line of its namespace."""
        self._accounts.enter(entry.namespace)
        self._lines.setdefault(entry.namespace, deque()).append((self._number, entry))
        self._number += 1
        self._length += 1

    def take(self, busy: Collection[str] = ()) -> W | None:
        """The first entry of the namespace with the least account, without those that are busy.

        Its namespace stays active until `Accounts.leave`.
        """
        names = [name for name in self._lines if name not in busy] if busy else self._lines
        if not names:
            return None
        name = min(names, key=self._order) if len(names) > 1 else next(iter(names))
        return self._remove(name, 0)

    def would_be_next(self, namespace: str) -> bool:
        """Whether no namespace that waits has used less than an active one."""
        used = self._accounts.used(namespace)
        return all(self._accounts.used(other) >= used for other in self._lines)

    def discard(self, entry: W) -> bool:
        """Remove an entry; False where it does not wait any more."""
        line = self._lines.get(entry.namespace, ())
        place = next((place for place, (_, other) in enumerate(line) if other is entry), None)
        if place is None:
            return False
        self._remove(entry.namespace, place)
        return True

    def last_of_longest(self) -> W:
        """Remove the last entry of the longest line."""
        return self._remove(max(self._lines, key=lambda name: len(self._lines[name])), -1)

    def longest(self) -> int:
        """The length of the longest line."""
        return max(map(len, self._lines.values()), default=0)

    def waiting(self, namespace: str) -> int:
        """The length of a namespace's line."""
        return len(self._lines.get(namespace, ()))

    def bytes(self, namespace: str) -> int:
        """The bytes of the entries of a namespace."""
        return sum(entry.size for _, entry in self._lines.get(namespace, ()))

    def wait(self, namespace: str | None) -> float:
        """Estimated seconds until the turn of a new entry; None stands for a namespace without entries."""
        if not self._length:
            return 0.0
        ahead = min(self._length, (self.waiting(namespace or "") + 1) * len(self._lines))
        if namespace is None:
            ahead = min(self._length, len(self._lines))
        usual = min(self._pace, _USUAL)
        return ahead * (usual if namespace is None else self._paces.get(namespace, usual))

    def took(self, namespace: str, seconds: float) -> None:
        """Note how long a turn took, with the other work since the turn before."""
        self._pace += (seconds - self._pace) * _WEIGHT
        pace = self._paces.pop(namespace, 0.0)
        self._paces[namespace] = pace + (seconds - pace) * _WEIGHT
        if len(self._paces) > MOST_ACCOUNTS:
            del self._paces[next(iter(self._paces))]

    def _order(self, name: str) -> tuple[float, int]:
        return self._accounts.used(name), self._lines[name][0][0]

    def _remove(self, name: str, place: int) -> W:
        line = self._lines[name]
        _, entry = line[place]
        del line[place]
        if not line:
            del self._lines[name]
        self._length -= 1
        return entry
