"""The keys and certificates of a node: a CA and what it signs for users and servers, keys of ServiceAccounts.

Here: making them and writing them as files; which ones, that is plane.py. Not here: the keys of a server
alone (tests/beds/keys.py), which the product's own code makes; it signs for no users and groups.

The certificates carry all extensions that OpenSSL's strict mode asks for, the default of Python 3.13.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def write_account_keys(folder: Path) -> None:
    """Write accounts.key and accounts.pub, which sign and verify the tokens of ServiceAccounts."""
    accounts = _new_key(folder / "accounts.key").public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    (folder / "accounts.pub").write_bytes(accounts.public_bytes(serialization.Encoding.PEM, form))


@dataclass(frozen=True)
class Authority:
    """A certificate authority, whose ca.crt and ca.key are in `folder`."""

    folder: Path
    subject: x509.Name
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def make(cls, folder: Path, name: str) -> Authority:
        """Make a new CA and write ca.crt and ca.key."""
        authority = cls(folder, _named(name), _new_key(folder / "ca.key"))
        builder = authority._builder(authority.subject, authority.key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        authority._write("ca", builder.add_extension(_usage(of_ca=True), critical=True))
        return authority

    def sign(self, stem: str, user: str, group: str | None = None, names: Iterable[str] = ()) -> None:
        """Write `stem`.crt and `stem`.key for a user and, for a server, its addresses and host names."""
        builder = self._builder(_named(user, group), _new_key(self.folder / f"{stem}.key"))
        alternatives = [_alternative(name) for name in names]
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        self._write(stem, builder.add_extension(_usage(of_ca=False), critical=True))

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=365))
            .add_extension(issuer, critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )

    def _write(self, stem: str, builder: x509.CertificateBuilder) -> None:
        signed = builder.sign(self.key, hashes.SHA256())
        (self.folder / f"{stem}.crt").write_bytes(signed.public_bytes(serialization.Encoding.PEM))


def _new_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    # kube-apiserver takes the traditional form only for the keys of ServiceAccounts.
    form = serialization.PrivateFormat.TraditionalOpenSSL
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return key


def _named(user: str, group: str | None = None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, user)]
    if group:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    return x509.Name(attributes)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, of_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not of_ca,
        key_cert_sign=of_ca,
        crl_sign=of_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
