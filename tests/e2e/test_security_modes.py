"""Security modes decide what the wire carries and who is answered; policies refuse by identity."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import pytest

from tests.beds.bed import BedError
from tests.beds.mesh import applications as a
from tests.beds.mesh import wire
from tests.beds.mesh.bed import Mesh

PORT = a.PORTS["http"]
SPIFFE = "spiffe://cluster.local/ns/{}/sa/member"


class Seen(NamedTuple):
    """What one request came to: what the server's network saw, and what its sender got."""

    on_the_wire: str
    answered: bool
    identity: str = ""


READABLE = Seen("http", True)
REFUSED = Seen("http", False)
MUTUAL_TLS = Seen("tls", True, "member")

# Who asks and by which address. A pod's own address is no known host, so that the member's proxy passes
# such requests on as they are.
PATHS = [("member", "service"), ("stranger", "service"), ("member", "pod"), ("stranger", "pod")]
TABLE: dict[str | None, list[Seen]] = {
    None: [MUTUAL_TLS, READABLE, READABLE, READABLE],
    "DISABLE": [READABLE, READABLE, READABLE, READABLE],
    "PERMISSIVE": [MUTUAL_TLS, READABLE, READABLE, READABLE],
    "STRICT": [MUTUAL_TLS, REFUSED, REFUSED, REFUSED],
}


@dataclass(frozen=True)
class Parties:
    """An injected server, and clients inside the mesh (member, guest) and outside (stranger)."""

    mesh: Mesh
    inside: str
    outside: str

    @property
    def server(self) -> dict[str, Any]:
        """Return the server's pod."""
        return self.mesh.pods(self.inside, "app=server")[0]

    def ask(self, who: str, path: str = "/", *, by: str = "service", count: int = 1) -> dict[str, Any]:
        """Send requests from a client and return the summary of the traffic program."""
        host = f"server.{self.inside}" if by == "service" else f"{self.server['status']['podIP']}:{PORT}"
        where = self.outside if who == "stranger" else self.inside
        flags = ["--timeout=30s", f"--count={count}"]
        return a.ask(self.mesh.cluster, where, f"deploy/{who}", "get", f"http://{host}{path}", *flags)

    def status(self, who: str, path: str = "/") -> str:
        """Return what a client gets from the Service, or the kind of the failure.

        Several requests, as a proxy's threads apply a change one after the other.
        """
        answer = self.ask(who, path, count=10)
        return "+".join(sorted({**answer["statuses"], **answer["errors"]}))

    def seen(self, who: str, by: str) -> Seen:
        """Send a request while looking at the network of the server's pod."""
        with wire.watched(
            self.mesh.cluster, (self.inside, self.server["metadata"]["name"]), port=PORT, interface="eth0"
        ) as flows:
            answer = self.ask(who, by=by)
        assert flows, f"no connection of the {who} came to the server's network: {answer}"
        kinds = "+".join(sorted({str(flow["request"]["kind"]) for flow in flows}))
        if answer["failed"]:
            return Seen(kinds, False)
        caller = answer["last"]["json"]["caller"]
        return Seen(kinds, True, "member" if caller == SPIFFE.format(self.inside) else caller)


@pytest.fixture(scope="module")
def parties(mesh: Mesh, injected_namespace: str, plain_namespace: str) -> Parties:
    """All pods of this file, at work."""
    inside, outside = injected_namespace, plain_namespace
    mesh.cluster.load([a.traffic_image()])
    mesh.apply(
        *(a.account(name, inside) for name in ("member", "guest")),
        a.service("server", inside),
        a.server("server", inside),
        a.client("member", inside, account="member"),
        a.client("guest", inside, account="guest"),
        a.client("stranger", outside),
    )
    for namespace in (inside, outside):
        mesh.cluster.kubectl(
            *("wait", "-n", namespace, "deploy", "--all", "--for=condition=Available", "--timeout=200s")
        )
    made = Parties(mesh, inside, outside)
    for who in ("member", "guest", "stranger"):
        mesh.wait(partial(_is_answered, made, who), f"the server to answer the {who}")
    return made


@pytest.fixture
def policy(mesh: Mesh, parties: Parties) -> Iterator[Callable[..., None]]:
    """A function that puts a policy on the server's namespace or takes it away; none outlives the test."""
    made: dict[str, dict[str, Any]] = {}

    def put(kind: str, spec: dict[str, Any] | None) -> None:
        if spec is None:
            mesh.delete(made.pop(kind))
            return
        metadata = {"name": "default", "namespace": parties.inside}
        made[kind] = {"apiVersion": "security.istio.io/v1", "kind": kind, "metadata": metadata, "spec": spec}
        mesh.apply(made[kind])

    yield put
    if made:
        mesh.delete(*made.values())
    for who in ("member", "guest", "stranger"):
        mesh.wait(partial(_is_answered, parties, who), "the policies to be forgotten")


@pytest.mark.parametrize("mode", TABLE, ids=str)
def test_the_mode_decides_between_tls_plain_text_and_refusal(
    mesh: Mesh, parties: Parties, policy: Callable[..., None], mode: str | None
) -> None:
    # The opposite comes first: what is seen afterwards is the doing of this mode and nothing older.
    if mode != "STRICT":
        policy("PeerAuthentication", {"mtls": {"mode": "STRICT"}})
        mesh.wait(lambda: parties.ask("stranger")["failed"] == 1, "the stranger to be refused")
    policy("PeerAuthentication", {"mtls": {"mode": mode}} if mode else None)
    results: list[Seen] = []

    def settled() -> bool:
        results[:] = [parties.seen(*path) for path in PATHS]
        return results == TABLE[mode]

    _until(mesh, settled, f"mode {mode}")
    assert dict(zip(PATHS, results, strict=True)) == dict(zip(PATHS, TABLE[mode], strict=True))


def test_a_denied_identity_is_refused_and_all_others_are_answered(
    mesh: Mesh, parties: Parties, policy: Callable[..., None]
) -> None:
    rule = {
        "from": [{"source": {"principals": [f"cluster.local/ns/{parties.inside}/sa/member"]}}],
        "to": [{"operation": {"paths": ["/secret*"]}}],
    }
    policy("AuthorizationPolicy", {"action": "DENY", "rules": [rule]})
    wanted = {"member": "403", "guest": "200", "stranger": "200"}
    _until(mesh, lambda: _statuses(parties, "/secret") == wanted, "the policy")
    assert _statuses(parties, "/secret") == wanted
    assert _statuses(parties, "/") == {"member": "200", "guest": "200", "stranger": "200"}


def test_only_an_allowed_identity_is_answered_and_the_pod_stays_ready(
    mesh: Mesh, parties: Parties, policy: Callable[..., None]
) -> None:
    principal = f"cluster.local/ns/{parties.inside}/sa/member"
    policy(
        "AuthorizationPolicy",
        {"action": "ALLOW", "rules": [{"from": [{"source": {"principals": [principal]}}]}]},
    )
    wanted = {"member": "200", "guest": "403", "stranger": "403"}
    _until(mesh, lambda: _statuses(parties, "/") == wanted, "the policy")
    assert _statuses(parties, "/") == wanted
    # The kubelet has no identity; its probes go by another way than other requests.
    conditions = {one["type"]: one["status"] for one in parties.server["status"]["conditions"]}
    assert conditions["Ready"] == "True"


def _is_answered(parties: Parties, who: str) -> bool:
    return parties.status(who, "/secret") == "200"


def _statuses(parties: Parties, path: str) -> dict[str, str]:
    return {who: parties.status(who, path) for who in ("member", "guest", "stranger")}


def _until(mesh: Mesh, condition: Callable[[], bool], what: str) -> None:
    """Give a change some time to reach the proxies; the test's own assertion shows what is missing."""
    try:
        mesh.wait(condition, what, seconds=120)
    except BedError:
        return
