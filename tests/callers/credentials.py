"""Client certificates and tokens for tests: good ones, and any that are wrong in one way."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

AUDIENCE = "https://injector.mesh.svc/mutate"
ISSUER = "https://kubernetes.default.svc.cluster.local"
SUBJECT = "system:serviceaccount:kube-system:webhook-auth"

# Longer than any run of the tests.
TOKEN_SECONDS = 86400
CERTIFICATE_TIME = datetime.timedelta(days=1)

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


@dataclass(frozen=True)
class Authority:
    """A CA that signs callers' certificates."""

    name: x509.Name
    key: ec.EllipticCurvePrivateKey
    pem: str

    @classmethod
    def make(cls, name: str = "callers") -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        made = _unsigned(subject, subject, key).add_extension(
            x509.BasicConstraints(True, None), critical=True
        )
        return cls(subject, key, _pem(made.sign(key, hashes.SHA256())))

    def write_pair(
        self, folder: Path, name: str, *, dns: Sequence[str] = (), usage: x509.ObjectIdentifier = CLIENT
    ) -> tuple[Path, Path]:
        """A certificate of a caller and its key, as files."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        made = _unsigned(self.name, subject, key)
        made = made.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if dns:
            names = x509.SubjectAlternativeName([x509.DNSName(each) for each in dns])
            made = made.add_extension(names, critical=False)
        chain, secret = folder / f"{name}.crt", folder / f"{name}.key"
        chain.write_text(_pem(made.sign(self.key, hashes.SHA256())))
        kind = serialization.PrivateFormat.PKCS8
        secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()))
        return chain, secret


def _unsigned(
    issuer: x509.Name, subject: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now, serial = datetime.datetime.now(datetime.UTC), x509.random_serial_number()
    start, end = now - CERTIFICATE_TIME, now + CERTIFICATE_TIME
    return x509.CertificateBuilder(issuer, subject, key.public_key(), serial, start, end)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Signer:
    """Who signs tokens, with the name of its key."""

    key: Key
    name: str = "one"

    @classmethod
    def make(cls, name: str = "one", *, by_rsa: bool = False) -> Signer:
        key: Key = ec.generate_private_key(ec.SECP256R1())
        if by_rsa:
            key = rsa.generate_private_key(65537, 2048)
        return cls(key, name)

    @property
    def algorithm(self) -> str:
        return "RS256" if isinstance(self.key, rsa.RSAPrivateKey) else "ES256"

    def published(self) -> dict[str, Any]:
        """The public key as a JSON Web Key."""
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        public: dict[str, Any] = json.loads(algorithm.to_jwk(self.key.public_key()))
        return {**public, "kid": self.name, "use": "sig", "alg": self.algorithm}

    def public_pem(self) -> bytes:
        """The public key as everybody may have it."""
        kind = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(serialization.Encoding.PEM, kind)

    def token(self, **claims: Any) -> str:
        """A good token but for these claims; None leaves one out. Make it when it is used: it expires."""
        now = int(time.time())
        times = {"exp": now + TOKEN_SECONDS, "nbf": now - 60}
        wanted = {"iss": ISSUER, "aud": [AUDIENCE], "sub": SUBJECT, **times, **claims}
        payload = {key: value for key, value in wanted.items() if value is not None}
        return jwt.encode(payload, self.key, self.algorithm, {"kid": self.name})
