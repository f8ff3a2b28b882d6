"""A certificate that is replaced under open connections, on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from injector.certs.issue import CertificateSpec, make_authority, sign_leaf
from injector.certs.pair import Pair
from injector.errors import ConfigError
from injector.server.run import Listener, Stop, bind, serve_listeners
from injector.server.tls import ReloadableTLS

PATIENCE = 60
CONNECTIONS = 60
NAME = "localhost"
WANTED = CertificateSpec((NAME,), ca_seconds=604800.0, leaf_seconds=604800.0)


def a_pair() -> tuple[Pair, Pair]:
    """A CA and a leaf of it."""
    ca = make_authority(WANTED, time.time())
    return ca, sign_leaf(ca, WANTED, time.time())


async def hello(_scope: Any, _receive: Any, send: Any) -> None:
    headers = [(b"content-length", b"5")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello"})


@contextlib.contextmanager
def listening(swap: ReloadableTLS) -> Iterator[int]:
    """The port of a server whose certificate is that of `swap`."""
    with bind("127.0.0.1:0", "listen") as bound:
        loop = asyncio.new_event_loop()
        stop = Stop()
        listener = Listener(hello, bound, lambda: swap.context)
        running = threading.Thread(target=lambda: loop.run_until_complete(serve_listeners([listener], stop)))
        running.start()
        try:
            yield bound.getsockname()[1]
        finally:
            loop.call_soon_threadsafe(stop.set)
            running.join(PATIENCE)
            loop.close()


def connect(port: int, ca: Pair, **settings: Any) -> http.client.HTTPSConnection:
    trust = ssl.create_default_context(cadata=ca.chain)
    for key, value in settings.items():
        setattr(trust, key, value)
    return http.client.HTTPSConnection(NAME, port, context=trust, timeout=PATIENCE)


def said(connection: http.client.HTTPSConnection) -> bytes:
    connection.request("GET", "/")
    return connection.getresponse().read()


@contextlib.contextmanager
def closing(*connections: http.client.HTTPSConnection) -> Iterator[None]:
    try:
        yield
    finally:
        for connection in connections:
            connection.close()


def test_many_open_connections_go_on_while_new_ones_get_the_new_certificate() -> None:
    (old_ca, old), (new_ca, new) = a_pair(), a_pair()
    swap = ReloadableTLS()
    swap.take(old.chain, old.key)
    with listening(swap) as port:
        many = [connect(port, old_ca) for _ in range(CONNECTIONS)]
        with closing(*many):
            assert {said(c) for c in many} == {b"hello"}
            sockets = [c.sock for c in many]
            swap.take(new.chain, new.key)
            assert {said(c) for c in many} == {b"hello"}
            assert [c.sock for c in many] == sockets
            fresh, distrusting = connect(port, new_ca), connect(port, old_ca)
            with closing(fresh, distrusting):
                assert said(fresh) == b"hello"
                with pytest.raises(ssl.SSLCertVerificationError):
                    said(distrusting)


def test_a_pair_that_cannot_be_loaded_leaves_the_one_in_use() -> None:
    (ca, leaf), (_, other) = a_pair(), a_pair()
    swap = ReloadableTLS()
    swap.take(leaf.chain, leaf.key)
    with listening(swap) as port:
        for chain, key in ((leaf.chain, other.key), ("", ""), (leaf.chain[:99], leaf.key)):
            with pytest.raises(ConfigError, match="OpenSSL cannot use") as caught:
                swap.take(chain, key)
            assert caught.value.hint
            connection = connect(port, ca)
            with closing(connection):
                assert said(connection) == b"hello"


def test_before_there_is_a_certificate_handshakes_are_refused_and_then_work() -> None:
    ca, leaf = a_pair()
    swap = ReloadableTLS()
    with listening(swap) as port:
        early, later = connect(port, ca), connect(port, ca)
        with closing(early, later):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                said(early)
            swap.take(leaf.chain, leaf.key)
            assert said(later) == b"hello"


@pytest.mark.parametrize(("minimum", "works"), [("1.2", True), ("1.3", False)])
def test_the_oldest_version_is_a_setting(minimum: str, works: bool) -> None:
    ca, leaf = a_pair()
    swap = ReloadableTLS(minimum)
    swap.take(leaf.chain, leaf.key)
    with listening(swap) as port:
        old = connect(port, ca, maximum_version=ssl.TLSVersion.TLSv1_2)
        with closing(old):
            if works:
                assert said(old) == b"hello"
            else:
                with pytest.raises((ssl.SSLError, ConnectionError)):
                    said(old)


def test_a_client_without_a_server_name_gets_the_certificate_too() -> None:
    ca, leaf = a_pair()
    swap = ReloadableTLS()
    swap.take(leaf.chain, leaf.key)
    with listening(swap) as port:
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=_nameless(ca), timeout=PATIENCE)
        with closing(connection):
            assert said(connection) == b"hello"


def _nameless(ca: Pair) -> ssl.SSLContext:
    trust = ssl.create_default_context(cadata=ca.chain)
    trust.check_hostname = False
    return trust


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_caller_gets_a_ticket(version: ssl.TLSVersion) -> None:
    ca, leaf = a_pair()
    swap = ReloadableTLS()
    swap.take(leaf.chain, leaf.key)
    with listening(swap) as port:
        connection = connect(port, ca, minimum_version=version, maximum_version=version)
        with closing(connection):
            # Tickets of TLS 1.3 come with the first answer.
            assert said(connection) == b"hello"
            session = connection.sock.session
            assert session is None or not session.has_ticket


def test_the_keys_that_are_made_here_are_of_the_curve_p_256() -> None:
    for pair in a_pair():
        key = serialization.load_pem_private_key(pair.key.encode(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert isinstance(key.curve, ec.SECP256R1)
