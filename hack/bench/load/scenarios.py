"""The loads that are sent, and their figures.

Not here: the process that is loaded (stand.py), and the page (page.py).
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hack.bench.load import review, stand
from hack.bench.load.stand import Load, Server
from tests.beds.apiserver.bed import ApiServer

CALLERS = (1, 2, 4, 8, 16)
SATURATED = 0.95
# As many connections as an API server keeps.
CONNECTIONS = 25
# What is offered is twice the capacity that was measured before; that may have been a little too small.
TWICE = 2.05
OFFERED = 1.95
STEADY = 0.15
REPEATS = 3
MB = 1_000_000


@dataclass(frozen=True)
class Footprint:
    """Seconds from start to ready, of each start; bytes of memory when ready and after so many admissions."""

    starts: Sequence[float]
    memory: Sequence[tuple[int, int]]
    peak: int


@dataclass(frozen=True)
class Capacity:
    """Reviews a second as fast as answers come, by callers."""

    by_callers: Sequence[tuple[int, float]]

    @property
    def callers(self) -> int:
        """The smallest number of callers that gets nearly all there is."""
        return next(callers for callers, rate in self.by_callers if rate >= SATURATED * self.rate)

    @property
    def rate(self) -> float:
        """The best of them."""
        return max(rate for _, rate in self.by_callers)


@dataclass(frozen=True)
class Round:
    """A load beyond the capacity, which was measured right before it and right after it."""

    before: float
    load: Load
    after: float

    @property
    def capacity(self) -> float:
        """The mean of both."""
        return (self.before + self.after) / 2

    @property
    def goodput(self) -> float:
        """The part of the capacity that was of use."""
        return self.load.rate / self.capacity

    @property
    def steady(self) -> bool:
        """Whether both are nearly the same: else others used this machine too, and it shows nothing."""
        return abs(self.before - self.after) <= STEADY * max(self.before, self.after)

    @property
    def offered(self) -> float:
        """Requests a second, those that were sent again among them."""
        report = self.load.report
        return float((self.load.requests + report["retries"]) / report["seconds"])


@dataclass(frozen=True)
class Overload:
    """Rounds of one load: its rates are those of the middle one, and nothing bad may happen in any.

    `repeated` are rounds that were made again: their rates do not count, all other figures do.
    """

    name: str
    rounds: Sequence[Round]
    repeated: Sequence[Round] = ()

    @property
    def loads(self) -> list[Load]:
        """What was sent, all in all."""
        return [each.load for each in (*self.rounds, *self.repeated)]

    @property
    def middle(self) -> Round:
        """The round with the median goodput."""
        return sorted(self.rounds, key=lambda each: each.goodput)[len(self.rounds) // 2]

    @property
    def statuses(self) -> Counter[str]:
        """Last answers of all rounds by status."""
        return sum((Counter(load.report["statuses"]) for load in self.loads), Counter[str]())

    @property
    def errors(self) -> Counter[str]:
        """Requests without an answer, of all rounds."""
        return sum((Counter(load.report["errors"]) for load in self.loads), Counter[str]())

    @property
    def slowest(self) -> float:
        """Milliseconds of the slowest answer of all rounds."""
        return max(float(load.report["acceptedMilliseconds"]["max"]) for load in self.loads)

    @property
    def memory(self) -> tuple[int, int]:
        """The least before a round, and the most in any."""
        return min(load.memory_before for load in self.loads), max(load.memory_peak for load in self.loads)

    @property
    def recovered(self) -> float:
        """The capacity after a round as a part of that before it; the median."""
        return statistics.median(each.after / each.before for each in self.rounds)


def footprint(
    bed: ApiServer, starts: int, admissions: Sequence[int], say: Callable[[str], None]
) -> Footprint:
    """How long `serve` takes to be ready, and its memory after so many admissions, no two of them alike.

    It watches the namespaces of a real API server, and has a full cache each time.
    """
    shop = {"name": "shop", "labels": {"istio-injection": "enabled"}}
    bed.kubectl("create", "-f", "-", manifest={"apiVersion": "v1", "kind": "Namespace", "metadata": shop})
    times = []
    for _ in range(starts):
        with stand.served(stand.SHIPPED, bed=bed, pinned=False) as server:
            times.append(server.ready_seconds)
    with stand.served(stand.SHIPPED, bed=bed) as server:
        memory, peak, done = [(0, server.usage().memory)], 0, 0
        for count in admissions:
            say(f"memory after {count} admissions")
            shapes = list(server.answers(review.shapes()))
            if refused := [each for each in shapes if not each.get("patch")]:
                raise stand.StandError(f"a review is not injected: {refused[0].get('status')}")
            left = f"--requests={count - done - len(shapes)}"
            load = server.loaded(
                "--closed", f"--callers={CONNECTIONS}", "--seconds=900", "--warm-up=0s", left
            )
            if load.of_status(200) != load.requests:
                raise stand.StandError(
                    f"not all were admitted: {load.report['statuses']} {load.report['errors']}"
                )
            memory.append((count, server.usage().memory))
            peak, done = max(peak, load.memory_peak), count
    return Footprint(times, memory, peak)


def capacity(server: Server, seconds: float) -> Capacity:
    """What the server can do at most."""
    return Capacity([(callers, _closed(server, callers, seconds).rate) for callers in CALLERS])


def refusal(server: Server, callers: int, crowd: int, seconds: float) -> float:
    """The CPU time of a refusal in seconds, measured with a crowd; `callers` saturate the server."""
    whole = (f"--seconds={seconds}", "--warm-up=0s", "--retries=0", f"--idle={crowd}")
    answered = server.loaded("--closed", f"--callers={callers}", *whole)
    # More than may wait, and each asks again at once. They are refused as in a flood: before they are read.
    refused = server.loaded("--closed", f"--callers={crowd}", *whole)
    return cost_of_refusals(answered, refused)


def cost_of_refusals(answered: Load, refused: Load) -> float:
    """Seconds of CPU of a refusal: what a load with refusals took beyond its answers, by one without."""
    if answered.of_status(200) != answered.requests or not refused.of_status(429):
        raise stand.StandError(
            "a load without refusals and one with some are expected, to tell what one costs"
        )
    answer = answered.cpu / answered.requests
    return max(0.0, refused.cpu - refused.of_status(200) * answer) / refused.of_status(429)


def closed_beyond(server: Server, callers: int, many: int, seconds: float) -> Round:
    """Many callers, each of which calls again once it is answered, as API servers do.

    `callers` are those that saturate it.
    """
    before = _closed(server, callers, seconds / 2).rate
    load = _closed(server, many, seconds)
    return Round(before, load, _closed(server, callers, seconds / 2).rate)


def open_beyond(server: Server, callers: int, seconds: float) -> Round:
    """Twice as many requests as it can answer, at a rate that heeds no answer."""
    before = _closed(server, callers, seconds / 2).rate
    load = server.loaded(f"--rate={TWICE * before}", "--retries=0", f"--seconds={seconds}", "--warm-up=1s")
    return Round(before, load, _closed(server, callers, seconds / 2).rate)


def rounds(
    name: str, scenario: Callable[[float], Round], count: int, seconds: float, *, twice: bool = False
) -> Overload:
    """So many rounds of a load; others use this machine too, so some that show nothing are repeated.

    A short one comes first, and does not count: connections take their memory once. With `twice` a
    round counts only where twice the capacity was offered.
    """
    scenario(seconds / 4)
    counted: list[Round] = []
    repeated: list[Round] = []
    for left in reversed(range(count + REPEATS)):
        one_round = scenario(seconds)
        shows = one_round.steady and (not twice or one_round.offered >= OFFERED * one_round.capacity)
        # With none left to repeat it counts, and the page says so.
        (counted if shows or left < count - len(counted) else repeated).append(one_round)
        if len(counted) == count:
            break
    return Overload(name, tuple(counted), tuple(repeated))


def allowed_by_refusals(capacity: float, offered: float, refusal: float) -> float:
    """The best rate of answers where each of the others costs `refusal` seconds.

    Of a second, ``g / capacity`` goes to g answers and ``(offered - g) * refusal`` to the others.
    """
    return max(0.0, (1 - offered * refusal) / (1 / capacity - refusal))


def _closed(server: Server, callers: int, seconds: float) -> Load:
    return server.loaded("--closed", f"--callers={callers}", f"--seconds={seconds}")
