"""What callers without any credential can make the process hold, and whom they can keep away."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import http.client
import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from hack.attack.rows import forget_the_peak, peak_mb
from hack.attack.stand import HOST, Stand, standing
from injector.config.caller_settings import CallerAuth
from injector.server.connection import FRAMING_BYTES, HANDSHAKE_BYTES, HEADERS, PIPELINED
from injector.server.places import Bounds, ReachedLimits, client_of
from injector.server.tls import ReloadableTLS
from tests.callers.credentials import Authority
from tests.server.serving_in_thread import NAME, PATIENCE, Serving, ask, hello, serving

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST /mutate HTTP/1.1\r\nhost: x\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"
# Long enough for a handshake on a busy machine.
HURRIED = Bounds(read_seconds=1.0)
# So long that no test meets it.
PATIENT = Bounds(read_seconds=600)

both = pytest.mark.parametrize("tls", [True, False], ids=["webhook", "health"])


async def never(scope: Any, _receive: Any, _send: Any) -> None:
    """An app that neither reads nor answers while the connection lasts."""
    while not scope["state"]["transport"].is_closing():
        await asyncio.sleep(0.01)


def closed(connection: socket.socket) -> bool:
    """Whether the other side ends the connection; what it said before does not count."""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while connection.recv(65536):
            pass
    return True


def is_open(connection: socket.socket) -> bool:
    """Whether nothing has come from the other side, not even its end."""
    connection.setblocking(False)
    try:
        return bool(connection.recv(1))
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
    finally:
        connection.settimeout(PATIENCE)


def sent(connection: socket.socket, data: bytes) -> None:
    """Send as much of it as the other side takes."""
    with contextlib.suppress(OSError):
        connection.sendall(data)


def asked(connection: socket.socket) -> socket.socket:
    """The connection, with one request answered."""
    connection.sendall(GET)
    got = b""
    while b"hello" not in got:
        more = connection.recv(4096)
        assert more
        got += more
    return connection


def answers(server: Serving, *, tls: bool = True) -> bool:
    """Whether an honest caller gets an answer on a connection of its own."""
    with server.dial(tls) as connection:
        return asked(connection) is connection


# What one connection can make the process hold.


@both
@pytest.mark.parametrize("one", [GET, POST + b"content-length: 2\r\n\r\n{}"], ids=["GET", "POST"])
def test_a_connection_on_which_many_requests_wait_ends_and_few_were_read(tls: bool, one: bytes) -> None:
    gc.collect()  # what other tests have left
    with serving(never, PATIENT, tls=tls) as server:
        caller = server.dial(tls)
        sent(caller, one * 20_000)
        assert closed(caller)
        assert server.causes == ["pipelined"]
        assert sum(isinstance(each, RequestResponseCycle) for each in gc.get_objects()) <= 1 + PIPELINED


@both
def test_as_many_requests_as_may_wait_are_all_answered(tls: bool) -> None:
    with serving(hello, PATIENT, tls=tls) as server:
        caller = server.dial(tls)
        caller.sendall(GET * (1 + PIPELINED))
        got = b""
        while got.count(b"hello") < 1 + PIPELINED:
            more = caller.recv(4096)
            assert more, got
            got += more
        assert server.causes == []


@both
@pytest.mark.parametrize(
    "again",
    [b"1;" + b"x" * 1000 + b"\r\n \r\n", b"1\r\n \r\n", b"1;a=b\r\n \r\n"],
    ids=["long extensions", "tiny chunks", "short extensions"],
)
def test_what_is_sent_around_a_body_is_bounded(tls: bool, again: bytes) -> None:
    with serving(hello, PATIENT, tls=tls) as server:
        caller = server.dial(tls)
        sent(caller, CHUNKED + again * (16 * FRAMING_BYTES // len(again)))
        assert closed(caller)
        assert server.causes == ["framing"]


def test_one_extension_that_never_ends_is_cut() -> None:
    with serving(hello, PATIENT) as server:
        caller = server.dial()
        sent(caller, CHUNKED + b"1;" + b"x" * (16 * FRAMING_BYTES))
        assert closed(caller)
        assert server.causes == ["framing"]


def test_line_ends_without_a_request_are_bounded() -> None:
    with serving(hello, PATIENT) as server:
        caller = server.dial()
        sent(caller, b"\r\n" * (16 * FRAMING_BYTES))
        assert closed(caller)
        assert server.causes == ["head"]


def test_trailers_count_as_lines_of_the_head() -> None:
    with serving(hello, PATIENT) as server:
        caller = server.dial()
        sent(caller, CHUNKED + b"0\r\n" + b"x: y\r\n" * HEADERS + b"\r\n")
        assert caller.recv(12) == b"HTTP/1.1 431"


def test_a_body_in_chunks_of_a_usual_size_arrives() -> None:
    with serving(hello, PATIENT) as server:
        caller = server.dial()
        caller.sendall(CHUNKED + (b"400\r\n" + b"x" * 1024 + b"\r\n") * 4000 + b"0\r\n\r\n")
        assert caller.recv(12) == b"HTTP/1.1 200"
        assert server.causes == []


def test_a_body_that_is_not_read_is_not_buffered() -> None:
    with serving(never, PATIENT) as server:
        caller = server.dial()
        caller.settimeout(2)
        size = 64 << 20
        caller.sendall(POST + b"content-length: %d\r\n\r\n" % size)
        taken = 0
        with contextlib.suppress(TimeoutError):
            while taken < size:
                caller.sendall(b"x" * 65536)
                taken += 65536
        # Buffers of both kernels, and a little of the server's.
        assert taken < size // 2


def test_a_handshake_that_sends_too_much_is_ended() -> None:
    hello_of_100_kb = b"\x01" + (100_000).to_bytes(3, "big") + b"\x03\x03" + bytes(99_998)
    records = b"".join(
        b"\x16\x03\x01" + len(part).to_bytes(2, "big") + part
        for begin in range(0, len(hello_of_100_kb) - 1, 16_384)
        if (part := hello_of_100_kb[:-1][begin : begin + 16_384])
    )
    assert len(records) > HANDSHAKE_BYTES
    with serving(hello, PATIENT) as server:
        caller = server.dial(tls=False)
        sent(caller, records)
        assert closed(caller)
        assert server.causes == ["handshake"]


# What all connections together can make it hold.


def test_unfinished_requests_are_closed_once_they_hold_too_much_memory_together() -> None:
    half = POST + b"content-length: 1000000\r\n\r\n" + b"x" * 60_000
    with serving(hello, Bounds(read_seconds=600, bytes=1 << 20)) as server:
        callers = []
        for _ in range(60):
            callers.append(server.dial())
            sent(callers[-1], half)
        # 60 times 60 KB came, and no more than 1 MiB is held.
        server.until("most are ended", lambda: server.causes.count("memory") >= 60 - 18)
        assert set(server.causes) == {"memory"}
        assert answers(server)
        assert is_open(callers[-1])


def test_unfinished_heads_are_closed_too() -> None:
    half = GET[:-2] + b"x: " + b"y" * 30_000
    with serving(hello, Bounds(read_seconds=600, bytes=1 << 19)) as server:
        callers = [server.dial() for _ in range(40)]
        for caller in callers:
            sent(caller, half)
        server.until("most are ended", lambda: server.causes.count("memory") >= 40 - 18)
        assert answers(server)


def test_a_request_is_answered_while_others_hold_all_memory() -> None:
    half = POST + b"content-length: 100000\r\n\r\n" + b"x" * 30_000
    with serving(hello, Bounds(read_seconds=600, bytes=1 << 19)) as server:
        callers = [server.dial() for _ in range(16)]
        for caller in callers:
            sent(caller, half)
        honest = server.connect()
        honest.request("POST", "/", b"x" * 200_000)
        assert honest.getresponse().read() == b"hello"


# Which connections are closed where there are too many.


def test_at_the_limit_connections_without_a_request_are_closed_first_by_idle_time() -> None:
    with serving(hello, Bounds(read_seconds=600, connections=5)) as server:
        callers = [asked(server.dial()) for _ in range(3)]
        first, second = server.dial(tls=False), server.dial()
        third = server.dial()
        assert closed(first)
        fourth = server.dial()
        assert closed(second)
        assert server.causes == ["connections"] * 2
        for connection in (*callers, third, fourth):
            asked(connection)


def test_where_all_connections_had_requests_the_longest_idle_one_is_closed() -> None:
    with serving(hello, Bounds(read_seconds=600, connections=3)) as server:
        first, second, third = (asked(server.dial()) for _ in range(3))
        asked(first)
        fourth = asked(server.dial())
        assert closed(second)
        for connection in (first, third, fourth):
            asked(connection)


def test_a_waiting_request_stays_while_idle_connections_are_closed() -> None:
    waiting: list[asyncio.Event] = []

    async def slowly(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/slow":
            waiting.append(asyncio.Event())
            await waiting[-1].wait()
        await hello(scope, receive, send)

    with serving(slowly, Bounds(read_seconds=600, connections=3)) as server:
        slow = server.dial()
        slow.sendall(GET.replace(b"/ ", b"/slow "))
        server.until("it is under way", lambda: bool(waiting))
        for _ in range(10):
            asked(server.dial())
        assert is_open(slow)
        server.loop.call_soon_threadsafe(waiting[0].set)
        assert slow.recv(12) == b"HTTP/1.1 200"


@both
def test_idle_connections_do_not_block_new_requests(tls: bool) -> None:
    with serving(hello, Bounds(read_seconds=600, connections=50), tls=tls) as server:
        early = asked(server.dial(tls))
        silent = []
        for number in range(150):
            silent.append(server.dial(tls=False))
            if number % 10 == 0:
                assert answers(server, tls=tls)
        asked(early)
        server.until("no more are open than may be", lambda: sum(map(is_open, silent)) <= 50)


def test_a_client_gets_only_its_share_of_connections_and_closes_no_others() -> None:
    with serving(hello, Bounds(read_seconds=600, per_address=3), tls=False) as server:
        other = socket.create_connection(("127.0.0.1", server.port), PATIENCE, ("127.0.0.2", 0))
        server.open.callback(other.close)
        many = [socket.create_connection(("127.0.0.1", server.port), PATIENCE) for _ in range(10)]
        for connection in many:
            server.open.callback(connection.close)
        server.until("all but three are ended", lambda: server.causes == ["address"] * 7)
        assert [is_open(connection) for connection in many] == [False] * 7 + [True] * 3
        assert is_open(other)
        asked(other)
        asked(many[-1])


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
    ],
)
def test_a_client_is_an_address_or_a_network_of_ipv6(address: str, client: str) -> None:
    assert client_of(address) == client


@pytest.mark.parametrize(("files", "limit"), [(328, 100), (4096, 1984), (4328, 2000)])
def test_there_are_no_more_places_than_files_that_may_be_open(files: int, limit: int) -> None:
    program = (
        "import resource; from injector.server.run import allowed_connections;"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, (200, {files})); print(allowed_connections(2000))"
    )
    ran = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True, text=True)
    assert int(ran.stdout) == limit


# Time.


@both
def test_a_connection_that_asks_nothing_is_closed_in_the_time_for_a_request(tls: bool) -> None:
    with serving(hello, HURRIED, tls=tls) as server:
        assert closed(server.dial(tls))
        assert server.causes == ["silent"]


@both
def test_a_last_answer_that_is_not_read_is_ended_too(tls: bool) -> None:
    async def talks(_scope: Any, _receive: Any, send: Any) -> None:
        size = 32 << 20
        headers = [(b"content-length", b"%d" % size), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(size)})

    with serving(talks, HURRIED, tls=tls) as server:
        caller = server.dial(tls)
        caller.sendall(GET)
        server.until("the connection is cut", lambda: server.causes == ["answer"])


# What is said of it.


def test_the_limits_that_were_reached_are_named_for_a_minute() -> None:
    now, counted = [0.0], list[str]()
    reached = ReachedLimits(counted.append, lambda: now[0])
    webhook, health = reached.at("webhook"), reached.at("health")
    webhook("head")
    assert reached.warnings() == {}
    webhook("connections")
    health("address")
    (warning,) = reached.warnings().values()
    assert "server.connections.limit" in warning
    assert "server.connections.healthPerAddress" in warning
    now[0] = 61.0
    assert reached.warnings() == {}
    assert counted == ["head", "connections", "address"]


# Handshakes of unknown callers.

UNFIT = [CallerAuth(), CallerAuth(mode="audit", client_ca_file="f")]
UNFIT += [
    CallerAuth(mode="enforce", audience="a"),
    CallerAuth(mode="enforce", client_ca_file="f", audience="a"),
]


def test_a_certificate_is_required_only_where_nothing_else_lets_a_caller_in() -> None:
    assert CallerAuth(mode="enforce", client_ca_file="f").requires_certificates
    assert not any(each.requires_certificates for each in UNFIT)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_an_unknown_caller_is_refused_in_the_handshake_also_after_the_cas_were_reloaded(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    first, second = Authority.make("first"), Authority.make("second")
    pairs = [first.write_pair(tmp_path, "one"), second.write_pair(tmp_path, "two")]
    swap = ReloadableTLS(asks=True, requires=True)
    swap.trust(first.pem)
    reached: list[str] = []

    async def seen(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["path"])
        await hello(scope, receive, send)

    def gets_in(pair: tuple[Path, Path] | None) -> bool:
        context = webhook.trusting()
        context.maximum_version = version
        if pair:
            context.load_cert_chain(*pair)
        connection = http.client.HTTPSConnection(NAME, webhook.port, context=context, timeout=PATIENCE)
        with contextlib.closing(connection):
            try:
                return ask(connection)[0] == b"hello"
            except (OSError, http.client.HTTPException):
                return False

    with serving(seen, swap=swap) as webhook:
        assert [gets_in(pair) for pair in (None, *pairs)] == [False, True, False]
        swap.trust(second.pem)
        assert [gets_in(pair) for pair in (None, *pairs)] == [False, False, True]
    assert len(reached) == 2


# The whole process.

LIMITED = "profile: istio\npolicy: enabled\nserver:\n  connections: {limit: 30, healthPerAddress: 8}\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Stand]:
    with standing(Path(__file__).parents[2], LIMITED) as started:
        yield started


def got(stand: Stand, path: str) -> tuple[int, str]:
    """Status and text of an answer of the listener of health."""
    connection = http.client.HTTPConnection(HOST, stand.health_port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def cut(stand: Stand, cause: str) -> float:
    """How many connections were ended for a cause."""
    line = f'injector_connection_cut_total{{cause="{cause}"}} '
    (value,) = [text for text in got(stand, "/metrics")[1].splitlines() if text.startswith(line)]
    return float(value.removeprefix(line))


def until(look: Callable[[], bool]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_reached_limit_is_named_by_readiness_which_stays_and_is_counted(server: Stand) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(socket.create_connection((server.host, server.port), PATIENCE))
        # Not all of them were accepted yet.
        until(lambda: cut(server, "connections") >= 10)
        status, text = got(server, "/readyz")
        ready = json.loads(text)
        assert (status, ready["ready"]) == (200, True)
        assert "server.connections.limit" in ready["notes"]["connections"]
        for _ in range(40):
            stack.enter_context(socket.create_connection((server.host, server.health_port), PATIENCE))
        assert got(server, "/healthz") == (200, "ok")
        until(lambda: cut(server, "address") >= 32)


@both
def test_requests_without_end_take_no_memory(server: Stand, tls: bool) -> None:
    forget_the_peak(server.pid)
    before = peak_mb(server.pid)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    made = socket.create_connection((server.host, server.port if tls else server.health_port), PATIENCE)
    with context.wrap_socket(made) if tls else made as caller:
        # Each of these 3 MB became some 100 MB.
        sent(caller, GET * (3_000_000 // len(GET)))
        assert closed(caller)
    assert peak_mb(server.pid) - before < 32
