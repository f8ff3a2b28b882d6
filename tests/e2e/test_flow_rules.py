"""Flow rules act on injected pods: a split, a header match, a fault, a delay and a retry, seen in counts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

from tests.beds.mesh import applications as a
from tests.beds.mesh.bed import Mesh
from tests.beds.node.bed import Cluster

Rule = dict[str, Any]
V1, V2 = {"host": "catalog", "subset": "v1"}, {"host": "catalog", "subset": "v2"}
URL = "http://catalog/"
# The servers' own counts come with the merged metrics of their sidecars.
SCRAPED = {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}


@pytest.fixture(scope="module")
def shop(mesh: Mesh, injected_namespace: str) -> str:
    """A namespace with a catalog in two versions and a client."""
    namespace = injected_namespace
    mesh.cluster.load([a.traffic_image()])
    mesh.apply(
        a.service("catalog", namespace),
        a.server("catalog", namespace, annotations=SCRAPED),
        a.server("catalog", namespace, "v2", annotations=SCRAPED),
        a.client("visitor", namespace),
        _destinations(namespace),
    )
    mesh.cluster.kubectl(
        *("wait", "-n", namespace, "deploy", "--all", "--for=condition=Available", "--timeout=200s")
    )
    mesh.wait(lambda: not _visits(mesh.cluster, namespace, 5)["failed"], "the catalog to answer")
    return namespace


@pytest.fixture
def rule(mesh: Mesh, shop: str) -> Iterator[Any]:
    """A function that puts routes of the catalog in force and returns once the visitor's proxy has them."""
    made: list[Rule] = []

    def put(name: str, *routes: Rule) -> None:
        for route in routes:
            route["name"] = name
        made.append(_virtual_service(shop, *routes))
        mesh.apply(made[-1])
        mesh.wait(
            lambda: f'"name": "{name}"' in mesh.proxy(shop, "deploy/visitor", "config_dump"),
            f"the visitor's proxy to know {name}",
        )

    yield put
    mesh.delete(*made)


def test_without_a_rule_both_versions_answer(mesh: Mesh, shop: str) -> None:
    versions = _visits(mesh.cluster, shop, 200)["versions"]
    assert set(versions) == {"v1", "v2"}
    assert _plausible(versions["v2"], 200, 0.5)


def test_a_split_of_90_to_10_sends_a_tenth_to_the_new_version(mesh: Mesh, shop: str, rule: Any) -> None:
    rule("split", {"route": [{"destination": V1, "weight": 90}, {"destination": V2, "weight": 10}]})
    answer = _visits(mesh.cluster, shop, 1000)
    assert answer["failed"] == 0
    assert sum(answer["versions"].values()) == 1000
    assert _plausible(answer["versions"]["v2"], 1000, 0.1)


def test_a_header_chooses_the_version(mesh: Mesh, shop: str, rule: Any) -> None:
    chosen = {"match": [{"headers": {"x-tester": {"exact": "yes"}}}], "route": [{"destination": V2}]}
    rule("by-header", chosen, {"route": [{"destination": V1}]})
    assert _visits(mesh.cluster, shop, 50, "--header=x-tester=yes")["versions"] == {"v2": 50}
    assert _visits(mesh.cluster, shop, 50, "--header=x-tester=no")["versions"] == {"v1": 50}
    assert _visits(mesh.cluster, shop, 50)["versions"] == {"v1": 50}


def test_a_fault_is_answered_by_the_visitors_own_proxy(mesh: Mesh, shop: str, rule: Any) -> None:
    before = _served(mesh, shop)
    assert before > 0
    fault = {"abort": {"httpStatus": 418, "percentage": {"value": 100}}}
    rule("teapot", {"fault": fault, "route": [{"destination": V1}]})
    assert _visits(mesh.cluster, shop, 40)["statuses"] == {"418": 40}
    assert _served(mesh, shop) == before


def test_half_a_fault_hits_half_of_the_requests(mesh: Mesh, shop: str, rule: Any) -> None:
    fault = {"abort": {"httpStatus": 503, "percentage": {"value": 50}}}
    rule("half-fault", {"fault": fault, "retries": {"attempts": 0}, "route": [{"destination": V1}]})
    statuses = _visits(mesh.cluster, shop, 400)["statuses"]
    assert set(statuses) == {"200", "503"}
    assert _plausible(statuses["503"], 400, 0.5)


def test_a_delay_keeps_every_answer_back(mesh: Mesh, shop: str, rule: Any) -> None:
    delay = {"fixedDelay": "1.5s", "percentage": {"value": 100}}
    rule("slow", {"fault": {"delay": delay}, "route": [{"destination": V1}]})
    answer = _visits(mesh.cluster, shop, 20, "--concurrency=20")
    assert answer["failed"] == 0
    # What the proxy kept back by a rule it marks: a busy machine is slow too.
    logged = mesh.access_log(shop, "deploy/visitor", lambda lines: len(_delayed(lines)) >= 20)
    assert len(_delayed(logged)) == 20
    assert all(float(line["duration"]) >= 1500 for line in _delayed(logged))


def test_a_retry_hides_failures_from_the_visitor(mesh: Mesh, shop: str, rule: Any) -> None:
    # The server fails the first two requests for each key, and says so by its own count.
    rule("no-retry", {"retries": {"attempts": 0}, "route": [{"destination": V1}]})
    bare = [_visit(mesh.cluster, shop, f"{URL}flaky?key=bare-{n}&failures=2") for n in range(5)]
    assert [answer["statuses"] for answer in bare] == [{"503": 1}] * 5

    retried = {"attempts": 3, "retryOn": "5xx", "perTryTimeout": "60s"}
    rule("retry", {"retries": retried, "route": [{"destination": V1}]})
    before = _served(mesh, shop, status="503")
    helped = [_visit(mesh.cluster, shop, f"{URL}flaky?key=helped-{n}&failures=2") for n in range(5)]
    assert [answer["statuses"] for answer in helped] == [{"200": 1}] * 5
    assert _served(mesh, shop, status="503") - before == 10


def _delayed(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the requests that a fault's delay has kept back (DI, in Envoy's words)."""
    return [line for line in lines if "DI" in (line["flags"] or "")]


def _plausible(hits: int, requests: int, share: float) -> bool:
    """Whether a count lies within 5 standard deviations: a right split fails once in a million runs."""
    return abs(hits - requests * share) <= 5 * math.sqrt(requests * share * (1 - share))


def _visits(cluster: Cluster, namespace: str, count: int, *flags: str) -> dict[str, Any]:
    return _visit(cluster, namespace, URL, f"--count={count}", *flags)


def _visit(cluster: Cluster, namespace: str, url: str, *flags: str) -> dict[str, Any]:
    return a.ask(cluster, namespace, "deploy/visitor", "get", url, *flags)


def _served(mesh: Mesh, namespace: str, status: str = ".*") -> float:
    """Return what both versions of the catalog count themselves; only its own counts are certain."""
    pods = [pod["metadata"]["name"] for pod in mesh.pods(namespace, "app=catalog")]
    stats = [mesh.stats(namespace, pod) for pod in pods]
    return sum(samples.total("traffic_requests_total", status=status, caller=".+") for samples in stats)


def _destinations(namespace: str) -> Rule:
    subsets = [{"name": version, "labels": {"version": version}} for version in ("v1", "v2")]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "catalog", "namespace": namespace},
        "spec": {"host": "catalog", "subsets": subsets},
    }


def _virtual_service(namespace: str, *routes: Rule) -> Rule:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "catalog", "namespace": namespace},
        "spec": {"hosts": ["catalog"], "http": list(routes)},
    }
