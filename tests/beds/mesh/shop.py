"""The shop of examples/shop as something that runs: its manifests, with the traffic program inside.

Here: what is changed in the manifests so that they run on a node without a registry and without disks,
who calls whom, and the rules that the demo puts in force. Not here: watching it, that is show.py.

Names, Services, accounts, labels, annotations, ports and probes stay as they are, but for probes that run
a program of the shop. Left out are workloads without callers (DaemonSet, Job, CronJob) and replicas.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.beds.mesh import applications as a

Object = dict[str, Any]
MANIFESTS = Path(__file__).resolve().parents[3] / "examples" / "shop"
RUNNING = {"ConfigMap", "ServiceAccount", "Service", "Deployment", "StatefulSet"}
PROXY = "istio-proxy"

# What the containers of the shop do, by name. The bridge has no sidecar, and opens a connection for
# each request: what it may do is decided anew each time.
ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "render-pages": ("exec-ok", "/pages/index.html"),
    "web": (
        *("serve", "--http=:8080", "--http=:9102", "--call-every=200ms"),
        *("--call=catalog=http://catalog/", "--call=cart=grpc://cart:80"),
    ),
    "cart": ("serve", "--grpc=:9000", "--call-every=500ms", "--call=store=tcp://store-0.store:6379"),
    "catalog": ("serve", "--http=:8080"),
    "payments": ("serve", "--https=:8443", "--call-every=500ms", "--call=store=tcp://store-0.store:6379"),
    "store": ("serve", "--tcp=:6379"),
    "bridge": ("get", "http://catalog/", "--count=20000", "--every=250ms", "--allow-errors"),
}
CHECK = [a.PROGRAM, "exec-ok", a.PROGRAM]


def objects(namespace: str) -> list[Object]:
    """Return the shop, to be applied in that namespace."""
    items: list[Object] = []
    for file in sorted(MANIFESTS.glob("*.yaml")):
        for item in yaml.safe_load_all(file.read_text()):
            items += item["items"] if item and item["kind"] == "List" else [item]
    return [_running(item, namespace) for item in items if item and item["kind"] in RUNNING]


def rules(namespace: str, mode: str, share: int) -> list[Object]:
    """Return the rules for plain text (PERMISSIVE or STRICT) and for the share of catalog v2, in percent."""
    subsets = [{"name": version, "labels": {"version": version}} for version in ("v1", "v2")]
    split = [
        {"destination": {"host": "catalog", "subset": version}, "weight": weight}
        for version, weight in (("v1", 100 - share), ("v2", share))
    ]
    return [
        _rule("security", "PeerAuthentication", "default", namespace, {"mtls": {"mode": mode}}),
        _rule(
            *("networking", "DestinationRule", "catalog", namespace),
            {"host": "catalog", "subsets": subsets},
        ),
        _rule(
            *("networking", "VirtualService", "catalog", namespace),
            {"hosts": ["catalog"], "http": [{"route": split}]},
        ),
    ]


def name_of(labels: Mapping[str, str]) -> str:
    """Return the name of a workload of the shop, by the labels of its pod."""
    return labels.get("app") or labels.get("app.kubernetes.io/name") or "?"


def version_of(labels: Mapping[str, str]) -> str:
    """Return the version of a workload of the shop, by the labels of its pod; some have none."""
    return labels.get("version") or labels.get("app.kubernetes.io/version") or ""


def _running(item: Object, namespace: str) -> Object:
    item["metadata"]["namespace"] = namespace
    if "template" in item.get("spec", {}):
        item["spec"]["replicas"] = 1
        template = item["spec"]["template"]
        labels, pod = template["metadata"]["labels"], template["spec"]
        pod["terminationGracePeriodSeconds"] = 5
        for claim in item["spec"].pop("volumeClaimTemplates", ()):
            pod.setdefault("volumes", []).append({"name": claim["metadata"]["name"], "emptyDir": {}})
        for container in [*pod.get("initContainers", ()), *pod["containers"]]:
            if container["name"] == PROXY:
                # The API server takes `auto` for an image to be pulled always; there is no registry here.
                container["imagePullPolicy"] = "IfNotPresent"
            else:
                _run_traffic(container, labels)
    return item


def _run_traffic(container: Object, labels: Mapping[str, str]) -> None:
    """Let a container run the traffic program; its hooks and commands are of a program that is not there."""
    container.pop("command", None)
    container.pop("lifecycle", None)
    container["image"] = a.IMAGE
    words = ARGUMENTS[container["name"]]
    named = [f"--name={name_of(labels)}", f"--version={version_of(labels)}"] if words[0] == "serve" else []
    container["args"] = [*words, *named]
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = container.get(kind, {})
        if "exec" in probe:
            probe["exec"]["command"], probe["timeoutSeconds"] = CHECK, 10
        if probe and kind != "livenessProbe":
            probe["periodSeconds"] = 1


def _rule(group: str, kind: str, name: str, namespace: str, spec: Object) -> Object:
    return {
        "apiVersion": f"{group}.istio.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }
