"""Pods sent to the API server without being created, over one connection.

Names of other objects that an admission looks up are left out: service accounts, priority and runtime
classes. Not here: which pods.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from injector.core.model import Manifest
from tests.beds.apiserver.bed import ApiServer


class DryRun:
    """Creates pods in a namespace with dryRun=All; nothing is stored."""

    def __init__(self, bed: ApiServer, namespace: str) -> None:
        config = json.loads(bed.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        context = ssl.create_default_context(cafile=cluster["certificate-authority"])
        self._connection = http.client.HTTPSConnection(urlsplit(bed.url).netloc, context=context, timeout=60)
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {user['token']}"}
        self._path = f"/api/v1/namespaces/{namespace}/pods?dryRun=All"
        self._namespace = namespace

    def refusal(self, pod: Manifest) -> str:
        """What the API server says against a pod; empty where it takes the pod."""
        body = json.dumps({"apiVersion": "v1", "kind": "Pod", **_sent(pod, self._namespace)})
        self._connection.request("POST", self._path, body.encode("utf-8", "surrogatepass"), self._headers)
        answer = self._connection.getresponse()
        status: Mapping[str, Any] = json.loads(answer.read())
        return "" if answer.status == 201 else f"{answer.status} {status.get('message')}"

    def close(self) -> None:
        self._connection.close()


def _sent(pod: Manifest, namespace: str) -> Manifest:
    """The pod in this namespace, with a new name, and without what other objects would be needed for."""
    own = {key: value for key, value in (pod.get("metadata") or {}).items() if key != "name"}
    metadata = {**own, "namespace": namespace, "generateName": "pod-"}
    absent = ("serviceAccountName", "serviceAccount", "priorityClassName", "priority", "runtimeClassName")
    spec = pod.get("spec")
    if isinstance(spec, dict):
        spec = {key: value for key, value in spec.items() if key not in absent}
    return {"metadata": metadata, "spec": spec}


@contextlib.contextmanager
def dry_runs(bed: ApiServer) -> Iterator[DryRun]:
    """A namespace of its own for pods that are not created."""
    with bed.namespace() as namespace:
        client = DryRun(bed, namespace)
        try:
            yield client
        finally:
            client.close()
