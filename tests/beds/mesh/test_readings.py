"""What proxies say is read into values; no mesh is needed."""

from __future__ import annotations

from tests.beds.mesh import readings

METRICS = """\
# TYPE envoy_listener_ssl_handshake counter
envoy_listener_ssl_handshake{listener_address="0.0.0.0_15006"} 3
envoy_listener_ssl_handshake{listener_address="0.0.0.0_15001"} 4
envoy_cluster_ssl_handshake{cluster_name="outbound|80||web.shop.svc.cluster.local"} 2 1700000000000
requests_total 7
quoted{text="a \\"b\\", c\\\\ {d}"} +Inf

not a sample
"""


def test_each_sample_has_its_name_labels_and_value() -> None:
    samples = readings.samples(METRICS)

    assert [
        ("envoy_listener_ssl_handshake", {"listener_address": "0.0.0.0_15006"}, 3.0),
        ("envoy_listener_ssl_handshake", {"listener_address": "0.0.0.0_15001"}, 4.0),
        ("envoy_cluster_ssl_handshake", {"cluster_name": "outbound|80||web.shop.svc.cluster.local"}, 2.0),
        ("requests_total", {}, 7.0),
        ("quoted", {"text": 'a "b", c\\ {d}'}, float("inf")),
    ] == list(samples)


def test_a_total_is_taken_over_the_samples_whose_labels_match_as_a_whole() -> None:
    samples = readings.samples(METRICS)

    assert samples.total("envoy_listener_ssl_handshake") == 7
    assert samples.total("envoy_listener_ssl_handshake", listener_address=".*_15006") == 3
    assert samples.total("envoy_listener_ssl_handshake", listener_address="15006") == 0
    assert samples.total("absent") == 0


def test_access_log_lines_are_separated_from_the_other_lines_of_a_proxy() -> None:
    lines = [
        "2026-11-24T00:00:00Z\tinfo\tEnvoy proxy is ready",
        '{"level":"info","msg":"not a request"}',
        '{"downstream_tls":null,"log":"access","status":200}',
        '{"downstream_tls":"TLSv1.3","log":"acc',
    ]

    assert readings.access_log(lines) == [{"downstream_tls": None, "log": "access", "status": 200}]
