"""What `injector check --cluster` reads of a cluster.

Here: the objects around the webhook's entries, the rights of an account, and the dry run of a pod. Not
here: what they mean (`injector.core.registration.checks`).

Only configurations and namespaces must be readable; all other refusals are noted.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Final
from urllib.parse import quote

from injector.classes import dataclass
from injector.core.kinds import KINDS, restartable
from injector.core.model import Manifest, ServiceRef
from injector.core.registration.checks import Survey, service_of, template_of
from injector.core.registration.entries import CONFIGURATIONS, Registered, labels_of, registered
from injector.errors import ClusterError
from injector.kube.api_errors import Request
from injector.kube.client import Cluster
from injector.kube.lists import Object
from injector.kube.objects import path_of

REVIEWS: Final = "/apis/authorization.k8s.io/v1"


@dataclass(slots=True)
class SurveyReader:
    """Reads a cluster; `unread` are the refusals so far."""

    cluster: Cluster
    unread: list[str] = field(default_factory=list)

    def survey(self) -> Survey:
        """The objects around the entries. Raises ClusterError."""
        entries = tuple(registered(self.cluster.list(CONFIGURATIONS)))
        objects = self.cluster.list("/api/v1/namespaces")
        namespaces = {str(n["metadata"]["name"]): n for n in objects if not _leaving(n)}
        daemon_sets = self._list(path_of(KINDS["DaemonSet"])) or []
        named = [place for e in entries if e.ours and (place := service_of(e)) is not None]
        services: dict[ServiceRef, Manifest | None] = {}
        slices: dict[ServiceRef, tuple[Manifest, ...]] = {}
        own: list[Manifest] = []
        for ref in dict.fromkeys(named):
            try:
                service = self.cluster.get(_within(ref.namespace, "/api/v1", "services", ref.name))
            except ClusterError as error:
                if error.status == 404:
                    services[ref] = None
                else:
                    self._note(error)
                continue
            services[ref] = service
            by_service = {"labelSelector": f"kubernetes.io/service-name={ref.name}"}
            path = _within(ref.namespace, "/apis/discovery.k8s.io/v1", "endpointslices")
            ends = self._list(path, by_service)
            if ends is not None:
                slices[ref] = tuple(ends)
            own += self.behind(service)
        return Survey(entries, namespaces, tuple(own), tuple(daemon_sets), services, slices)

    def may(self, verb: str, path: str, account: tuple[str, str] | None) -> bool | None:
        """Whether a ServiceAccount (namespace, name), else the own account, may do that; None: unknown."""
        spec: Object = {"resourceAttributes": Request("", verb, path).attributes()}
        kind = "SelfSubjectAccessReview"
        if account is not None:
            kind, groups = "SubjectAccessReview", ["system:serviceaccounts", "system:authenticated"]
            spec["user"] = f"system:serviceaccount:{account[0]}:{account[1]}"
            spec["groups"] = [*groups, f"system:serviceaccounts:{account[0]}"]
        item = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
        try:
            answer = self.cluster.create(f"{REVIEWS}/{kind.lower()}s", item)
        except ClusterError as error:
            self._note(error)
            return None
        return bool((answer.get("status") or {}).get("allowed"))

    def version(self) -> str:
        """The version of the API server; empty where it does not say."""
        try:
            return str(self.cluster.get("/version").get("gitVersion") or "")
        except ClusterError as error:
            self._note(error)
            return ""

    def dry_run(self, pod: Object, namespace: str) -> Object:
        """The pod as it would be created. Raises ClusterError."""
        return self.cluster.create(_within(namespace, "/api/v1", "pods"), pod, {"dryRun": "All"})

    def _note(self, error: ClusterError) -> None:
        # Without an API server or credentials nothing else can be read either.
        if error.status in (0, 401):
            raise error
        if error.message not in self.unread:
            self.unread.append(error.message)

    def _list(self, path: str, params: Mapping[str, str] | None = None) -> list[Manifest] | None:
        """The objects of a list; None where it is refused, which is noted."""
        try:
            return self.cluster.list(path, params)
        except ClusterError as error:
            self._note(error)
            return None

    def behind(self, service: Manifest) -> Iterator[Manifest]:
        """One pod of each workload behind a Service; without pods, the templates of the workloads."""
        namespace = str(service["metadata"]["namespace"])
        selector: dict[str, str] = (service.get("spec") or {}).get("selector") or {}
        if not selector:
            return
        query = {"labelSelector": ",".join(f"{key}={value}" for key, value in selector.items())}
        pods = self._list(_within(namespace, "/api/v1", "pods"), query) or []
        if not pods:
            for kind in restartable():
                workloads = self._list(path_of(kind, namespace)) or []
                pods += [p for p in map(template_of, workloads) if selector.items() <= labels_of(p).items()]
        seen = set()
        for pod in pods:
            kind = pod["metadata"].get("generateName") or pod["metadata"].get("name")
            if kind not in seen:
                seen.add(kind)
                yield pod


def _leaving(namespace: Manifest) -> bool:
    """Whether it is being deleted, so that nothing can be created in it."""
    return (namespace.get("status") or {}).get("phase") == "Terminating"


def bundle_of(entry: Registered) -> str | None:
    """The PEM text of an entry's caBundle, None without one. Raises ValueError where it is no base64."""
    raw = entry.client.get("caBundle")
    return base64.b64decode(str(raw), validate=True).decode("ascii") if raw else None


def _within(namespace: str, api: str, plural: str, name: str = "") -> str:
    path = f"{api}/namespaces/{quote(namespace, safe='')}/{plural}"
    return f"{path}/{quote(name, safe='')}" if name else path
