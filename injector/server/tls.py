"""TLS of the listener: a certificate that can be replaced while connections are open.

Each connection begins with the outer context, whose SNI callback replaces it by the newest inner one, also
for callers without SNI. Each certificate is loaded into a new context, so open connections stay, and one
that OpenSSL refuses changes nothing. Not here: where certificates come from, and whether they are still
valid.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, Final

from injector.errors import ConfigError
from injector.files import as_file

VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def verified_certificate(connection: ssl.SSLObject) -> Mapping[str, Any] | None:
    """The caller's certificate after a handshake, None without one.

    ``{"resumed": True}`` where an earlier handshake verified it: its CA may not be trusted any more.
    """
    certificate = connection.getpeercert()
    if certificate and connection.session_reused:
        return {"resumed": True}
    return certificate or None


class ReloadableTLS:
    """The certificate in use, and the CAs of callers. Before there is one, handshakes are refused.

    With `asks` callers are asked for a certificate; one of an untrusted CA ends the handshake. With
    `requires` one is required.
    """

    def __init__(self, minimum: str = "1.2", *, asks: bool = False, requires: bool = False) -> None:
        self._minimum = VERSIONS[minimum]
        self._mode = ssl.CERT_REQUIRED if requires else ssl.CERT_OPTIONAL if asks else ssl.CERT_NONE
        self.trusted = ""
        self._pair: tuple[str, str] | None = None
        self._inner: ssl.SSLContext | None = None
        self.context = self._set_up(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        self.context.sni_callback = self._choose

    def take(self, chain: str, key: str) -> None:
        """Use a chain and its key, both PEM, from the next connection on.

        Raises ConfigError where OpenSSL refuses them; then the former one stays.
        """
        inner = self._new()
        try:
            with as_file(f"{key}\n{chain}") as path:
                # Without a password function OpenSSL would ask for one on the terminal.
                inner.load_cert_chain(path, password=lambda: b"")
        except (ssl.SSLError, ValueError) as error:
            hint = "use an ECDSA key, or an RSA key of at least 2048 bits"
            raise ConfigError("OpenSSL cannot use certificate and key", hint=hint) from error
        self._pair = (chain, key)
        self._inner = inner

    def trust(self, authorities: str, where: str = "") -> None:
        """Accept certificates of these CAs, PEM, from callers, from the next connection on.

        Raises ConfigError, which names their source `where`, without a valid one; then the former stay.
        """
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=authorities)
        except (ssl.SSLError, ValueError) as error:
            message = "the file has no valid CA certificate"
            raise ConfigError(message, where=where, hint="PEM is expected") from error
        self.trusted = authorities
        if self._pair:
            self.take(*self._pair)

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _outer: ssl.SSLContext) -> int | None:
        if self._inner is None:
            return int(ssl.ALERT_DESCRIPTION_INTERNAL_ERROR)
        connection.context = self._inner
        return None

    def _new(self) -> ssl.SSLContext:
        return self._set_up(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))

    def _set_up(self, context: ssl.SSLContext) -> ssl.SSLContext:
        context.minimum_version = self._minimum
        context.set_alpn_protocols(["http/1.1"])
        # The API server resumes no session, so tickets would be of no use. In TLS 1.2 a session may still be
        # resumed by its ID.
        context.num_tickets = 0
        context.options |= ssl.OP_NO_TICKET
        # The outer context decides whether a certificate is asked for, the inner one which CAs are trusted.
        context.verify_mode = self._mode
        if self.trusted:
            context.load_verify_locations(cadata=self.trusted)
        return context
