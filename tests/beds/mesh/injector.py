"""The injector in a cluster: the manifests of examples/in-cluster, with the image made here.

Here: filling in what those manifests leave open (image, certificate, caBundle) and what tests vary,
applying them, and waiting until the API server calls it. Not here: what is in the image
(injector_image.py), and istiod (bed.py), which must be there first, as its ConfigMaps are read live.

The certificate is made by this bed: a CA of its own for each installation.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.beds.bed import BedError
from tests.beds.keys import write_server_keys
from tests.beds.mesh import injector_image
from tests.beds.node.bed import Cluster

Object = dict[str, Any]
REPO = Path(__file__).resolve().parents[3]
MANIFESTS = REPO / "examples" / "in-cluster" / "injector.yaml"
NAME = NAMESPACE = "sidecar-injector"
WEBHOOK = "sidecar-injector-istio"
STATUS = "sidecar.istio.io/status"
# istiod's settings are followed by asking again and again; for people every few seconds is enough. What
# drains is waited for with every change.
CONFIGURATION: Mapping[str, Any] = {
    "profile": "istio",
    "server": {"source": {"pollSeconds": 1}, "drainSeconds": 3},
}
DEPLOYMENT = f"deployment/{NAME}"
CONTENT = "content"
SELECTED = ["-n", NAMESPACE, "-l", f"app.kubernetes.io/name={NAME}"]
# A namespace in which the webhook is asked by dry runs; no pod is ever made there.
SAMPLES = "sidecar-injector-samples"
# By the end of their names the entries of a webhook for sidecars are known, istiod's too.
ENTRY = ".sidecar-injector.istio.io"
READY_SECONDS = 200.0
COMMAND_SECONDS = 200.0
POLL_SECONDS = 0.1


class Crashed(BedError):
    """The webhook does not run; the text is what it said."""


@dataclass
class Injector:
    """The webhook, running in a cluster. `keys` is the folder of its certificate and CA."""

    cluster: Cluster
    image: str
    keys: Path
    settings: dict[str, Any] = field(default_factory=dict)
    failure_policy: str = "Fail"
    replicas: int = 1

    def configure(
        self,
        settings: Mapping[str, Any] | None = None,
        *,
        failure_policy: str | None = None,
        replicas: int | None = None,
    ) -> None:
        """Change what is given and return once it is in force, and only that.

        `settings` are keys of the configuration file and take the place of all that were given before.
        """
        if settings is not None:
            self.settings = dict(settings)
        self.failure_policy = failure_policy or self.failure_policy
        self.replicas = self.replicas if replicas is None else replicas
        self._apply(*self._objects())
        self._wait_for_pods(self.replicas)
        self._apply(self._webhook())
        if self.replicas:
            self._wait_until_asked()

    def stop(self) -> None:
        """Take all pods of the webhook away, as if it were down; its configuration stays."""
        self._scale(0)

    def start(self) -> None:
        """Bring the webhook back after `stop`."""
        self._scale(self.replicas)
        self._wait_until_asked()

    def remove(self) -> None:
        """Take the webhook away for good; first its configuration, so that no pod waits for it."""
        self.cluster.kubectl("delete", "mutatingwebhookconfiguration", WEBHOOK, "--ignore-not-found")
        self.cluster.kubectl("delete", "-f", str(MANIFESTS), "--ignore-not-found", "--wait=false")
        for name in (SAMPLES, NAMESPACE):
            self.cluster.delete_namespace(name, wait=True)

    def sample(
        self, labels: Mapping[str, str] | None = None, notes: Mapping[str, str] | None = None
    ) -> Object:
        """Return a pod as it would be stored now, by a dry run; `notes` are its annotations.

        Poll it to see a change of istiod's settings arrive.
        """
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "sample", "labels": dict(labels or {}), "annotations": dict(notes or {})},
            "spec": {"containers": [{"name": "app", "image": "sidecar.test/sample:1"}]},
        }
        command = ["create", "-n", SAMPLES, "--dry-run=server", "-o", "json", "-f", "-"]
        made: Object = json.loads(self.cluster.kubectl(*command, manifest=pod))
        return made

    def render(self, pod: Object) -> Object:
        """Return a pod as it would be stored now in its namespace, by a dry run, to be changed and made."""
        command = ["create", "--dry-run=server", "-o", "json", "-f", "-"]
        made: Object = json.loads(self.cluster.kubectl(*command, manifest=pod))
        fields = ("name", "namespace", "labels", "annotations")
        metadata = {key: made["metadata"][key] for key in fields if key in made["metadata"]}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": made["spec"]}

    def explain(self, target: str, namespace: str) -> Object:
        """Return what `injector explain KIND/NAME --live -o json` reports about an object."""
        command = [sys.executable, "-m", "injector.cli.main", "explain", target, "-n", namespace, "--live"]
        command += ["-o", "json", f"--kubeconfig={self.cluster.kubeconfig}"]
        live: Object = json.loads(_output(command, f"injector explain {target}"))["workloads"][0]["live"]
        return live

    def logs(self) -> list[Object]:
        """Return the log lines of all pods of the webhook."""
        lines = self.cluster.kubectl("logs", *SELECTED, "--tail=-1").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def wait(self, until: Callable[[], object], what: str) -> None:
        """Return when `until` is true; the cluster may refuse to answer meanwhile."""
        deadline = time.monotonic() + READY_SECONDS
        last = ""
        while time.monotonic() < deadline:
            try:
                if until():
                    return
            except Crashed:
                raise
            except BedError as error:
                last = f": {error}"
            time.sleep(POLL_SECONDS)
        raise BedError(f"waited {READY_SECONDS:.0f} s for {what}{last}")

    def _objects(self) -> list[Object]:
        """Return the example's manifests, filled in."""
        objects = [item for item in yaml.safe_load_all(MANIFESTS.read_text()) if item]
        text = json.dumps({**CONFIGURATION, **self.settings})
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {"name": NAME, "namespace": NAMESPACE},
            "data": {f"tls.{end}": _base64(self.keys / f"tls.{end}") for end in ("crt", "key")},
        }
        for item in objects:
            if item["kind"] == "ConfigMap":
                item["data"]["injector.yaml"] = text
            if item["kind"] == "Deployment":
                spec = item["spec"]
                # All at once, and asked every second whether they are Ready: tests wait for it.
                spec["replicas"], spec["strategy"]["rollingUpdate"]["maxSurge"] = self.replicas, "100%"
                template = spec["template"]
                container = template["spec"]["containers"][0]
                container["image"], container["readinessProbe"]["periodSeconds"] = self.image, 1
                # New pods for a new configuration or certificate: what is Ready then is in force.
                content = f"{text} {secret['data']}"
                template["metadata"]["annotations"] = {
                    "content": hashlib.sha256(content.encode()).hexdigest()
                }
        labels = {"istio-injection": "enabled"}
        samples = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SAMPLES, "labels": labels}}
        return [*objects, secret, samples]

    def _webhook(self) -> Object:
        """Return the MutatingWebhookConfiguration, as the product itself prints it."""
        config = self.keys / "injector.yaml"
        config.write_text(json.dumps({**CONFIGURATION, **self.settings}))
        command = [sys.executable, "-m", "injector.cli.main", "webhook-config", f"--config={config}"]
        command += [f"--service={NAMESPACE}/{NAME}", f"--ca-file={self.keys / 'ca.crt'}", f"--name={WEBHOOK}"]
        command += [f"--failure-policy={self.failure_policy}"]
        made: Object = yaml.safe_load(_output(command, "injector webhook-config"))
        return made

    def _apply(self, *objects: Object) -> None:
        listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        command = ["apply", "--server-side", "--force-conflicts", "--field-manager=mesh-bed", "-f", "-"]
        self.cluster.kubectl(*command, manifest=listed)

    def _wait_until_asked(self) -> None:
        # With the label, whatever the policy of the configuration is.
        wanted = {"sidecar.istio.io/inject": "true"}
        self.wait(lambda: STATUS in annotations_of(self.sample(wanted)), "the API server to ask the webhook")

    def _scale(self, replicas: int) -> None:
        self.cluster.kubectl("scale", DEPLOYMENT, "-n", NAMESPACE, f"--replicas={replicas}")
        self._wait_for_pods(replicas)

    def _wait_for_pods(self, replicas: int) -> None:
        """Wait for the rollout, and for the end of those that it replaces: until then they answer too."""

        def done() -> bool:
            deployment, pods = self.cluster.get("deployment", NAME, NAMESPACE), self._pods()
            wanted = annotations_of(deployment["spec"]["template"])[CONTENT]
            self._refuse_crashes([pod for pod in pods if annotations_of(pod).get(CONTENT) == wanted])
            status = deployment["status"]
            seen = status.get("observedGeneration") == deployment["metadata"]["generation"]
            new = status.get("updatedReplicas", 0) == status.get("availableReplicas", 0) == replicas
            return seen and new and len(pods) == replicas

        self.wait(done, f"exactly {replicas} pods of the webhook, all Ready and as they are wanted now")

    def _refuse_crashes(self, pods: list[Object]) -> None:
        """Raise what a pod says that ended more than once, instead of waiting for it."""
        for pod in pods:
            for status in pod["status"].get("containerStatuses", ()):
                if status["restartCount"] > 1:
                    name = pod["metadata"]["name"]
                    said = self.cluster.kubectl("logs", "-n", NAMESPACE, name, "--previous", "--tail=5")
                    raise Crashed(f"pod {name} of the webhook ends again and again: {said.strip()}")

    def _pods(self) -> list[Object]:
        pods: list[Object] = json.loads(self.cluster.kubectl("get", "pods", *SELECTED, "-o", "json"))["items"]
        return pods


@contextlib.contextmanager
def installed(
    cluster: Cluster,
    settings: Mapping[str, Any] | None = None,
    *,
    failure_policy: str = "Fail",
    replicas: int = 1,
) -> Iterator[Injector]:
    """Install the webhook beside an istiod and yield it once the API server calls it.

    `settings` are keys of the configuration file. From then on pods are injected in namespaces that
    are labelled ``istio-injection=enabled`` or ``istio.io/rev=default``. In a cluster of ours it stays
    until the cluster goes. One that is not ours must have no injector, and has none again afterwards.
    """
    if cluster.node is None:
        _refuse_other(cluster)
    image, archive = injector_image.image()
    cluster.load([archive])
    folder = Path(tempfile.mkdtemp(prefix="injector-keys-", dir=cluster.folder))
    write_server_keys(folder, f"{NAME}.{NAMESPACE}.svc")
    injector = Injector(cluster, image, folder)
    try:
        injector.configure(settings or {}, failure_policy=failure_policy, replicas=replicas)
        yield injector
    finally:
        # Without a webhook behind it, failurePolicy Fail would refuse every pod.
        if cluster.node is None:
            injector.remove()


def _refuse_other(cluster: Cluster) -> None:
    """Raise BedError where the cluster has an injector already: one would get into the other's way."""
    configurations = cluster.kubectl("get", "mutatingwebhookconfigurations", "-o", "json")
    others = [
        f"MutatingWebhookConfiguration {configuration['metadata']['name']}"
        for configuration in json.loads(configurations)["items"]
        if any(entry["name"].endswith(ENTRY) for entry in configuration.get("webhooks", ()))
    ]
    names = cluster.kubectl("get", "namespaces", "-o", "name").split()
    others += [f"Namespace {name}" for name in (NAMESPACE, SAMPLES) if f"namespace/{name}" in names]
    if others:
        raise BedError(f"this cluster has an injector already: {', '.join(others)}")


def _output(command: list[str], what: str) -> str:
    """Run a command of the product in the checkout and return its stdout."""
    done = subprocess.run(
        command, cwd=REPO, capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS
    )
    if done.returncode:
        raise BedError(f"{what}: {done.stderr.strip()}")
    return done.stdout


def annotations_of(pod: Object) -> dict[str, str]:
    """Return the annotations of an object, none where it has none."""
    return dict(pod["metadata"].get("annotations") or {})


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
