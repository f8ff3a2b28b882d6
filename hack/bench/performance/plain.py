"""A mutating webhook as people write it: FastAPI, pydantic, a Jinja template of YAML, deepcopy, jsonpatch.

It is written well: the template is compiled once, YAML is read by libyaml, the handler is asynchronous,
and the server has uvloop and httptools. Its sidecar is of the same kind and size as istiod's.

``python -m hack.bench.performance.plain PORT CERTIFICATE KEY``
"""

from __future__ import annotations

import base64
import copy
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any, Final

import jinja2
import jsonpatch
import uvicorn
import yaml
from fastapi import FastAPI
from pydantic import BaseModel

Object = dict[str, Any]

logger = logging.getLogger("webhook")

VALUES: Final[Object] = {
    "hub": "registry.example.com/istio",
    "tag": "1.31.0",
    "clusterDomain": "cluster.local",
    "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}},
    "environment": {
        "PILOT_CERT_PROVIDER": "istiod",
        "CA_ADDR": "istiod.istio-system.svc:15012",
        "PROXY_CONFIG": "{}",
        "ISTIO_META_CLUSTER_ID": "Kubernetes",
        "ISTIO_META_INTERCEPTION_MODE": "REDIRECT",
        "ISTIO_META_MESH_ID": "cluster.local",
        "TRUST_DOMAIN": "cluster.local",
    },
}
FIELDS: Final = {
    "POD_NAME": "metadata.name",
    "POD_NAMESPACE": "metadata.namespace",
    "INSTANCE_IP": "status.podIP",
    "SERVICE_ACCOUNT": "spec.serviceAccountName",
    "HOST_IP": "status.hostIP",
    "ISTIO_META_NODE_NAME": "spec.nodeName",
}
MOUNTS: Final = {
    "workload-socket": "/var/run/secrets/workload-spiffe-uds",
    "credential-socket": "/var/run/secrets/credential-uds",
    "workload-certs": "/var/run/secrets/workload-spiffe-credentials",
    "istiod-ca-cert": "/var/run/secrets/istio",
    "istio-data": "/var/lib/istio/data",
    "istio-envoy": "/etc/istio/proxy",
    "istio-token": "/var/run/secrets/tokens",
    "istio-podinfo": "/etc/istio/pod",
}
STATUS_PORT: Final = 15020


class Request(BaseModel):
    """What the webhook reads of a request."""

    uid: str
    namespace: str = ""
    operation: str = "CREATE"
    object: Object


class Review(BaseModel):
    """An AdmissionReview with a request."""

    apiVersion: str
    kind: str
    request: Request


class Response(BaseModel):
    """The answer to a request."""

    uid: str
    allowed: bool = True
    patchType: str | None = None
    patch: str | None = None


class ReviewResponse(BaseModel):
    """An AdmissionReview with a response."""

    apiVersion: str = "admission.k8s.io/v1"
    kind: str = "AdmissionReview"
    response: Response


app = FastAPI()
_environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent), undefined=jinja2.StrictUndefined, autoescape=False
)
# As other templates write JSON: `tojson` of Jinja escapes for HTML.
_environment.filters["tojson"] = json.dumps
_template = _environment.get_template("plain.yaml.j2")


@app.post("/mutate")
async def mutate(review: Review) -> ReviewResponse:
    """Answer a review."""
    started = time.perf_counter()
    request = review.request
    injected = inject(request.object, request.namespace)
    patch = jsonpatch.make_patch(request.object, injected)
    encoded = base64.b64encode(json.dumps(patch.patch).encode()).decode()
    logger.info(
        "injected %s/%s uid=%s operations=%d seconds=%.4f",
        request.namespace,
        request.object["metadata"].get("generateName"),
        request.uid,
        len(patch.patch),
        time.perf_counter() - started,
    )
    return ReviewResponse(response=Response(uid=request.uid, patchType="JSONPatch", patch=encoded))


def inject(pod: Object, namespace: str) -> Object:
    """The pod with the sidecar; it is not changed itself."""
    metadata, spec = pod["metadata"], pod["spec"]
    overlay = yaml.load(
        _template.render(
            values=VALUES,
            fields=FIELDS,
            mounts=MOUNTS,
            namespace=namespace,
            workload=_workload(metadata),
            labels=metadata.get("labels", {}),
            annotations=metadata.get("annotations", {}),
            containers=spec["containers"],
            ports=[port for container in spec["containers"] for port in container.get("ports", [])],
            probes=_probes(spec["containers"]),
        ),
        Loader=yaml.CSafeLoader,
    )
    injected = copy.deepcopy(pod)
    injected["metadata"].setdefault("labels", {}).update(overlay["labels"])
    injected["metadata"].setdefault("annotations", {}).update(overlay["annotations"])
    injected["metadata"]["annotations"]["sidecar.istio.io/status"] = _status(overlay)
    for container in injected["spec"]["containers"]:
        _redirect_probes(container)
    for key in ("initContainers", "volumes"):
        injected["spec"][key] = [*overlay[key], *injected["spec"].get(key, [])]
    return injected


def _workload(metadata: Object) -> str:
    """The name of the Deployment: that of the ReplicaSet without the hash at its end."""
    owners = metadata.get("ownerReferences") or [{"name": metadata.get("name", "")}]
    return str(owners[0]["name"].rpartition("-")[0] or owners[0]["name"])


def _probes(containers: list[Object]) -> Object:
    return {
        f"/app-health/{container['name']}/{path}": {"httpGet": container[kind]["httpGet"]}
        for container in containers
        for kind, path in (("livenessProbe", "livez"), ("readinessProbe", "readyz"))
        if "httpGet" in container.get(kind, {})
    }


def _redirect_probes(container: Object) -> None:
    for kind, path in (("livenessProbe", "livez"), ("readinessProbe", "readyz")):
        if "httpGet" in container.get(kind, {}):
            target = container[kind]["httpGet"]
            target.update(path=f"/app-health/{container['name']}/{path}", port=STATUS_PORT)


def _status(overlay: Object) -> str:
    names = {key: [item["name"] for item in overlay[key]] for key in ("initContainers", "volumes")}
    return json.dumps({**names, "containers": None, "revision": "default"})


def main(port: str, certificate: str, key: str) -> None:
    """Serve until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(port),
        timeout_keep_alive=120,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
