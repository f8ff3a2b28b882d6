"""The webhook's configuration in a cluster: a ConfigMap of the injector, or those of a live istiod."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.webhook_serving import (
    Served,
    a_pod,
    containers,
    create,
    created,
    env_of,
    kubectl,
    registered,
    serving,
    until,
    wait_until_called,
)
from tests.beds.apiserver.bed import ApiServer

pytestmark = pytest.mark.xdist_group("webhook-sources")

REVISION = "canary"
OURS = """\
revision: canary
values: {{global: {{hub: hub.example.com/ours, tag: "{tag}"}}}}
server: {{source: {{pollSeconds: 1}}}}
"""
MESH = "trustDomain: live.example\ndefaultConfig: {concurrency: 5}\n"
VALUES = {"global": {"hub": "hub.example.com/live", "tag": "1.30.1", "network": "n9"}}
INJECT = {
    "policy": "enabled",
    "defaultTemplates": ["sidecar"],
    # What istiod's chart ships is written in another language; the profile's template replaces it.
    "templates": {"sidecar": "{{ $x := .Values }}{{ end }}", "own": "{{ .Spec }}"},
    "injectedAnnotations": {"live.example.com/note": "from istiod"},
}


@dataclass(frozen=True)
class Source:
    """A running webhook, the namespace of its ConfigMaps, and one whose pods it gets."""

    served: Served
    maps: str
    pods: str


@contextlib.contextmanager
def running(bed: ApiServer, folder: Path, maps: dict[str, dict[str, str]], *flags: str) -> Iterator[Source]:
    """A webhook for the revision; ``NS`` in its flags is the namespace of the ConfigMaps."""
    if bed.plane is None:
        pytest.skip("API server bed: this cluster (E2E_KUBECONFIG) cannot call a webhook on loopback")
    (folder / "revision.yaml").write_text(f"revision: {REVISION}\n")
    with contextlib.ExitStack() as stack:
        namespace = stack.enter_context(bed.namespace())
        pods = stack.enter_context(bed.namespace({"istio.io/rev": REVISION}))
        for name, data in maps.items():
            assert create(bed, namespace, a_map(name, data)).status == 0
        served = stack.enter_context(serving(bed, folder, *(f.replace("NS", namespace) for f in flags)))
        config = ("--config", folder / "revision.yaml")
        (name,) = stack.enter_context(registered(bed, served, "sources", "/inject", *config))
        wait_until_called(bed, pods, name)
        yield Source(served, namespace, pods)


def a_map(name: str, data: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def proxy_of(bed: ApiServer, source: Source) -> dict[str, Any]:
    """The sidecar that a pod would get now."""
    return containers(created(bed, source.pods, a_pod("probe"), "--dry-run=server"))["istio-proxy"]


def test_the_configmap_is_read_and_its_changes_are_applied(bed: ApiServer, tmp_path: Path) -> None:
    maps = {"injector": {"injector.yaml": OURS.format(tag="1.30.0")}}
    with running(bed, tmp_path, maps, "--config-map", "NS/injector") as source:
        assert proxy_of(bed, source)["image"] == "hub.example.com/ours/proxyv2:1.30.0"

        replace(bed, source, OURS.format(tag="1.30.9"))
        until("the new tag", lambda: proxy_of(bed, source)["image"].endswith(":1.30.9"))

        replace(bed, source, "valuse: {}\n")
        refused = until("the broken one is refused", lambda: logged(source, "config-refused"))
        assert "ConfigMap" in refused["where"]
        assert "values" in refused["message"] + refused["hint"]
        assert proxy_of(bed, source)["image"].endswith(":1.30.9")


def replace(bed: ApiServer, source: Source, text: str) -> None:
    answer = kubectl(
        bed, "replace", "-n", source.maps, "-f", "-", manifest=a_map("injector", {"injector.yaml": text})
    )
    assert answer.status == 0, answer.err


def logged(source: Source, event: str) -> dict[str, Any] | None:
    return next((line for line in source.served.events() if line["event"] == event), None)


def test_a_live_istiods_configmaps_say_what_is_injected(bed: ApiServer, tmp_path: Path) -> None:
    maps = {
        f"istio-{REVISION}": {"mesh": MESH},
        f"istio-sidecar-injector-{REVISION}": {"values": json.dumps(VALUES), "config": json.dumps(INJECT)},
    }
    with running(bed, tmp_path, maps, "--from-istiod", f"NS/{REVISION}") as source:
        pod = created(bed, source.pods, a_pod("web"))

        proxy = containers(pod)["istio-proxy"]
        env = env_of(proxy)
        assert proxy["image"] == "hub.example.com/live/proxyv2:1.30.1"
        assert (env["TRUST_DOMAIN"], env["ISTIO_META_NETWORK"]) == ("live.example", "n9")
        assert json.loads(env["PROXY_CONFIG"] or "{}")["concurrency"] == 5
        annotations = pod["metadata"]["annotations"]
        assert annotations["istio.io/rev"] == REVISION
        assert annotations["live.example.com/note"] == "from istiod"
        finding = logged(source, "finding")
        assert finding is not None
        assert (finding["code"], "'own'" in finding["message"]) == ("go-template", True)
        # A pod that asks for the template that cannot be used here is denied with the reason.
        answer = create(bed, source.pods, a_pod("own", annotations={"inject.istio.io/templates": "own"}))
        assert answer.status != 0
        assert "a requested template is not found" in answer.err
