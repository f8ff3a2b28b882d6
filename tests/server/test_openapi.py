"""Schemathesis against the admin endpoints: what they declare is what they answer, whatever is asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import CHECKS, load_all_checks, not_a_server_error
from schemathesis.core.result import Ok

from injector.server import profile
from injector.server.debug import PATH, Debug, create_debug_app
from injector.server.health import create_app
from injector.server.state import State
from injector.telemetry import Metrics
from tests.asgi import Reply, exchange, scope_of
from tests.server.webhook_factories import a_config

BASE = "http://127.0.0.1:8081"
load_all_checks()
# 503 is an answer as any other where it is declared, and a text that fits the form may be no manifest.
OTHERWISE = [not_a_server_error, *CHECKS.get_by_names(["positive_data_acceptance"])]
CONFIG = a_config()
STATE = State(
    current=lambda: CONFIG,
    metrics=Metrics(),
    notes=lambda: {"config": "the last valid configuration stays in use"},
)
WAITING = replace(STATE, waiting=lambda: {"certificate": "it has expired"})
# A profile ends at once while the server is draining.
DEBUG = create_debug_app(
    Debug(current=lambda: CONFIG, profiles=("istio",), profiling=True, draining=lambda: True)
)
APPS = {
    "ready": create_app(STATE, inner=True),
    "not ready": create_app(WAITING, inner=True),
    "beside the webhook": create_app(STATE, inner=False),
    "not ready beside the webhook": create_app(WAITING, inner=False),
    "debug": DEBUG,
}
EXPECTED = {
    "ready": {"/": {200}, "/healthz": {200}, "/readyz": {200}, "/metrics": {200}},
    "not ready": {"/": {200}, "/healthz": {200}, "/readyz": {503}, "/metrics": {200}},
    "beside the webhook": {"/": {200}, "/healthz": {200}, "/readyz": {200}},
    "not ready beside the webhook": {"/": {200}, "/healthz": {200}, "/readyz": {503}},
    "debug": {PATH: {200, 400, 422}, profile.PATH: {200, 400}},
}


def asked(app: FastAPI, examples: int) -> dict[str, Counter[int]]:
    """Generated requests to every operation that an app declares; the codes of the answers, by path.

    An answer with a code, content type or body that is not declared fails, and so does every 5xx
    that is not.
    """
    schema = schemathesis.openapi.from_dict(app.openapi())
    schema.app = app
    codes: dict[str, Counter[int]] = {}
    for each in schema.get_all_operations():
        assert isinstance(each, Ok)
        operation = each.ok()
        called = _called(operation, examples)
        codes[operation.path] = codes.get(operation.path, Counter()) + called
    return codes


def _called(operation: Any, examples: int) -> Counter[int]:
    statuses: Counter[int] = Counter()

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy())
    def call(case: Any) -> None:
        answer = case.call_and_validate(base_url=BASE, excluded_checks=OTHERWISE)
        statuses[answer.status_code] += 1

    call()
    return statuses


@pytest.mark.parametrize("name", APPS)
def test_what_is_declared_is_what_is_answered(name: str) -> None:
    statuses = asked(APPS[name], 25)
    assert statuses.keys() == EXPECTED[name].keys()
    for path, expected in EXPECTED[name].items():
        assert min(expected) in statuses[path]
        assert statuses[path].keys() <= expected


def head_of(app: FastAPI, method: str, path: str) -> tuple[int, str]:
    """The status of an answer, and the methods that it allows."""
    answer = Reply.of(asyncio.run(exchange(app, scope_of(method, path, {}))))
    return answer.status, answer.headers.get("allow", "")


@pytest.mark.parametrize("name", APPS)
def test_other_methods_and_paths_are_not_there(name: str) -> None:
    app = APPS[name]
    for path, operations in app.openapi()["paths"].items():
        declared = {each.upper() for each in operations}
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - declared:
            status, allowed = head_of(app, method, path)
            assert (status, allowed in declared) == (405, True), (method, path)
    for path in ("/openapi.json", "/docs", "/redoc", "/debug"):
        assert head_of(app, "GET", path)[0] == 404
