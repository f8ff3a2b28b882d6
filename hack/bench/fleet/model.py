"""A cluster that creates all its pods again, and the replicas of the webhook: a simulation by events.

Modelled: controllers that create the pods of a workload in batches of 1, 2, 4 and so on; API servers that
keep idle connections and open others; replicas with a part of a core each, a queue that refuses what would
wait too long, and caches of their own; a replica that is lost. Not modelled: the network, and what API
servers do besides. All chance comes from one seed. Not here: costs (costs.py), tables (page.py).
"""

from __future__ import annotations

import heapq
import random
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

# Of each API server: requests that it lets in at a time (--max-mutating-requests-inflight), connections that it
# keeps open for each host (client-go), and how often it repeats a refused call.
IN_FLIGHT: Final = 200
IDLE_CONNECTIONS: Final = 25
RETRIES: Final = 10
RETRY_SECONDS: Final = 1.0
# CPU of a refusal, as in docs/explanation/load.md.
REFUSAL_SECONDS: Final = 0.000_061
# A controller tries again after a failed creation, and doubles the pause each time.
BACKOFF_SECONDS: Final = 1.0

# Pods of a workload, and how many of a hundred workloads have so many.
SIZES: Final = ((1, 30), (2, 25), (3, 20), (5, 12), (10, 7), (30, 4), (100, 1), (400, 1))
# Workloads whose pods have the same shape: they come of the same chart or platform.
ALIKE: Final = 5
# Nodes return in waves, which start the workloads.
WAVE_SECONDS: Final = 20.0
WAVE_LASTS: Final = 5.0
# A simulation ends after so many times the time in which all pods are created; what is left is not created.
PATIENCE: Final = 2.0
BATCH_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU seconds of an admission by its kind, and of a TLS handshake."""

    first: float
    distinct: float
    replica: float
    handshake: float


@dataclass(frozen=True, slots=True)
class Queue:
    """The queue of a replica: how many reviews may wait, and how long; see injector.server.queue."""

    length: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A restart. `core` is the part of a core that a replica gets; one is lost at `lost_at`, and is back later."""

    costs: Costs
    queue: Queue
    pods: int = 100_000
    seconds: float = 600.0
    api_servers: int = 3
    replicas: int = 2
    core: float = 1.0
    lost_at: float | None = None
    noticed_after: float = 1.0
    back_after: float = 20.0
    seed: int = 14


@dataclass(slots=True)
class Result:
    """What happened. Waits are those of created pods, from their creation to the answer, with all retries."""

    waits: list[float] = field(default_factory=list)
    refused: int = 0
    failed: int = 0
    handshakes: int = 0
    firsts: int = 0
    distincts: int = 0
    hits: int = 0
    by_second: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    ended: float = 0.0

    def wait(self, share: float) -> float:
        """The wait that this share of the pods does not exceed."""
        return sorted(self.waits)[min(int(share * len(self.waits)), len(self.waits) - 1)]


@dataclass(slots=True, eq=False)
class _Replica:
    alive: bool = True
    free_at: float = 0.0
    starts: list[float] = field(default_factory=list)
    shapes: set[int] = field(default_factory=set)
    workloads: set[int] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class _ApiServer:
    idle: list[_Replica] = field(default_factory=list)
    in_flight: int = 0
    waiting: deque[_Pod] = field(default_factory=deque)


@dataclass(frozen=True, slots=True)
class _Pod:
    workload: int
    shape: int
    created: float
    server: _ApiServer
    tries: int = 0
    failures: int = 0


def arrivals(plan: Plan) -> list[tuple[float, int]]:
    """When a pod of which workload is created, sorted."""
    chance = random.Random(plan.seed)
    sizes, weights = zip(*SIZES, strict=True)
    events: list[tuple[float, int]] = []
    workload = 0
    while len(events) < plan.pods:
        size = min(chance.choices(sizes, weights)[0], plan.pods - len(events))
        wave = WAVE_SECONDS * chance.randrange(int(plan.seconds / WAVE_SECONDS))
        at, batch = wave + WAVE_LASTS * chance.random(), 1
        while size > 0:
            events += [(at + 0.001 * number, workload) for number in range(min(batch, size))]
            size, batch, at = size - batch, 2 * batch, at + BATCH_SECONDS
        workload += 1
    return sorted(events)


class _Run:
    """The state of one simulation."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.chance = random.Random(plan.seed + 1)
        self.replicas = [_Replica() for _ in range(plan.replicas)]
        # Those that the Service sends connections to.
        self.listed = list(self.replicas)
        self.servers = [_ApiServer() for _ in range(plan.api_servers)]
        self.result = Result()
        self.events: list[tuple[float, int, Callable[[float], None]]] = []
        self.number = 0

    def at(self, when: float, happens: Callable[[float], None]) -> None:
        self.number += 1
        heapq.heappush(self.events, (when, self.number, happens))

    def run(self) -> Result:
        for when, workload in arrivals(self.plan):
            pod = _Pod(workload, workload // ALIKE, when, self.chance.choice(self.servers))
            self.at(when, partial(self.create, pod))
        if self.plan.lost_at is not None:
            self.at(self.plan.lost_at, self.lose)
        now = 0.0
        while self.events and now < PATIENCE * self.plan.seconds:
            now, _, happens = heapq.heappop(self.events)
            happens(now)
            self.result.ended = now
        return self.result

    def lose(self, now: float) -> None:
        """A process ends without a drain; another takes its place with empty caches."""
        lost, fresh = self.replicas[0], _Replica()
        lost.alive = False
        for server in self.servers:
            server.idle = [each for each in server.idle if each is not lost]
        self.at(now + self.plan.noticed_after, lambda _now: self.listed.remove(lost))
        self.at(now + self.plan.back_after, lambda _now: self.listed.append(fresh))

    def create(self, pod: _Pod, now: float) -> None:
        """An API server takes the creation of a pod, or lets it wait."""
        if pod.server.in_flight < IN_FLIGHT:
            pod.server.in_flight += 1
            self.call(pod, now)
        else:
            pod.server.waiting.append(pod)

    def done(self, pod: _Pod, now: float) -> None:
        """The API server has answered; the next creation has its turn."""
        pod.server.in_flight -= 1
        if pod.server.waiting:
            self.at(now, partial(self.create, pod.server.waiting.popleft()))

    def call(self, pod: _Pod, now: float) -> None:
        """The webhook is called for a pod, on a connection that is idle or new."""
        cost = 0.0
        if pod.server.idle:
            replica = pod.server.idle.pop()
        elif self.listed:
            replica, cost = self.chance.choice(self.listed), self.plan.costs.handshake
            self.result.handshakes += 1
        else:
            return self.fail(pod, now)
        if not replica.alive:
            return self.fail(pod, now)
        replica.starts = [start for start in replica.starts if start > now]
        wait, queue = max(replica.free_at - now, 0.0), self.plan.queue
        if len(replica.starts) >= queue.length or wait > queue.seconds:
            end = self.use(replica, now, cost + REFUSAL_SECONDS)
            self.at(end, partial(self.refused, pod, replica))
        else:
            replica.starts.append(now + wait)
            end = self.use(replica, now, cost + self.cost_of(replica, pod))
            self.at(end, partial(self.answered, pod, replica))
        return None

    def cost_of(self, replica: _Replica, pod: _Pod) -> float:
        costs, result = self.plan.costs, self.result
        if pod.workload in replica.workloads:
            result.hits += 1
            return costs.replica
        replica.workloads.add(pod.workload)
        if pod.shape in replica.shapes:
            result.distincts += 1
            return costs.distinct
        replica.shapes.add(pod.shape)
        result.firsts += 1
        return costs.first

    def use(self, replica: _Replica, now: float, cost: float) -> float:
        """Take CPU of a replica after what it has to do; returns the end of it."""
        start, taken = max(replica.free_at, now), cost / self.plan.core
        replica.free_at = start + taken
        self.result.by_second[int(start)] += taken
        return replica.free_at

    def answered(self, pod: _Pod, replica: _Replica, now: float) -> None:
        if not replica.alive:
            return self.fail(pod, now)
        self.keep_open(pod, replica)
        self.result.waits.append(now - pod.created)
        return self.done(pod, now)

    def refused(self, pod: _Pod, replica: _Replica, now: float) -> None:
        """429: the API server calls again, until its time for the call is over."""
        self.result.refused += 1
        self.keep_open(pod, replica)
        if pod.tries + 1 >= RETRIES:
            return self.fail(pod, now)
        return self.at(now + RETRY_SECONDS, partial(self.call, replace(pod, tries=pod.tries + 1)))

    def keep_open(self, pod: _Pod, replica: _Replica) -> None:
        if replica.alive and len(pod.server.idle) < IDLE_CONNECTIONS:
            pod.server.idle.append(replica)

    def fail(self, pod: _Pod, now: float) -> None:
        """The pod is not created; its controller tries again later."""
        self.result.failed += 1
        self.done(pod, now)
        again = replace(pod, tries=0, failures=pod.failures + 1)
        self.at(now + BACKOFF_SECONDS * 2**pod.failures, partial(self.create, again))


def simulate(plan: Plan) -> Result:
    """What happens in a restart."""
    return _Run(plan).run()
