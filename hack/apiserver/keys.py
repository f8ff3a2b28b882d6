"""The keys and certificates of one API server bed.

Here: a CA, kube-apiserver's certificate for loopback, the key pair that signs ServiceAccount tokens.
Not here: the certificates of the product's webhook, which makes its own.
"""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CA_NAME = "apiserver-bed-ca"


def write_keys(folder: Path) -> None:
    """Write ca.crt, ca.key, apiserver.crt, apiserver.key, accounts.key and accounts.pub.

    The certificates carry all extensions that OpenSSL's strict mode asks for, the default of
    Python 3.13.
    """
    ca_key = _new_key(folder / "ca.key")
    ca = _certificate(CA_NAME, ca_key, ca_key).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    _sign(folder / "ca.crt", ca.add_extension(_usage(of_ca=True), critical=True), ca_key)

    names = x509.SubjectAlternativeName(
        [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    )
    server = _certificate("kube-apiserver", _new_key(folder / "apiserver.key"), ca_key)
    server = server.add_extension(names, critical=False)
    _sign(folder / "apiserver.crt", server.add_extension(_usage(of_ca=False), critical=True), ca_key)

    accounts = _new_key(folder / "accounts.key").public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    (folder / "accounts.pub").write_bytes(accounts.public_bytes(serialization.Encoding.PEM, form))


def _new_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    # kube-apiserver takes the traditional form only for the keys of ServiceAccounts.
    form = serialization.PrivateFormat.TraditionalOpenSSL
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return key


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, ca_key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(CA_NAME))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(issuer, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _sign(path: Path, builder: x509.CertificateBuilder, ca_key: ec.EllipticCurvePrivateKey) -> None:
    signed = builder.sign(ca_key, hashes.SHA256())
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


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
