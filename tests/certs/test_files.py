"""Certificates from files and mounted Secrets: swapped in any way, refused or taken over."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from injector.certs.files import FilePaths, FileSource
from injector.certs.issue import CertificateSpec, make_authority, sign_leaf
from injector.certs.pair import Pair
from injector.certs.published import CABundlePublisher
from injector.core.model import ServiceRef
from injector.errors import ConfigError
from tests.certs.fake_cluster import Clock, Counted, FakeCluster, refusal, registered, trusted

WANTED = CertificateSpec(("hook.mesh.svc",), 1000.0, 100.0)
SETTLE = 5.0


def mounted(folder: Path, leaf: Pair, ca: Pair, number: int = 1) -> None:
    """Write a Secret's folder as a kubelet does: a link that is swapped."""
    data = folder / f"..{number}"
    data.mkdir(parents=True)
    for name, text in (("tls.crt", leaf.chain), ("tls.key", leaf.key), ("ca.crt", ca.chain)):
        (data / name).write_text(text)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    (folder / "..new").symlink_to(data.name)
    os.replace(folder / "..new", folder / "..data")


def files(
    folder: Path, clock: Clock, published: CABundlePublisher | None = None
) -> tuple[FileSource, list[Pair], Counted]:
    taken, counted = list[Pair](), Counted()
    place = FilePaths.folder(folder, with_ca=published is not None)
    made = FileSource(place, taken.append, counted, 1.0, published, clock)
    made.first()
    return made, taken, counted


def test_a_swapped_secret_is_taken_over(tmp_path: Path) -> None:
    clock = Clock()
    ca = make_authority(WANTED, clock())
    one, two = sign_leaf(ca, WANTED, clock()), sign_leaf(ca, WANTED, clock())
    mounted(tmp_path, one, ca)
    made, taken, counted = files(tmp_path, clock)
    assert taken == [one]
    mounted(tmp_path, two, ca, 2)
    asyncio.run(made.round())
    assert taken == [one, two]
    assert ("leaf", two.fingerprint[:16]) in counted.expiries
    asyncio.run(made.round())
    assert len(taken) == 2


def test_a_broken_file_is_reported_and_the_last_valid_one_is_used_until_it_expires(tmp_path: Path) -> None:
    clock = Clock()
    ca = make_authority(WANTED, clock())
    one, two = sign_leaf(ca, WANTED, clock()), sign_leaf(ca, WANTED, clock())
    late = sign_leaf(ca, CertificateSpec(("x",), 1000.0, 1.0), clock() - 10)
    early = sign_leaf(ca, WANTED, clock() + 9000)
    mounted(tmp_path, one, ca)
    made, taken, counted = files(tmp_path, clock)
    for number, (chain, key, words) in enumerate(
        [
            (one.chain, two.key, "do not match"),
            (two.chain, two.key[:50], "no valid private key"),
            (late.chain, late.key, "expired at"),
            (early.chain, early.key, "not valid before"),
        ],
        2,
    ):
        mounted(tmp_path, Pair(two.certificate, chain, key), ca, number)
        asyncio.run(made.round())
        assert words in made.warnings()["certificate files"]
        assert "(hint: " in made.warnings()["certificate files"]
        assert made.not_ready() == {}
    (tmp_path / "tls.key").unlink()
    asyncio.run(made.round())
    assert "cannot be read: No such file" in made.warnings()["certificate files"]
    assert "(hint: check the path" in made.warnings()["certificate files"]
    assert (taken, counted.failures) == ([one], ["files"] * 5)
    clock.now += 101
    assert "cannot be read" in made.not_ready()["certificate"]


@pytest.mark.parametrize("missing", ["tls.crt", "tls.key", "ca.crt"])
def test_a_start_without_a_file_is_refused(tmp_path: Path, missing: str) -> None:
    clock = Clock()
    ca = make_authority(WANTED, clock())
    mounted(tmp_path, sign_leaf(ca, WANTED, clock()), ca)
    (tmp_path / missing).unlink()
    with pytest.raises(ConfigError) as caught:
        files(tmp_path, clock, CABundlePublisher(FakeCluster(), ServiceRef("mesh", "hook"), SETTLE))
    assert caught.value.where == str(tmp_path / missing)


def test_a_new_ca_is_published_before_its_leaf_is_served(tmp_path: Path) -> None:
    clock, cluster = Clock(), FakeCluster()
    registered(cluster)
    old, new = (make_authority(WANTED, clock()) for _ in range(2))
    one, two = sign_leaf(old, WANTED, clock()), sign_leaf(new, WANTED, clock())
    mounted(tmp_path, one, old)
    published = CABundlePublisher(cluster, ServiceRef("mesh", "hook"), SETTLE, monotonic=clock)
    made, taken, _ = files(tmp_path, clock, published)
    asyncio.run(made.round())
    assert trusted(cluster) == {old.fingerprint}
    mounted(tmp_path, two, new, 2)
    asyncio.run(made.round())
    assert (taken, trusted(cluster)) == ([one], {old.fingerprint, new.fingerprint})
    clock.now += SETTLE
    asyncio.run(made.round())
    assert (taken, trusted(cluster)) == ([one, two], {old.fingerprint, new.fingerprint})


def test_a_leaf_whose_ca_cannot_be_published_waits_until_the_old_one_is_over(tmp_path: Path) -> None:
    clock, cluster = Clock(), FakeCluster()
    registered(cluster)
    old, new = (make_authority(WANTED, clock()) for _ in range(2))
    one = sign_leaf(old, WANTED, clock())
    two = sign_leaf(new, CertificateSpec(("x",), 1000.0, 900.0), clock())
    mounted(tmp_path, one, old)
    published = CABundlePublisher(cluster, ServiceRef("mesh", "hook"), SETTLE, monotonic=clock)
    made, taken, counted = files(tmp_path, clock, published)
    cluster.broken["patch"] = refusal(403, "not allowed to patch")
    mounted(tmp_path, two, new, 2)
    clock.now += SETTLE
    asyncio.run(made.round())
    assert (taken, made.warnings()) == ([one], {"certificate caBundle": "not allowed to patch"})
    clock.now += 100
    asyncio.run(made.round())
    assert (taken, made.not_ready()) == ([one, two], {})
    assert counted.failures == ["caBundle"] * 2


def test_a_first_ca_is_published_and_known_before_a_replica_is_ready(tmp_path: Path) -> None:
    clock, cluster = Clock(), FakeCluster()
    registered(cluster)
    ca = make_authority(WANTED, clock())
    mounted(tmp_path, sign_leaf(ca, WANTED, clock()), ca)
    waiting = {"certificate": "its CA is being published"}

    def replica() -> FileSource:
        published = CABundlePublisher(cluster, ServiceRef("mesh", "hook"), SETTLE, monotonic=clock)
        return files(tmp_path, clock, published)[0]

    one = replica()
    assert one.not_ready() == waiting
    asyncio.run(one.round())
    assert (one.not_ready(), trusted(cluster)) == (waiting, {ca.fingerprint})
    clock.now += SETTLE
    asyncio.run(one.round())
    assert one.not_ready() == {}
    later = replica()
    asyncio.run(later.round())
    assert later.not_ready() == {}


def test_the_first_look_does_not_wait_and_a_defect_ends_nothing(tmp_path: Path) -> None:
    clock, cluster = Clock(), FakeCluster()
    registered(cluster)
    ca = make_authority(WANTED, clock())
    mounted(tmp_path, sign_leaf(ca, WANTED, clock()), ca)
    published = CABundlePublisher(cluster, ServiceRef("mesh", "hook"), 0.0, monotonic=clock)
    made, _, _ = files(tmp_path, clock, published)
    made.poll_seconds = 600.0
    place, made.paths = made.paths, None  # type: ignore[assignment]

    async def until(fits: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not fits():
                await asyncio.sleep(0)

    async def go() -> None:
        task = asyncio.create_task(made.run())
        warnings = {"certificate defect": "checking the certificates failed unexpectedly: AttributeError"}
        await until(lambda: made.warnings() == warnings)
        made.paths, made.poll_seconds = place, 0.01
        made.changed.set()
        await until(lambda: made.warnings() == made.not_ready() == {})
        assert trusted(cluster) == {ca.fingerprint}
        task.cancel()

    asyncio.run(go())


def test_the_expiry_of_a_new_ca_is_reported_though_the_leaf_stays(tmp_path: Path) -> None:
    clock, cluster = Clock(), FakeCluster()
    registered(cluster)
    old, new = (make_authority(WANTED, clock()) for _ in range(2))
    leaf = sign_leaf(old, WANTED, clock())
    mounted(tmp_path, leaf, old)
    published = CABundlePublisher(cluster, ServiceRef("mesh", "hook"), SETTLE, monotonic=clock)
    made, taken, counted = files(tmp_path, clock, published)
    mounted(tmp_path, leaf, new, 2)
    asyncio.run(made.round())
    assert taken == [leaf]
    assert set(counted.expiries) == {("leaf", leaf.fingerprint[:16]), ("ca", new.fingerprint[:16])}
    assert counted.due.keys() == counted.expiries.keys()
    assert all(clock() < due < counted.expiries[key] for key, due in counted.due.items())


def test_the_loop_looks_again_and_again(tmp_path: Path) -> None:
    clock = Clock()
    ca = make_authority(WANTED, clock())
    one, two = sign_leaf(ca, WANTED, clock()), sign_leaf(ca, WANTED, clock())
    mounted(tmp_path, one, ca)
    made, taken, _ = files(tmp_path, clock)
    made.poll_seconds = 0.01

    async def go() -> None:
        task = asyncio.create_task(made.run())
        async with asyncio.timeout(60):
            made.changed.set()
            mounted(tmp_path, two, ca, 2)
            while taken[-1] != two:
                await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(go())


def test_one_file_may_hold_both(tmp_path: Path) -> None:
    clock = Clock()
    leaf = sign_leaf(make_authority(WANTED, clock()), WANTED, clock())
    file = tmp_path / "bundle.pem"
    file.write_text(leaf.key + leaf.chain)
    assert FilePaths(file, file).read(clock())[0] == leaf
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="it is not text"):
        FilePaths(file, file).read(clock())
