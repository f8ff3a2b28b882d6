"""The caller's certificate and token on their way to the check, over real sockets with TLS."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from injector.callers.check import Check
from injector.errors import ConfigError
from injector.server.app import Webhook
from injector.server.health import create_app
from injector.server.tls import ReloadableTLS
from tests.callers.credentials import SERVER, Authority
from tests.server import serving_in_thread as threads
from tests.server.test_app import a_state
from tests.server.webhook_factories import a_body

NAMES = frozenset({"kube-apiserver"})
JSON = {"content-type": "application/json"}


class Seen:
    """A check that refuses no caller, and records its arguments."""

    def __init__(self) -> None:
        self.certificates: list[Mapping[str, Any] | None] = []
        self.headers: list[str] = []
        self.budgets: list[float | None] = []

    async def __call__(
        self, certificate: Mapping[str, Any] | None, authorization: str, budget: float | None
    ) -> None:
        self.certificates.append(certificate)
        self.headers.append(authorization)
        self.budgets.append(budget)


def an_app(caller: Any) -> Webhook:
    state = a_state(caller=caller)
    return Webhook(state, create_app(state, inner=False))


def a_swap(*authorities: Authority) -> ReloadableTLS:
    swap = ReloadableTLS("1.3", asks=True)
    swap.trust("".join(each.pem for each in authorities))
    return swap


def posted(
    serving: threads.Serving,
    pair: tuple[Path, Path] | None = None,
    body: bytes = b"no JSON",
    prepare: Callable[[ssl.SSLContext], None] = lambda _context: None,
    **headers: str,
) -> tuple[int, str]:
    """Status and text of the answer to a caller with a certificate and headers."""
    context = serving.trusting()
    prepare(context)
    if pair:
        context.load_cert_chain(*pair)
    connection = http.client.HTTPSConnection(
        threads.NAME, serving.port, context=context, timeout=threads.PATIENCE
    )
    try:
        connection.request("POST", "/mutate?timeout=8s", body, {**JSON, **headers})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_what_the_handshake_has_verified_reaches_the_check(tmp_path: Path, version: ssl.TLSVersion) -> None:
    authority, seen = Authority.make(), Seen()
    pair = authority.write_pair(tmp_path, "kube-apiserver", dns=["apiserver.example.com"])
    swap = ReloadableTLS("1.2", asks=True)
    swap.trust(authority.pem)

    def at_most(context: ssl.SSLContext) -> None:
        context.maximum_version = version

    with threads.serving(an_app(seen), swap=swap) as serving:
        posted(serving, pair, prepare=at_most, Authorization="Bearer x")
        posted(serving, prepare=at_most)
    named, nobody = seen.certificates
    assert named is not None
    assert named["subject"] == ((("commonName", "kube-apiserver"),),)
    assert named["subjectAltName"] == (("DNS", "apiserver.example.com"),)
    assert nobody is None
    assert seen.headers == ["Bearer x", ""]
    assert seen.budgets == [8.0, 8.0]


def test_a_refused_caller_is_answered_before_the_body_is_parsed(tmp_path: Path) -> None:
    authority = Authority.make()
    api = authority.write_pair(tmp_path, "kube-apiserver")
    kubelet = authority.write_pair(tmp_path, "kubelet")
    with threads.serving(an_app(Check(enforce=True, names=NAMES)), swap=a_swap(authority)) as serving:
        assert posted(serving) == (401, "the caller is rejected: no-credentials\n")
        assert posted(serving, kubelet) == (403, "the caller is rejected: certificate-name\n")
        assert posted(serving, api)[0] == 400
        assert posted(serving, api, a_body())[0] == 200
    with threads.serving(an_app(Check(enforce=False, names=NAMES)), swap=a_swap(authority)) as serving:
        assert posted(serving, body=a_body())[0] == 200


def test_a_certificate_of_another_ca_or_for_servers_ends_the_handshake(tmp_path: Path) -> None:
    authority, other = Authority.make(), Authority.make()
    seen = Seen()
    with threads.serving(an_app(seen), swap=a_swap(authority)) as serving:
        for pair in (
            other.write_pair(tmp_path, "kube-apiserver"),
            authority.write_pair(tmp_path, "a-server", usage=SERVER),
        ):
            with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
                posted(serving, pair)
        assert posted(serving)[0] == 400
    assert seen.certificates == [None]


def test_a_new_ca_counts_from_the_next_connection_on_and_one_that_cannot_be_read_never(
    tmp_path: Path,
) -> None:
    first, second = Authority.make(), Authority.make("second")
    one, two = first.write_pair(tmp_path, "one"), second.write_pair(tmp_path, "two")
    seen, swap = Seen(), a_swap(first)
    with threads.serving(an_app(seen), swap=swap) as serving:
        for broken in (
            "",
            "no certificate",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ):
            with pytest.raises(ConfigError):
                swap.trust(broken)
        posted(serving, one)
        swap.trust(first.pem + second.pem)
        posted(serving, two)
        swap.trust(second.pem)
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            posted(serving, one)
    assert len(seen.certificates) == 2


def test_without_a_check_no_client_certificate_is_requested(tmp_path: Path) -> None:
    with threads.serving(an_app(None)) as serving:
        assert posted(serving, Authority.make().write_pair(tmp_path, "any"), a_body())[0] == 200
