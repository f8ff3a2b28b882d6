"""Whatever happens in whatever order: the leaf that a replica serves is trusted by what is published.

Replicas act on what they saw a while ago, restart, and race; the Secret is deleted or overwritten;
time passes. The real plan runs against a Secret with versions; certificates are only names and times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from injector.certs.pair import Certificate
from injector.certs.plan import Leaf, Lifetimes, Plan, ReplicaView, make_plan
from injector.certs.stored import Stored
from injector.errors import ConfigError
from tests.certs.certificate_factories import DAY, a_ca, a_leaf

CA_LIFE, LEAF_LIFE, SETTLE, STEP = 60 * DAY, 7 * DAY, 600.0, DAY
# How long an API server may take to use what is published.
LAG = 300.0
LIVES = Lifetimes(LEAF_LIFE, 0.66)


@dataclass
class Replica:
    leaf: Leaf | None = None
    first: bool = False
    """Its leaf is of a CA that is not promoted: nobody calls it before that CA is known."""
    seen: tuple[int, Stored] = (-1, Stored())
    since: dict[str, float] = field(default_factory=dict)
    looked: float = 0.0
    meant: Plan | None = None
    """What it is about to do, decided a while ago."""


@dataclass
class World:
    """One Secret with a version, one caBundle, some replicas with the same clock."""

    now: float = 0.0
    version: int = 0
    secret: Stored | None = None
    published: dict[str, Certificate] = field(default_factory=dict)
    at: dict[str, float] = field(default_factory=dict)
    """Since when something is published."""
    replicas: list[Replica] = field(default_factory=lambda: [Replica() for _ in range(3)])

    def look(self, replica: Replica) -> Plan:
        replica.seen = (self.version, self.secret or Stored())
        return self.think(replica)

    def think(self, replica: Replica) -> Plan:
        settled = frozenset(f for f, at in replica.since.items() if self.now - at >= SETTLE)
        return make_plan(self.now, ReplicaView(replica.seen[1], replica.leaf, settled), LIVES)

    def publish(self, replica: Replica, todo: Plan) -> None:
        valid = {f: c for f, c in self.published.items() if self.now < c.not_after}
        self.published = {**valid, **{c.fingerprint: c for c in todo.publish}}
        self.at = {**dict.fromkeys(self.published, self.now), **self.at}
        replica.since = {f: replica.since.get(f, self.now) for f in self.published}

    def sign(self, replica: Replica, todo: Plan) -> None:
        if todo.sign:
            served = replica.leaf is not None and replica.leaf.usable(self.now) and not replica.first
            replica.first = replica.seen[1].next == todo.sign and not served
            replica.leaf = a_leaf(todo.sign, self.now, LEAF_LIFE)

    def write(self, replica: Replica, todo: Plan) -> None:
        if todo.write is None or replica.seen[0] != self.version:
            return  # a conflict: another replica was first
        stored = replace(todo.write, problems=())
        if todo.new:
            stored = replace(stored, next=a_ca(self.now, CA_LIFE))
        self.secret, self.version = stored, self.version + 1

    def turn(self, number: int) -> None:
        """A whole round of one replica."""
        replica = self.replicas[number]
        todo = self.look(replica)
        self.publish(replica, todo)
        self.sign(replica, todo)
        self.write(replica, todo)
        replica.looked, replica.meant = self.now, None

    def race(self, numbers: Iterable[int]) -> None:
        """Several replicas act on the same state, step by step."""
        racing = [self.replicas[number] for number in numbers]
        plans = [self.look(replica) for replica in racing]
        for replica in racing:
            replica.meant = None
        for act in (self.publish, self.sign, self.write):
            for replica, todo in zip(racing, plans, strict=True):
                act(replica, todo)
                self.check()

    def decide(self, number: int) -> None:
        replica = self.replicas[number]
        replica.meant = self.look(replica)

    def act(self, number: int) -> None:
        replica = self.replicas[number]
        if meant := replica.meant:
            self.publish(replica, meant)
            self.sign(replica, meant)
            self.write(replica, meant)

    def restart(self, number: int) -> None:
        self.replicas[number] = Replica(looked=self.now)

    def delete(self, _: object) -> None:
        self.secret, self.version = None, self.version + 1

    def overwrite(self, numbers: Iterable[int]) -> None:
        """Another program overwrites the caBundle; the replicas look in this order."""
        self.published = {}
        for number in numbers:
            self.turn(number)

    def break_part(self, name: str) -> None:
        """One pair of the Secret becomes unreadable, but for its certificate."""
        if self.secret and (pair := getattr(self.secret, name)):
            former = (*self.secret.former, pair.certificate)
            broken: dict[str, Any] = {name: None}
            self.secret = replace(self.secret, **broken, former=former, problems=(ConfigError("broken"),))
            self.version += 1

    def pass_time(self, seconds: float) -> None:
        """Let time pass; a replica looks at least once a day here (in life once a minute)."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(until, self.now + STEP / 4)
            for number, replica in enumerate(self.replicas):
                if self.now - replica.looked >= STEP / 2:
                    self.turn(number)
                    self.check()

    def check(self) -> None:
        for replica in self.replicas:
            if replica.leaf and replica.leaf.usable(self.now):
                issuer = replica.leaf.issuer.fingerprint
                assert issuer in self.published
                assert replica.first or self.now - self.at[issuer] >= LAG
                assert replica.leaf.certificate.not_after <= replica.leaf.issuer.not_after


EVENTS = st.one_of(
    st.tuples(st.just("turn"), st.integers(0, 2)),
    st.tuples(st.just("race"), st.permutations(range(3))),
    st.tuples(st.just("decide"), st.integers(0, 2)),
    st.tuples(st.just("act"), st.integers(0, 2)),
    st.tuples(st.just("restart"), st.integers(0, 2)),
    st.tuples(st.just("delete"), st.just(0)),
    st.tuples(st.just("overwrite"), st.permutations(range(3))),
    st.tuples(st.just("break"), st.sampled_from(["current", "next"])),
    st.tuples(st.just("pass"), st.sampled_from([1.0, SETTLE, DAY, 3 * DAY, 20 * DAY, 45 * DAY])),
)


HAPPENINGS: dict[str, Callable[[World, Any], None]] = {
    "turn": World.turn,
    "race": World.race,
    "decide": World.decide,
    "act": World.act,
    "restart": World.restart,
    "delete": World.delete,
    "overwrite": World.overwrite,
    "break": World.break_part,
    "pass": World.pass_time,
}


@settings(max_examples=300, deadline=None)
@given(st.lists(EVENTS, max_size=40))
def test_every_leaf_is_trusted_at_every_moment_and_all_end_with_one_ca(
    events: list[tuple[str, object]],
) -> None:
    world = World()
    for event, what in events:
        HAPPENINGS[event](world, what)
        world.check()
    world.pass_time(2 * DAY)
    for _ in range(3):
        for number in range(3):
            world.turn(number)
        world.now += SETTLE
    for number in range(3):
        world.turn(number)
    assert world.secret is not None
    assert world.secret.current is not None
    issuers = {replica.leaf.issuer.fingerprint for replica in world.replicas if replica.leaf}
    assert issuers == {world.secret.current.fingerprint}
    assert all(replica.leaf and replica.leaf.usable(world.now) for replica in world.replicas)


@settings(max_examples=100, deadline=None)
@given(st.lists(EVENTS, max_size=25), st.sampled_from([100 * DAY, 400 * DAY, 4000 * DAY]))
def test_a_clock_that_jumps_for_all_and_back_ends_in_one_ca(
    events: list[tuple[str, object]], jump: float
) -> None:
    world = World(now=5000 * DAY)
    for replica in world.replicas:
        replica.looked = world.now
    for event, what in events:
        HAPPENINGS[event](world, what)
        world.check()
    for change in (jump, -jump):
        world.now += change
        for replica in world.replicas:
            replica.looked, replica.since = world.now, {}
        for _ in range(4):
            for number in range(3):
                world.turn(number)
                world.check()
            world.now += SETTLE
    world.pass_time(10 * DAY)
    for _ in range(2):
        for number in range(3):
            world.turn(number)
        world.now += SETTLE
    issuers = {replica.leaf.issuer.fingerprint for replica in world.replicas if replica.leaf}
    assert len(issuers) == 1
    assert all(replica.leaf and replica.leaf.usable(world.now) for replica in world.replicas)
