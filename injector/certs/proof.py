"""Whether a client that trusts what is published, and nothing else, accepts the leaves of a CA.

A TLS handshake in memory with OpenSSL, and a leaf made for it, shows that. Before it, keys and extensions
are checked that OpenSSL accepts and the API server, which uses another library, does not. Not here:
whether the CA is valid now (plan.py): the time is not checked.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterable
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from injector.certs.issue import CertificateSpec, sign_leaf
from injector.certs.pair import Certificate, Pair, bundle
from injector.classes import replace
from injector.errors import ConfigError
from injector.files import as_file

_RSA_BITS: Final = range(2048, 8192 + 1)
_CURVES: Final = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
# X509_V_FLAG_NO_CHECK_TIME, for which the ssl module has no name: the API server's clock counts, and
# not this machine's.
_NO_CHECK_TIME: Final = 0x200000
_CIPHERS: Final = "DEFAULT:@SECLEVEL=2"
_TURNS: Final = 4
_UNUSABLE: Final = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
_HINT: Final = "a new CA replaces it; check what wrote this one to the Secret"


def prove(
    authority: Pair, published: Iterable[Certificate], spec: CertificateSpec, now: float, where: str
) -> None:
    """Raise ConfigError unless clients that trust exactly these accept what the CA signs."""
    try:
        _check_kind(x509.load_pem_x509_certificate(authority.chain.encode("ascii")))
        # The type of the leaf's key does not matter here, and an ECDSA key is made quickly.
        leaf = sign_leaf(authority, replace(spec, key_type="ecdsa"), now)
        _shake_hands(leaf, bundle(published), spec.names[0])
    except ssl.SSLCertVerificationError as error:
        raise _refused(_not_verified(error.verify_message), where) from error
    except ssl.SSLError as error:
        raise _refused(_not_verified(error.reason or "TLS fails"), where) from error
    except ConfigError as error:
        raise _refused(error.message, where) from error
    except _UNUSABLE as error:
        raise _refused("it cannot be parsed, or cannot sign", where) from error


def _check_kind(authority: x509.Certificate) -> None:
    key = authority.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        fits = key.key_size in _RSA_BITS
    else:
        fits = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES)
    if not fits:
        raise ConfigError("its key is neither ECDSA (P-256, P-384, P-521) nor RSA (2048 to 8192 bits)")
    with contextlib.suppress(x509.ExtensionNotFound):
        if not authority.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign:
            raise ConfigError("its key usage does not allow signing certificates")
    try:
        constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        raise ConfigError("it is not a CA: it has no basic constraints") from None
    if not constraints.ca:
        raise ConfigError("it is not a CA according to its basic constraints")


def _shake_hands(leaf: Pair, trusted: str, name: str) -> None:
    """The beginning of a TLS connection in memory. Raises SSLError where the client ends it."""
    client, server = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Without the flag for partial chains: an intermediate CA needs its root in the bundle too.
    client.verify_flags = ssl.VerifyFlags(ssl.VERIFY_X509_TRUSTED_FIRST | _NO_CHECK_TIME)
    client.set_ciphers(_CIPHERS)
    client.load_verify_locations(cadata=trusted)
    with as_file(f"{leaf.key}\n{leaf.chain}") as path:
        server.load_cert_chain(path, password=lambda: b"")
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(down, up, server_hostname=name)
    answering = server.wrap_bio(up, down, server_side=True)
    for _ in range(_TURNS):
        with contextlib.suppress(ssl.SSLWantReadError):
            asking.do_handshake()
            return
        with contextlib.suppress(ssl.SSLWantReadError):
            answering.do_handshake()
    raise ssl.SSLError("the handshake does not complete")


def _not_verified(reason: str) -> str:
    return f"certificates signed by it fail verification against the published CA: {reason}"


def _refused(message: str, where: str) -> ConfigError:
    return ConfigError(f"the CA cannot be used: {message}", where=where, hint=_HINT)
