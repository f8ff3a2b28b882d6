"""Neither the author of a pod nor a caller decides how many lines are logged, or how long they are."""

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
from injector.config.loading import Input, Text, load_input
from injector.core.finding_codes import FindingCode, Level
from injector.core.model import AdmissionRequest, Finding, Verdict
from injector.core.outcome import Outcome
from injector.pacing import Throttle
from injector.server import answers, reviews
from injector.server.admission_log import AdmissionLines
from injector.server.app import Webhook
from injector.server.health import create_app
from injector.server.state import State
from injector.telemetry import Metrics
from tests import answering
from tests.asgi import Reply, exchange, scope_of

CONFIG = load_input(Input(Text("profile: istio\n", "config")))
# Container runtimes split longer lines.
LINE = 16 * 1024


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lines(clock: Clock) -> Iterator[io.StringIO]:
    """What is logged, with a fake clock for the lines of libraries."""
    stream = io.StringIO()
    root, own = logging.getLogger(), logging.getLogger("injector")
    before = root.handlers[:], root.level, own.level
    telemetry.log_to("info", stream, clock)
    yield stream
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    own.setLevel(before[2])


def logged(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def an_app() -> Webhook:
    state = State(current=lambda: CONFIG, metrics=Metrics())
    return Webhook(state, create_app(state, inner=False))


def post(app: Webhook, body: bytes, path: str = "/mutate", kind: str = "application/json") -> int:
    headers = {"content-type": kind}
    return Reply.of(asyncio.run(exchange(app, scope_of("POST", path, headers), [body]))).status


def with_findings(count: int) -> bytes:
    """A review of a pod with this many probes of undeclared ports; each is a finding."""
    probe = {"httpGet": {"port": "x"}}
    containers = [{"name": f"c{i}", "image": "a:1", "livenessProbe": probe} for i in range(count)]
    meta = {"name": "web", "labels": {"sidecar.istio.io/inject": "true"}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": containers}}
    request = {"uid": "u", "namespace": "shop", "operation": "CREATE", "object": pod}
    whole = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    return json.dumps(whole).encode()


@pytest.mark.parametrize("count", [2, 300])
def test_one_line_holds_the_findings_of_an_admission(count: int, lines: io.StringIO) -> None:
    assert post(an_app(), with_findings(count)) == 200
    events = logged(lines)
    assert [line["event"] for line in events] == ["admission", "finding"]
    assert events[1]["pod"] == "web"
    assert max(map(len, lines.getvalue().splitlines())) < LINE


def test_the_line_counts_what_it_has_no_room_for(lines: io.StringIO) -> None:
    # A profile's messages in any number and of any length, which no pod of the tests would cause.
    codes = (FindingCode.DNS_POLICY, FindingCode.PROBE_HOST, FindingCode.SWITCH_VALUE)
    messages = (f"\u202e{'漢' * 900} {i}" for i in range(5000))
    findings = tuple(Finding(codes[i % 3], Level.WARNING, text) for i, text in enumerate(messages))
    answer = answers.Answer({}, replace(a_skip(), findings=findings), Verdict.SKIP)
    AdmissionLines.of(AdmissionRequest("u", {}, name="x" * 5000), answer, CONFIG).write("u", None, 0.0)
    (_, line) = logged(lines)
    assert line["code"] == "dns-policy, probe-host, switch-value"
    assert line["count"] == 5000
    assert line["message"].startswith("dns-policy: ")
    assert max(map(len, lines.getvalue().splitlines())) < LINE


def a_skip() -> Outcome:
    pod = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "a"}], "hostNetwork": True}}
    body = json.dumps(
        {
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": "u",
                "operation": "CREATE",
                "object": {"apiVersion": "v1", "kind": "Pod", **pod},
            },
        }
    )
    return answering.answer(reviews.parse(body), CONFIG, lambda _name: None).outcome


def test_a_single_finding_has_its_code_and_message_alone(lines: io.StringIO) -> None:
    post(an_app(), with_findings(1))
    (_, line) = logged(lines)
    assert "count" not in line
    assert line["code"]
    assert not line["message"].startswith(line["code"])


def test_refused_requests_are_logged_at_intervals_with_their_number(lines: io.StringIO, clock: Clock) -> None:
    app = an_app()
    app._rejected = Throttle(clock=clock)
    for _ in range(50):
        assert post(app, b"{") == 400
        assert post(app, b"", path="/other") == 404
    assert [(line["event"], line["code"], line["times"]) for line in logged(lines)] == [
        ("rejected", 400, 1),
        ("rejected", 404, 1),
    ]
    clock.now += 10
    post(app, b"{")
    assert (logged(lines)[-1]["code"], logged(lines)[-1]["times"]) == (400, 50)
    assert len(logged(lines)) == 3


def test_lines_of_a_library_are_logged_at_intervals(lines: io.StringIO, clock: Clock) -> None:
    server = logging.getLogger("uvicorn.error")

    def bad_request(words: str) -> None:
        server.warning("Invalid HTTP request received. %s", words)

    for i in range(50):
        bad_request(str(i))
    assert [line["event"] for line in logged(lines)] == ["Invalid HTTP request received. 0"]
    server.warning("another place")
    assert logged(lines)[-1]["event"] == "another place"
    clock.now += 10
    bad_request("again")
    assert (logged(lines)[-1]["event"], logged(lines)[-1]["times"]) == (
        "Invalid HTTP request received. again",
        50,
    )


def test_lines_of_the_injector_are_not_throttled(lines: io.StringIO) -> None:
    for _ in range(5):
        telemetry.log_event("info", "x")
    assert len(logged(lines)) == 5


def test_each_kind_is_counted_by_itself(clock: Clock) -> None:
    gate = Throttle(10.0, clock)
    assert [gate.times("a"), gate.times("a"), gate.times("b"), gate.times("a")] == [1, 0, 1, 0]
    clock.now += 9.9
    assert gate.times("a") == 0
    clock.now += 0.2
    assert [gate.times("a"), gate.times("b")] == [4, 1]
