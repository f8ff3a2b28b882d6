"""The places of a listener: which connection is closed where there are too many, or they use too much memory.

Here: how many connections there are, in all and for each address, how long each has been silent, and how
much memory each uses. Not here: a connection itself (connection.py).
"""

from __future__ import annotations

import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from typing import Final, Generic, Protocol, TypeVar

from injector.classes import dataclass

MiB = 1024 * 1024

# A new connection had no time to send a request. While there are only few new ones they are spared, so that
# new callers get an answer where all places are taken.
_MOMENT_SECONDS = 0.5
_FEW = 1 / 16
# Connections are closed for memory only where they use this much, and until this part is free again.
_SOME_BYTES = 8 * 1024
_RELEASED = 1 / 8

_NOTED_SECONDS = 60.0
_LIMITS: Final = {
    "connections": "the limit of open connections (server.connections.limit)",
    "address": "the limit of connections from one address (server.connections.healthPerAddress)",
    "memory": "the limit of memory held for connections (server.connections.maxBytes)",
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of connections. `connections` counts the open ones, in their handshake or after it.

    `per_address` is how many of them may be of one client, 0: any number. `bytes` is the memory of all of
    them. A body larger than `body` is thrown away. `read_seconds` is the time for a handshake, for the
    first request of a connection, for each request to arrive, and for an answer to be read. After
    `age_seconds` an answer is the last one, so that callers spread over all replicas; 0 means never.
    """

    connections: int = 2000
    read_seconds: float = 10.0
    age_seconds: float = 0.0
    per_address: int = 0
    bytes: int = 64 * MiB
    body: int = 7 * MiB

    @property
    def bytes_of_one(self) -> int:
        """The memory that the requests of one connection may use."""
        return self.body + MiB


class Rank(IntEnum):
    """The state of a connection. The lower, the earlier it is closed."""

    NEWCOMER = 0
    """No head of a request is complete."""
    CALLER = 1
    """It has sent a request, and waits for no answer or is still sending."""
    WAITING = 2
    """Its request is complete, and has no answer yet."""


class Guest(Protocol):
    """A connection. `heard_at` is when it last sent something; `held` is its memory in bytes."""

    address: str
    rank: Rank
    held: int
    heard_at: float

    def end(self, cause: str) -> None:
        """Close the connection at once, and free its place."""


Of = TypeVar("Of", bound=Guest)


class _Line(Generic[Of]):
    """Connections by rank; within a rank the longest silent one is first."""

    def __init__(self) -> None:
        self._ranks: tuple[OrderedDict[Of, None], ...] = tuple(OrderedDict() for _ in Rank)

    def __len__(self) -> int:
        return sum(map(len, self._ranks))

    def __iter__(self) -> Iterator[Of]:
        for rank in self._ranks:
            yield from rank

    def __contains__(self, guest: Of) -> bool:
        return guest in self._ranks[guest.rank]

    def add(self, guest: Of) -> None:
        self._ranks[guest.rank][guest] = None

    def remove(self, guest: Of) -> None:
        self._ranks[guest.rank].pop(guest, None)

    def move(self, guest: Of, rank: Rank) -> None:
        self._ranks[guest.rank].pop(guest, None)
        self._ranks[rank][guest] = None

    def heard(self, guest: Of) -> None:
        self._ranks[guest.rank].move_to_end(guest)

    def first_to_go(self, newest: Of, limit: int) -> Of:
        """The one to close for the newest; the newest itself, where there is no other."""
        newcomers, callers, waiting = self._ranks
        longest = next(iter(newcomers))
        others = len(newcomers) - 1
        if others >= max(1, limit * _FEW) or newest.heard_at - longest.heard_at >= _MOMENT_SECONDS:
            return longest
        if callers:
            return next(iter(callers))
        return longest if others or not waiting else next(iter(waiting))


class Places(Generic[Of]):
    """The places of one listener. `held` is the memory of all connections, in bytes.

    A connection is closed with the name of the limit: connections, address or memory.
    """

    def __init__(self, bounds: Bounds) -> None:
        self.held = 0
        self._bounds = bounds
        self._all = _Line[Of]()
        self._by_address: dict[str, _Line[Of]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Of]:
        return iter(list(self._all))

    def enter(self, guest: Of) -> None:
        """Give a place to an accepted connection; at a limit a connection is closed."""
        for line in self._lines(guest):
            line.add(guest)
        each = self._by_address.get(guest.address)
        if each is not None and len(each) > self._bounds.per_address:
            each.first_to_go(guest, self._bounds.per_address).end("address")
        if len(self._all) > self._bounds.connections:
            self._all.first_to_go(guest, self._bounds.connections).end("connections")

    def leave(self, guest: Of) -> None:
        """Free the place and the memory of a connection."""
        for line in self._lines(guest):
            line.remove(guest)
        if not self._by_address.get(guest.address, True):
            del self._by_address[guest.address]
        self.held -= guest.held
        guest.held = 0

    def heard(self, guest: Of, now: float) -> None:
        """The connection has sent something."""
        guest.heard_at = now
        if guest in self._all:
            for line in self._lines(guest):
                line.heard(guest)

    def rank(self, guest: Of, rank: Rank) -> None:
        """Change the rank of a connection; it is the last of that rank."""
        if guest not in self._all:
            return
        for line in self._lines(guest):
            line.move(guest, rank)
        guest.rank = rank

    def hold(self, guest: Of, size: int) -> None:
        """Set the memory of a connection; past the limit of all, the longest silent ones are closed."""
        if guest not in self._all:
            return
        self.held += size - guest.held
        guest.held = size
        if self.held > self._bounds.bytes:
            self._release()

    def _release(self) -> None:
        enough = self._bounds.bytes * (1 - _RELEASED)
        for guest in self:
            if self.held <= enough:
                return
            if guest.held >= _SOME_BYTES:
                guest.end("memory")

    def _lines(self, guest: Of) -> list[_Line[Of]]:
        if not self._bounds.per_address:
            return [self._all]
        line = self._by_address.get(guest.address)
        if line is None:
            line = self._by_address[guest.address] = _Line()
        return [self._all, line]


class ReachedLimits:
    """The limits that were reached lately, and at which listener, as warnings of the replica."""

    def __init__(self, count: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._count, self._clock = count, clock
        self._at: dict[tuple[str, str], float] = {}

    def at(self, listener: str) -> Callable[[str], None]:
        """The function to call with the cause of each connection that is closed at a listener."""

        def cut(cause: str) -> None:
            self._count(cause)
            if cause in _LIMITS:
                self._at[listener, cause] = self._clock()

        return cut

    def warnings(self) -> Mapping[str, str]:
        """A sentence that names them; empty after a minute without any."""
        since = self._clock() - _NOTED_SECONDS
        reached = [
            f"{_LIMITS[cause]} is reached at the listener of the {listener}"
            for (listener, cause), last in sorted(self._at.items())
            if last > since
        ]
        consequence = "; the longest idle connections are closed"
        return {"connections": "; ".join(reached) + consequence} if reached else {}


def client_of(address: str) -> str:
    """The address of one client: of IPv4 the whole, of IPv6 the 64 bits of the network."""
    if ":" not in address:
        return address
    packed = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
    if packed.startswith(bytes(10) + b"\xff\xff"):
        return socket.inet_ntop(socket.AF_INET, packed[12:])
    return socket.inet_ntop(socket.AF_INET6, packed[:8] + bytes(8))
