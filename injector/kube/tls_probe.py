"""The certificates of a webhook as the API server sees them: its bundle, and what it serves.

Here: reading a bundle, and one TLS handshake that trusts only it. Not here: which webhook, and what the
result means. Verification is as in Go: every certificate of the bundle is an anchor, and only subject
alternative names count.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any, Final

from injector.classes import dataclass

DIAL_SECONDS: Final = 5.0

# X509_V_ERR_* of OpenSSL.
_CODES: Final = {9: "validity", 10: "validity", 62: "name", 64: "name"}


@dataclass(frozen=True, slots=True)
class Validity:
    """The validity of a certificate, in seconds since 1970."""

    start: float
    end: float

    def ends_soon(self, now: float) -> bool:
        """Whether it should have been renewed: in the last fifth of its lifetime, at most thirty days."""
        return self.end - now < min((self.end - self.start) / 5, 30 * 86400)


@dataclass(frozen=True, slots=True)
class Dialled:
    """The result of a handshake.

    Without `validity` it failed, and `code` is one of untrusted, name, validity, unreachable.
    """

    validity: Validity | None = None
    code: str = ""
    message: str = ""


def authorities(bundle: str) -> list[Validity]:
    """The CAs of a bundle in PEM. Raises ValueError where there is no certificate in it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=bundle)
    except (ssl.SSLError, ValueError, TypeError) as error:
        raise ValueError("the file has no valid certificate") from error
    return [_validity(certificate) for certificate in context.get_ca_certs()]


def dial(host: str, port: int, name: str, bundle: str | None) -> Dialled:
    """A handshake with a server, which must be `name`. Without a bundle the system's roots are trusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.hostname_checks_common_name = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        if bundle is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(cadata=bundle)
        with (
            socket.create_connection((host, port), DIAL_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=name) as shaken,
        ):
            return Dialled(_validity(shaken.getpeercert() or {}))
    except ssl.SSLCertVerificationError as error:
        return Dialled(None, _CODES.get(error.verify_code, "untrusted"), error.verify_message)
    except (OSError, ValueError) as error:
        return Dialled(None, "unreachable", f"{type(error).__name__}: {error}"[:200])


def _validity(certificate: dict[str, Any]) -> Validity:
    start, end = (ssl.cert_time_to_seconds(certificate[key]) for key in ("notBefore", "notAfter"))
    return Validity(start, end)
