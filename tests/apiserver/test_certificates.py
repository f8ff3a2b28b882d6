"""The self-signed CA with a real API server: two replicas behind one Service, and what can go wrong.

The Service is of type ExternalName, so that the API server without nodes finds it on loopback.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from injector.certs.issue import CertificateSpec
from injector.certs.own import SelfSignedSource
from injector.certs.plan import Leaf
from injector.certs.published import CABundlePublisher
from injector.certs.stored import FORMAT, FORMAT_KEY
from injector.core.model import ServiceRef
from injector.kube.async_client import connect_async
from injector.telemetry import Metrics
from tests.apiserver.webhook_serving import (
    Served,
    a_pod,
    certificates,
    created,
    injector,
    kubectl,
    serving,
    until,
    wait_until_called,
)
from tests.beds.apiserver.balancer import balanced
from tests.beds.apiserver.bed import ApiServer

pytestmark = pytest.mark.xdist_group("webhook")

ISSUED = 0.05
"""Seconds between two pods."""

SETTINGS = """\
profile: istio
values: {global: {hub: registry.example.com/istio, tag: 1.30.0}}
server:
  certificates:
    source: own
    service: NAMESPACE/webhook
"""
# Renewed when a third of them is left, which has to be more than a busy machine holds a replica up.
QUICK = "    caLifetime: 60s\n    leafLifetime: 20s\n    settle: 2s\n"
STEADY = "    settle: 1s\n"


FOREIGN = "API server bed: this cluster (E2E_KUBECONFIG) cannot call a webhook on loopback"


@pytest.fixture(autouse=True)
def _own_bed(bed: ApiServer) -> None:
    if bed.plane is None:
        pytest.skip(FOREIGN)


@dataclass
class Mesh:
    """Two replicas behind a Service, their registration, and a namespace whose pods are sent to them."""

    bed: ApiServer
    namespace: str
    name: str
    served: list[Served]
    labelled: str

    @property
    def secret(self) -> dict[str, Any]:
        secret: dict[str, Any] = json.loads(
            self.bed.kubectl("get", "secret", "webhook-ca", "-n", self.namespace, "-o", "json")
        )
        return secret

    def exists(self) -> bool:
        """Whether there is a Secret."""
        return bool(
            self.bed.kubectl("get", "secret", "webhook-ca", "-n", self.namespace, "--ignore-not-found")
        )

    def configuration(self) -> dict[str, Any]:
        configuration: dict[str, Any] = json.loads(
            self.bed.kubectl("get", "mutatingwebhookconfiguration", self.name, "-o", "json")
        )
        return configuration

    def bundles(self) -> list[set[str]]:
        """The CAs of each entry's caBundle."""
        entries = self.configuration()["webhooks"]
        return [fingerprints(e["clientConfig"].get("caBundle", "")) for e in entries]

    def current(self) -> str:
        """The CA that signs, empty while none was promoted."""
        return "".join(fingerprints(self.secret["data"].get("current.crt", "")))

    def events(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        """Lines of both logs."""
        lines = [e for s in self.served for e in s.events() if e["event"] == event]
        return [e for e in lines if all(e.get(k) == v for k, v in fields.items())]


def fingerprints(encoded: str) -> set[str]:
    text = base64.b64decode(encoded)
    return (
        {c.fingerprint(hashes.SHA256()).hex()[:16] for c in x509.load_pem_x509_certificates(text)}
        if text
        else set()
    )


def service(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "webhook", "namespace": namespace},
        "spec": {"type": "ExternalName", "externalName": "localhost"},
    }


@contextlib.contextmanager
def mesh(bed: ApiServer, folder: Path, more: str) -> Iterator[Mesh]:
    """Two replicas that start at the same time, registered without any caBundle."""
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(bed.namespace())
        bed.kubectl("create", "-f", "-", manifest=service(home))
        settings = folder / "injector.yaml"
        settings.write_text(SETTINGS.replace("NAMESPACE", home) + more)
        folders = [folder / str(number) for number in range(2)]

        def start(own: Path) -> Served:
            own.mkdir()
            return stack.enter_context(serving(bed, own, "--config", settings))

        with ThreadPoolExecutor(2) as starting:
            served = list(starting.map(start, folders))
        addresses = [("127.0.0.1", int(s.url.rpartition(":")[2])) for s in served]
        port = stack.enter_context(balanced(addresses))
        labelled = stack.enter_context(bed.namespace({"istio-injection": "enabled"}))
        name = f"certificates-{home}"
        text = injector(
            "webhook-config", "--config", settings, "--service", f"{home}/webhook:{port}", "--name", name
        )
        assert kubectl(bed, "apply", "-f", "-", manifest=text).status == 0
        stack.callback(bed.kubectl, "delete", "mutatingwebhookconfiguration", name)
        mesh = Mesh(bed, home, name, served, labelled)
        until("caBundle is written", lambda: all(mesh.bundles()))
        wait_until_called(bed, labelled, name)
        yield mesh


@dataclass
class Creating:
    """Pods created without pause, each a dry run; what was refused and what had no sidecar."""

    bed: ApiServer
    namespace: str
    done: int = 0
    wrong: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def running(self) -> Iterator[Creating]:
        stop = threading.Event()
        creating = threading.Thread(target=self._go, args=(stop,))
        creating.start()
        try:
            yield self
        finally:
            stop.set()
            creating.join()

    def go_on(self) -> None:
        """Return once some more were created."""
        before = self.done
        until("more pods are created", lambda: self.done > before + 3)

    def _go(self, stop: threading.Event) -> None:
        config = yaml.safe_load(self.bed.kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        trust = ssl.create_default_context(cafile=cluster["certificate-authority"])
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
        )
        url = f"{cluster['server']}/api/v1/namespaces/{self.namespace}/pods?dryRun=All"
        headers = {"Authorization": f"Bearer {user['token']}", "Content-Type": "application/json"}
        body = json.dumps(a_pod("steady")).encode()
        while not stop.wait(ISSUED):
            try:
                with opener.open(urllib.request.Request(url, body, headers), timeout=60) as answer:
                    text = answer.read()
                if b"sidecar.istio.io/status" not in text:
                    self.wrong.append("no sidecar")
            except urllib.error.HTTPError as error:
                self.wrong.append(error.read().decode()[:300])
            self.done += 1


@pytest.fixture(scope="module")
def steady(bed: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """Replicas whose certificates are not due while the tests run, and whose start was no quarrel."""
    if bed.plane is None:
        pytest.skip(FOREIGN)
    with mesh(bed, tmp_path_factory.mktemp("steady"), STEADY) as replicas:
        first = until("the CA is promoted", replicas.current)
        assert {e["issuer"] for e in replicas.events("certificate-leaf")} == {first}
        assert all(bundle == {first} for bundle in replicas.bundles())
        assert not replicas.events("certificate-problem")
        yield replicas


def test_two_replicas_race_and_end_with_one_ca(bed: ApiServer, steady: Mesh) -> None:
    """The fixture looks at the CAs; here it works."""
    pod = created(bed, steady.labelled, a_pod("one"))
    assert "sidecar.istio.io/status" in pod["metadata"]["annotations"]
    assert steady.secret["metadata"]["annotations"][FORMAT_KEY] == FORMAT


def test_leaf_and_ca_are_renewed_without_a_refused_pod(bed: ApiServer, tmp_path: Path) -> None:
    with mesh(bed, tmp_path, QUICK) as replicas:
        until("the CA is promoted", replicas.current)
        first = replicas.current()
        with Creating(bed, replicas.labelled).running() as creating:
            until("a second CA signs", lambda: replicas.current() not in ("", first))
            second = replicas.current()
            assert all({first, second} <= bundle for bundle in replicas.bundles())
            until(
                "the first CA has expired and is dropped",
                lambda: first not in set().union(*replicas.bundles()),
            )
            until(
                "both replicas serve leaves of the newest CA",
                lambda: len(replicas.events("certificate-leaf", issuer=second)) >= 2,
            )
        assert creating.wrong == []
        assert creating.done > 20
        assert len(replicas.events("certificate-leaf")) >= 6
        assert not replicas.events("certificate-problem")


def test_a_deleted_secret_is_made_again_without_a_refused_pod(bed: ApiServer, steady: Mesh) -> None:
    first = steady.current()
    with Creating(bed, steady.labelled).running() as creating:
        bed.kubectl("delete", "secret", "webhook-ca", "-n", steady.namespace)
        until("there is a new CA", lambda: steady.exists() and steady.current() not in ("", first))
        second = steady.current()
        assert all({first, second} <= bundle for bundle in steady.bundles())
        until("both replicas use it", lambda: len(steady.events("certificate-leaf", issuer=second)) == 2)
        creating.go_on()
    assert creating.wrong == []


@pytest.mark.parametrize("key", ["half-written", "mismatched"])
def test_a_broken_secret_is_refused_reported_and_repaired(
    bed: ApiServer, steady: Mesh, tmp_path: Path, key: str
) -> None:
    first = steady.current()
    certificates(tmp_path)
    other = (tmp_path / "tls.key").read_bytes()
    text = base64.b64encode(other if key == "mismatched" else other[:60]).decode()
    before = len(steady.events("certificate-problem", about="ca"))
    with Creating(bed, steady.labelled).running() as creating:
        patch = json.dumps({"data": {"current.key": text}})
        bed.kubectl("patch", "secret", "webhook-ca", "-n", steady.namespace, "-p", patch)
        problems = until("it is told", lambda: steady.events("certificate-problem", about="ca")[before:])
        until("there is a new CA", lambda: steady.current() not in ("", first))
        creating.go_on()
    assert f"Secret {steady.namespace}/webhook-ca current" in problems[0]["message"]
    assert "PRIVATE KEY" not in json.dumps(steady.events("certificate-problem"))
    assert creating.wrong == []


def test_an_overwritten_ca_bundle_is_restored_and_foreign_cas_stay(
    bed: ApiServer, steady: Mesh, tmp_path: Path
) -> None:
    certificates(tmp_path)
    foreign = base64.b64encode((tmp_path / "ca.crt").read_bytes()).decode()
    before = steady.configuration()
    for entry in before["webhooks"]:
        entry["clientConfig"]["caBundle"] = foreign
    stranger = json.loads(json.dumps(before["webhooks"][0]))
    stranger["name"] = "stranger.example.com"
    stranger["clientConfig"]["service"]["name"] = "another"
    stranger["namespaceSelector"] = {"matchLabels": {"never": "matches"}}
    overwritten = {**before, "webhooks": [*before["webhooks"], stranger]}
    assert kubectl(bed, "replace", "-f", "-", manifest=overwritten).status == 0

    until("it is put right", lambda: all(steady.current() in b for b in steady.bundles()[:-1]))
    *ours, others = steady.bundles()
    (foreign_ca,) = fingerprints(foreign)
    assert all({foreign_ca, steady.current()} <= bundle for bundle in ours)
    assert others == {foreign_ca}
    wait_until_called(bed, steady.labelled, steady.name)
    count = len(before["webhooks"])
    remove = json.dumps([{"op": "remove", "path": f"/webhooks/{count}"}])
    bed.kubectl("patch", "mutatingwebhookconfiguration", steady.name, "--type=json", "-p", remove)


ROLE = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "rules": [
        {"apiGroups": [""], "resources": ["namespaces", "nodes"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["networking.istio.io"], "resources": ["proxyconfigs"], "verbs": ["list", "watch"]},
        {
            "apiGroups": ["admissionregistration.k8s.io"],
            "resources": ["mutatingwebhookconfigurations"],
            "verbs": ["list", "watch"],
        },
    ],
}
SECRETS = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch", "create", "update"]}


@contextlib.contextmanager
def account(bed: ApiServer, namespace: str, rules: list[dict[str, Any]]) -> Iterator[ApiServer]:
    """The bed as a ServiceAccount with these rules."""
    name = f"limited-{namespace}"
    bed.kubectl("create", "serviceaccount", "limited", "-n", namespace)
    bed.kubectl("create", "-f", "-", manifest={**ROLE, "metadata": {"name": name}, "rules": rules})
    subject = f"--serviceaccount={namespace}:limited"
    bed.kubectl("create", "clusterrolebinding", name, f"--clusterrole={name}", subject)
    token = bed.kubectl("create", "token", "limited", "-n", namespace).strip()
    try:
        yield replace(bed, kubeconfig=bed.kubeconfig_with_token(token))
    finally:
        bed.kubectl("delete", f"clusterrole/{name}", f"clusterrolebinding/{name}")


def test_a_missing_right_is_named_with_verb_and_resource(bed: ApiServer, tmp_path: Path) -> None:
    rules = ROLE["rules"]
    assert isinstance(rules, list)
    settings = tmp_path / "injector.yaml"
    with bed.namespace() as home:
        settings.write_text(SETTINGS.replace("NAMESPACE", home) + STEADY)
        with account(bed, home, rules) as limited, serving(limited, tmp_path, "--config", settings) as served:
            problem = until("it is told", lambda: _problem(served, "secret"))
        assert problem["message"] == f"not allowed to get secrets webhook-ca in namespace {home}"
        assert problem["hint"].startswith("grant the verb 'get' on 'secrets'")

    with bed.namespace() as home:
        bed.kubectl("create", "-f", "-", manifest=service(home))
        settings.write_text(SETTINGS.replace("NAMESPACE", home) + STEADY)
        name = f"limited-{home}"
        text = injector(
            "webhook-config", "--config", settings, "--service", f"{home}/webhook:8443", "--name", name
        )
        assert kubectl(bed, "apply", "-f", "-", manifest=text).status == 0
        try:
            with (
                account(bed, home, [*rules, SECRETS]) as limited,
                serving(limited, tmp_path, "--config", settings) as served,
            ):
                problem = until("it is told", lambda: _problem(served, "caBundle"))
        finally:
            bed.kubectl("delete", "mutatingwebhookconfiguration", name)
        words = "mutatingwebhookconfigurations.admissionregistration.k8s.io"
        assert problem["message"] == f"not allowed to patch {words} {name}"


def test_the_documented_rights_are_enough(bed: ApiServer, tmp_path: Path) -> None:
    rules = ROLE["rules"]
    assert isinstance(rules, list)
    own = {**SECRETS, "resourceNames": ["webhook-ca"], "verbs": ["get", "list", "watch", "update"]}
    patching = {**rules[-1], "verbs": ["list", "watch", "patch"]}
    settings = tmp_path / "injector.yaml"
    with bed.namespace() as home:
        settings.write_text(SETTINGS.replace("NAMESPACE", home) + STEADY)
        name = f"enough-{home}"
        text = injector(
            "webhook-config", "--config", settings, "--service", f"{home}/webhook:8443", "--name", name
        )
        assert kubectl(bed, "apply", "-f", "-", manifest=text).status == 0
        try:
            with (
                account(bed, home, [*rules[:-1], own, {**SECRETS, "verbs": ["create"]}, patching]) as limited,
                serving(limited, tmp_path, "--config", settings) as served,
            ):
                until("a CA is promoted", lambda: _logged(served, "certificate-ca", why="promoted"))
                with urllib.request.urlopen(
                    f"http://{_logged(served, 'listening')[0]['health']}/readyz", timeout=60
                ) as answer:
                    assert json.load(answer)["notes"] == {}
                # Its watch is seen to work: without it a deleted Secret would wait for a minute.
                bed.kubectl("delete", "secret", "webhook-ca", "-n", home)
                until("a second is", lambda: len(_logged(served, "certificate-ca", why="promoted")) == 2)
                assert not _logged(served, "certificate-problem")
        finally:
            bed.kubectl("delete", "mutatingwebhookconfiguration", name)


def test_a_clock_that_is_off_by_years_makes_certificates_that_are_valid(
    bed: ApiServer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = time.time()
    monkeypatch.setattr("injector.kube.async_client.time.time", lambda: right + 10 * 365 * 86400.0)

    async def made() -> Leaf | None:
        async with await connect_async(str(bed.kubeconfig), None) as cluster:
            published = CABundlePublisher(cluster, ServiceRef(namespace, "webhook"), 1.0)
            wanted = CertificateSpec(("webhook",), ca_seconds=604800.0, leaf_seconds=604800.0)
            own = SelfSignedSource(
                cluster, namespace, "webhook-ca", wanted, 0.66, published,
                lambda _pair: None, Metrics(), cluster.time,
            )  # fmt: skip
            for _ in range(2):
                await own.round()
            return own.leaf

    leaf = asyncio.run(made())
    assert leaf is not None
    assert leaf.certificate.not_before < right < leaf.certificate.not_after < right + 8 * 86400
    assert right < leaf.issuer.not_after < right + 366 * 86400


def test_a_secret_of_another_owner_is_not_changed(bed: ApiServer, tmp_path: Path) -> None:
    settings = tmp_path / "injector.yaml"
    with bed.namespace() as home:
        settings.write_text(SETTINGS.replace("NAMESPACE", home) + STEADY)
        bed.kubectl("create", "secret", "generic", "webhook-ca", "-n", home, "--from-literal=password=x")
        with serving(bed, tmp_path, "--config", settings) as served:
            problem = until("it is told", lambda: _problem(served, "secret"))
        assert "is not changed" in problem["message"]
        secret = json.loads(bed.kubectl("get", "secret", "webhook-ca", "-n", home, "-o", "json"))
        assert list(secret["data"]) == ["password"]


def _logged(served: Served, event: str, **fields: Any) -> list[dict[str, Any]]:
    events = (e for e in served.events() if e["event"] == event)
    return [e for e in events if all(e.get(k) == v for k, v in fields.items())]


def _problem(served: Served, about: str) -> dict[str, Any] | None:
    return next(iter(_logged(served, "certificate-problem", about=about)), None)
