"""Certificates and keys as they are made, read and refused."""

from __future__ import annotations

import ssl
import time
from dataclasses import replace

import pytest
from cryptography import x509

from injector.certs.issue import CertificateSpec, KeyType, make_authority, service_names, sign_leaf
from injector.certs.pair import BACKDATE_SECONDS, bundle, check_time, decoded, encoded, read_bundle, read_pair
from injector.core.model import ServiceRef
from injector.errors import ConfigError
from injector.server.tls import ReloadableTLS

# Any moment will do, but where a client looks at its own clock.
NOW = 1_800_000_000.0
WANTED = CertificateSpec(("webhook.mesh.svc", "10.0.0.7"), 3600.0, 600.0)


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_a_leaf_is_accepted_by_a_strict_verifier(kind: KeyType) -> None:
    wanted = replace(WANTED, key_type=kind)
    now = time.time()
    ca = make_authority(wanted, now)
    leaf = sign_leaf(ca, wanted, now)
    client = ssl.create_default_context(cadata=ca.chain)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    swap = ReloadableTLS("1.3")
    swap.take(leaf.chain, leaf.key)
    for name in wanted.names:
        ends = ssl.MemoryBIO(), ssl.MemoryBIO()
        calling = client.wrap_bio(ends[0], ends[1], server_hostname=name)
        answering = swap.context.wrap_bio(ends[1], ends[0], server_side=True)
        for end in (calling, answering, calling, answering):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
        assert calling.version() == "TLSv1.3"


def test_two_cas_have_different_names() -> None:
    names = {
        x509.load_pem_x509_certificate(make_authority(WANTED, NOW).chain.encode()).subject.rfc4514_string()
        for _ in range(2)
    }
    assert len(names) == 2


def test_a_leaf_never_outlives_its_ca_and_is_valid_a_while_before_it_was_made() -> None:
    ca = make_authority(CertificateSpec(("x",), 100.0, 600.0), NOW)
    leaf = sign_leaf(ca, CertificateSpec(("x",), 100.0, 600.0), NOW + 50)
    assert leaf.certificate.not_after == ca.certificate.not_after == NOW + 100
    assert leaf.certificate.not_before == NOW + 50 - BACKDATE_SECONDS
    assert leaf.certificate.due(0.5) == NOW + 75


def test_what_does_not_belong_together_or_is_half_written_is_refused_without_repeating_it() -> None:
    ca = make_authority(WANTED, NOW)
    one, two = sign_leaf(ca, WANTED, NOW), sign_leaf(ca, WANTED, NOW)
    for chain, key, words in (
        (one.chain, two.key, "do not match"),
        (one.chain, one.key[:80], "no valid private key"),
        (one.chain[:80], one.key, "no valid certificate"),
        ("", "", "no valid certificate"),
        (one.key, one.chain, "no valid certificate"),
        ("\n".join([*one.chain.splitlines()[:2], *one.chain.splitlines()[3:]]), one.key, "cannot be used"),
        (one.chain, one.key.replace("PRIVATE", "ENCRYPTED PRIVATE"), "cannot be used"),
    ):
        with pytest.raises(ConfigError) as caught:
            read_pair(chain, key, "here")
        assert words in caught.value.message
        assert caught.value.where == "here"
        assert caught.value.hint
        assert one.key.splitlines()[1] not in str(caught.value)


def test_key_and_chain_may_stand_in_one_text_in_any_order() -> None:
    leaf = sign_leaf(make_authority(WANTED, NOW), WANTED, NOW)
    for text in (leaf.key + leaf.chain, leaf.chain + leaf.key, f"# comment\n{leaf.chain}\n\n{leaf.key}"):
        assert read_pair(text, text, "here").fingerprint == leaf.fingerprint


@pytest.mark.parametrize(
    ("at", "words"), [(-BACKDATE_SECONDS - 1, "not valid before"), (601.0, "expired at")]
)
def test_a_certificate_outside_its_time_is_refused_with_the_time(at: float, words: str) -> None:
    leaf = sign_leaf(make_authority(WANTED, NOW), WANTED, NOW)
    with pytest.raises(ConfigError, match=words):
        check_time(leaf.certificate, NOW + at, "here")
    check_time(leaf.certificate, NOW, "here")


def test_a_bundle_is_the_same_text_for_the_same_set_and_leaves_out_what_is_broken() -> None:
    one, two = (make_authority(WANTED, NOW + n).certificate for n in range(2))
    text = bundle([two, one])
    assert text == bundle([one, two])
    assert read_bundle(f"{text}\n{text}-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----") == (
        one,
        two,
    )
    assert decoded(encoded(text)) == text
    assert decoded("no base64!") == decoded(None) == ""


def test_the_names_of_a_service() -> None:
    assert service_names(ServiceRef("mesh", "hook"), "cluster.local", ("10.0.0.7", "hook")) == (
        "hook.mesh.svc",
        "hook.mesh.svc.cluster.local",
        "hook.mesh",
        "hook",
        "10.0.0.7",
    )
