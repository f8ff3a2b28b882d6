"""The shape of log lines and metrics."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from injector import metrics as table
from injector import telemetry


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root, own = logging.getLogger(), logging.getLogger("injector")
    before = root.handlers[:], root.level, own.level
    stream = io.StringIO()
    telemetry.log_to("warning", stream)
    yield stream
    root.handlers[:], level, own_level = before
    root.setLevel(level)
    own.setLevel(own_level)


def test_levels_below_the_one_set_are_not_written_and_none_fields_are_left_out(stream: io.StringIO) -> None:
    telemetry.log_event("info", "small")
    telemetry.log_event("warning", "large", file="a.yaml:3", nothing=None)
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert line.pop("time")
    assert line == {"level": "warning", "event": "large", "file": "a.yaml:3"}


def test_libraries_are_named_and_their_exceptions_are_logged_by_type_only(stream: io.StringIO) -> None:
    try:
        raise ValueError("free text")
    except ValueError:
        logging.getLogger("asyncio").exception("a task failed")
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert (line["logger"], line["exception"], line["event"]) == ("asyncio", "ValueError", "a task failed")
    assert "free text" not in stream.getvalue()


def test_a_line_stays_one_line(stream: io.StringIO) -> None:
    telemetry.log_event("error", "two\nlines", name="\u2028\ud800")
    assert len(stream.getvalue().splitlines()) == 1


def test_the_buckets_hold_the_edges_of_the_api_server() -> None:
    assert {0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 10.0} <= set(table.SECONDS)
    assert sorted(set(table.SECONDS)) == list(table.SECONDS)


def test_only_the_configuration_in_force_is_named() -> None:
    metrics = telemetry.Metrics()
    metrics.configured("one", "p", "r")
    metrics.configured("two", "p", "r")
    metrics.reloaded("samples")
    metrics.namespaces(lambda: True)
    lines = metrics.text().decode().splitlines()
    assert [line for line in lines if line.startswith("injector_config_info{")] == [
        'injector_config_info{digest="two",profile="p",revision="r"} 1.0'
    ]
    assert 'injector_config_reload_total{reason="samples",result="error"} 1.0' in lines
    assert 'injector_config_reload_total{reason="",result="ok"} 0.0' in lines
    assert "injector_namespaces_synced 1.0" in lines


def test_only_the_certificates_in_use_are_named() -> None:
    metrics = telemetry.Metrics()
    metrics.certificates({("leaf", "old"): 9.0}, {("leaf", "old"): 6.0})
    metrics.certificates({("leaf", "new"): 12.0, ("former", "ca"): 20.0}, {("leaf", "new"): 8.0})
    lines = metrics.text().decode().splitlines()
    named = {
        line.partition("{")[0].removeprefix("injector_certificate_"): line
        for line in lines
        if "kind=" in line
    }
    assert sum("kind=" in line for line in lines) == 3
    assert 'fingerprint="new",kind="leaf"} 8.0' in named["renewal_due_timestamp_seconds"]


def test_the_metrics_have_no_series_of_the_moments_when_others_were_created() -> None:
    metrics = telemetry.Metrics()
    metrics.admitted("unchanged", "on-by-default", "istio", 0.001)
    text = metrics.text().decode()
    assert 'injector_admission_total{decision="unchanged",profile="istio",reason="on-by-default"} 1.0' in text
    assert "sidecar_injection_success_total 1.0" in text
    assert "_created" not in text
