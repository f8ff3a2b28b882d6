"""New keys, and the certificates that are made with them: a CA, and what it signs for a server.

Here: algorithms and extensions. Not here: when one is made (plan.py), where it is kept (stored.py).

Certificates have every extension that strict verifiers require (Python 3.13 refuses a chain without
authority key identifier). Every CA has a subject of its own: with two roots of one name some verifiers
try only the wrong one.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from injector.certs.pair import BACKDATE_SECONDS, Pair, read_pair
from injector.classes import dataclass
from injector.core.model import ServiceRef
from injector.errors import ConfigError

KeyType: TypeAlias = Literal["ecdsa", "rsa"]
_Key: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class CertificateSpec:
    """The names (DNS names and addresses), lifetimes and type of key of the certificates to make."""

    names: tuple[str, ...]
    ca_seconds: float
    leaf_seconds: float
    key_type: KeyType = "ecdsa"


def make_authority(spec: CertificateSpec, now: float) -> Pair:
    """A new CA that signs servers' certificates only."""
    key = _new_key(spec.key_type)
    subject = _named(f"sidecar-injector CA {secrets.token_hex(4)}")
    builder = _builder(subject, subject, key, key, now, now + spec.ca_seconds)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return _signed(builder.add_extension(_usage(of_ca=True), critical=True), key, key)


def sign_leaf(authority: Pair, spec: CertificateSpec, now: float) -> Pair:
    """A new key with a certificate of `authority`, which expires no later than `authority`."""
    issuer = x509.load_pem_x509_certificate(authority.chain.encode("ascii"))
    signer = _loaded(authority)
    key = _new_key(spec.key_type)
    end = min(now + spec.leaf_seconds, authority.certificate.not_after)
    builder = _builder(_named("sidecar-injector"), issuer.subject, key, signer, now, end)
    server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(of_ca=False), critical=True)
        .add_extension(server, critical=False)
        .add_extension(
            x509.SubjectAlternativeName([_alternative(name) for name in spec.names]), critical=False
        )
    )
    return _signed(builder, key, signer)


def service_names(service: ServiceRef, cluster_domain: str, more: Sequence[str] = ()) -> tuple[str, ...]:
    """The names by which a Service is called, and more."""
    names = (
        service.host,
        f"{service.host}.{cluster_domain}",
        f"{service.name}.{service.namespace}",
        service.name,
        *more,
    )
    return tuple(dict.fromkeys(names))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: _Key, signer: _Key, now: float, end: float
) -> x509.CertificateBuilder:
    start = datetime.fromtimestamp(int(now), UTC) - timedelta(seconds=BACKDATE_SECONDS)
    serial, until = x509.random_serial_number(), datetime.fromtimestamp(int(end), UTC)
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    others = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key(), serial, start, until)
        .add_extension(own, critical=False)
        .add_extension(others, critical=False)
    )


def _signed(builder: x509.CertificateBuilder, key: _Key, signer: _Key) -> Pair:
    chain = builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    form = serialization.PrivateFormat.PKCS8
    text = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return read_pair(chain.decode("ascii"), text.decode("ascii"), "a new certificate")


def _new_key(kind: KeyType) -> _Key:
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP256R1())


def _loaded(authority: Pair) -> _Key:
    key = serialization.load_pem_private_key(authority.key.encode("ascii"), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ConfigError("the CA's key is neither ECDSA nor RSA")
    return key


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, of_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not of_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=of_ca,
        crl_sign=of_ca,
        encipher_only=False,
        decipher_only=False,
    )
