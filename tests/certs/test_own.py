"""The loop around the plan, against a cluster in memory: races, refusals, repairs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from injector.certs.issue import CertificateSpec, make_authority
from injector.certs.own import LONGEST_PAUSE_SECONDS, SelfSignedSource
from injector.certs.pair import Pair, bundle, decoded
from injector.certs.published import CABundlePublisher
from injector.certs.stored import Stored, read, written
from injector.core.model import ServiceRef
from injector.core.registration.entries import CONFIGURATIONS
from injector.errors import ConfigError
from tests.certs.fake_cluster import Clock, Counted, FakeCluster, refusal, registered, trusted

SECRET = "/api/v1/namespaces/mesh/secrets/hook-ca"
WANTED = CertificateSpec(("hook.mesh.svc",), 1000.0, 100.0)
SETTLE = 5.0


@dataclass
class Replica:
    """An `SelfSignedSource` and what it put in use."""

    own: SelfSignedSource
    counted: Counted
    taken: list[Pair]

    @property
    def issuer(self) -> str:
        assert self.own.leaf is not None
        return self.own.leaf.issuer.fingerprint


def replica(cluster: FakeCluster, clock: Clock, *, patching: bool = True) -> Replica:
    counted, taken = Counted(), list[Pair]()
    published = CABundlePublisher(cluster, ServiceRef("mesh", "hook"), SETTLE, patching, clock)
    own = SelfSignedSource(
        cluster, "mesh", "hook-ca", WANTED, 0.66, published, taken.append, counted, clock, lambda: 0.5
    )
    return Replica(own, counted, taken)


def rounds(clock: Clock, *replicas: Replica, count: int = 4, step: float = 0.0) -> None:
    async def go() -> None:
        for _ in range(count):
            await asyncio.gather(*(r.own.round() for r in replicas))
            clock.now += step

    asyncio.run(go())


def test_three_replicas_that_start_at_once_end_with_one_ca() -> None:
    cluster, clock = FakeCluster(), Clock()
    registered(cluster)
    racing = [replica(cluster, clock) for _ in range(3)]
    rounds(clock, *racing, count=6, step=2.0)
    current = read(cluster.objects[SECRET]).current
    assert current is not None
    assert {r.issuer for r in racing} == {current.fingerprint} == trusted(cluster)
    assert all(r.own.not_ready() == {} and not r.counted.failures for r in racing)
    assert sum(r.counted.renewals.count("ca") for r in racing) == 2  # made, and promoted
    kinds = {kind for kind, _ in racing[0].counted.expiries}
    assert kinds == {"leaf", "current"}


def test_with_an_api_server_a_first_ca_is_used_only_once_it_is_published() -> None:
    cluster, clock = FakeCluster(), Clock()
    registered(cluster)
    first = replica(cluster, clock)
    rounds(clock, first, count=3)
    assert (len(first.taken), list(first.own.not_ready())) == (1, ["certificate"])
    clock.now += SETTLE
    rounds(clock, first, count=1)
    assert first.own.not_ready() == {}


def test_without_a_webhook_configuration_a_first_ca_is_used_at_once() -> None:
    cluster, clock = FakeCluster(), Clock()
    first = replica(cluster, clock)
    rounds(clock, first, count=2)
    assert first.own.not_ready() == {}


def test_a_replica_that_starts_later_is_ready_at_once() -> None:
    cluster, clock = FakeCluster(), Clock()
    registered(cluster)
    rounds(clock, replica(cluster, clock), count=6, step=2.0)
    later = replica(cluster, clock)
    rounds(clock, later, count=1)
    assert later.own.not_ready() == {}


def test_a_life_of_leaves_and_cas_never_leaves_the_bundle() -> None:
    cluster, clock = FakeCluster(), Clock()
    registered(cluster)
    both = [replica(cluster, clock), replica(cluster, clock)]

    async def live() -> None:
        for turn in range(500):
            await both[turn % 2].own.round()
            clock.now += 7.0
            assert all(r.own.leaf is None or r.issuer in trusted(cluster) for r in both)
            assert turn < 4 or all(r.own.leaf and r.own.leaf.usable(clock.now) for r in both)

    asyncio.run(live())
    assert len({pair.fingerprint for r in both for pair in r.taken}) > 60
    assert 4 <= sum(r.counted.renewals.count("ca") for r in both) // 2 <= 8
    assert len(trusted(cluster)) <= 2
    assert not both[0].counted.failures


def test_a_renewal_is_logged_with_the_time_at_which_it_is_due() -> None:
    cluster, clock = FakeCluster(), Clock()
    registered(cluster)
    one = replica(cluster, clock)
    rounds(clock, one, count=6, step=2.0)
    assert {kind for kind, _ in one.counted.due} == {"leaf", "current"}
    leaf = one.own.leaf
    assert leaf is not None
    due = one.counted.due["leaf", leaf.certificate.fingerprint[:16]]
    taken = len(one.taken)
    clock.now = due - 1
    rounds(clock, one, count=1)
    assert len(one.taken) == taken
    clock.now = due
    rounds(clock, one, count=1)
    assert len(one.taken) == taken + 1
    # A CA that was replaced is to expire.
    clock.now = one.counted.due["current", one.issuer[:16]]
    rounds(clock, one, count=8, step=SETTLE)
    kinds = {kind for kind, _ in one.counted.expiries}
    assert kinds - {kind for kind, _ in one.counted.due} == {"former"}


def test_a_deleted_secret_comes_back_and_the_old_ca_stays_trusted() -> None:
    cluster, clock = FakeCluster(), Clock()
    registered(cluster)
    one = replica(cluster, clock)
    rounds(clock, one, count=6, step=2.0)
    before = one.issuer
    del cluster.objects[SECRET]
    rounds(clock, one, count=2)
    assert one.issuer == before
    assert before in trusted(cluster)
    assert len(trusted(cluster)) == 2
    rounds(clock, one, count=6, step=2.0)
    assert one.issuer != before
    assert one.own.not_ready() == {}


def test_without_the_api_server_leaves_are_renewed_from_memory() -> None:
    cluster, clock = FakeCluster(), Clock()
    registered(cluster)
    one = replica(cluster, clock)
    rounds(clock, one, count=6, step=2.0)
    taken = len(one.taken)
    for verb in ("get", "list", "update", "patch"):
        cluster.broken[verb] = refusal(0, "the API server cannot be reached")
    clock.now += 80
    rounds(clock, one, count=3)
    assert len(one.taken) == taken + 1
    assert one.own.not_ready() == {}
    assert "cannot be reached" in one.own.warnings()["certificate secret"]
    cluster.broken.clear()
    rounds(clock, one, count=1)
    assert one.own.warnings() == {}


def test_a_bundle_is_put_right_while_the_secret_cannot_be_read() -> None:
    cluster, clock = FakeCluster(), Clock()
    registered(cluster)
    one = replica(cluster, clock)
    rounds(clock, one, count=6, step=2.0)
    cluster.broken["get"] = refusal(403, "not allowed to get secrets")
    registered(cluster)
    assert trusted(cluster) == set()
    rounds(clock, one, count=1)
    assert trusted(cluster) == {one.issuer}
    assert one.own.warnings() == {"certificate secret": "not allowed to get secrets"}


@pytest.mark.parametrize("first", ["one", "two"])
def test_a_configuration_that_cannot_be_patched_keeps_no_other_from_its_bundle(first: str) -> None:
    cluster, clock = FakeCluster(), Clock()
    for name in (first, "two" if first == "one" else "one"):
        registered(cluster, name=name)
    cluster.broken[f"patch {CONFIGURATIONS}/one"] = refusal(403, "not allowed to patch one")
    one = replica(cluster, clock)
    rounds(clock, one)
    assert (trusted(cluster), trusted(cluster, f"{CONFIGURATIONS}/two")) == (set(), {one.issuer})
    assert one.own.warnings() == {"certificate caBundle": "not allowed to patch one"}


def test_all_errors_in_the_secret_are_reported_at_once_with_hints() -> None:
    cluster, clock = FakeCluster(), Clock()
    stored = Stored(make_authority(WANTED, clock()), make_authority(WANTED, clock()))
    secret = written(stored, None, "mesh", "hook-ca")
    secret["data"] |= {"current.key": secret["data"]["next.key"], "next.key": ""}
    cluster.put(SECRET, secret)
    cluster.broken["update"] = refusal(403, "not allowed to update secrets")
    one = replica(cluster, clock)
    rounds(clock, one, count=2)
    warning = one.own.warnings()["certificate ca"]
    assert "mesh/hook-ca current: certificate and key do not match; " in warning
    assert "mesh/hook-ca next: the file has no valid private key (hint: the chain must start" in warning
    assert one.counted.failures == ["ca", "write"] * 2


def test_pauses_grow_while_the_api_server_does_not_answer() -> None:
    cluster, clock = FakeCluster(broken={"get": refusal(500)}), Clock()
    one = replica(cluster, clock)

    async def pauses() -> list[float]:
        return [await one.own.round() for _ in range(9)]

    lengths = asyncio.run(pauses())
    assert lengths == sorted(lengths)
    assert lengths[0] < 2 < lengths[3] < lengths[-1] <= LONGEST_PAUSE_SECONDS * 1.1
    assert one.own.not_ready() == {"certificate": "status 500"}


def test_a_missing_right_to_patch_is_reported_and_does_not_stop_serving() -> None:
    cluster, clock = FakeCluster(broken={"patch": refusal(403, "not allowed to patch")}), Clock()
    registered(cluster)
    one = replica(cluster, clock)
    rounds(clock, one, count=5, step=10.0)
    assert one.own.not_ready() == {}
    assert one.own.warnings() == {"certificate caBundle": "not allowed to patch"}
    stored = read(cluster.objects[SECRET])
    assert stored.current is None
    assert stored.next is not None


@pytest.mark.parametrize("verb", ["create", "update"])
def test_a_secret_that_cannot_be_written_is_reported(verb: str) -> None:
    cluster, clock = FakeCluster(broken={verb: refusal(403, f"not allowed to {verb} secrets")}), Clock()
    if verb == "update":
        cluster.put(SECRET, {"metadata": {"name": "hook-ca", "namespace": "mesh"}})
    one = replica(cluster, clock)
    rounds(clock, one)
    assert one.own.not_ready() == {"certificate": f"not allowed to {verb} secrets"}


def test_a_leaf_that_tls_refuses_leaves_the_old_one_in_use() -> None:
    cluster, clock = FakeCluster(), Clock()
    one = replica(cluster, clock)
    rounds(clock, one, count=6, step=2.0)
    before = one.own.leaf

    def refuse(_pair: Pair) -> None:
        raise ConfigError("OpenSSL cannot use certificate and key")

    one.own.take = refuse
    clock.now += 70
    rounds(clock, one, count=1)
    assert one.own.leaf == before
    assert one.counted.failures == ["leaf"]


def test_the_readiness_ends_with_the_leaf() -> None:
    cluster, clock = FakeCluster(), Clock()
    one = replica(cluster, clock)
    rounds(clock, one, step=2.0)
    clock.now += 80
    assert one.own.not_ready() == {}
    clock.now += 30
    assert "has expired" in one.own.not_ready()["certificate"]


def test_a_bundle_is_merged_with_what_others_wrote_and_cleaned_of_what_expired() -> None:
    cluster, clock = FakeCluster(), Clock()
    others, old = (
        make_authority(WANTED, clock()),
        make_authority(CertificateSpec(("x",), 10.0, 10.0), clock() - 20),
    )
    registered(cluster, bundle([others.certificate, old.certificate]))
    registered(cluster, bundle([old.certificate]), service="another", name="two")
    one = replica(cluster, clock)
    rounds(clock, one, step=2.0)
    assert trusted(cluster) == {others.fingerprint, one.issuer}
    assert trusted(cluster, f"{CONFIGURATIONS}/two") == {old.fingerprint}
    patches = {path for verb, path in cluster.asked if verb == "patch"}
    assert patches == {f"{CONFIGURATIONS}/one"}


def test_where_others_publish_a_ca_waits_for_them() -> None:
    cluster, clock = FakeCluster(), Clock()
    path = registered(cluster)
    one = replica(cluster, clock, patching=False)
    rounds(clock, one, count=5, step=10.0)
    assert (trusted(cluster), read(cluster.objects[SECRET]).current) == (set(), None)
    assert list(one.own.not_ready()) == ["certificate"]
    text = decoded(cluster.objects[SECRET]["data"]["ca.crt"])
    registered(cluster, text)
    rounds(clock, one, count=3, step=SETTLE)
    assert trusted(cluster, path) == {one.issuer}
    assert read(cluster.objects[SECRET]).current is not None
    assert one.own.not_ready() == {}


def test_a_quarrel_about_the_bundle_slows_down() -> None:
    cluster, clock = FakeCluster(), Clock()
    registered(cluster)
    one = replica(cluster, clock)
    rests = []
    for _ in range(12):
        rounds(clock, one, count=2)
        registered(cluster)  # another program empties it again
        rests.append(one.own._rest())
    assert rests == sorted(rests)
    assert rests[-1] == 30.0
    clock.now += 61
    assert one.own._rest() < 1


def test_a_refused_write_is_a_warning_until_it_succeeds() -> None:
    cluster, clock = FakeCluster(broken={"create": refusal(403, "not allowed to create secrets")}), Clock()
    one = replica(cluster, clock)
    rounds(clock, one)
    assert one.counted.failures == ["write"] * 4
    assert one.own.warnings() == {"certificate write": "not allowed to create secrets"}
    cluster.broken.clear()
    rounds(clock, one, step=SETTLE)
    assert one.own.warnings() == {}


def test_a_defect_of_the_renewal_is_reported_and_renewal_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, clock = FakeCluster(), Clock()
    one = replica(cluster, clock)

    def broken(*_: object) -> None:
        raise KeyError("a secret text")

    async def go() -> None:
        monkeypatch.setattr("injector.certs.own.make_plan", broken)
        task = asyncio.create_task(one.own.run())
        async with asyncio.timeout(60):
            while not one.own.warnings():
                await asyncio.sleep(0.01)
            assert one.own.warnings() == {"certificate defect": "the renewal failed unexpectedly: KeyError"}
            monkeypatch.undo()
            one.own.changed.set()
            while one.own.not_ready():
                await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(go())


def test_the_loop_wakes_when_something_changes() -> None:
    cluster, clock = FakeCluster(), Clock()
    one = replica(cluster, clock)

    async def go() -> None:
        task = asyncio.create_task(one.own.run())
        async with asyncio.timeout(60):
            while one.own.not_ready():
                await asyncio.sleep(0.01)
            path = registered(cluster)
            one.own.changed.set()
            while not trusted(cluster, path):
                await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(go())
