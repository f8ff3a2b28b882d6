"""The page to try things, called in process: who is answered, and with what."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

from injector.core.model import Namespace
from injector.core.profile import Config
from injector.errors import ConfigError
from injector.server.debug import FORM_LIMIT, PATH, Debug, bind_loopback, create_debug_app
from injector.server.health import create_app
from tests.asgi import Reply, exchange, scope_of
from tests.server.test_app import a_state, lines, logged  # noqa: F401 (lines is a fixture)
from tests.server.webhook_factories import Broken, a_config, a_pod

PORT = 8081
FORM = {"content-type": "application/x-www-form-urlencoded"}
MARK = "s3cret-of-the-author"
POD = yaml.safe_dump(a_pod())
HOST = f"127.0.0.1:{PORT}"


def an_app(config: Config | None = None, **changed: Any) -> Any:
    current = config or a_config()
    return create_debug_app(Debug(current=lambda: current, **changed))


def the_scope(method: str, headers: Mapping[str, str], query: bytes = b"") -> dict[str, Any]:
    named = {name: value for name, value in {"host": HOST, **headers}.items() if value}
    return scope_of(method, PATH, named, raw_path=PATH.encode(), query_string=query, scheme="http",
                    server=("127.0.0.1", PORT), client=("127.0.0.1", 5), http_version="1.1")  # fmt: skip


async def call(app: Any, scope: dict[str, Any], body: bytes) -> Reply:
    return Reply.of(await exchange(app, scope, [body]))


def get(app: Any, query: bytes = b"", **headers: str) -> Reply:
    return asyncio.run(call(app, the_scope("GET", headers, query), b""))


def post(app: Any, fields: Mapping[str, str] | bytes, headers: Mapping[str, str] | None = None) -> Reply:
    body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
    return asyncio.run(call(app, the_scope("POST", {**FORM, **(headers or {})}), body))


def test_the_other_listeners_do_not_have_the_page() -> None:
    for inner in (True, False):
        app = create_app(a_state(), inner=inner)
        assert get(app).status == 404
        assert post(app, {"manifests": POD}).status == 404


def test_the_form_is_offered_and_its_answer_shows_the_decision() -> None:
    app = an_app()
    offered = get(app)
    assert (offered.status, offered.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"<form" in offered.body
    answer = post(app, {"manifests": POD})
    assert answer.status == 200
    for words in (b"on-by-default", b"example.com/shipper:1", b"generateName: web-"):
        assert words in answer.body


def test_an_example_is_put_into_the_form_and_an_unknown_one_is_not() -> None:
    app = an_app()
    assert b"hostNetwork: true" in get(app, b"example=node-network").body
    assert get(app, b"example=gone").body == get(app).body


def test_no_answer_may_be_cached_or_framed() -> None:
    app = an_app()
    for reply in (get(app), post(app, {"manifests": POD}), post(app, b"", {"host": "evil.example"})):
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-frame-options"] == "DENY"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["content-security-policy"].startswith("default-src 'none'; ")
        assert reply.headers["content-security-policy"].endswith("; frame-ancestors 'none'")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "[::1]"])
def test_names_of_this_machine_are_answered(host: str) -> None:
    assert get(an_app(), host=f"{host}:{PORT}").status == 200


@pytest.mark.parametrize(
    "host",
    ["", "localhost", "127.0.0.1", "localhost:8082", "localhost:", "localhost:x", "evil.example:8081",
     "10.0.0.1:8081", "localhost.evil.example:8081", "127.0.0.1.evil.example:8081", "[::2]:8081",
     "0.0.0.0:8081", "x@localhost:8081"],
)  # fmt: skip
def test_other_hosts_are_refused_with_421(host: str) -> None:
    for reply in (get(an_app(), host=host), post(an_app(), {"manifests": POD}, {"host": host})):
        assert (reply.status, b"hint: " in reply.body, b"<form" in reply.body) == (421, True, False)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": f"https://{HOST}"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": f"http://localhost:{PORT}"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": f"http://{HOST}", "sec-fetch-site": "cross-site"},
    ],
)
def test_the_form_of_another_site_is_refused(headers: dict[str, str]) -> None:
    assert post(an_app(), {"manifests": POD}, headers).status == 403


@pytest.mark.parametrize("headers", [{}, {"origin": f"http://{HOST}"}, {"sec-fetch-site": "same-origin"}])
def test_the_own_form_and_a_command_line_are_answered(headers: dict[str, str]) -> None:
    assert post(an_app(), {"manifests": POD}, headers).status == 200


@pytest.mark.parametrize("kind", ["", "application/json", "text/plain", "multipart/form-data; boundary=x"])
def test_what_is_no_form_is_refused(kind: str) -> None:
    assert post(an_app(), {"manifests": POD}, {"content-type": kind}).status == 415


def test_a_form_that_is_too_large_is_refused_while_it_is_read() -> None:
    piece = b"manifests=" + b"a" * 1000
    read: list[bytes] = []

    async def endless() -> Any:
        read.append(piece)
        return {"type": "http.request", "body": piece, "more_body": True}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(an_app()(the_scope("POST", FORM), endless, send))
    assert sent[0]["status"] == 413
    assert (b"connection", b"close") in sent[0]["headers"]
    assert sum(map(len, read)) <= FORM_LIMIT + len(piece)


@pytest.mark.parametrize("body", [b"manifests=%ff", "manifests=ü".encode(), b"&".join([b"a=b"] * 9)])
def test_a_form_that_cannot_be_read_is_refused(body: bytes) -> None:
    assert post(an_app(), body).status == 400


def test_an_error_stands_on_the_page_with_its_place_and_what_was_typed() -> None:
    reply = post(an_app(), {"manifests": POD + "bad: [\n", "labels": "a: b"})
    assert reply.status == 422
    text = reply.body.decode()
    assert f"<code>manifests:{POD.count(chr(10)) + 2}" in text
    assert "bad: [" in text
    assert "a: b" in text


def test_labels_of_the_namespace_are_believed_and_empty_ones_looked_up() -> None:
    asked: list[str] = []

    def namespace_of(name: str) -> Namespace:
        asked.append(name)
        return Namespace(name, {"from": "cluster"})

    pod = yaml.safe_dump(a_pod(namespace="shop"))
    app = an_app(namespace_of=namespace_of)
    post(app, {"manifests": pod, "labels": "a: b"})
    assert asked == []
    post(app, {"manifests": pod, "labels": " \n"})
    assert asked == ["shop"]


def test_a_profile_that_ships_is_loaded_once_and_another_name_never() -> None:
    loaded: list[str] = []

    def load(name: str) -> Config:
        loaded.append(name)
        return a_config(values={"image": "example.com/as-it-ships:9", "stream": "default"})

    app = an_app(profiles=("plain",), load=load)
    assert b'value="plain"' in get(app).body
    for _ in range(2):
        assert b"as-it-ships:9" in post(app, {"manifests": POD, "profile": "plain"}).body
    assert post(app, {"manifests": POD, "profile": "../plain"}).status == 422
    assert loaded == ["plain"]


def test_a_new_configuration_is_the_one_in_force() -> None:
    configs = [a_config(), a_config(digest="new", values={"image": "example.com/new:2", "stream": "x"})]
    app = create_debug_app(Debug(current=lambda: configs[0]))
    assert b"example.com/shipper:1" in post(app, {"manifests": POD}).body
    configs.pop(0)
    assert b"example.com/new:2" in post(app, {"manifests": POD}).body


def test_one_is_explained_at_a_time_and_room_is_made_afterwards() -> None:
    reached, go_on = threading.Event(), threading.Event()

    def namespace_of(_name: str) -> None:
        reached.set()
        assert go_on.wait(60)

    app = an_app(namespace_of=namespace_of)
    body = urlencode({"manifests": POD}).encode()

    async def three() -> tuple[int, int, int]:
        first = asyncio.ensure_future(call(app, the_scope("POST", FORM), body))
        await asyncio.to_thread(reached.wait, 60)
        second = await call(app, the_scope("POST", FORM), body)
        go_on.set()
        done = await first
        third = await call(app, the_scope("POST", FORM), body)
        return done.status, second.status, third.status

    assert asyncio.run(three()) == (200, 503, 200)


def test_nothing_that_is_typed_is_logged(lines: io.StringIO) -> None:  # noqa: F811
    pod = yaml.safe_dump(a_pod(annotations={MARK: MARK}))
    app = an_app()
    replies = [
        post(app, {"manifests": pod, "labels": f"a: {MARK}"}),
        post(app, {"manifests": f"{pod}{MARK}: [", "labels": f"{MARK}: 1", "profile": MARK}),
        post(app, urlencode({"manifests": MARK}).encode(), {"origin": f"http://{MARK}"}),
        get(app, f"example={MARK}".encode()),
    ]
    assert [r.status for r in replies] == [200, 422, 403, 200]
    assert lines.getvalue() == ""


def test_a_defect_is_shown_by_its_type_alone(lines: io.StringIO) -> None:  # noqa: F811
    pod = yaml.safe_dump(a_pod(annotations={"a": MARK}))
    reply = post(an_app(a_config(Broken)), {"manifests": pod})
    assert (reply.status, b"this is a bug" in reply.body) == (500, True)
    (line,) = logged(lines)
    assert (line["event"], line["defect"]) == ("defect", "KeyError")
    assert MARK not in json.dumps(line)


def test_the_webhook_templates_are_left_to_its_own_thread() -> None:
    config = a_config()
    used: list[str] = []

    def render(*_arguments: object) -> Any:
        used.append("render")

    # A method is replaced on purpose: nothing else shows who calls it.
    config.templates.render = render  # type: ignore[method-assign, assignment]
    assert b"example.com/shipper:1" in post(an_app(config), {"manifests": POD}).body
    assert used == []


@pytest.mark.parametrize("address", ["127.0.0.1:0", "localhost:0", "127.9.9.9:0"])
def test_a_loopback_address_is_bound(address: str) -> None:
    with bind_loopback(address, "debugListen") as bound:
        assert bound.getsockname()[0].startswith("127.")


@pytest.mark.parametrize(
    "address",
    [":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "no.such.name.invalid:0", "127.0.0.1", "127.0.0.1:x"],
)
def test_any_other_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigError) as caught:
        bind_loopback(address, "debugListen")
    assert caught.value.where == "debugListen"
    assert caught.value.hint
