"""`server.events` behind a real API server: who gets Events, how often, and that dry runs write none."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from injector.cli.rights import needed
from injector.config.loading import load
from injector.config.schema import read_settings
from injector.kube.api_errors import Request
from tests.apiserver import webhook_serving as ws
from tests.beds.apiserver.bed import ApiServer

pytestmark = pytest.mark.xdist_group("events")

NAME = "sidecar-injector-events"
CONFIG = """\
values: {global: {hub: registry.example.com/istio, tag: 1.30.0}}
server: {events: warnings, source: {pollSeconds: 1}}
"""
BAD, NEAR = "sidecar.istio.io/proxyCPU", "sidecar.istio.io/proxyCpu"


@dataclass(frozen=True)
class Room:
    """A namespace whose pods are sent to a webhook that writes Events."""

    bed: ApiServer
    namespace: str
    served: ws.Served

    def events_on(self, owner: str) -> list[dict[str, Any]]:
        """The injector's Events on an object, by its name."""
        events = ws.listed(
            self.bed, self.namespace, "events", f"--field-selector=involvedObject.name={owner}"
        )
        return [e for e in events if (e.get("source") or {}).get("component") == "sidecar-injector"]

    def owner(self, name: str) -> dict[str, Any]:
        """A ReplicaSet without pods, as an owner of pods that the test makes; its owner reference."""
        deployment = ws.a_deployment(name)
        spec = {"replicas": 0, **deployment["spec"]}
        made = ws.created(self.bed, self.namespace, {**deployment, "kind": "ReplicaSet", "spec": spec})
        meta = made["metadata"]
        named = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": meta["name"], "uid": meta["uid"]}
        return {**named, "controller": True}


@contextlib.contextmanager
def a_room(bed: ApiServer, folder: Path, without: str = "") -> Iterator[Room]:
    """The room while the body runs; the webhook has the rights that `rights` lists, but for one verb."""
    file = folder / "injector.yaml"
    file.write_text(CONFIG)
    with (
        account_with_rights(bed, without) as kubeconfig,
        ws.serving(replace(bed, kubeconfig=kubeconfig), folder, "--config", file) as served,
        ws.registered(bed, served, f"{without}{NAME}", "/mutate", "--config", file) as [name],
        bed.namespace({"istio-injection": "enabled"}) as namespace,
    ):
        ws.wait_until_called(bed, namespace, name)
        yield Room(bed, namespace, served)


@pytest.fixture(scope="module")
def room(bed: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """A room whose webhook has exactly the rights that are listed."""
    with a_room(bed, tmp_path_factory.mktemp("room")) as made:
        yield made


def a_denied_pod(name: str, owner: dict[str, Any]) -> dict[str, Any]:
    return ws.a_pod(name, annotations={BAD: "much"}, ownerReferences=[owner])


def test_denials_and_near_misses_are_events_of_the_owner_and_dry_runs_are_not(room: Room) -> None:
    bed, only_dry, owner = room.bed, room.owner("only-dry"), room.owner("web")
    dry = ws.create(bed, room.namespace, a_denied_pod("a", only_dry), flags=("--dry-run=server",))
    assert "invalid-annotation" in dry.err
    for name in ("b", "c"):
        assert "invalid-annotation" in ws.create(bed, room.namespace, a_denied_pod(name, owner)).err
    near = ws.a_pod("d", annotations={NEAR: "100m"}, ownerReferences=[owner])
    assert f"did you mean {BAD}" in ws.create(bed, room.namespace, near).err

    def all_counted() -> dict[str, Any] | None:
        by_reason = {e["reason"]: e for e in room.events_on("web")}
        counts = {reason: e["count"] for reason, e in by_reason.items()}
        return by_reason if counts == {"InjectionDenied": 2, "InjectionWarning": 1} else None

    events = ws.until("all is told and counted", all_counted)
    denied = events["InjectionDenied"]
    assert (denied["type"], denied["involvedObject"]["uid"]) == ("Warning", owner["uid"])
    assert denied["message"].startswith("invalid-annotation: ")
    assert BAD in denied["message"]
    assert events["InjectionWarning"]["message"].startswith("misspelt-key: ")
    # They are written in order, so what a dry run had written would be there by now.
    assert room.events_on("only-dry") == []


def test_an_owner_that_does_not_exist_gets_no_event(room: Room) -> None:
    owner = room.owner("api")
    forged = {**owner, "uid": "00000000-0000-4000-8000-000000000000"}
    gone = {**owner, "name": "gone"}
    for number, named in enumerate((forged, gone, owner)):
        assert ws.create(room.bed, room.namespace, a_denied_pod(f"p{number}", named)).status == 1
    [event] = ws.until("the one that is there is told", lambda: room.events_on("api"))
    assert event["count"] == 1
    assert room.events_on("gone") == []


def test_a_missing_right_is_logged_with_the_verb_and_pods_are_still_injected(
    bed: ApiServer, tmp_path: Path
) -> None:
    with a_room(bed, tmp_path, without="create") as room:
        # Webhooks are called by the names of their configurations, so that of the other tests comes later.
        assert ws.create(bed, room.namespace, a_denied_pod("a", room.owner("web"))).status == 1

        def refusals() -> list[str]:
            return [e["message"] for e in room.served.events() if e.get("what") == "events"]

        [message, *_] = ws.until("the refusal is logged", refusals)
        assert "not allowed to create events" in message
        assert ws.create(bed, room.namespace, ws.a_pod("b")).status == 0


@contextlib.contextmanager
def account_with_rights(bed: ApiServer, without: str) -> Iterator[Path]:
    """A kubeconfig of a ServiceAccount that may do what `rights` lists, but for one verb on Events."""
    namespace = bed.make_namespace()
    server = read_settings(CONFIG, "injector.yaml").server
    rules = []
    for verb, path in needed(load(None), server, ()):
        asked = Request("", verb, path).attributes()
        if (verb, asked["resource"]) != (without, "events"):
            rules.append(
                {"apiGroups": [asked.get("group", "")], "resources": [asked["resource"]], "verbs": [verb]}
            )
    group = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": f"events-{namespace}"}}
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"events-{namespace}"}
    subject = {"kind": "ServiceAccount", "name": "default", "namespace": namespace}
    items = [
        {**group, "kind": "ClusterRole", "rules": rules},
        {**group, "kind": "ClusterRoleBinding", "roleRef": ref, "subjects": [subject]},
    ]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    assert ws.kubectl(bed, "apply", "-f", "-", manifest=text).status == 0
    try:
        token = bed.kubectl("create", "token", "default", "-n", namespace).strip()
        yield bed.kubeconfig_with_token(token)
    finally:
        ws.kubectl(bed, "delete", "-f", "-", manifest=text)
        bed.kubectl("delete", "namespace", namespace, "--wait=false")
