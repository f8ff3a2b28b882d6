"""One scrape of an injected pod shows how much came over mutual TLS, how much in plain text, and what it did.

Upstream's Envoy counts TLS by connection, so the requests of these tests each have a connection of their own.
"""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest

from tests.beds.mesh import applications as a
from tests.beds.mesh.bed import Mesh
from tests.beds.mesh.readings import Samples
from tests.beds.node.bed import Cluster

# The counters of connections, in all and over TLS; none of them is exposed unless it is asked for.
ADMITTED = ["listener\\..*ssl\\..*", "http\\.inbound_.*downstream_cx_(ssl_)?total"]
COUNTED = {"proxy.istio.io/config": json.dumps({"proxyStatsMatcher": {"inclusionRegexps": ADMITTED}})}
SCRAPED = {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}
# A probe that sends nothing, as the application would count it among the requests in plain text.
BY_FILE = {"exec": {"command": [a.PROGRAM, "exec-ok", "/tmp/ready"]}}
# The address that a proxy uses towards its own application.
BY_THE_PROXY = "127\\.0\\.0\\.6"
OVER_TLS, IN_PLAIN_TEXT = 30, 20


class Counted(NamedTuple):
    """What one scrape says: of the proxy the connections, of the application the requests."""

    connections: float
    tls_connections: float
    handshakes: float
    requests_with_identity: float
    requests_without: float


@pytest.fixture(scope="module")
def places(mesh: Mesh, injected_namespace: str, plain_namespace: str) -> tuple[str, str]:
    """The namespace of a server and of a client with a sidecar, and that of a client without one."""
    injected, plain = injected_namespace, plain_namespace
    mesh.cluster.load([a.traffic_image()])
    mesh.apply(
        a.service("bakery", injected),
        a.server("bakery", injected, annotations={**SCRAPED, **COUNTED}, probe=BY_FILE),
        a.service("quiet", injected),
        a.server("quiet", injected),
        a.client("visitor", injected),
        a.client("stranger", plain),
        _no_connection_twice(injected),
    )
    for namespace in (injected, plain):
        mesh.cluster.kubectl(
            *("wait", "-n", namespace, "deploy", "--all", "--for=condition=Available", "--timeout=200s")
        )
    # The first requests come too early for a proxy that has not yet received the servers.
    bakery, quiet = _url("bakery", injected), _url("quiet", injected)
    mesh.wait(lambda: _answered(mesh.cluster, injected, "visitor", bakery, 3) == 3, "the bakery")
    mesh.wait(lambda: _answered(mesh.cluster, injected, "visitor", quiet, 3) == 3, "the quiet server")
    mesh.wait(lambda: _answered(mesh.cluster, plain, "stranger", bakery, 3) == 3, "the bakery")
    return injected, plain


def test_requests_over_mutual_tls_are_found_in_the_tls_counters(mesh: Mesh, places: tuple[str, str]) -> None:
    injected, _ = places
    before = _counted(mesh, injected)
    assert _answered(mesh.cluster, injected, "visitor", _url("bakery", injected), OVER_TLS) == OVER_TLS
    assert _grown(mesh, injected, before) == Counted(OVER_TLS, OVER_TLS, OVER_TLS, OVER_TLS, 0)


def test_requests_in_plain_text_are_counted_and_not_as_tls(mesh: Mesh, places: tuple[str, str]) -> None:
    injected, plain = places
    before = _counted(mesh, injected)
    sent = _answered(mesh.cluster, plain, "stranger", _url("bakery", injected), IN_PLAIN_TEXT)
    assert sent == IN_PLAIN_TEXT
    assert _grown(mesh, injected, before) == Counted(IN_PLAIN_TEXT, 0, 0, 0, IN_PLAIN_TEXT)


def test_the_metrics_show_the_share_of_each_kind_of_call(mesh: Mesh, places: tuple[str, str]) -> None:
    injected, plain = places
    before = _counted(mesh, injected)
    for _ in range(2):
        _answered(mesh.cluster, injected, "visitor", _url("bakery", injected), OVER_TLS)
        _answered(mesh.cluster, plain, "stranger", _url("bakery", injected), IN_PLAIN_TEXT)
    grown = _grown(mesh, injected, before)
    assert grown.tls_connections == grown.requests_with_identity == 2 * OVER_TLS
    assert grown.connections - grown.tls_connections == grown.requests_without == 2 * IN_PLAIN_TEXT


def test_the_identity_of_who_came_over_tls_is_in_the_applications_own_metrics(
    mesh: Mesh, places: tuple[str, str]
) -> None:
    injected, _ = places
    samples = _scrape(mesh, injected, "bakery").find("traffic_requests_total", caller=".+")
    assert {sample.labels["caller"] for sample in samples} == {
        f"spiffe://cluster.local/ns/{injected}/sa/default"
    }


def test_a_pod_without_metrics_annotations_exposes_neither(mesh: Mesh, places: tuple[str, str]) -> None:
    # The absence means something only because the pod serves, and its proxy exposes other metrics.
    injected, _ = places
    assert _answered(mesh.cluster, injected, "visitor", _url("quiet", injected), 5) == 5
    scraped = _scrape(mesh, injected, "quiet")
    assert scraped.total("envoy_server_uptime") > 0
    names = {sample.name for sample in scraped}
    assert not {name for name in names if "_ssl_" in name or name.startswith("traffic_")}


def _grown(mesh: Mesh, namespace: str, before: Counted) -> Counted:
    return Counted(*(now - then for now, then in zip(_counted(mesh, namespace), before, strict=True)))


def _counted(mesh: Mesh, namespace: str) -> Counted:
    """Read it all out of one scrape, what the application counts of that scrape itself left out."""
    scraped = _scrape(mesh, namespace, "bakery")
    requests = {"peer": BY_THE_PROXY, "status": "200"}
    return Counted(
        scraped.total("envoy_http_downstream_cx_total", http_conn_manager_prefix="inbound_0.0.0.0_8080;?"),
        scraped.total(
            "envoy_http_downstream_cx_ssl_total", http_conn_manager_prefix="inbound_0.0.0.0_8080;?"
        ),
        scraped.total("envoy_listener_ssl_handshake", listener_address="0.0.0.0_15006"),
        scraped.total("traffic_requests_total", caller="spiffe://.+", **requests),
        scraped.total("traffic_requests_total", caller="", **requests),
    )


def _scrape(mesh: Mesh, namespace: str, server: str) -> Samples:
    (pod,) = mesh.pods(namespace, f"app={server}")
    return mesh.stats(namespace, pod["metadata"]["name"])


def _answered(cluster: Cluster, namespace: str, client: str, url: str, count: int) -> int:
    """Send requests one after the other, and return how many were answered with 200."""
    answer = a.ask(cluster, namespace, f"deploy/{client}", "get", url, f"--count={count}")
    return int(answer["statuses"].get("200", 0))


def _url(host: str, namespace: str) -> str:
    return f"http://{host}.{namespace}/"


def _no_connection_twice(namespace: str) -> a.Object:
    """Return the rule by which the visitor's proxy opens a connection for each request, too."""
    pool = {"http": {"maxRequestsPerConnection": 1}}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "bakery", "namespace": namespace},
        "spec": {"host": "bakery", "trafficPolicy": {"connectionPool": pool}},
    }
