"""All TCP of an application passes its sidecar, and each annotation keeps out exactly what it says.

What passes is read off the interfaces of the pod: a connection of the application that is captured goes
over `lo` to its proxy and never shows on `eth0`; one that comes in reaches the application over `lo`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.beds.mesh import applications as a
from tests.beds.mesh import wire
from tests.beds.mesh.bed import Mesh
from tests.beds.programs import build

ANNOTATION = "traffic.sidecar.istio.io/"
OUTBOUND = "127.0.0.1:15001"
# A network of its own behind a pod, and the pod's address in it.
MACHINE, GATEWAY = "192.168.77.2", "192.168.77.1"

# Every pod listens on both ports. No Service of the mesh may have them: without interception a proxy binds
# the ports of Services itself, and the application would find them taken.
PORTS = (7001, 7002)
OUT = {f"to {peer}:{port}" for peer in ("near", "far") for port in PORTS}
IN = {f"from near:{port}" for port in PORTS}
TO_NEAR, TO_FAR = {one for one in OUT if "near" in one}, {one for one in OUT if "far" in one}


@dataclass(frozen=True)
class Case:
    """Annotations, in which {near} and {far} are addresses, and the connections that are still captured."""

    name: str
    captured: set[str]
    annotations: Mapping[str, str] = field(default_factory=dict)


def _case(name: str, captured: set[str], **annotations: str) -> Case:
    return Case(name, captured, {ANNOTATION + key: value for key, value in annotations.items()})


CASES = [
    _case("base", OUT | IN),
    _case("only-one-port-in", OUT | {"from near:7001"}, includeInboundPorts="7001"),
    _case("no-port-in", OUT, includeInboundPorts=""),
    _case("one-port-not-in", OUT | {"from near:7001"}, excludeInboundPorts="7002"),
    _case("one-port-not-out", {"to near:7001", "to far:7001"} | IN, excludeOutboundPorts="7002"),
    _case("only-one-range-out", TO_NEAR | IN, includeOutboundIPRanges="{near}/32"),
    _case("no-range-out", IN, includeOutboundIPRanges=""),
    _case("one-range-not-out", TO_NEAR | IN, excludeOutboundIPRanges="{far}/32"),
    _case(
        "a-port-beside-the-range",
        TO_NEAR | {"to far:7001"} | IN,
        includeOutboundIPRanges="{near}/32",
        includeOutboundPorts="7001",
    ),
    _case("not-this-interface", set(), excludeInterfaces="eth0"),
    _case("not-another-interface", OUT | IN, excludeInterfaces="net7"),
    Case("virtual-interface", OUT | IN, {"istio.io/reroute-virtual-interfaces": "vm0"}),
    Case("virtual-interface-by-its-older-name", OUT | IN, {f"{ANNOTATION}kubevirtInterfaces": "vm0"}),
    Case("transparent", OUT | IN, {"sidecar.istio.io/interceptionMode": "TPROXY"}),
    Case("no-interception", set(), {"sidecar.istio.io/interceptionMode": "NONE"}),
]


@dataclass(frozen=True)
class Place:
    """The pods of this file: one for each case, and two plain peers, near and far."""

    mesh: Mesh
    inside: str
    outside: str
    addresses: Mapping[str, str]

    def connect(self, sender: str, receiver: str, port: int) -> str:
        """Let the application of a pod send a line over TCP; return its address and port, after an answer."""
        where = self.outside if sender in ("near", "far") else self.inside
        target = f"{self.addresses[receiver]}:{port}"
        answer = a.ask(self.mesh.cluster, where, sender, "tcp", target)
        assert answer.get("received") == "ping", f"{sender} to {target}: {answer}"
        return str(answer["local"])

    def captured(self, pod: str) -> set[str]:
        """Return which of the connections to and from a pod its proxy had in its hands."""
        own = self.addresses[pod]
        with (
            wire.watched(self.mesh.cluster, (self.inside, pod)) as flows,
            ThreadPoolExecutor(3) as pool,
        ):
            outgoing = {
                (peer, port): pool.submit(self.connect, pod, peer, port)
                for peer in ("near", "far")
                for port in PORTS
            }
            incoming = {port: pool.submit(self.connect, "near", pod, port) for port in PORTS}
        calls = set()
        for (peer, port), sent in outgoing.items():
            to_proxy = _seen(flows, "lo", sent.result(), OUTBOUND)
            to_network = _seen(flows, "eth0", sent.result(), f"{self.addresses[peer]}:{port}")
            assert to_proxy != to_network, f"{pod} to {peer}:{port} went both ways, or no way: {flows}"
            calls |= {f"to {peer}:{port}"} if to_proxy else set()
        for port, sent in incoming.items():
            assert _seen(flows, "eth0", sent.result(), f"{own}:{port}"), f"nothing came to {port}: {flows}"
            calls |= {f"from near:{port}"} if _callers(flows, f"{own}:{port}") else set()
        return calls


@pytest.fixture(scope="module")
def place(mesh: Mesh, injected_namespace: str, plain_namespace: str) -> Place:
    """All pods of this file, Ready."""
    inside, outside = injected_namespace, plain_namespace
    mesh.cluster.load([a.traffic_image()])
    peers = ("near", "far")
    mesh.apply(*(a.pod(name, outside, *_listeners()) for name in peers))
    _await_ready(mesh, outside)
    addresses = _addresses(mesh, outside)
    mesh.apply(
        *(
            a.pod(case.name, inside, *_listeners(), annotations=_filled(case.annotations, addresses))
            for case in CASES
        )
    )
    _await_ready(mesh, inside)
    return Place(mesh, inside, outside, {**addresses, **_addresses(mesh, inside)})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_pod_keeps_out_of_capture_what_its_annotation_says(place: Place, case: Case) -> None:
    assert place.captured(case.name) == case.captured


def test_the_application_is_called_by_its_proxy_and_with_tproxy_from_where_the_caller_is(
    place: Place,
) -> None:
    callers = {}
    for pod in ("base", "transparent"):
        with wire.watched(place.mesh.cluster, (place.inside, pod), interface="lo") as flows:
            place.connect("near", pod, PORTS[0])
        callers[pod] = _callers(flows, f"{place.addresses[pod]}:{PORTS[0]}")
    assert callers == {"base": {"127.0.0.6"}, "transparent": {place.addresses["near"]}}


def test_envoys_own_log_has_every_connection_in_both_directions(place: Place) -> None:
    far, own = (f"{place.addresses[pod]}:{PORTS[0]}" for pod in ("far", "base"))
    senders = {place.connect("base", "far", PORTS[0]) for _ in range(3)}
    callers = {place.connect("near", "base", PORTS[0]) for _ in range(3)}

    def is_complete(lines: list[dict[str, Any]]) -> bool:
        out = {line["downstream_remote"] for line in lines if line["upstream_host"] == far}
        into = {line["downstream_remote"] for line in lines if line["upstream_host"] == own}
        return senders <= out and callers <= into

    place.mesh.access_log(place.inside, "base", is_complete)


@pytest.mark.parametrize(
    ("pod", "direction"),
    [
        ("base", "InboundPassthroughCluster"),
        ("virtual-interface", "PassthroughCluster"),
        ("virtual-interface-by-its-older-name", "PassthroughCluster"),
    ],
)
def test_traffic_of_a_virtual_machine_behind_the_pod_counts_as_outgoing_if_its_interface_is_named(
    place: Place, pod: str, direction: str
) -> None:
    program = str(build.programs(["traffic"])["traffic"])
    target = f"{place.addresses['far']}:{PORTS[0]}"
    with _machine_behind(place, pod) as machine:
        place.mesh.cluster.run(*machine, program, "tcp", target, "--timeout=3s", "--allow-errors")

    def machines(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [line for line in lines if (line["downstream_remote"] or "").startswith(f"{MACHINE}:")]

    logged = machines(place.mesh.access_log(place.inside, pod, machines))
    assert {line["upstream_cluster"] for line in logged} == {direction}


@contextlib.contextmanager
def _machine_behind(place: Place, pod: str) -> Iterator[list[str]]:
    """Put a network with one address behind a pod's interface vm0; yield the start of commands run there."""
    cluster, name = place.mesh.cluster, f"vm-{place.inside}"
    inside = ["nsenter", f"--net=/run/netns/{name}"]
    cluster.run("ip", "netns", "add", name)
    try:
        in_pod = ["ip", "link", "add", "vm0", "type", "veth", "peer", "name", "vm1", "netns", name]
        cluster.run_in_pod_network(place.inside, pod, *in_pod)
        cluster.run_in_pod_network(place.inside, pod, "ip", "address", "add", f"{GATEWAY}/24", "dev", "vm0")
        cluster.run_in_pod_network(place.inside, pod, "ip", "link", "set", "vm0", "up")
        cluster.run(*inside, "ip", "address", "add", f"{MACHINE}/24", "dev", "vm1")
        cluster.run(*inside, "ip", "link", "set", "vm1", "up")
        cluster.run(*inside, "ip", "route", "add", "default", "via", GATEWAY)
        yield inside
    finally:
        cluster.run("ip", "netns", "delete", name)


def _listeners() -> list[dict[str, Any]]:
    names = ("app", "second")
    return [a.container(["serve", f"--tcp=:{port}"], name) for name, port in zip(names, PORTS, strict=True)]


def _filled(annotations: Mapping[str, str], addresses: Mapping[str, str]) -> dict[str, str]:
    return {key: value.format(**addresses) for key, value in annotations.items()}


def _addresses(mesh: Mesh, namespace: str) -> dict[str, str]:
    return {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in mesh.pods(namespace)}


def _await_ready(mesh: Mesh, namespace: str) -> None:
    mesh.cluster.kubectl(
        *("wait", "-n", namespace, "pod", "--all", "--for=condition=Ready", "--timeout=200s")
    )


def _seen(flows: list[wire.Flow], interface: str, client: str, server: str) -> bool:
    return any(
        (flow["interface"], flow["client"], flow["server"]) == (interface, client, server) for flow in flows
    )


def _callers(flows: list[wire.Flow], server: str) -> set[str]:
    """Return the addresses from which an application was called over `lo`."""
    return {
        flow["client"].rsplit(":", 1)[0]
        for flow in flows
        if flow["interface"] == "lo" and flow["server"] == server
    }
