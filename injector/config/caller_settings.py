"""The settings of `serve` about who may call the webhook. Not here: the check itself (callers)."""

from __future__ import annotations

from injector.classes import dataclass
from injector.config.fields import NAMES, TEXT, choice, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerAuth:
    """Who may call the webhook."""

    mode: str = setting(
        "off",
        choice("off", "audit", "enforce"),
        "audit: callers that would be rejected are counted, logged and answered; enforce: they get 401 "
        "or 403.",
    )
    client_ca_file: str = setting(
        "",
        TEXT,
        "File with the CAs of the API servers' client certificates; empty: no client "
        "certificate is requested.",
    )
    client_names: tuple[str, ...] = setting(
        (), NAMES, "Common names, DNS names or URIs of client certificates that are accepted."
    )
    audience: str = setting(
        "", TEXT, "The only audience that a bearer token may have; empty: no token is accepted."
    )
    subjects: tuple[str, ...] = setting((), NAMES, "Subjects of tokens that are accepted.")
    issuer: str = setting("", TEXT, "Issuer of tokens; empty: the cluster's issuer.")
    jwks_file: str = setting("", TEXT, "File with the issuer's keys; empty: read from the API server.")
    groups_claim: str = setting(
        "",
        TEXT,
        "Path of the claim that lists attested API groups, separated by slashes; for pods it must "
        "contain `*` or an empty name. Empty: not checked.",
    )

    @property
    def asks_for_certificates(self) -> bool:
        """Whether the handshake requests a certificate of the caller."""
        return self.mode != "off" and bool(self.client_ca_file)

    @property
    def requires_certificates(self) -> bool:
        """Whether the handshake fails without a certificate, as no other check would accept the caller."""
        return self.mode == "enforce" and bool(self.client_ca_file) and not self.audience
