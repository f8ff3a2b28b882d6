"""Pods that grow: each maker takes a number and returns a pod that has so many of something.

Here: pods along the axes of the table, and those that cost the most CPU for their counted work. Not here:
sending them (measuring.py). Attacks that no injection survives are in hack/attack.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from hack.attack.pods import (
    CONFIG,
    OVERRIDES,
    STATUS,
    USER_MOUNT,
    USER_VOLUME,
    as_text,
    listed,
    many,
    moved,
    undone,
)

Pod = dict[str, Any]
Maker = Callable[[int], Pod]

TEMPLATES = "inject.istio.io/templates"
EXCLUDED = "traffic.sidecar.istio.io/excludeInboundPorts"
PROBE: Final[Pod] = {"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10}


def body(pod: Pod, namespace: str = "shop", number: int = 0) -> bytes:
    """The review of a pod; the number makes it another call."""
    request = {
        "uid": f"705ab4f5-6393-11e8-b7cc-{number:012}",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "namespace": namespace,
        "operation": "CREATE",
        "object": {"apiVersion": "v1", "kind": "Pod", **pod},
    }
    review = {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}
    return as_text(review).encode()


def labelled(pod: Pod, number: int) -> Pod:
    """The pod with a label of its own."""
    metadata = pod["metadata"]
    return {**pod, "metadata": {**metadata, "labels": {**metadata["labels"], "number": str(number)}}}


def shaped(pod: Pod, number: int) -> Pod:
    """The pod with a shape of its own."""
    return {**pod, "spec": {**pod["spec"], "terminationGracePeriodSeconds": 1000 + number}}


def of(containers: list[Pod], annotations: Mapping[str, str] | None = None, **spec: Any) -> Pod:
    """A pod of these containers and annotations."""
    metadata = {"name": "web", "labels": {"app": "web"}, "annotations": dict(annotations or {})}
    return {"metadata": metadata, "spec": {"containers": containers, **spec}}


def variables(count: int, value: str = "value") -> list[Pod]:
    """Environment variables."""
    return [{"name": f"SETTING_{number}", "value": value} for number in range(count)]


def container(settings: int = 12, **fields: Any) -> Pod:
    """An ordinary container."""
    return {
        "name": "web",
        "image": "registry.example.com/shop/web:1.4.2",
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": variables(settings),
        "resources": {"limits": {"memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "volumeMounts": [{"name": "cache", "mountPath": "/cache"}],
        "livenessProbe": PROBE,
        "readinessProbe": PROBE,
        **fields,
    }


def ordinary(count: int, settings: int = 12) -> Pod:
    """So many ordinary containers."""
    volumes = [{"name": "cache", "emptyDir": {}}]
    return of([container(settings, name=f"web{number}") for number in range(count)], volumes=volumes)


def kilobytes(count: int) -> Pod:
    """A pod of about so many KB: settings of 0.25 KB each."""
    return of([container(0, env=variables(4 * count, "x" * 210))], volumes=[{"name": "cache"}])


def templates(count: int) -> Pod:
    """A pod that asks for so many templates, t0 and so on, beside the sidecar's."""
    return of([container()], {TEMPLATES: ",".join(["sidecar", *(f"t{number}" for number in range(count))])})


def _mounted(count: int) -> Pod:
    mounts = [{"name": f"v{number}", "mountPath": f"/data/{number}"} for number in range(count)]
    return of([container(volumeMounts=mounts)], volumes=many(count, "v", emptyDir={}))


def _annotated(annotations: Mapping[str, str], **spec: Any) -> Pod:
    return of([container()], annotations, **spec)


def _user_volumes(count: int) -> Pod:
    volumes: Pod = {f"v{number}": {"emptyDir": {}} for number in range(count)}
    mounts = {f"v{number}": {"mountPath": f"/data/{number}"} for number in range(count)}
    return _annotated({USER_VOLUME: as_text(volumes), USER_MOUNT: as_text(mounts)})


def _overridden(count: int) -> Pod:
    stored = {"containers": [{"name": "istio-proxy", "env": variables(count)}]}
    return _annotated({STATUS: "{}", OVERRIDES: as_text(stored)})


def _proxy(**fields: Any) -> list[Pod]:
    return [container(), {"name": "istio-proxy", "image": "auto", **fields}]


COSTLY: Final[Mapping[str, Maker]] = {
    "containers with nothing but a name": lambda n: of(many(n)),
    "ordinary containers": ordinary,
    "containers with 50 variables": lambda n: ordinary(n, 50),
    "containers with an HTTP probe": lambda n: of(many(n, livenessProbe=PROBE)),
    "containers with three HTTP probes": lambda n: of(
        many(n, livenessProbe=PROBE, readinessProbe=PROBE, startupProbe=PROBE)
    ),
    "containers with a probe of a port that is not there": lambda n: of(
        many(n, livenessProbe={"httpGet": {"port": "x"}})
    ),
    "init containers": lambda n: of([container()], initContainers=many(n)),
    "native sidecars": lambda n: of([container()], initContainers=many(n, restartPolicy="Always")),
    "variables": lambda n: of([container(n)]),
    "variables of 1 KB": lambda n: of([container(env=variables(n, "x" * 1000))]),
    "variables of 1,000 characters outside of ASCII": lambda n: of([container(env=variables(n, "é" * 1000))]),
    "variables of 1,000 quotes": lambda n: of([container(env=variables(n, '"' * 1000))]),
    "variables of the proxy's own container": lambda n: of(_proxy(env=variables(n))),
    "mounts of the proxy's own container": lambda n: of(
        _proxy(volumeMounts=[{"name": "cache", "mountPath": f"/data/{number}"} for number in range(n)]),
        volumes=[{"name": "cache", "emptyDir": {}}],
    ),
    "volumes with a mount": _mounted,
    "volumes": lambda n: of([container()], volumes=many(n, "v", emptyDir={})),
    "ports": lambda n: of(
        [container(ports=[{"name": f"p{i}", "containerPort": 1 + i % 65535} for i in range(n)])]
    ),
    "labels": lambda n: {
        **of([container()]),
        "metadata": {"name": "web", "labels": {f"label-{number}": "x" for number in range(n)}},
    },
    "annotations": lambda n: _annotated({f"example.com/note-{number}": "x" for number in range(n)}),
    "annotations that look misspelt": lambda n: _annotated(
        {f"sidecar.istio.io/note-{number}": "x" for number in range(n)}
    ),
    "tolerations": lambda n: of(
        [container()], tolerations=[{"key": f"k{number}", "operator": "Exists"} for number in range(n)]
    ),
    "pull secrets": lambda n: of([container()], imagePullSecrets=many(n, "s")),
    "metadata of the proxy, as JSON": lambda n: _annotated(
        {CONFIG: as_text({"proxyMetadata": {f"SETTING_{number}": "value" for number in range(n)}})}
    ),
    "metadata of the proxy, as YAML": lambda n: _annotated(
        {CONFIG: "proxyMetadata:\n" + "".join(f"  SETTING_{number}: value\n" for number in range(n))}
    ),
    "excluded ports": lambda n: _annotated({EXCLUDED: ",".join(str(1 + i % 65535) for i in range(n))}),
    "user volumes with a mount": _user_volumes,
    "templates, the same again": lambda n: _annotated({TEMPLATES: ",".join(["sidecar"] * n)}),
    "undo entries": undone,
    "undo of containers that moved": moved,
    "names in a status": listed,
    "variables of stored overrides": _overridden,
    "managed fields": lambda n: {
        **of([container()]),
        "metadata": {
            "name": "web",
            "managedFields": [{"manager": "m", "fieldsV1": {f"f:field{number}": {} for number in range(n)}}],
        },
    },
}
