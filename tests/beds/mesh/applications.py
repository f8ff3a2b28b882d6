"""The applications of the tests: the image of the traffic program, and the objects around it.

Here: builders of plain Kubernetes objects, and asking a client pod to send something. Not here: the
program itself (programs/traffic), applying objects and looking into proxies (bed.py).

Every builder returns plain dicts that a test may change before it applies them. The image runs as a
user without rights, and pods fulfil PodSecurity "restricted", so that whatever is refused is the
sidecar's doing. Probes ask every second: the start of a pod costs no test a probe's usual period.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hack.image import oci
from tests.beds.node.bed import Cluster
from tests.beds.programs import build

Object = dict[str, Any]

IMAGE = "sidecar.test/traffic:1"
PROGRAM = "/traffic"
USER = 1000

# What every server listens on, by the name of the port in its Service. The Service's own number is
# the same but for http, which people expect at 80. Istio takes the protocol from the name.
PORTS = {"http": 8080, "tcp": 9000, "tcp-greets": 9001, "grpc": 9090}
SERVICE_PORTS = {**PORTS, "http": 80}


def traffic_image() -> Path:
    """Return the archive of the image, writing it if this version of the program has none yet."""
    program = build.programs(["traffic"])["traffic"]
    target = build.cache_folder() / "images" / f"{program.parent.name}.tar"
    with build.locked(target.with_suffix(".lock"), "writes the image of the traffic program"):
        if not target.exists():
            entries = [*oci.program(program, PROGRAM), oci.Entry("/tmp", mode=0o1777)]
            oci.write(oci.Image(IMAGE, entries, [PROGRAM], ["pause"], user=f"{USER}:{USER}"), target)
    return target


def container(arguments: Sequence[str], name: str = "app", **fields: Any) -> Object:
    """Return a container of the traffic program; `fields` are further fields of it."""
    return {
        "name": name,
        "image": IMAGE,
        "args": list(arguments),
        "resources": {"requests": {"cpu": "5m", "memory": "16Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        **fields,
    }


def pod_spec(*containers: Object, account: str = "default", **fields: Any) -> Object:
    """Return the spec of a pod that ends at once when it is deleted."""
    return {
        "serviceAccountName": account,
        "terminationGracePeriodSeconds": 5,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": list(containers),
        **fields,
    }


def pod(name: str, namespace: str, *containers: Object, **fields: Any) -> Object:
    """Return a bare pod; `fields` are those of `pod_spec`, and `labels` and `annotations`."""
    metadata = {"name": name, "namespace": namespace, **_marks(name, fields)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod_spec(*containers, **fields)}


def deployment(name: str, namespace: str, *containers: Object, replicas: int = 1, **fields: Any) -> Object:
    """Return a Deployment; `fields` are those of `pod`, for its pods.

    It selects by the labels ``app`` and ``version``.
    """
    marks = _marks(name, fields)
    chosen = {key: marks["labels"][key] for key in ("app", "version") if key in marks["labels"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": chosen},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": chosen},
            "template": {"metadata": marks, "spec": pod_spec(*containers, **fields)},
        },
    }


def job(name: str, namespace: str, arguments: Sequence[str], **fields: Any) -> Object:
    """Return a Job that runs one command of the traffic program once; `fields` are those of `pod`."""
    marks = _marks(name, fields)
    spec = pod_spec(container(arguments), restartPolicy="Never", **fields)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"backoffLimit": 0, "template": {"metadata": marks, "spec": spec}},
    }


def account(name: str, namespace: str) -> Object:
    """Return a ServiceAccount: an identity of its own for the pods that name it."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}


def service(name: str, namespace: str, selector: Mapping[str, str] | None = None) -> Object:
    """Return a Service with all ports of a server; it selects ``app: NAME`` if nothing else is asked for."""
    ports = [
        {"name": port, "port": SERVICE_PORTS[port], "targetPort": number} for port, number in PORTS.items()
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": dict(selector or {"app": name}), "ports": ports},
    }


def server(
    name: str,
    namespace: str,
    version: str = "v1",
    *,
    arguments: Sequence[str] = (),
    probe: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Object:
    """Return a Deployment of a server that listens on all of PORTS and is Ready when its ``/ready`` says so.

    Its labels are ``app: NAME`` and ``version: VERSION``; its own name has the version in it if that is
    not v1, so that two versions stand side by side. `probe` takes the place of the readiness probe.
    """
    listen = [f"--{port}=:{number}" for port, number in PORTS.items()]
    ready = probe or {"httpGet": {"path": "/ready", "port": PORTS["http"]}}
    serving = container(
        ["serve", f"--name={name}", f"--version={version}", "--mark=/tmp/ready", *listen, *arguments],
        ports=[{"name": port, "containerPort": number} for port, number in PORTS.items()],
        readinessProbe={"periodSeconds": 1, **ready},
    )
    labels = {"app": name, "version": version, **fields.pop("labels", {})}
    own_name = name if version == "v1" else f"{name}-{version}"
    return deployment(own_name, namespace, serving, labels=labels, **fields)


def client(name: str, namespace: str, **fields: Any) -> Object:
    """Return a Deployment of one pod that does nothing until `ask` sends it out.

    `fields` are those of `pod`.
    """
    return deployment(name, namespace, container(["pause"]), **fields)


def ask(cluster: Cluster, namespace: str, sender: str, *command: str) -> Object:
    """Run a command of the traffic program in a pod and return what it printed, failures too.

    `sender` is a pod's name or ``deploy/NAME``; the command is ``get``, ``tcp``, ``grpc`` or ``load``
    with its words and flags.
    """
    run = [PROGRAM, *command, "--allow-errors"]
    printed = cluster.kubectl("exec", "-n", namespace, sender, "-c", "app", "--", *run)
    answer: Object = json.loads(printed)
    return answer


def _marks(name: str, fields: dict[str, Any]) -> Object:
    """Take the labels and annotations out of the fields of a pod."""
    marks: Object = {"labels": {"app": name, **fields.pop("labels", {})}}
    annotations = fields.pop("annotations", None)
    return {**marks, "annotations": dict(annotations)} if annotations else marks
