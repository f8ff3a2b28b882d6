"""The releases of this injector in a cluster: from its webhook configurations to the flags of `serve`.

Here: webhook configuration, Service, Deployment, and which ConfigMap holds the configuration file. Not here:
what the file says, and which release a command is about (cli).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Final
from urllib.parse import quote

from injector.classes import dataclass
from injector.core import names
from injector.core.kinds import KINDS
from injector.core.model import Manifest, ServiceRef
from injector.core.registration.checks import service_of
from injector.core.registration.entries import CONFIGURATIONS, Registered, labels_of, registered
from injector.errors import ClusterError
from injector.kube.client import Cluster
from injector.kube.lists import Object
from injector.kube.objects import NAMESPACES, path_of

OURS: Final = {"labelSelector": f"{names.APP_LABEL}={names.APP}"}
INSTANCE: Final = "app.kubernetes.io/instance"
FILE_VARIABLE: Final = "INJECTOR_CONFIG"
"""The environment variable that names the configuration file."""


@dataclass(frozen=True, slots=True)
class Mounted:
    """A ConfigMap with a configuration: its keys by their paths in the folder, and the path of the file."""

    namespace: str
    name: str
    keys: Mapping[str, str]
    file: str


@dataclass(frozen=True, slots=True)
class Release:
    """A Deployment that serves entries of webhook configurations, and its flags."""

    name: str
    namespace: str
    entries: tuple[Registered, ...]
    mounted: Mounted | None = None
    config_map: str | None = None
    file: str | None = None
    from_istiod: str | None = None
    image: str = ""
    version: str = ""

    @property
    def label(self) -> str:
        """The release, for messages."""
        return f"release {self.name} in namespace {self.namespace}"


@dataclass(slots=True)
class ReleaseReader:
    """Finds the releases of a cluster; `unread` says what could not be read, and why."""

    cluster: Cluster
    unread: list[str] = field(default_factory=list)

    def releases(self) -> list[Release]:
        """The releases behind the webhook configurations. Raises ClusterError without any answer."""
        try:
            entries = list(registered(self.cluster.list(CONFIGURATIONS, OURS)))
        except ClusterError as error:
            self._note(error)
            return []
        by_service: dict[ServiceRef, list[Registered]] = {}
        for entry in entries:
            service = service_of(entry)
            if service is None:
                self._add(f"{entry.where} names a URL, so its process is not found")
            else:
                by_service.setdefault(service, []).append(entry)
        releases = []
        for service, its in by_service.items():
            try:
                releases += [self._release(each, its) for each in self._deployments(service)]
            except ClusterError as error:
                self._note(error)
        return releases

    def _deployments(self, service: ServiceRef) -> Iterator[Object]:
        """The Deployments whose pods a Service selects. Raises ClusterError."""
        place, name = (quote(part, safe="") for part in (service.namespace, service.name))
        path = f"{NAMESPACES}/{place}/services/{name}"
        selector = (self.cluster.get(path).get("spec") or {}).get("selector") or {}
        any_found = False
        for item in self.cluster.list(path_of(KINDS["Deployment"], service.namespace)):
            template = (item.get("spec") or {}).get("template") or {}
            if selector and selector.items() <= labels_of(template).items() and _container(template):
                any_found = True
                yield item
        if not any_found:
            self._add(f"no Deployment of this injector is behind the Service {service}")

    def _release(self, deployment: Object, entries: Sequence[Registered]) -> Release:
        meta, template = deployment["metadata"], deployment["spec"]["template"]
        container = _container(template) or {}
        flags, labels = flags_of(container), labels_of(deployment)
        file = flags.get("--config") or _variable(container)
        namespace = str(meta["namespace"])
        return Release(
            labels.get(INSTANCE) or str(meta["name"]),
            namespace,
            tuple(entries),
            self._mounted(namespace, template, container, file) if file else None,
            flags.get("--config-map"),
            file,
            flags.get("--from-istiod"),
            str(container.get("image") or ""),
            labels.get("app.kubernetes.io/version", ""),
        )

    def _mounted(self, namespace: str, template: Manifest, container: Manifest, file: str) -> Mounted | None:
        """The ConfigMap that a file of a container comes from; None where it comes from elsewhere."""
        volumes = {str(v.get("name")): v for v in (template.get("spec") or {}).get("volumes") or []}
        mounts = [m for m in container.get("volumeMounts") or [] if _below(file, str(m.get("mountPath")))]
        # The deepest mount hides the others.
        for mount in sorted(mounts, key=lambda m: -len(str(m["mountPath"])))[:1]:
            source = (volumes.get(str(mount.get("name"))) or {}).get("configMap")
            if not source:
                return None
            inside = _below(file, str(mount["mountPath"])) or "."
            inside = posixpath.normpath(posixpath.join(str(mount.get("subPath") or ""), inside))
            listed = source.get("items")
            keys = {posixpath.normpath(str(i["path"])): str(i["key"]) for i in listed or []}
            return Mounted(namespace, str(source.get("name")), keys, inside)
        return None

    def _note(self, error: ClusterError) -> None:
        # Without an API server or credentials nothing else can be read either.
        if error.status in (0, 401):
            raise error
        self._add(error.message)

    def _add(self, text: str) -> None:
        if text not in self.unread:
            self.unread.append(text)


def flags_of(container: Mapping[str, Any]) -> dict[str, str]:
    """The flags with values of a container's command line, as `--flag VALUE` or `--flag=VALUE`."""
    words = [str(word) for word in (*(container.get("command") or []), *(container.get("args") or []))]
    flags = {}
    for word, after in zip(words, [*words[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if name.startswith("--"):
            flags[name] = value if equals else after
    return flags


def _container(template: Manifest) -> Manifest | None:
    """The container of a pod template that runs `injector serve`."""
    for container in (template.get("spec") or {}).get("containers") or []:
        words: list[Any] = [*(container.get("command") or []), *(container.get("args") or [])]
        if "serve" in words:
            return dict(container)
    return None


def _variable(container: Manifest) -> str | None:
    for each in container.get("env") or []:
        if each.get("name") == FILE_VARIABLE and each.get("value"):
            return str(each["value"])
    return None


def _below(path: str, folder: str) -> str:
    """The path inside a folder, empty where it is not in it; `.` for the folder itself."""
    path, folder = posixpath.normpath(path), posixpath.normpath(folder)
    if path == folder:
        return "."
    prefix = folder.rstrip("/") + "/"
    return path.removeprefix(prefix) if path.startswith(prefix) else ""
