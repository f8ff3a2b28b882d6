"""Settings that are valid one by one, but not together.

Not here: what one setting accepts (schema.py), and checks that need files or a cluster.
"""

from __future__ import annotations

from typing import Final

from injector.config.server_settings import Server
from injector.errors import ConfigError

FAILS_OPEN: Final = "a pod that cannot be injected is admitted without a sidecar"
"""The effect of `failureMode: allow`."""

_CERTIFICATES: Final = "server.certificates"


def check(server: Server) -> None:
    """Raise ConfigError for the first settings that do not fit together."""
    if server.events != "off" and server.namespaces == "off":
        hint = "remove namespaces: off, or set events: off"
        raise ConfigError("Events require a cluster", where="server.events", hint=hint)
    if server.debug_profile and not server.debug_listen:
        hint = "set debugListen: 127.0.0.1:8081, or remove debugProfile"
        raise ConfigError("CPU profiles require the debug listener", where="server.debugProfile", hint=hint)
    _caller_auth(server)


def _caller_auth(server: Server) -> None:
    """Raise ConfigError for an authentication that checks nothing or accepts any caller."""
    auth = server.caller_auth
    if auth.mode == "off":
        return
    if not auth.client_ca_file and not auth.audience:
        raise _missing(
            "callerAuth has no check", "set clientCaFile and clientNames, or audience and subjects"
        )
    if auth.client_ca_file and not auth.client_names:
        hint = "set the names of the API server's certificate: the CA may have signed others"
        raise _missing("any certificate of the CA would be accepted", hint, "clientNames")
    if auth.audience and not auth.subjects:
        hint = "set the subjects of tokens, such as system:serviceaccount:kube-system:webhook-auth"
        raise _missing("any token of the issuer would be accepted", hint, "subjects")
    if auth.audience and auth.jwks_file and not auth.issuer:
        raise _missing("a key set in a file does not contain its issuer", "set issuer", "issuer")
    if auth.audience and not auth.jwks_file and server.namespaces == "off":
        raise _missing(
            "reading the keys from the API server requires a cluster", "set jwksFile and issuer", "jwksFile"
        )


def _missing(message: str, hint: str, key: str = "") -> ConfigError:
    where = "server.callerAuth"
    return ConfigError(message, where=f"{where}.{key}" if key else where, hint=hint)


def check_certificates(server: Server) -> str:
    """The source of certificates that `serve` uses. Raises ConfigError where the settings do not fit."""
    certificates = server.certificates
    kind = server.certificate_source
    if not kind:
        files = "set --tls-cert FILE and --tls-key FILE, or --tls-bundle FILE"
        hint = f"{files}, or {_CERTIFICATES}.service for a self-made certificate"
        raise _no_certificate("a certificate is required", hint)
    if kind == "secret" and not certificates.folder:
        raise _no_certificate("the folder of the mounted Secret is not set", "set folder", "folder")
    if not certificates.service and (kind == "own" or certificates.publish == "on"):
        message = "the Service of the webhook is not set"
        raise _no_certificate(message, "set service: NAMESPACE/NAME", "service")
    if server.namespaces == "off" and (kind == "own" or certificates.publish == "on"):
        raise _no_certificate(
            "this certificate source needs a cluster", "remove --namespaces off, or set certificate files"
        )
    if kind == "files" and certificates.publish == "on" and not certificates.ca_file:
        raise _no_certificate("the CA to publish is not set", "set caFile", "caFile")
    return kind


def _no_certificate(message: str, hint: str, key: str = "") -> ConfigError:
    return ConfigError(message, where=f"{_CERTIFICATES}.{key}" if key else "server", hint=hint)
