"""The loads that are sent, and the figures that come of them.

Not here: the process that is loaded (stand.py), and the page (page.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from load import stand
from load.stand import Load, Server

CALLERS = (1, 2, 4, 8, 16)
SATURATED = 0.95
MiB = 1 << 20


@dataclass(frozen=True)
class Footprint:
    """Seconds from start to ready, of each start; MiB of memory when ready and after so many admissions."""

    starts: Sequence[float]
    memory: Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Capacity:
    """Reviews a second as fast as answers come, by callers; and what a refusal costs, in seconds of CPU."""

    by_callers: Sequence[tuple[int, float]]
    refusal: float

    @property
    def callers(self) -> int:
        """The smallest number of callers that gets nearly all there is."""
        return next(callers for callers, rate in self.by_callers if rate >= SATURATED * self.rate)

    @property
    def rate(self) -> float:
        """The best of them."""
        return max(rate for _, rate in self.by_callers)


@dataclass(frozen=True)
class Overload:
    """One load beyond the capacity, which was measured before it and after it: the mean of both counts."""

    name: str
    capacity: float
    load: Load

    @property
    def goodput(self) -> float:
        """The part of the capacity that was of use."""
        return self.load.rate / self.capacity


def footprint(starts: int, admissions: Sequence[int], say: Callable[[str], None]) -> Footprint:
    """How long `serve` takes to be ready, and its memory after so many admissions, no two of them alike."""
    times = []
    for _ in range(starts):
        with stand.served(stand.SHIPPED, pinned=False) as server:
            times.append(server.ready_seconds)
    with stand.served(stand.SHIPPED) as server:
        memory = [(0, server.usage().memory / MiB)]
        done = 0
        for count in admissions:
            say(f"memory after {count} admissions")
            server.loaded(
                "--closed", "--callers=4", "--seconds=900", "--warm-up=0s", f"--requests={count - done}"
            )
            done = count
            memory.append((count, server.usage().memory / MiB))
    return Footprint(times, memory)


def capacity(server: Server, seconds: float) -> Capacity:
    """What the server can do at most, and what it costs it to say no."""
    measured = [(callers, _closed(server, callers, seconds).rate) for callers in CALLERS]
    # Who has no time left is refused by the same way as who finds the queue full.
    refused = server.loaded(
        "--closed", "--callers=4", "--retries=0", f"--seconds={seconds}", "--warm-up=0s", query="timeout=0s"
    )
    return Capacity(measured, refused.cpu / refused.requests)


def closed_beyond(server: Server, found: Capacity, seconds: float) -> Overload:
    """Four times the callers that saturate it; each calls again once it is answered, as API servers do."""
    before = _closed(server, found.callers, seconds / 2).rate
    load = _closed(server, 4 * found.callers, seconds)
    after = _closed(server, found.callers, seconds / 2).rate
    return Overload("shipped profile, four times the callers", (before + after) / 2, load)


def many_callers(server: Server, found: Capacity, callers: int, seconds: float) -> Overload:
    """More callers than may wait: most of them are told to come again, and do."""
    before = _closed(server, found.callers, seconds / 2).rate
    load = _closed(server, callers, seconds)
    after = _closed(server, found.callers, seconds / 2).rate
    return Overload(f"shipped profile, {callers} callers", (before + after) / 2, load)


def open_beyond(server: Server, name: str, callers: int, seconds: float) -> Overload:
    """Twice as many requests as it can answer, at a rate that heeds no answer."""
    before = _closed(server, callers, seconds / 2).rate
    load = server.loaded(f"--rate={2 * before}", "--retries=0", f"--seconds={seconds}", "--warm-up=1s")
    after = _closed(server, callers, seconds / 2).rate
    return Overload(name, (before + after) / 2, load)


def middle(scenario: Callable[[], Overload], rounds: int) -> Overload:
    """The round whose goodput is the median: others use this machine too, for some seconds at a time."""
    return sorted((scenario() for _ in range(rounds)), key=lambda found: found.goodput)[rounds // 2]


def allowed_by_refusals(capacity: float, offered: float, refusal: float) -> float:
    """The best rate of answers where each of the others costs `refusal` seconds.

    Of a second, ``g / capacity`` goes to g answers and ``(offered - g) * refusal`` to the others.
    """
    return max(0.0, (1 - offered * refusal) / (1 / capacity - refusal))


def _closed(server: Server, callers: int, seconds: float) -> Load:
    return server.loaded("--closed", f"--callers={callers}", f"--seconds={seconds}")
