"""Pods for trying templates out: small, large, and with values that break careless templates.

Not here: what is done with them (`trials`).
"""

from __future__ import annotations

from typing import Any, Final

Manifest = dict[str, Any]


def _pod(name: str, spec: Manifest, **meta: Any) -> Manifest:
    return {"metadata": {"name": name, "namespace": "sample", **meta}, "spec": spec}


def _container(name: str, **more: Any) -> Manifest:
    return {"name": name, "image": f"registry.example/{name}:1", **more}


_PROBES: Final = {
    "livenessProbe": {"httpGet": {"path": "/live", "port": "http"}, "periodSeconds": 5},
    "readinessProbe": {"tcpSocket": {"port": 8080}},
    "startupProbe": {"exec": {"command": ["true"]}},
    "lifecycle": {"preStop": {"httpGet": {"path": "/stop", "port": 8080}}},
}

SAMPLES: Final[tuple[Manifest, ...]] = (
    _pod("minimal", {"containers": [_container("app")]}),
    {"metadata": {"generateName": "nameless-"}, "spec": {"containers": [_container("app")]}},
    {"spec": {"containers": [_container("app")]}},
    _pod(
        "web",
        {
            "serviceAccountName": "web",
            "securityContext": {"runAsNonRoot": True, "fsGroup": 1000},
            "initContainers": [_container("migrate", command=["migrate"])],
            "containers": [
                _container("web", ports=[{"name": "http", "containerPort": 8080}], **_PROBES),
                _container("helper", env=[{"name": "A", "value": 'quotes " and {{ braces }}\n: - #'}]),
            ],
            "volumes": [{"name": "cache", "emptyDir": {}}],
            "imagePullSecrets": [{"name": "registry"}],
        },
        labels={"app": "web", "app.kubernetes.io/version": "1.0"},
        annotations={"prometheus.io/scrape": "true", "prometheus.io/port": "8080"},
    ),
    _pod(
        "migrate",
        {"restartPolicy": "Never", "containers": [_container("job", command=["sh", "-c", "exit 0"])]},
        ownerReferences=[
            {"apiVersion": "batch/v1", "kind": "Job", "name": "migrate", "uid": "1", "controller": True}
        ],
    ),
    _pod(
        "many",
        {"containers": [_container(f"app-{n}", ports=[{"containerPort": 9000 + n}]) for n in range(20)]},
    ),
)
