"""A CA in the Secret that no caller would accept is never used: it is reported and replaced."""

from __future__ import annotations

import asyncio
import datetime
import ssl
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from injector.certs.issue import CertificateSpec, make_authority, sign_leaf
from injector.certs.own import SelfSignedSource
from injector.certs.pair import BACKDATE_SECONDS, Pair, bundle, decoded, encoded, read_pair
from injector.certs.published import CABundlePublisher
from injector.certs.stored import Stored, read, written
from injector.core.model import ServiceRef
from injector.core.registration.entries import CONFIGURATIONS
from injector.files import as_file
from tests.certs.fake_cluster import Clock, Counted, FakeCluster, registered

SECRET = "/api/v1/namespaces/mesh/secrets/hook-ca"
NAME = "hook.mesh.svc"
WANTED = CertificateSpec((NAME,), 30 * 86400.0, 86400.0)
SETTLE = 5.0
LIFE = 20 * 86400.0

Extension = tuple[x509.ExtensionType, bool]
CA: Extension = (x509.BasicConstraints(ca=True, path_length=None), True)
NONE_BELOW: Extension = (x509.BasicConstraints(ca=True, path_length=0), True)
SIGNS: Extension = (
    x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    ),
    True,
)
SIGNS_NOTHING: Extension = (
    x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    ),
    True,
)


class Made:
    """A certificate and its key of any kind."""

    def __init__(
        self,
        now: float,
        key: Any = None,
        *extensions: Extension,
        by: Made | None = None,
        life: float = LIFE,
        name: str = "a CA",
    ) -> None:
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        issuer = by or self
        start = datetime.datetime.fromtimestamp(now - BACKDATE_SECONDS, datetime.UTC)
        end = datetime.datetime.fromtimestamp(now + life, datetime.UTC)
        serial = x509.random_serial_number()
        builder = x509.CertificateBuilder(
            issuer.subject, self.subject, self.key.public_key(), serial, start, end
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        algorithm = None if isinstance(issuer.key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        self.pem = builder.sign(issuer.key, algorithm).public_bytes(serialization.Encoding.PEM).decode()

    @property
    def pair(self) -> Pair:
        form = serialization.PrivateFormat.PKCS8
        key = self.key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        return read_pair(self.pem, key.decode(), "test")


def a_root(now: float, *extensions: Extension) -> Made:
    return Made(now, None, *(extensions or (CA,)), name="a root")


def a_leaf(now: float) -> Pair:
    return sign_leaf(make_authority(WANTED, now), WANTED, now)


def constrained(*permitted: x509.GeneralName, excluded: list[x509.GeneralName] | None = None) -> Extension:
    return x509.NameConstraints(list(permitted) or None, excluded), True


def server_only(now: float) -> Pair:
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    return Made(now, None, CA, SIGNS, (usage, False)).pair


def of_rsa(bits: int) -> Callable[[float], Pair]:
    return lambda now: Made(now, rsa.generate_private_key(65537, bits), CA, SIGNS).pair


def of_curve(curve: ec.EllipticCurve) -> Callable[[float], Pair]:
    return lambda now: Made(now, ec.generate_private_key(curve), CA, SIGNS).pair


UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00")

BAD: dict[str, Callable[[float], Pair]] = {
    "leaf": a_leaf,
    "self-signed leaf": lambda now: Made(now, None, (x509.BasicConstraints(False, None), True)).pair,
    "no basic constraints": lambda now: Made(now).pair,
    "no basic constraints but the usage": lambda now: Made(now, None, SIGNS).pair,
    "intermediate without root": lambda now: Made(now, None, CA, SIGNS, by=a_root(now)).pair,
    "rsa 1024": of_rsa(1024),
    "rsa 2040": of_rsa(2040),
    "p-192": of_curve(ec.SECP192R1()),
    "p-224": of_curve(ec.SECP224R1()),
    "secp256k1": of_curve(ec.SECP256K1()),
    "brainpool": of_curve(ec.BrainpoolP256R1()),
    "ed25519": lambda now: Made(now, ed25519.Ed25519PrivateKey.generate(), CA, SIGNS).pair,
    "dsa": lambda now: Made(now, dsa.generate_private_key(2048), CA, SIGNS).pair,
    "usage without signing": lambda now: Made(now, None, CA, SIGNS_NOTHING).pair,
    "another name only": lambda now: (
        Made(now, None, CA, SIGNS, constrained(x509.DNSName("example.com"))).pair
    ),
    "name excluded": lambda now: (
        Made(now, None, CA, SIGNS, constrained(excluded=[x509.DNSName("mesh.svc")])).pair
    ),
    "for clients only": server_only,
    "unknown critical extension": lambda now: Made(now, None, CA, SIGNS, (UNKNOWN, True)).pair,
}
GOOD: dict[str, Callable[[float], Pair]] = {
    "ours": lambda now: make_authority(WANTED, now),
    "ours of rsa": lambda now: make_authority(CertificateSpec((NAME,), LIFE, LIFE, key_type="rsa"), now),
    "p-384 without usage": lambda now: Made(now, ec.generate_private_key(ec.SECP384R1()), CA).pair,
    "rsa 3072": of_rsa(3072),
    "path of none": lambda now: Made(now, None, NONE_BELOW, SIGNS).pair,
    "our names only": lambda now: Made(now, None, CA, SIGNS, constrained(x509.DNSName("mesh.svc"))).pair,
}


class Replica:
    """An `SelfSignedSource` over a cluster in memory. `offset`: how far its clock is from this machine's."""

    def __init__(self, *, offset: float = 0.0) -> None:
        # OpenSSL judges by the machine's own clock.
        self.cluster, self.clock, self.counted = FakeCluster(), Clock(time.time()), Counted()
        self.clock.now += offset
        registered(self.cluster)
        self.taken: list[Pair] = []
        published = CABundlePublisher(self.cluster, ServiceRef("mesh", "hook"), SETTLE, True, self.clock)
        self.own = SelfSignedSource(
            self.cluster, "mesh", "hook-ca", WANTED, 0.66, published, self.taken.append, self.counted,
            self.clock, lambda: 0.5,
        )  # fmt: skip

    def store(self, current: Pair | None, following: Pair | None = None, *former: Pair) -> None:
        stored = Stored(current, following, tuple(pair.certificate for pair in former))
        self.cluster.put(SECRET, written(stored, None, "mesh", "hook-ca"))

    @property
    def stored(self) -> Stored:
        return read(self.cluster.objects[SECRET])

    def rounds(self, count: int) -> list[str]:
        """Do this many rounds; return the warning about CAs after each."""
        warnings = []

        async def go() -> None:
            for _ in range(count):
                await self.own.round()
                warnings.append(self.own.warnings().get("certificate ca", ""))
                self.clock.now += SETTLE

        asyncio.run(go())
        return warnings

    def trusted(self) -> str:
        client = self.cluster.objects[f"{CONFIGURATIONS}/one"]["webhooks"][0]["clientConfig"]
        return decoded(client["caBundle"])


def accepted(leaf: Pair, trusted: str) -> None:
    """A handshake as a client of OpenSSL with its defaults makes it. Raises SSLError."""
    client, server = ssl.create_default_context(cadata=trusted), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client.verify_flags = ssl.VERIFY_X509_TRUSTED_FIRST
    with as_file(leaf.key + leaf.chain) as path:
        server.load_cert_chain(path)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(down, up, server_hostname=NAME)
    answering = server.wrap_bio(up, down, server_side=True)
    for side in (asking, answering):
        with pytest.raises(ssl.SSLWantReadError):
            side.do_handshake()
    asking.do_handshake()


@pytest.mark.parametrize("kind", BAD)
def test_an_unusable_current_ca_is_reported_and_replaced(kind: str) -> None:
    replica = Replica()
    bad = BAD[kind](replica.clock())
    replica.store(bad)
    warning = replica.rounds(1)[0]
    assert warning.startswith("Secret mesh/hook-ca current: ")
    assert "(hint: " in warning
    assert (replica.taken, list(replica.own.not_ready())) == ([], ["certificate"])
    later = replica.rounds(5)
    assert (later[-1], replica.own.not_ready()) == ("", {})
    current = replica.stored.current
    assert current is not None
    assert current.fingerprint != bad.fingerprint
    for leaf in replica.taken:
        accepted(leaf, replica.trusted())


@pytest.mark.parametrize("kind", BAD)
def test_an_unusable_next_ca_is_dropped_and_the_current_one_stays(kind: str) -> None:
    replica = Replica()
    good = make_authority(WANTED, replica.clock())
    bad = BAD[kind](replica.clock())
    replica.store(good, bad)
    warnings = replica.rounds(6)
    assert warnings[0].startswith("Secret mesh/hook-ca next: ")
    assert (warnings[-1], replica.own.not_ready(), len(replica.taken)) == ("", {}, 1)
    assert (replica.stored.current, replica.stored.next) == (good, None)
    accepted(replica.taken[0], replica.trusted())


@pytest.mark.parametrize("kind", GOOD)
def test_a_ca_that_works_is_used_whoever_made_it(kind: str) -> None:
    replica = Replica()
    good = GOOD[kind](replica.clock())
    replica.store(good)
    assert replica.rounds(3) == [""] * 3
    assert (replica.stored.current, replica.own.not_ready()) == (good, {})
    accepted(replica.taken[0], replica.trusted())


@pytest.mark.parametrize("in_chain", [True, False])
def test_an_intermediate_ca_works_as_long_as_its_root_is_published(in_chain: bool) -> None:
    replica = Replica()
    root = a_root(replica.clock())
    pair = Made(replica.clock(), None, CA, SIGNS, by=root).pair
    replica.store(pair, None, *([] if in_chain else [root.pair]))
    if in_chain:
        data = replica.cluster.objects[SECRET]["data"]
        data["current.crt"] = encoded(pair.chain + root.pem)
    assert replica.rounds(2) == ["", ""]
    accepted(replica.taken[0], replica.trusted())
    data = replica.cluster.objects[SECRET]["data"]
    data |= {"current.crt": encoded(pair.chain), "ca.crt": encoded(bundle([pair.certificate]))}
    assert "current" in replica.rounds(1)[0]
    replica.rounds(5)
    assert replica.stored.current != pair
    accepted(replica.taken[-1], replica.trusted())


def test_an_intermediate_ca_below_a_root_that_allows_none_is_replaced() -> None:
    replica = Replica()
    root = a_root(replica.clock(), NONE_BELOW)
    replica.store(Made(replica.clock(), None, CA, SIGNS, by=root).pair, None, root.pair)
    assert "path length constraint exceeded" in replica.rounds(1)[0]
    replica.rounds(5)
    accepted(replica.taken[-1], replica.trusted())


@pytest.mark.parametrize("offset", [-400 * 86400.0, 400 * 86400.0])
def test_the_clock_of_this_machine_condemns_no_ca(offset: float) -> None:
    replica = Replica(offset=offset)
    good = make_authority(WANTED, replica.clock())
    replica.store(good)
    assert replica.rounds(4) == [""] * 4
    assert (replica.stored.current, replica.own.not_ready()) == (good, {})


def test_an_expired_ca_is_replaced_as_before() -> None:
    replica = Replica()
    replica.store(Made(replica.clock() - 2 * LIFE, None, CA, SIGNS).pair)
    replica.rounds(6)
    assert replica.own.not_ready() == {}
    accepted(replica.taken[-1], replica.trusted())


def test_replicas_that_find_a_bad_ca_at_once_end_with_one_that_works() -> None:
    first = Replica()
    others = [Replica(), Replica()]
    for other in others:
        other.own.cluster = other.own.publisher.cluster = other.cluster = first.cluster
    first.store(BAD["leaf"](first.clock()))

    async def go() -> None:
        for _ in range(6):
            await asyncio.gather(*(r.own.round() for r in (first, *others)))
            for each in (first, *others):
                each.clock.now += SETTLE

    asyncio.run(go())
    current = first.stored.current
    assert current is not None
    for each in (first, *others):
        assert each.own.leaf is not None
        assert each.own.leaf.issuer == current.certificate
        accepted(each.taken[-1], first.trusted())


def test_where_no_new_ca_would_work_none_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    replica = Replica()
    # As on a system whose OpenSSL requires longer keys than this one.
    monkeypatch.setattr("injector.certs.proof._CIPHERS", "DEFAULT:@SECLEVEL=5")
    replica.rounds(3)
    assert (SECRET in replica.cluster.objects, replica.taken) == (False, [])
    assert "a new CA" in replica.own.not_ready()["certificate"]


def test_a_ca_is_proved_once_for_what_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    replica = Replica()
    proved: list[object] = []
    real = SelfSignedSource._proof
    # That nothing is done leaves no other trace.

    def noted(*arguments: Any) -> Any:
        proved.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(SelfSignedSource, "_proof", noted)
    replica.store(make_authority(WANTED, replica.clock()))
    replica.rounds(5)
    assert len(proved) == 1
