"""The chart on a node, by a real helm 3 and 4: installed, asked, changed, rolled back and taken away.

The injector's image is made here, and the profile is that of examples/log-shipper with the pause image as
its sidecar, so that pods become Ready without a mesh. Not here: what the chart renders (tests/chart).
"""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.beds import helm
from tests.beds.bed import BedError
from tests.beds.keys import write_server_keys
from tests.beds.mesh import injector_image
from tests.beds.node.bed import Cluster
from tests.beds.node.images import PAUSE
from tests.beds.plugin import require
from tests.beds.programs import build

Object = dict[str, Any]
T = TypeVar("T")

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "log-shipper"
WAIT_SECONDS = 200.0
POLL_SECONDS = 0.1
# Short, as every upgrade and every end of a release waits for it.
SERVER = {"source": {"pollSeconds": 1}, "drainSeconds": 3}
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
# Written by the cluster itself wherever there is a namespace.
OF_THE_CLUSTER = ("configmap/kube-root-ca.crt", "serviceaccount/default", "event", "lease")


@dataclass
class Release:
    """The chart under one name, in namespaces of its own: the webhook's, and one whose pods are injected."""

    cluster: Cluster
    version: str
    name: str
    namespace: str
    apps: str
    values: Object
    installed: bool = field(default=False)

    def helm(self, *arguments: str, values: Mapping[str, Any] | None = None) -> str:
        """Run helm in the namespace of the release."""
        where = (f"--kubeconfig={self.cluster.kubeconfig}", f"--namespace={self.namespace}")
        return helm.run(self.version, *arguments, *where, values=values)

    def install(self, *flags: str) -> None:
        """Install it where it is not installed."""
        if not self.installed:
            self.helm("install", self.name, str(helm.CHART), *flags, values=self.values)
            self.installed = True

    def upgrade(self, **config: Any) -> None:
        """Change keys of the configuration file and return when helm says that it is done."""
        values = {**self.values, "config": {**self.values["config"], **config}}
        self.helm("upgrade", self.name, str(helm.CHART), "--wait", "--timeout=200s", values=values)

    def uninstall(self) -> None:
        """Take it away, if it is there."""
        self.helm("uninstall", self.name, "--ignore-not-found", "--wait")
        self.installed = False

    def pods(self) -> list[Object]:
        """The pods of the webhook."""
        selected = ("-n", self.namespace, "-l", "app.kubernetes.io/component=webhook")
        pods: list[Object] = json.loads(self.cluster.kubectl("get", "pods", *selected, "-o", "json"))["items"]
        return pods

    def hurry(self) -> None:
        """Have the kubelet look at mounted ConfigMaps and Secrets now: it does when a pod changes, else
        once a minute."""
        for pod in self.pods():
            note = f"hurry={time.monotonic_ns()}"
            command = ("annotate", "pod", pod["metadata"]["name"], "-n", self.namespace, "--overwrite", note)
            self.cluster.kubectl(*command)

    def collector(self) -> str:
        """The collector's address in a new pod; empty where it would get no sidecar."""
        command = ("create", "-n", self.apps, "--dry-run=server", "-o", "json", "-f", "-")
        made = json.loads(self.cluster.kubectl(*command, manifest=a_pod("sample")))
        said = [word for container in made["spec"]["containers"] for word in container.get("args", ())]
        return next((word.removeprefix("--to=") for word in said if word.startswith("--to=")), "")

    @contextlib.contextmanager
    def creating(self) -> Iterator[None]:
        """Create pods without pause, by dry runs, while the body runs: none is refused or left alone."""
        over, ended = threading.Event(), []

        def create() -> None:
            while not over.is_set():
                try:
                    ended.append(self.collector() or "no sidecar")
                except BedError as error:
                    ended.append(f"refused: {error}")

        creator = threading.Thread(target=create)
        creator.start()
        try:
            yield
            enough = len(ended) + 3
            until("more creates", lambda: len(ended) >= enough)
        finally:
            over.set()
            creator.join()
        assert not [address for address in ended if not address.endswith(":4318")]


def until(what: str, met: Callable[[], T]) -> T:
    """Return what `met` returns as soon as that is true."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if value := met():
            return value
        time.sleep(POLL_SECONDS)
    raise AssertionError(f"waited {WAIT_SECONDS:.0f} s for {what}")


def a_pod(name: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name, "logs.example.com/ship": "true"}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "app", "image": PAUSE}]},
    }


def chart_values(name: str, image: str) -> Object:
    """The log shipper of the examples as a profile of one's own, for namespaces labelled logs=NAME."""
    repository, tag = image.rsplit(":", 1)
    entry = {
        "name": f"pods.{name}.sidecar-injector",
        "namespaceSelector": {"matchLabels": {"logs": name}},
        "objectSelector": {"matchLabels": {"logs.example.com/ship": "true"}},
    }
    return {
        "image": {"repository": repository, "tag": tag},
        "config": {
            "profile": "./",
            "policy": "disabled",
            "values": {"image": PAUSE, "collector": "first:4318"},
            "server": SERVER,
        },
        "files": {each: (EXAMPLE / each).read_text() for each in ("profile.yaml", "sidecar.yaml.j2")},
        "webhook": {"name": f"sidecar-injector-{name}", "entries": [entry]},
    }


@contextlib.contextmanager
def a_release(cluster: Cluster, version: str, name: str, values: Mapping[str, Any]) -> Iterator[Release]:
    namespace = cluster.make_namespace(RESTRICTED)
    apps = cluster.make_namespace({"logs": name})
    image, archive = injector_image.image()
    cluster.load([archive])
    release = Release(cluster, version, name, namespace, apps, {**chart_values(name, image), **values})
    try:
        yield release
    finally:
        release.uninstall()
        cluster.delete_namespace(namespace)
        cluster.delete_namespace(apps)


@pytest.fixture(scope="module", autouse=True)
def helm_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Both helms, built where they are missing; they write nothing into the user's folders."""
    if reason := build.unavailable(helm.VERSIONS):
        pytest.skip(f"helm: {reason}")
    build.programs(helm.VERSIONS)
    home = str(tmp_path_factory.mktemp("helm"))
    with pytest.MonkeyPatch.context() as patch:
        for what in ("CACHE", "CONFIG", "DATA"):
            patch.setenv(f"HELM_{what}_HOME", home)
        yield


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A node of its own, since `helm test` would test the injector that the other tests have installed."""
    require(Cluster)
    with Cluster.running(keep=lambda: request.session.testsfailed > 0) as running:
        yield running


@pytest.fixture(scope="module", params=helm.VERSIONS)
def shared_release(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Release]:
    """A release that the tests of one version of helm share."""
    with a_release(cluster, request.param, f"chart-{request.param}", {}) as release:
        yield release


@pytest.fixture
def release(shared_release: Release) -> Release:
    """The release, installed: `install --wait` came back, and nothing was waited for besides."""
    shared_release.install("--wait", "--timeout=200s")
    return shared_release


def test_pods_are_injected_and_run_from_the_end_of_the_installation_on(release: Release) -> None:
    cluster = release.cluster
    cluster.kubectl("create", "-n", release.apps, "-f", "-", manifest=a_pod("first"))
    cluster.kubectl("wait", "-n", release.apps, "--for=condition=Ready", "pod/first", "--timeout=200s")
    pod = cluster.get("pod", "first", release.apps)
    assert {container["name"] for container in pod["spec"]["containers"]} == {"log-shipper", "app"}


def test_the_webhooks_own_certificate_is_what_the_api_server_trusts(release: Release) -> None:
    made = release.cluster.get("mutatingwebhookconfiguration", release.values["webhook"]["name"])
    secret = release.cluster.get("secret", f"{release.name}-injector-ca", release.namespace)
    trusted = base64.b64decode(made["webhooks"][0]["clientConfig"]["caBundle"])
    assert base64.b64decode(secret["data"]["current.crt"]).strip() in trusted


def test_helm_test_finds_nothing_wrong(release: Release) -> None:
    said = release.helm("test", release.name, "--timeout=200s")
    assert "Succeeded" in said


def test_a_configuration_comes_into_force_in_running_pods_and_goes_with_a_rollback(release: Release) -> None:
    before = {pod["metadata"]["uid"] for pod in release.pods()}
    with release.creating():
        release.upgrade(values={"image": PAUSE, "collector": "second:4318"})
        release.hurry()
        until("the new configuration", lambda: release.collector() == "second:4318")
        release.helm("rollback", release.name, "--wait", "--timeout=200s")
        release.hurry()
        until("the old configuration", lambda: release.collector() == "first:4318")
    assert {pod["metadata"]["uid"] for pod in release.pods()} == before


def test_a_setting_of_the_server_replaces_the_pods_one_by_one_and_no_create_is_refused(
    release: Release,
) -> None:
    before = {pod["metadata"]["uid"] for pod in release.pods()}
    secret = release.cluster.get("secret", f"{release.name}-injector-ca", release.namespace)
    with release.creating():
        release.upgrade(server={**SERVER, "logLevel": "debug"})
        until("the end of the old pods", lambda: not before & {p["metadata"]["uid"] for p in release.pods()})
    after = release.cluster.get("secret", f"{release.name}-injector-ca", release.namespace)
    assert after["data"] == secret["data"]


def test_nothing_is_left_behind_and_creates_work_again(release: Release) -> None:
    labelled = ("-A", "-l", f"app.kubernetes.io/instance={release.name}")
    assert len(objects(release.cluster, *labelled)) > 10
    release.uninstall()
    pod = a_pod("afterwards")
    release.cluster.kubectl("create", "-n", release.apps, "-f", "-", manifest=pod)
    assert release.collector() == ""
    until("the end of all that was labelled", lambda: not objects(release.cluster, *labelled))
    until("an empty namespace", lambda: not inside(release.cluster, release.namespace))


def objects(cluster: Cluster, *which: str, of: str = "") -> list[str]:
    """Names of all objects of all kinds, or of some, but for those of the cluster itself."""
    kinds = cluster.kubectl("api-resources", "--verbs=list,create", *filter(None, [of]), "-o", "name")
    command = ("get", ",".join(kinds.split()), *which, "-o", "name", "--ignore-not-found")
    try:
        names = cluster.kubectl(*command).splitlines()
    except BedError as gone:  # kinds of other tests may go meanwhile
        return [str(gone)]
    return [name for name in names if not name.startswith(OF_THE_CLUSTER)]


def inside(cluster: Cluster, namespace: str) -> list[str]:
    """Names of all objects in a namespace."""
    return objects(cluster, "-n", namespace, of="--namespaced=true")


def a_kind(plural: str, kind: str) -> Object:
    """A CustomResourceDefinition of cert-manager's group that takes anything."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.cert-manager.io"},
        "spec": {
            "group": "cert-manager.io",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"},
            "scope": "Namespaced",
            "versions": [version],
        },
    }


@pytest.fixture
def cert_manager(cluster: Cluster) -> Iterator[None]:
    """The kinds of cert-manager that the chart uses; the test does what its controllers do."""
    kinds = [a_kind("certificates", "Certificate"), a_kind("issuers", "Issuer")]
    listed = {"apiVersion": "v1", "kind": "List", "items": kinds}
    cluster.kubectl("create", "-f", "-", manifest=listed)
    try:
        names = [f"crd/{kind['metadata']['name']}" for kind in kinds]
        cluster.kubectl("wait", "--for=condition=Established", *names, "--timeout=90s")
        yield
    finally:
        cluster.kubectl("delete", "--ignore-not-found", "-f", "-", manifest=listed)


def issue(release: Release, certificate: Object, folder: Path) -> bytes:
    """Do what cert-manager does for a Certificate: a Secret in its format, from a new CA; returns the CA."""
    folder.mkdir()
    names = certificate["spec"]["dnsNames"]
    write_server_keys(folder, *names)
    named = {
        "cert-manager.io/certificate-name": certificate["metadata"]["name"],
        "cert-manager.io/common-name": "",
        "cert-manager.io/alt-names": ",".join(names),
        "cert-manager.io/issuer-kind": "Issuer",
        "cert-manager.io/issuer-name": certificate["spec"]["issuerRef"]["name"],
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {
            "name": certificate["spec"]["secretName"],
            "namespace": release.namespace,
            "annotations": named,
            "labels": {"controller.cert-manager.io/fao": "true"},
        },
        "data": {
            name: base64.b64encode((folder / name).read_bytes()).decode()
            for name in ("ca.crt", "tls.crt", "tls.key")
        },
    }
    command = ("apply", "--server-side", "--force-conflicts", "--field-manager=cert-manager", "-f", "-")
    release.cluster.kubectl(*command, manifest=secret)
    return (folder / "ca.crt").read_bytes()


def inject_ca(release: Release, certificate: Object, bundle: bytes) -> None:
    """Do what cert-manager's cainjector does for an object that asks for it."""
    name = release.values["webhook"]["name"]
    made = release.cluster.get("mutatingwebhookconfiguration", name)
    wanted = f"{release.namespace}/{certificate['metadata']['name']}"
    assert made["metadata"]["annotations"]["cert-manager.io/inject-ca-from"] == wanted
    value = base64.b64encode(bundle).decode()
    patch = [{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": value}]
    command = ("patch", "mutatingwebhookconfiguration", name, "--type=json", "-p", json.dumps(patch))
    release.cluster.kubectl(*command)


def served(release: Release) -> str:
    """What the one pod of the webhook reports about its certificates."""
    (pod,) = release.pods()
    path = f"/api/v1/namespaces/{release.namespace}/pods/{pod['metadata']['name']}:8080/proxy/metrics"
    lines = release.cluster.kubectl("get", "--raw", path).splitlines()
    return "\n".join(line for line in lines if line.startswith("injector_certificate_expiry"))


@pytest.mark.usefixtures("cert_manager")
def test_a_secret_of_cert_manager_is_served_and_its_renewal_too(cluster: Cluster, tmp_path: Path) -> None:
    values = {"certificates": {"source": "cert-manager"}, "replicas": 1}
    with a_release(cluster, "helm4", "chart-cert-manager", values) as release:
        # As in life: cert-manager begins when the Certificate is there, and pods wait for the Secret.
        release.install()
        certificate = cluster.get(
            "certificates.cert-manager.io", f"{release.name}-injector", release.namespace
        )
        first = issue(release, certificate, tmp_path / "first")
        inject_ca(release, certificate, first)
        rollout = ("rollout", "status", "deployment", "-n", release.namespace, "--timeout=200s")
        cluster.kubectl(*rollout)
        assert release.collector() == "first:4318"
        before = served(release)
        with release.creating():
            # Both are trusted before the new one is served.
            inject_ca(release, certificate, first + issue(release, certificate, tmp_path / "second"))
            release.hurry()
            until("the renewed certificate", lambda: served(release) != before)
