"""A client certificate counts on the connection whose handshake has verified it, and under one name."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from injector.callers.check import REASONS, Check
from injector.config.loading import Input, Text, load_input
from injector.server.app import Webhook
from injector.server.health import create_app
from injector.server.state import State
from injector.server.tls import ReloadableTLS
from injector.telemetry import Metrics
from tests.callers.credentials import Authority
from tests.server import serving_in_thread as threads

NAME = "kube-apiserver"
REQUEST = (
    b"POST /mutate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    b"content-length: 2\r\nconnection: close\r\n\r\n{}"
)
# An accepted caller gets the error that its body is no review.
ACCEPTED = 400


def an_app(caller: Any) -> Webhook:
    config = load_input(Input(Text("", "test")))
    state = State(current=lambda: config, metrics=Metrics(), caller=caller)
    return Webhook(state, create_app(state, inner=False))


def posted(
    serving: threads.Serving, context: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> tuple[int, str, ssl.SSLSession | None, bool]:
    """Status and text of the answer, the TLS session, and whether it is an earlier one."""
    with (
        socket.create_connection((threads.NAME, serving.port), threads.PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname=threads.NAME, session=session) as tls,
    ):
        tls.sendall(REQUEST)
        answer = b""
        while more := tls.recv(65536):
            answer += more
        head, _, body = answer.decode().partition("\r\n\r\n")
        return int(head.split()[1]), body, tls.session, bool(tls.session_reused)


def a_caller(
    serving: threads.Serving, version: ssl.TLSVersion, pair: tuple[Path, Path] | None, *, tickets: bool
) -> ssl.SSLContext:
    context = serving.trusting()
    context.maximum_version = version
    if not tickets:
        context.options |= ssl.OP_NO_TICKET
    if pair:
        context.load_cert_chain(*pair)
    return context


@pytest.mark.parametrize("tickets", [True, False])
def test_no_certificate_is_taken_from_a_resumed_session(tmp_path: Path, tickets: bool) -> None:
    first, second = Authority.make("first"), Authority.make("second")
    pair = first.write_pair(tmp_path, NAME)
    swap = ReloadableTLS("1.2", asks=True)
    swap.trust(first.pem)
    app = an_app(Check(enforce=True, names=frozenset({NAME})))
    with threads.serving(app, swap=swap) as serving:
        context = a_caller(serving, ssl.TLSVersion.TLSv1_2, pair, tickets=tickets)
        status, _, session, _ = posted(serving, context)
        assert (status, session is None) == (ACCEPTED, False)
        # The CA is still trusted: also then each connection has to prove the key.
        status, text, _, resumed = posted(serving, context, session)
        assert (resumed, status) == (True, 401)
        assert text == (
            "the caller is rejected: certificate-resumed: a resumed TLS session proves no certificate; "
            "reconnect without session resumption\n"
        )
        swap.trust(second.pem)
        assert posted(serving, context, session)[0] == 401
        with pytest.raises((ssl.SSLError, ConnectionError)):
            posted(serving, context)


def test_audit_answers_a_resumed_session_and_counts_it(tmp_path: Path) -> None:
    authority = Authority.make()
    swap = ReloadableTLS("1.2", asks=True)
    swap.trust(authority.pem)
    counted: list[str] = []
    app = an_app(Check(enforce=False, names=frozenset({NAME}), count=counted.append))
    with threads.serving(app, swap=swap) as serving:
        pair = authority.write_pair(tmp_path, NAME)
        context = a_caller(serving, ssl.TLSVersion.TLSv1_2, pair, tickets=True)
        session = posted(serving, context)[2]
        assert posted(serving, context, session)[0] == ACCEPTED
    assert counted == ["accepted", "certificate-resumed"]
    assert set(counted) <= {"accepted", *REASONS}


def test_a_resumed_session_without_a_certificate_is_judged_by_what_it_sends() -> None:
    seen: list[Mapping[str, Any] | None] = []

    async def caller(certificate: Mapping[str, Any] | None, _header: str, _budget: float | None) -> None:
        seen.append(certificate)

    with threads.serving(an_app(caller), swap=ReloadableTLS("1.2", asks=True)) as serving:
        context = a_caller(serving, ssl.TLSVersion.TLSv1_2, None, tickets=True)
        session = posted(serving, context)[2]
        assert posted(serving, context, session)[3]
    assert seen == [None, None]


def test_nothing_is_resumed_with_tls_1_3(tmp_path: Path) -> None:
    authority = Authority.make()
    swap = ReloadableTLS("1.3", asks=True)
    swap.trust(authority.pem)
    with threads.serving(an_app(Check(enforce=True, names=frozenset({NAME}))), swap=swap) as serving:
        pair = authority.write_pair(tmp_path, NAME)
        context = a_caller(serving, ssl.TLSVersion.TLSv1_3, pair, tickets=True)
        session = posted(serving, context)[2]
        assert posted(serving, context, session)[::3] == (ACCEPTED, False)


# --- the subject -----------------------------------------------------------------------------------


def subject(*relative: tuple[str, ...]) -> tuple[tuple[tuple[str, str], ...], ...]:
    """A subject as the ssl module returns it, of relative names of common names."""
    return tuple(tuple(("commonName", name) for name in names) for names in relative)


@pytest.mark.parametrize(
    "certificate",
    [
        {"subject": subject((NAME,), ("somebody",))},
        {"subject": subject(("somebody",), (NAME,))},
        {"subject": subject((NAME, "somebody"))},
        {"subject": subject((NAME,), (NAME,))},
        {"subject": subject(("somebody",), ("else",)), "subjectAltName": (("DNS", NAME),)},
        {"subject": (), "subjectAltName": (("email", NAME), ("DirName", NAME))},
    ],
)
def test_a_subject_of_several_common_names_is_refused(certificate: dict[str, Any]) -> None:
    check = Check(enforce=True, names=frozenset({NAME}))
    assert asyncio.run(check(certificate, "")) == (403, "certificate-name")


def test_a_common_name_beside_other_attributes_is_a_name() -> None:
    certificate = {"subject": ((("organizationName", "system"), ("commonName", NAME)),)}
    assert asyncio.run(Check(enforce=True, names=frozenset({NAME}))(certificate, "")) is None
