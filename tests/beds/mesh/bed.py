"""A real istiod and real Envoys in a cluster of tests/beds/node; the sidecars come from this injector.

Here: installing and changing the control plane, the CNI plugin, and looking into proxies. Not here: what
is installed (manifests.py, images.py), the injector (injector.py) and the pods of tests (applications.py).

What tests may rely on: nothing of istiod touches pods, no webhook of istiod exists. Everything waits by
condition.

Facts to know: a pod made together with its namespace waits for the ConfigMap istio-ca-root-cert, which
istiod makes a moment later. In the first 15 s of a kubelet probes are late by up to their period. A pod's
own address is no known host: mTLS shows by Service names only. Without the ValidatingWebhookConfiguration
of istiod, which is not installed either, wrong Istio objects are accepted silently.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from tests.beds.bed import BedError
from tests.beds.mesh import images, manifests, readings
from tests.beds.mesh.manifests import NAMESPACE, Object, Settings
from tests.beds.node.bed import Cluster
from tests.beds.programs import build

READY_SECONDS = 200.0
POLL_SECONDS = 0.1
PROXY = "istio-proxy"
ISTIOD = "deployment/istiod"
# ConfigMaps that istiod puts there.
IN_EVERY_NAMESPACE = ("istio-ca-root-cert", "istio-ca-crl")
CNI = "daemonset/istio-cni-node"

# What pilot-agent logs at its start, into the answer that it was asked for.
_AGENT_LINE = re.compile(r"^\d{4}-\d\d-\d\dT\S+\t(?:info|warn|error)\t.*\n", re.MULTILINE)

T = TypeVar("T")


@dataclass
class Mesh:
    """A running control plane. Pods are named by namespace and name; ``deploy/web`` is a name too."""

    cluster: Cluster
    settings: Settings = field(default_factory=Settings)

    def install(self) -> None:
        """Bring the control plane up, or to what the settings say now; returns once it is in force."""
        objects = manifests.control_plane(self.settings)
        definitions = [made for made in objects if made["kind"] == "CustomResourceDefinition"]
        with ThreadPoolExecutor(1) as pool:
            loading = pool.submit(lambda: self.cluster.load([images.pilot(), images.proxy()]))
            self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
            self.apply(*definitions)
            names = [f"crd/{made['metadata']['name']}" for made in definitions]
            self.cluster.kubectl("wait", "--for=condition=Established", "--timeout=200s", *names)
            loading.result()
        self._apply_istiod(objects)

    def uninstall(self) -> None:
        """Take the control plane away, CRDs and what was made of them too."""
        self.delete(*manifests.control_plane(self.settings))
        self.cluster.delete_namespace(NAMESPACE, wait=True)
        for name in IN_EVERY_NAMESPACE:
            self.cluster.kubectl("delete", "configmap", "-A", f"--field-selector=metadata.name={name}")

    def refuse_other(self) -> None:
        """Raise BedError where the cluster has an Istio already, as it would be changed."""
        names = self.cluster.kubectl("get", "crd,namespace", "-o", "name").split()
        others = [name for name in names if name.endswith((f"/{NAMESPACE}", ".istio.io"))]
        if others:
            raise BedError(f"this cluster has an Istio already, which would be changed: {others[0]} ...")

    def configure(self, **changes: Any) -> None:
        """Change settings (see manifests.Settings); returns once every proxy has received it.

        Pods that run keep what the injector gave them; our injector reads the ConfigMaps every few seconds.
        """
        self.settings = replace(self.settings, **changes)
        self._apply_istiod(manifests.control_plane(self.settings))

    @contextlib.contextmanager
    def configured(self, **changes: Any) -> Iterator[None]:
        """Configure for the time of a body; the settings before it are in force again afterwards."""
        before = self.settings
        self.configure(**changes)
        try:
            yield
        finally:
            self.settings = before
            self.configure()

    def stop_istiod(self) -> None:
        """Take istiod away; its Service has no endpoint until `start_istiod`."""
        self.cluster.kubectl("scale", ISTIOD, "-n", NAMESPACE, "--replicas=0")
        self.wait(lambda: not self._istiods(), "istiod to be gone")

    def start_istiod(self) -> None:
        """Bring istiod back after `stop_istiod`."""
        self.cluster.kubectl("scale", ISTIOD, "-n", NAMESPACE, "--replicas=1")
        self._wait_for_istiod()

    def install_cni(self) -> None:
        """Put istio-cni on the node; `configure(cni=True)` makes the injector count on it."""
        self.cluster.load([images.install_cni()])
        self.apply(*self._cni())
        self.cluster.kubectl("rollout", "status", CNI, "-n", NAMESPACE, "--timeout=200s")

    def remove_cni(self) -> None:
        """Take istio-cni off the node; at its end it takes its entry out of the node's configuration."""
        self.delete(*self._cni())
        label = "k8s-app=istio-cni-node"
        self.wait(lambda: not self.pods(NAMESPACE, label), "the pods of istio-cni to be gone")

    def apply(self, *objects: Object) -> None:
        """Apply on the server's side; conflicting fields of other managers are overwritten."""
        command = ["apply", "--server-side", "--force-conflicts", "--field-manager=mesh-bed", "-f", "-"]
        self.cluster.kubectl(*command, manifest=_list(objects))

    def delete(self, *objects: Object) -> None:
        """Delete and wait until they are gone; those that are not there are passed over."""
        self.cluster.kubectl("delete", "--ignore-not-found", "-f", "-", manifest=_list(objects))

    def pods(self, namespace: str, selector: str = "") -> list[Object]:
        """Return the pods of a namespace, those that are ending too."""
        selected = ["-l", selector] if selector else []
        answer = self.cluster.kubectl("get", "pods", "-n", namespace, "-o", "json", *selected)
        pods: list[Object] = json.loads(answer)["items"]
        return pods

    def proxy(self, namespace: str, pod: str, path: str, method: str = "GET") -> str:
        """Return what the administration address of a pod's Envoy answers, as for ``stats`` or ``certs``."""
        command = ["pilot-agent", "request", method, path]
        answer = self.cluster.kubectl("exec", "-n", namespace, pod, "-c", PROXY, "--", *command)
        return _AGENT_LINE.sub("", answer)

    def config_dump(self, namespace: str, pod: str) -> Object:
        """Return the configuration in force in a pod's Envoy."""
        dump: Object = json.loads(self.proxy(namespace, pod, "config_dump"))
        return dump

    def stats(self, namespace: str, pod: str) -> readings.Samples:
        """Return the metrics at a pod's merged port: Envoy's, the agent's and the application's.

        `pod` is a pod's own name: it is asked through the API server.
        """
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}:15020/proxy/stats/prometheus"
        return readings.samples(self.cluster.kubectl("get", "--raw", path))

    def access_log(
        self, namespace: str, pod: str, until: Callable[[list[Object]], object] = lambda _entries: True
    ) -> list[Object]:
        """Return a proxy's access log as soon as `until` is true of it; Envoy writes it once a second.

        The keys are those of manifests.ACCESS_LOG; None: nothing, as for TLS of a plain text connection.
        """

        def read() -> list[Object] | None:
            text = self.cluster.kubectl("logs", "-n", namespace, pod, "-c", PROXY)
            entries = readings.access_log(text.splitlines())
            return entries if until(entries) else None

        entries = self.wait(read, f"the awaited lines in the access log of {namespace}/{pod}")
        assert entries is not None
        return entries

    def wait(self, condition: Callable[[], T], what: str, seconds: float = READY_SECONDS) -> T:
        """Return the first answer of `condition` that is true; raise BedError where none comes in time."""
        deadline = time.monotonic() + seconds
        while not (answer := condition()):
            if time.monotonic() > deadline:
                raise BedError(f"waited {seconds:.0f} s in vain for {what}")
            time.sleep(POLL_SECONDS)
        return answer

    def _apply_istiod(self, objects: list[Object]) -> None:
        self.apply(*(made for made in objects if made["kind"] != "CustomResourceDefinition"))
        self._wait_for_istiod()

    def _cni(self) -> list[Object]:
        folders = str(self.cluster.cni_bin_dir), str(self.cluster.cni_conf_dir)
        return manifests.cni_plugin(self.settings, *folders)

    def _istiods(self) -> list[Object]:
        return self.pods(NAMESPACE, "app=istiod")

    def _wait_for_istiod(self) -> None:
        """Wait for one istiod that answers, for the end of those before it, and for the proxies to follow."""
        try:
            self.cluster.kubectl("rollout", "status", ISTIOD, "-n", NAMESPACE, "--timeout=200s")
        except BedError as error:
            raise BedError(f"{error}\n{self._istiod_log()}") from None
        self.wait(lambda: len(self._istiods()) == 1, "the istiod before this one to be gone")
        self.wait(lambda: self._ready_proxies() <= self._followers(), "the proxies to follow this istiod")

    def _istiod_log(self) -> str:
        try:
            return self.cluster.kubectl("logs", "-n", NAMESPACE, "-l", "app=istiod", "--tail=15")
        except BedError as error:
            return f"(istiod's log: {error})"

    def _ready_proxies(self) -> set[str]:
        """Return pod.namespace of each proxy that is ready and not about to end."""
        answer = self.cluster.kubectl(
            "get", "pods", "-A", "-l", "security.istio.io/tlsMode=istio", "-o", "json"
        )
        pods = [pod for pod in json.loads(answer)["items"] if "deletionTimestamp" not in pod["metadata"]]
        return {
            f"{pod['metadata']['name']}.{pod['metadata']['namespace']}"
            for pod in pods
            for status in _statuses(pod)
            if status["name"] == PROXY and status["ready"]
        }

    def _followers(self) -> set[str]:
        """Return pod.namespace of each proxy that took over what istiod sent it."""
        command = ["exec", "-n", NAMESPACE, ISTIOD, "--", "pilot-discovery", "request", "GET", "/debug/syncz"]
        try:
            proxies = json.loads(self.cluster.kubectl(*command)) or []
        except BedError:  # the pod that was asked is ending
            return set()
        return {proxy["proxy"] for proxy in proxies if _is_synced(proxy)}


@contextlib.contextmanager
def mesh(cluster: Cluster, settings: Settings | None = None) -> Iterator[Mesh]:
    """Install the control plane in a cluster and hand it out.

    In a cluster of ours it stays until the cluster goes. One that is not ours must have no Istio, and
    has none again afterwards.
    """
    running = Mesh(cluster, settings or Settings())
    if cluster.node is not None:
        running.install()
        yield running
        return
    running.refuse_other()
    try:
        running.install()
        yield running
    finally:
        running.uninstall()


def prepare() -> None:
    """Build what is not in the cache yet: minutes the first time, nothing later."""
    build.programs(images.PROGRAMS)
    for archive in (images.proxy, images.pilot, images.install_cni):
        archive()


def unavailable() -> str | None:
    """Say in one line why there can be no mesh in a cluster of this machine; None where there can."""
    missing = images.missing_packages()
    if missing:
        return f"Debian packages are missing: apt-get install {' '.join(missing)}"
    return build.unavailable(images.PROGRAMS)


def _statuses(pod: Object) -> list[Object]:
    """Return the statuses of a pod's containers; a native sidecar is an init container."""
    status = pod.get("status", {})
    return [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]


def _is_synced(proxy: Object) -> bool:
    return all(
        proxy.get(f"{kind}_sent") and proxy[f"{kind}_sent"] == proxy.get(f"{kind}_acked")
        for kind in ("cluster", "listener")
    )


def _list(objects: tuple[Object, ...]) -> Object:
    return {"apiVersion": "v1", "kind": "List", "items": list(objects)}
