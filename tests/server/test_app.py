"""The webhook as an ASGI app, called in process."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from injector import telemetry
from injector.core.model import Namespace
from injector.server.app import Webhook
from injector.server.health import create_app
from injector.server.http import budget_of
from injector.server.state import Limits, State
from injector.telemetry import Metrics
from tests.asgi import JSON, Reply, exchange, scope_of
from tests.server.webhook_factories import Broken, a_body, a_config, a_pod, a_review, patched


def ask(
    app: Any,
    method: str,
    path: str,
    body: bytes | list[bytes] = b"",
    headers: dict[str, str] | None = None,
    query: bytes = b"",
) -> Reply | None:
    """One request; `body` may come in pieces. None where the app sent no answer."""
    pieces = [body] if isinstance(body, bytes) else body
    scope = scope_of(method, path, JSON if headers is None else headers, query_string=query)
    sent = asyncio.run(exchange(app, scope, pieces or [b"{"], whole=bool(pieces)))
    return Reply.of(sent) if sent else None


def post(app: Any, body: bytes | list[bytes], path: str = "/mutate", **kwargs: Any) -> Reply:
    answer = ask(app, "POST", path, body, **kwargs)
    assert answer is not None
    return answer


def a_state(**changed: Any) -> State:
    config = a_config()
    return replace(State(current=lambda: config, metrics=Metrics(), namespace_of=Namespace), **changed)


def an_app(state: State) -> Webhook:
    return Webhook(state, create_app(state, inner=False))


def number(state: State, name: str) -> float:
    lines = [line for line in state.metrics.text().decode().splitlines() if line.startswith(name + " ")]
    assert len(lines) == 1, name
    return float(lines[0].split()[-1])


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """The log of a test, as the process would write it to stderr."""
    root, own = logging.getLogger(), logging.getLogger("injector")
    before = root.handlers[:], root.level, own.level
    stream = io.StringIO()
    telemetry.log_to("info", stream)
    yield stream
    root.handlers[:], level, own_level = before
    root.setLevel(level)
    own.setLevel(own_level)


def logged(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("path", ["/mutate", "/inject", "/inject/", "/inject/cluster/one/net/two"])
def test_a_review_posted_to_the_webhook_is_answered(path: str) -> None:
    reply = post(an_app(a_state()), a_body(), path)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert "shipper" in [c["name"] for c in patched(a_review(), reply.json["response"])["spec"]["containers"]]


def test_a_body_that_comes_in_pieces_is_joined() -> None:
    body = a_body()
    reply = post(an_app(a_state()), [body[:1], b"", body[1:700], body[700:]])
    assert reply.json["response"]["allowed"] is True


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=utf8"]
)
def test_a_content_type_of_json_is_taken_with_any_parameter(kind: str) -> None:
    assert post(an_app(a_state()), a_body(), headers={"content-type": kind}).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/yaml"},
        {"content-type": "application/jsonx"},
    ],
)
def test_another_content_type_is_415(headers: dict[str, str]) -> None:
    reply = post(an_app(a_state()), a_body(), headers=headers)
    assert (reply.status, reply.headers["content-type"]) == (415, "text/plain; charset=utf-8")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
@pytest.mark.parametrize("path", ["/mutate", "/inject/a/b"])
def test_another_method_is_405_and_names_the_right_one(method: str, path: str) -> None:
    reply = ask(an_app(a_state()), method, path)
    assert reply is not None
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


LIMIT = 10_000
BAD = {
    "empty": (b"", 400),
    "no JSON": (b"{", 400),
    "10,000 levels": (b"[" * 5_000 + b"]" * 5_000, 400),
    "no review": (b"{}", 400),
    "another kind": (a_body({**a_pod(), "kind": "Deployment"}), 400),
    "too large in one piece": (b" " * (LIMIT + 1), 413),
    "too large in pieces": ([b" " * LIMIT, b" "], 413),
    "far too large": ([b" " * LIMIT] * 6, 413),
}


@pytest.mark.parametrize(("body", "status"), BAD.values(), ids=BAD)
def test_a_bad_body_is_refused_with_a_reason_and_the_next_request_is_answered(body: Any, status: int) -> None:
    state = a_state(limits=Limits(body=LIMIT))
    app = an_app(state)
    reply = post(app, body)
    assert reply.status == status
    assert reply.headers["content-type"].startswith("text/plain")
    assert reply.headers["connection"] == "close"
    assert reply.body.strip()
    assert post(app, a_body()).status == 200
    assert number(state, f'injector_request_rejected_total{{code="{status}"}}') == 1


def test_a_review_on_a_wrong_path_is_counted_and_answered_with_a_hint() -> None:
    state = a_state()
    reply = post(an_app(state), a_body(), path="/mutation")
    assert reply.status == 404
    assert b"correct the path in the MutatingWebhookConfiguration" in reply.body
    assert number(state, 'injector_request_rejected_total{code="404"}') == 1


def test_ten_thousand_levels_in_a_pod_are_refused() -> None:
    body = a_body({**a_pod(), "x": "HERE"}).replace(b'"HERE"', b'{"a":' * 10_000 + b"1" + b"}" * 10_000)
    reply = post(an_app(a_state()), body)
    assert (reply.status, b"too deep" in reply.body) == (400, True)


def test_a_length_that_is_far_too_large_is_refused_before_anything_is_read() -> None:
    headers = {**JSON, "content-length": "100000000"}
    assert post(an_app(a_state()), [b"never read"], headers=headers).status == 413


def test_a_caller_that_goes_away_gets_no_answer_and_is_not_counted() -> None:
    state = a_state()
    assert ask(an_app(state), "POST", "/mutate", []) is None
    assert number(state, "sidecar_injection_requests_total") == 0


def test_health_is_served_beside_the_webhook_and_metrics_and_docs_are_not() -> None:
    app = an_app(a_state())
    for path, status in (
        ("/", 200),
        ("/healthz", 200),
        ("/readyz", 200),
        ("/metrics", 404),
        ("/docs", 404),
        ("/openapi.json", 404),
    ):
        reply = ask(app, "GET", path)
        assert reply is not None
        assert (path, reply.status) == (path, status)


@pytest.mark.parametrize(("inner", "metrics"), [(False, False), (True, True)])
def test_the_root_says_what_answers_and_at_which_paths(inner: bool, metrics: bool) -> None:
    reply = ask(create_app(a_state(), inner=inner), "GET", "/")
    assert reply is not None
    text = reply.body.decode()
    assert text.startswith("sidecar-injector: ")
    assert text.count("\n") == 1
    assert ("/metrics" in text, "/mutate" in text) == (metrics, not metrics)


def test_readiness_names_what_is_waited_for_and_reviews_are_answered_meanwhile() -> None:
    waiting = {"namespaces": "not all namespaces are known yet"}
    state = a_state(
        waiting=lambda: waiting, notes=lambda: {"config": "last good kept"}, namespace_of=lambda _name: None
    )
    app, inner = an_app(state), create_app(state, inner=True)
    reply = ask(inner, "GET", "/readyz")
    assert reply is not None
    assert reply.status == 503
    assert reply.json == {
        "ready": False,
        "waiting": waiting,
        "notes": {"config": "last good kept"},
        "config": {"digest": "0123456789abcdef", "profile": "log-shipper", "revision": ""},
    }
    assert post(app, a_body()).json["response"]["allowed"] is True
    waiting.clear()
    ready = ask(inner, "GET", "/readyz")
    assert ready is not None
    assert (ready.status, ready.json["ready"]) == (200, True)


def test_the_metrics_count_by_decision_and_reason() -> None:
    state = a_state()
    app = an_app(state)
    for labels in ({}, {}, {"sidecar-injector/inject": "false"}):
        post(app, a_body(a_pod(labels=labels)))
    post(app, a_body(a_pod(namespace="other")))
    post(app, b"{}")
    sample = 'injector_admission_total{decision="%s",profile="log-shipper",reason="%s"}'
    assert number(state, sample % ("inject", "on-by-default")) == 2
    assert number(state, sample % ("skip", "opted-out-by-label")) == 1
    assert number(state, sample % ("deny", "namespace-mismatch")) == 1
    assert number(state, "injector_admission_seconds_count") == 4
    assert number(state, "sidecar_injection_requests_total") == 5
    assert number(state, "sidecar_injection_success_total") == 2
    assert number(state, "sidecar_injection_skip_total") == 1
    assert number(state, "sidecar_injection_failure_total") == 2
    inner = ask(create_app(state, inner=True), "GET", "/metrics")
    assert inner is not None
    assert inner.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b"injector_admission_total" in inner.body


def test_each_admission_is_one_line_of_json(lines: io.StringIO) -> None:
    post(an_app(a_state()), a_body(dryRun=True), query=b"timeout=10s")
    (line,) = logged(lines)
    assert isinstance(line.pop("ms"), float)
    assert line.pop("time").endswith("Z")
    assert line.pop("ops") > 0
    assert line == {
        "level": "info",
        "event": "admission",
        "uid": a_review()["request"]["uid"],
        "namespace": "shop",
        "pod": "web-",
        "decision": "inject",
        "reason": "on-by-default",
        "revision": "default",
        "dryRun": True,
        "budget": 10.0,
    }


def test_a_finding_a_denial_and_a_defect_are_logged_whole_and_without_text_of_the_pod(
    lines: io.StringIO,
) -> None:
    config = a_config(Broken)
    app = an_app(a_state(current=lambda: config))
    post(app, a_body(a_pod(annotations={"note": "s3cr3t"})))
    post(app, a_body(a_pod(namespace="other", labels={"sidecar-injector/inject": "True"})))
    events = logged(lines)
    assert [(line["level"], line["event"]) for line in events] == [
        ("info", "admission"),
        ("warning", "refused"),
        ("error", "defect"),
        ("info", "admission"),
        ("warning", "finding"),
        ("warning", "refused"),
    ]
    assert events[4]["message"].endswith('did you mean "true"?')
    assert events[2]["defect"].startswith("KeyError at webhook_factories.py:")
    assert "s3cr3t" not in lines.getvalue()


def test_a_refused_request_is_logged_with_its_code(lines: io.StringIO) -> None:
    post(an_app(a_state()), b"")
    (line,) = logged(lines)
    assert (line["event"], line["code"], line["level"]) == ("rejected", 400, "warning")


@pytest.mark.parametrize(
    "request_fields",
    [
        {"name": {"a": "map"}, "dryRun": "x"},
        {"name": None, "operation": "UPDATE", "object": {"metadata": []}},
        {"operation": "DELETE", "object": None},
    ],
)
def test_odd_names_do_not_break_the_log_line(request_fields: dict[str, Any], lines: io.StringIO) -> None:
    assert post(an_app(a_state()), a_body(**request_fields)).status == 200
    assert logged(lines)[0]["event"] == "admission"


def test_the_node_that_a_pod_names_is_asked_for() -> None:
    asked: list[str] = []

    def native(node: str) -> None:
        asked.append(node)

    app = an_app(a_state(native_sidecars=native))
    pod = a_pod()
    post(app, a_body(pod))
    post(app, a_body({**pod, "spec": {**pod["spec"], "nodeName": "worker-1"}}))
    post(app, a_body({**pod, "spec": {**pod["spec"], "nodeName": []}}))
    assert asked == ["", "worker-1", ""]


def test_a_fact_that_cannot_be_had_is_an_internal_error_and_no_refusal_of_the_request() -> None:
    def gone(_name: str) -> Namespace:
        raise OSError("the cache is gone")

    response = post(an_app(a_state(namespace_of=gone)), a_body()).json["response"]
    assert (response["allowed"], response["status"]["code"]) == (False, 500)
    assert response["auditAnnotations"]["reason"] == "internal-error"


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        (b"timeout=10s", 10.0),
        (b"a=b&timeout=1m30s", 90.0),
        (b"timeout=500ms", 0.5),
        (b"timeout=1.5s", 1.5),
        (b"", None),
        (b"timeout=", None),
        (b"timeout=10", None),
        (b"timeout=-1s", None),
        (b"timeout=1x", None),
        (b"timeout=" + b"9" * 400 + b"s", None),
        (b"\xff\xfe", None),
    ],
)
def test_the_budget_is_read_from_the_query(query: bytes, seconds: float | None) -> None:
    assert budget_of(query) == seconds
