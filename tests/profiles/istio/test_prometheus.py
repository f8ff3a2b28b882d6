"""Merging of metrics annotations (istio-injection 2.11.2, A.8); the agent's port is 15020."""

from __future__ import annotations

import json

import pytest

from injector.errors import AnnotationError
from injector.profiles.istio.prometheus import MERGE, TARGETS, check, declared, normal, wanted

AGENT = 15020


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("prometheus.io/port", "prometheus_io_port"),
        ("prometheus-io/port", "prometheus_io_port"),
        ("prometheus_io_port", "prometheus_io_port"),
        ("prométheus.io/port", "prom_theus_io_port"),
    ],
)
def test_all_spellings_of_a_key_are_one(key: str, expected: str) -> None:
    assert normal(key) == expected


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ("8080:/metrics,9100:/custom", [("8080", "/metrics"), ("9100", "/custom")]),
        (" 8080:/metrics , 9100:/custom ", [("8080", "/metrics"), ("9100", "/custom")]),
        ("8080", [("8080", "/metrics")]),
        ("8080: ,,", [("8080", "/metrics")]),
        ("8080:/a:b", [("8080", "/a:b")]),
        ("", []),
        # An entry without a port makes all of it void.
        (":/metrics", None),
        ("8080:/a,:/b", None),
    ],
)
def test_targets_are_pairs_of_port_and_path(targets: str, expected: list[tuple[str, str]] | None) -> None:
    scrape = declared({TARGETS: targets})
    assert scrape.unreadable is (expected is None)
    assert list(scrape.targets) == (expected or [])


def test_the_first_target_is_also_the_port_and_path() -> None:
    written = json.loads(declared({TARGETS: "8080,9100:/custom", "prometheus.io/port": "1"}).text())
    assert (written["port"], written["path"]) == ("8080", "/metrics")
    assert written["targets"] == [{"port": "8080", "path": "/metrics"}, {"port": "9100", "path": "/custom"}]


def test_the_registration_has_a_fixed_order() -> None:
    scrape = declared(
        {"prometheus.io/port": "9090", "prometheus.io/path": "/m", "prometheus.io/scrape": "true"}
    )
    assert scrape.text() == '{"scrape":"true","path":"/m","port":"9090"}'


@pytest.mark.parametrize(
    ("annotations", "mesh", "expected"),
    [
        ({}, True, True),
        ({}, False, False),
        ({MERGE: "false"}, True, False),
        ({MERGE: "true"}, False, True),
        ({"prometheus.io/scrape": "F"}, True, False),
        ({"prometheus.io/scrape": "no"}, True, True),
        ({"prometheus.io/scrape": "true"}, True, True),
        ({"prometheus.io/port": "15020"}, True, False),
        ({"prometheus_io_port": "15020"}, True, False),
        ({"prometheus.io/port": "9090"}, True, True),
        ({TARGETS: "15020:/m"}, True, True),
    ],
)
def test_metrics_are_merged_unless_they_are_disabled_or_merged_already(
    annotations: dict[str, str], mesh: bool, expected: bool
) -> None:
    assert wanted(declared(annotations), annotations, mesh, AGENT) is expected


@pytest.mark.parametrize(
    ("annotations", "words"),
    [
        ({TARGETS: "8080:/metrics,15000:/metrics"}, ["scrape targets", '"15000"', "reserved"]),
        ({TARGETS: "15020:/metrics"}, ['"15020"', "conflicts with agent port"]),
        ({"prometheus.io/port": "15000"}, ["scrape configuration", '"15000"', "reserved"]),
        ({"prometheus.io/port": "0"}, ["invalid port: a number from 1 to 65535"]),
        ({"prometheus.io/port": "65536"}, ['invalid port "65536"']),
        ({"prometheus.io/port": "+80"}, ["invalid port: a number"]),
        ({"prometheus.io/port": "٨٠"}, ["invalid port: a number"]),
        ({TARGETS: "web:/metrics"}, ["invalid target port: a number"]),
    ],
)
def test_ports_that_cannot_be_the_applications_are_refused(
    annotations: dict[str, str], words: list[str]
) -> None:
    with pytest.raises(AnnotationError) as caught:
        check(declared(annotations), AGENT)
    assert caught.value.key in annotations
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("port", [15000, 15001, 15004, 15006, 15008, 15021, 15053, 15090])
def test_every_port_of_the_proxy_is_reserved(port: int) -> None:
    with pytest.raises(AnnotationError, match="reserved"):
        check(declared({"prometheus.io/port": str(port)}), AGENT)


@pytest.mark.parametrize("annotations", [{}, {"prometheus.io/port": "65535"}, {TARGETS: "1,65535:/m"}])
def test_ports_of_the_application_are_taken(annotations: dict[str, str]) -> None:
    check(declared(annotations), AGENT)


def test_a_disagreement_of_spellings_is_noticed_and_the_first_by_name_counts() -> None:
    scrape = declared({"prometheus_io_port": "2", "prometheus-io/port": "1"})
    assert (scrape.port, scrape.conflicting) == ("1", frozenset({"port"}))
    assert declared({"prometheus_io_port": "1", "prometheus-io/port": "1"}).conflicting == frozenset()
