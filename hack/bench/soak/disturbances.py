"""What happens to the webhook while pods are created, one thing after another.

Each does something and waits until its effect is seen; one whose effect does not come ends the soak.
Certificates are renewed besides, by themselves, as their lifetimes are short.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial

from hack.bench.soak.replicas import Replica
from hack.bench.soak.stand import SECRET, Stand
from hack.bench.soak.waiting import SoakError, until

# So many pods have to come through in a state that is waited for.
PASSING = 20


def restart(stand: Stand, number: int) -> str:
    """End a replica as a rolling update does, and start another in its place."""
    old = stand.replicas[number]
    status = old.end()
    stand.endpoints.forget(old)
    if status != 0 or not old.logged("stopped"):
        raise SoakError(f"{old.name}: exit status 0 was expected after SIGTERM, not {status}")
    stand.replicas[number] = new = stand.new_replica()
    stand.endpoints.add(new)
    return f"{old.name} was replaced by {new.name}"


def change(stand: Stand) -> str:
    """Write another configuration and wait until all replicas have it, and pods carry it."""
    before = {replica: _count(replica, "config") for replica in stand.replicas}
    stand.configuration += 1
    stand.configure()
    until("a changed configuration is taken over", lambda: _all_logged(before, "config"))
    until("pods carry it", lambda: stand.tally.configuration == stand.configuration)
    return f"configuration {stand.configuration} counts"


def spoil(stand: Stand) -> str:
    """Write broken configurations, see that pods go on to get the last good one, and take it back."""
    for kind, broken in BROKEN.items():
        before = {replica: _count(replica, "config-refused") for replica in stand.replicas}
        stand.mounted.write(broken(stand))
        until(f"a broken configuration ({kind}) is refused", partial(_all_logged, before, "config-refused"))
        _let_pass(stand)
    readable = {replica: _count(replica, "config-readable") for replica in stand.replicas}
    stand.configure()
    until("the repaired configuration is read", lambda: _all_logged(readable, "config-readable"))
    return f"{len(BROKEN)} broken configurations were refused"


def replace_ca(stand: Stand) -> str:
    """Delete the Secret of the CA, which is how a CA is replaced before its time."""
    known = {_issuer(replica) for replica in stand.replicas}
    stand.bed.kubectl("delete", "secret", SECRET, "-n", stand.home)

    def all_have_one() -> bool:
        now = {_issuer(replica) for replica in stand.replicas}
        return len(now) == 1 and not now & known

    until("all replicas serve a leaf of a new CA", all_have_one)
    return "another CA signs"


def restart_apiserver(stand: Stand) -> str:
    """Kill the API server and start it again; then all replicas have to catch up with it."""
    stand.count_failed_calls()
    with stand.outages.one():
        stand.bed.restart_apiserver()
    until("all replicas are up to date again", lambda: all(r.is_current() for r in stand.replicas))
    _let_pass(stand)
    return f"the API server is back, outage {stand.outages.count}"


STEPS: tuple[Callable[[Stand], str], ...] = (
    lambda stand: restart(stand, 0),
    change,
    replace_ca,
    lambda stand: restart(stand, 1),
    spoil,
    restart_apiserver,
)


def _half(stand: Stand) -> str:
    text = json.dumps(stand.settings())
    return text[: len(text) // 2]


def _unknown_key(stand: Stand) -> str:
    return json.dumps({**stand.settings(), "polcy": "enabled"})


def _failing_template(stand: Stand) -> str:
    return json.dumps({**stand.settings(), "templates": {"sidecar": "spec: {{ fail('never works') }}\n"}})


BROKEN: Mapping[str, Callable[[Stand], str]] = {
    "half a file": _half,
    "an unknown key": _unknown_key,
    "a template that fails for pods": _failing_template,
}


def _issuer(replica: Replica) -> str:
    leaves = replica.logged("certificate-leaf")
    return str(leaves[-1]["issuer"]) if leaves else ""


def _count(replica: Replica, event: str) -> int:
    return len(replica.logged(event))


def _all_logged(before: Mapping[Replica, int], event: str) -> bool:
    return all(_count(replica, event) > count for replica, count in before.items())


def _let_pass(stand: Stand) -> None:
    enough = stand.tally.created + PASSING
    until(f"{PASSING} more pods are created", lambda: stand.tally.created >= enough)
