"""Manifests from a URL: https, or http to this machine; their size and time are bounded.

Not here: what is in them; the content type does not matter.
"""

from __future__ import annotations

import http.client
import ipaddress
import re
import threading
from typing import IO, Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from injector.errors import ConfigError, ManifestError

MOST: Final = 16 * 2**20
"""The largest answer, in bytes."""
SECONDS: Final = 30.0
"""The longest time for all of it."""
_HINT: Final = "check the URL, or download it first"


def public(url: str) -> str:
    """A URL for messages: without user, password and query, which may hold secrets."""
    parts = _parts(url)
    more = "?..." if parts.query else ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}{more}"


def read(url: str) -> bytes:
    """What a URL answers.

    Raises ConfigError for a URL of another kind, ManifestError where it cannot be read.
    """
    parts = _parts(url)
    where = public(url)
    if parts.username is not None:
        hint = "remove user and password, or download it first"
        raise ConfigError("a URL with a user name is not supported", where=where, hint=hint)
    if not _is_accepted(parts):
        hint = "use https; http is accepted for localhost only"
        raise ConfigError("a URL of https is expected", where=where, hint=hint)
    answer = _in_time(url, where, local=parts.scheme == "http")
    if re.match(rb"\s*<(?:!doctype html|html)\b", answer, re.IGNORECASE):
        hint = "use the URL of the file itself, on GitHub that of Raw"
        raise ManifestError("a page of HTML, expected manifests", where=where, hint=hint)
    return answer


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ConfigError("the URL is not valid", where="-f", hint=_HINT) from None
    return parts


def _is_accepted(parts: SplitResult) -> bool:
    if not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _in_time(url: str, where: str, *, local: bool) -> bytes:
    """The answer. A thread that takes too long is left behind; it ends with the process."""
    results: list[bytes | ManifestError] = []

    def run() -> None:
        try:
            results.append(_fetch(url, where, local))
        except ManifestError as error:
            results.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    # A timeout of the socket alone would begin again with each byte.
    thread.join(SECONDS)
    if not results:
        raise ManifestError(f"no complete answer within {SECONDS:g} s", where=where, hint=_HINT)
    if isinstance(results[0], ManifestError):
        raise results[0]
    return results[0]


def _fetch(url: str, where: str, local: bool) -> bytes:
    request = Request(url, headers={"User-Agent": "sidecar-injector"})
    try:
        with _opener(local).open(request, timeout=SECONDS) as reply:
            data: bytes = reply.read(MOST + 1)
    except HTTPError as error:
        error.close()
        raise ManifestError(f"the server answered {error.code}", where=where, hint=_HINT) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise ManifestError(_reason(error), where=where, hint=_HINT) from None
    if len(data) > MOST:
        raise ManifestError(f"more than {MOST >> 20} MiB", where=where, hint="give a smaller file")
    return data


def _opener(local: bool) -> OpenerDirector:
    """An opener with the proxies of the environment, but none to this machine."""
    return build_opener(_HttpsOnly, *([ProxyHandler({})] if local else []))


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, URLError) else error
    text = getattr(cause, "verify_message", "") or getattr(cause, "strerror", "") or ""
    return f"the URL cannot be read: {text or (cause if isinstance(cause, str) else type(cause).__name__)}"


class _HttpsOnly(HTTPRedirectHandler):
    """Follows redirects to https only, and a few of them."""

    max_redirections = 5

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        """The next request. Raises URLError for a URL that is not https."""
        if urlsplit(newurl).scheme != "https":
            fp.close()
            raise URLError("the server redirects to a URL that is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
