"""A certificate with its key, read from PEM and checked.

Here: reading, and every reason to refuse. Not here: making them (issue.py), and where they are stored.
No message repeats what was read: there may be a key where a certificate was expected.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from injector.classes import dataclass
from injector.errors import ConfigError
from injector.patterns import pattern

# A certificate is valid from a time before it was made: clocks differ.
BACKDATE_SECONDS = 3600.0

_UNREADABLE = (ValueError, UnsupportedAlgorithm, x509.InvalidVersion)
_KEY = pattern(r"-----BEGIN (?P<kind>[A-Z ]*PRIVATE KEY)-----\s.*?-----END (?P=kind)-----", re.DOTALL)
_BLOCK = pattern(r"-----BEGIN CERTIFICATE-----\s.*?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Certificate:
    """The public part of a certificate; times are seconds since 1970."""

    fingerprint: str
    not_before: float
    not_after: float
    pem: str = field(repr=False, compare=False, default="")

    def valid(self, now: float) -> bool:
        """Whether the time is within its validity; nothing else is checked."""
        return self.not_before <= now < self.not_after

    def due(self, fraction: float) -> float:
        """When this part of its lifetime is over, and it should be replaced."""
        made = min(self.not_before + BACKDATE_SECONDS, self.not_after)
        return made + fraction * (self.not_after - made)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate, the chain that is sent with it (it comes first), and its private key, both PEM."""

    certificate: Certificate
    chain: str = field(repr=False, compare=False, default="")
    key: str = field(repr=False, compare=False, default="")

    @property
    def fingerprint(self) -> str:
        """That of the certificate."""
        return self.certificate.fingerprint


def read_pair(chain: str, key: str, where: str) -> Pair:
    """The pair of a PEM chain and a PEM key. Raises ConfigError where they cannot be used together."""
    certificates = _blocks(chain)
    if not certificates:
        raise _refused(
            "the file has no valid certificate",
            where,
            "a PEM chain is expected, starting with the server's own certificate",
        )
    private_text = _KEY.search(key)
    if private_text is None:
        raise _refused(
            "the file has no valid private key", where, "PEM is expected; the file may be incomplete"
        )
    try:
        loaded = x509.load_pem_x509_certificate(certificates[0].encode("ascii"))
        private = serialization.load_pem_private_key(private_text[0].encode("utf-8"), None)
        mine, its = (
            public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
            for public in (private.public_key(), loaded.public_key())
        )
        described = _described(loaded)
    except (*_UNREADABLE, TypeError):
        hint = "unencrypted PEM is expected; the file may be incomplete"
        raise _refused("certificate or key cannot be used: not PEM, or encrypted", where, hint) from None
    if mine != its:
        hint = "the chain must start with the certificate of that key"
        raise _refused("certificate and key do not match", where, hint)
    return Pair(described, "".join(f"{text}\n" for text in certificates), f"{private_text[0]}\n")


def check_time(certificate: Certificate, now: float, where: str) -> None:
    """Raise ConfigError unless a certificate is valid now."""
    if now >= certificate.not_after:
        message = f"the certificate expired at {_moment(certificate.not_after)}"
        raise _refused(message, where, "renew it, and check why it was not renewed automatically")
    if now < certificate.not_before:
        message = f"the certificate is not valid before {_moment(certificate.not_before)}"
        raise _refused(message, where, "check the clocks of this machine and of the issuer")


def read_bundle(text: str) -> tuple[Certificate, ...]:
    """The certificates of a PEM bundle, each once; what cannot be read is left out."""
    certificates: dict[str, Certificate] = {}
    for block in _blocks(text):
        try:
            certificate = _described(x509.load_pem_x509_certificate(block.encode("ascii")))
        except _UNREADABLE:
            continue
        certificates.setdefault(certificate.fingerprint, certificate)
    return tuple(certificates.values())


def bundle(certificates: Iterable[Certificate]) -> str:
    """Certificates as one PEM bundle, the same text for the same set."""
    return "".join(c.pem for c in sorted(certificates, key=lambda c: (c.not_before, c.fingerprint)))


def decoded(text: object) -> str:
    """What a base64 field of an object holds; empty where it is none."""
    try:
        return base64.b64decode(str(text or ""), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return ""


def encoded(text: str) -> str:
    """A text as the base64 field of an object."""
    return base64.b64encode(text.encode("utf-8")).decode("ascii")


def _described(loaded: x509.Certificate) -> Certificate:
    return Certificate(
        hashlib.sha256(loaded.public_bytes(serialization.Encoding.DER)).hexdigest(),
        loaded.not_valid_before_utc.timestamp(),
        loaded.not_valid_after_utc.timestamp(),
        loaded.public_bytes(serialization.Encoding.PEM).decode("ascii"),
    )


def _blocks(text: str) -> list[str]:
    return [block for block in _BLOCK.findall(text) if block.isascii()]


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _refused(message: str, where: str, hint: str) -> ConfigError:
    return ConfigError(message, where=where, hint=hint)
