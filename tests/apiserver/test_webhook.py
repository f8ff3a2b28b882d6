"""The webhook behind a real API server: what kubectl and the real controllers make, and what is stored.

One `injector serve` for all tests, called through what `injector webhook-config` prints.
"""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonpatch
import pytest

from tests.apiserver.webhook_serving import (
    STATUS,
    Served,
    a_deployment,
    a_pod,
    certificates,
    containers,
    create,
    created,
    creation,
    env_of,
    injector,
    kubectl,
    listed,
    pods_of,
    registered,
    serving,
    until,
    wait_until_called,
    webhook_calls,
)
from tests.beds.apiserver.bed import ApiServer

# One cluster for all tests of a file, also where they are spread over processes.
pytestmark = pytest.mark.xdist_group("webhook")

NAME = "sidecar-injector-test"
SWITCH = "sidecar.istio.io/inject"
PROXY = "istio-proxy"

CONFIG = """\
profile: istio
values: {global: {hub: registry.example.com/istio, tag: 1.30.0}}
"""
CANARY = CONFIG + "revision: canary\n"
PROXY_CONFIGS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "proxyconfigs.networking.istio.io"},
    "spec": {
        "group": "networking.istio.io",
        "scope": "Namespaced",
        "names": {"kind": "ProxyConfig", "plural": "proxyconfigs", "singular": "proxyconfig"},
        "versions": [
            {
                "name": "v1beta1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                },
            }
        ],
    },
}


@dataclass(frozen=True)
class Mesh:
    """The running webhook, and a namespace with and one without the label that asks for sidecars."""

    served: Served
    config: Path
    labelled: str
    plain: str


@pytest.fixture(scope="module")
def mesh(bed: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    if bed.plane is None:
        pytest.skip("API server bed: this cluster (E2E_KUBECONFIG) cannot call a webhook on loopback")
    folder = tmp_path_factory.mktemp("webhook")
    (folder / "injector.yaml").write_text(CONFIG)
    with contextlib.ExitStack() as stack:
        # Before the webhook starts, which looks for missing kinds only now and then.
        bed.kubectl("create", "-f", "-", manifest=PROXY_CONFIGS)
        stack.callback(bed.kubectl, "delete", "crd", "proxyconfigs.networking.istio.io")
        bed.kubectl("wait", "--for=condition=Established", "crd/proxyconfigs.networking.istio.io")
        served = stack.enter_context(serving(bed, folder, "--config", folder / "injector.yaml"))
        labelled = stack.enter_context(bed.namespace({"istio-injection": "enabled"}))
        plain = stack.enter_context(bed.namespace())
        flags = ("--config", folder / "injector.yaml")
        stack.enter_context(registered(bed, served, NAME, "/inject", *flags))
        wait_until_called(bed, labelled, NAME)
        yield Mesh(served, folder / "injector.yaml", labelled, plain)


def is_injected(pod: dict[str, Any]) -> bool:
    return STATUS in (pod["metadata"].get("annotations") or {}) and PROXY in containers(pod)


def audit_annotation(event: dict[str, Any], word: str) -> str | None:
    """An audit annotation of the injector, whichever entry was called."""
    values = [v for k, v in (event.get("annotations") or {}).items() if k.endswith(f"istio.io/{word}")]
    return values[0] if values else None


# --- who is injected


def test_the_pods_of_a_deployment_carry_the_sidecar_and_its_name(bed: ApiServer, mesh: Mesh) -> None:
    assert create(bed, mesh.labelled, a_deployment("web")).status == 0

    (pod,) = pods_of(bed, mesh.labelled, "web")

    assert list(containers(pod)) == ["istio-init", PROXY, "app"]
    proxy = containers(pod)[PROXY]
    assert proxy["image"] == "registry.example.com/istio/proxyv2:1.30.0"
    assert proxy["restartPolicy"] == "Always"
    assert env_of(proxy)["ISTIO_META_WORKLOAD_NAME"] == "web"
    owner = f"kubernetes://apis/apps/v1/namespaces/{mesh.labelled}/deployments/web"
    assert env_of(proxy)["ISTIO_META_OWNER"] == owner
    # ServiceAccount admission runs on the injected containers, so the agent can call the API server too.
    token = "/var/run/secrets/kubernetes.io/serviceaccount"
    for container in containers(pod).values():
        assert token in [m["mountPath"] for m in container["volumeMounts"]]
    assert json.loads(pod["metadata"]["annotations"][STATUS])["initContainers"] == ["istio-init", PROXY]


@pytest.mark.parametrize(
    ("name", "pod", "reason"),
    [
        # These say something beside what rules them out, or are not ruled out for certain.
        ("asks", {"labels": {SWITCH: "true"}, "spec": {"hostNetwork": True}}, "host-network"),
        ("both", {"annotations": {SWITCH: "false", "sidecar.istio.io/x": ""}}, "opted-out-by-annotation"),
        (
            "windows-slip",
            {"annotations": {SWITCH: "no"}, "spec": {"os": {"name": "windows"}}},
            "unsupported-os",
        ),
        # For these the API server does not call the webhook.
        ("by-annotation", {"annotations": {SWITCH: "false"}}, None),
        ("host-network", {"spec": {"hostNetwork": True}}, None),
        ("windows", {"spec": {"os": {"name": "windows"}}}, None),
        ("by-label", {"labels": {SWITCH: "false"}}, None),
    ],
)
def test_a_pod_that_is_not_injected_is_stored_as_it_is_and_the_audit_log_says_why(
    bed: ApiServer, mesh: Mesh, name: str, pod: dict[str, Any], reason: str | None
) -> None:
    stored = created(bed, mesh.labelled, a_pod(name, **pod))

    assert list(containers(stored)) == ["app"]
    event = creation(bed, mesh.labelled, name)
    assert audit_annotation(event, "reason") == reason
    assert audit_annotation(event, "decision") == (reason and "skip")
    assert [call["mutated"] for call in webhook_calls(event)] == ([False] if reason else [])


@pytest.mark.parametrize(
    ("name", "labels", "injected"),
    [
        ("says-nothing", {}, False),
        ("opts-in", {SWITCH: "true"}, True),
        ("names-the-revision", {"istio.io/rev": "default"}, True),
        ("names-another-revision", {"istio.io/rev": "other", SWITCH: "true"}, False),
    ],
)
def test_in_a_namespace_without_label_only_a_pods_own_label_asks(
    bed: ApiServer, mesh: Mesh, name: str, labels: dict[str, str], injected: bool
) -> None:
    stored = created(bed, mesh.plain, a_pod(name, labels=labels))

    assert is_injected(stored) is injected
    assert bool(webhook_calls(creation(bed, mesh.plain, name))) is injected


def test_a_dry_run_shows_the_sidecar_and_stores_nothing(bed: ApiServer, mesh: Mesh) -> None:
    shown = created(bed, mesh.labelled, a_pod("dry"), "--dry-run=server")

    assert is_injected(shown)
    assert listed(bed, mesh.labelled, "pods", "--field-selector=metadata.name=dry") == []
    lines = [e for e in mesh.served.events() if e["event"] == "admission" and e.get("pod") == "dry"]
    assert (lines[0]["decision"], {line["dryRun"] for line in lines}) == ("inject", {True})


def test_a_pod_without_a_name_of_its_own_gets_one_and_the_sidecar(bed: ApiServer, mesh: Mesh) -> None:
    pod = a_pod("")
    pod["metadata"] = {"generateName": "batch-", "labels": {"app": "batch"}}

    stored = created(bed, mesh.labelled, pod)

    assert stored["metadata"]["name"].startswith("batch-")
    assert is_injected(stored)
    assert stored["metadata"]["labels"]["service.istio.io/canonical-name"] == "batch"


def test_a_pod_with_50_containers_keeps_them_all_in_their_order(bed: ApiServer, mesh: Mesh) -> None:
    names = [f"c{n}" for n in range(50)]
    image = "example.invalid/app:1"
    probe = {"httpGet": {"path": "/ready", "port": 8080}}
    many = [{"name": name, "image": image, "readinessProbe": probe} for name in names]

    stored = created(bed, mesh.labelled, a_pod("many", spec={"containers": many}))

    assert [c["name"] for c in stored["spec"]["containers"]] == names
    assert is_injected(stored)
    probers = json.loads(env_of(containers(stored)[PROXY])["ISTIO_KUBE_APP_PROBERS"] or "{}")
    assert len(probers) == 50


def test_a_pod_that_names_another_namespace_is_refused(bed: ApiServer, mesh: Mesh) -> None:
    pod = a_pod("elsewhere", namespace=mesh.plain)

    answer = kubectl(
        bed, "create", "--raw", f"/api/v1/namespaces/{mesh.labelled}/pods", "-f", "-", manifest=pod
    )

    assert answer.status != 0
    assert "namespace" in answer.err
    for namespace in (mesh.labelled, mesh.plain):
        assert listed(bed, namespace, "pods", "--field-selector=metadata.name=elsewhere") == []


def test_a_pod_template_that_names_another_namespace_changes_nothing(bed: ApiServer, mesh: Mesh) -> None:
    assert create(bed, mesh.labelled, a_deployment("astray", namespace=mesh.plain)).status == 0

    (pod,) = pods_of(bed, mesh.labelled, "astray")

    assert is_injected(pod)
    assert f"/namespaces/{mesh.labelled}/" in str(env_of(containers(pod)[PROXY])["ISTIO_META_OWNER"])


# --- messages for users


BAD = {"sidecar.istio.io/interceptionMode": "SOMETIMES"}


def says_what_is_accepted(text: str) -> bool:
    return all(word in text for word in (*BAD, "REDIRECT", "TPROXY", "NONE", "invalid-annotation"))


def test_an_invalid_annotation_is_refused_with_its_name_and_the_accepted_values(
    bed: ApiServer, mesh: Mesh
) -> None:
    answer = create(bed, mesh.labelled, a_pod("bad", annotations=BAD))

    assert answer.status != 0
    assert says_what_is_accepted(answer.err), answer.err


def test_the_event_of_the_replicaset_says_why_there_are_no_pods(bed: ApiServer, mesh: Mesh) -> None:
    assert create(bed, mesh.labelled, a_deployment("refused", annotations=BAD)).status == 0

    def event() -> str | None:
        events = listed(bed, mesh.labelled, "events", "--field-selector=reason=FailedCreate")
        return next(
            (e["message"] for e in events if e["involvedObject"]["name"].startswith("refused-")), None
        )

    message = until("the ReplicaSet's event", event)
    assert says_what_is_accepted(message), message
    assert listed(bed, mesh.labelled, "pods", "--selector=app=refused") == []


@pytest.mark.parametrize(
    ("name", "metadata", "words"),
    [
        ("capital", {"annotations": {SWITCH: "True"}}, [SWITCH, '"true"']),
        ("slip", {"annotations": {"sidecar.istio.io/proxyCPUs": "1"}}, ["proxyCPUs", "proxyCPU"]),
    ],
)
def test_a_near_miss_is_a_warning_of_kubectl(
    bed: ApiServer, mesh: Mesh, name: str, metadata: dict[str, Any], words: list[str]
) -> None:
    answer = create(bed, mesh.labelled, a_pod(name, **metadata))

    assert answer.status == 0
    (line,) = [line for line in answer.err.splitlines() if line.startswith("Warning: ")]
    assert all(word in line for word in words), line


def test_the_audit_log_says_what_was_decided_and_by_which_configuration(bed: ApiServer, mesh: Mesh) -> None:
    created(bed, mesh.labelled, a_pod("audited"))

    event = creation(bed, mesh.labelled, "audited")

    entry = "namespace.sidecar-injector.istio.io"
    annotations = {
        k.partition("/")[2]: v for k, v in event["annotations"].items() if k.startswith(entry + "/")
    }
    digest = next(e["digest"] for e in mesh.served.events() if e["event"] == "config")
    assert annotations == {
        "decision": "inject",
        "reason": "on-by-default",
        "profile": "istio",
        "revision": "default",
        "digest": digest,
    }
    calls = webhook_calls(event)
    assert {(call["configuration"], call["webhook"]) for call in calls} == {(NAME, entry)}
    # ServiceAccount admission mounts the token into injected containers; then the webhook is called again.
    assert [(call["round"], call["mutated"]) for call in calls] == [(0, True), (1, False)]


# --- other objects of the cluster, and the request's path


@pytest.mark.usefixtures("mesh")
def test_a_proxyconfig_object_changes_the_pods_of_its_namespace(bed: ApiServer) -> None:
    with bed.namespace({"istio-injection": "enabled"}) as namespace:
        spec = {"concurrency": 7, "environmentVariables": {"FROM_OBJECT": "yes"}}
        made = {"apiVersion": "networking.istio.io/v1beta1", "kind": "ProxyConfig", "spec": spec}
        assert create(bed, namespace, {**made, "metadata": {"name": "all"}}).status == 0

        def proxy() -> dict[str, str | None] | None:
            pod = created(bed, namespace, a_pod("probe"), "--dry-run=server")
            env = env_of(containers(pod)[PROXY]) if is_injected(pod) else {}
            return env if "FROM_OBJECT" in env else None

        env = until("the webhook has seen the ProxyConfig", proxy)
        assert env["FROM_OBJECT"] == "yes"
        assert json.loads(env["PROXY_CONFIG"] or "{}")["concurrency"] == 7


def test_revision_tag_and_path_choose_what_the_pod_gets(bed: ApiServer, mesh: Mesh, tmp_path: Path) -> None:
    (tmp_path / "canary.yaml").write_text(CANARY)
    flags = ("--config", tmp_path / "canary.yaml", "--tag", "prod")
    with (
        registered(bed, mesh.served, "other", "/inject/cluster/c2/net/n2", *flags) as names,
        bed.namespace({"istio.io/rev": "canary"}) as of_revision,
        bed.namespace({"istio.io/rev": "prod"}) as of_tag,
    ):
        wait_until_called(bed, of_revision, names[0])
        wait_until_called(bed, of_tag, names[1])
        wait_until_called(bed, mesh.plain, names[0], labels={"istio.io/rev": "canary"})
        made = [
            created(bed, of_revision, a_pod("one")),
            created(bed, of_tag, a_pod("two")),
            created(bed, mesh.plain, a_pod("by-revision", labels={"istio.io/rev": "canary"})),
            created(bed, mesh.plain, a_pod("by-tag", labels={"istio.io/rev": "prod"})),
        ]
    for pod in made:
        env = env_of(containers(pod)[PROXY])
        assert (env["ISTIO_META_CLUSTER_ID"], env["ISTIO_META_NETWORK"]) == ("c2", "n2")
        assert pod["metadata"]["labels"]["topology.istio.io/network"] == "n2"
        # The injector's own revision, never the label's.
        assert pod["metadata"]["annotations"]["istio.io/rev"] == "default"


# --- asked again


class AddsEnv(BaseHTTPRequestHandler):
    """Another webhook: it adds a variable to every container that has not got it."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
        before = asked["object"]
        after = json.loads(json.dumps(before))
        for container in containers(after).values():
            if "ADDED" not in env_of(container):
                container.setdefault("env", []).append({"name": "ADDED", "value": "by another"})
        patch = str(jsonpatch.make_patch(before, after)).encode()
        response = {"uid": asked["uid"], "allowed": True, "patchType": "JSONPatch", "patch": b64(patch)}
        answer = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the test's own output is enough."""


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@contextlib.contextmanager
def another_webhook(bed: ApiServer, folder: Path, namespace: str) -> Iterator[str]:
    """A mutating webhook for one namespace whose configuration comes after the injector's."""
    certificates(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    with ThreadingHTTPServer(("127.0.0.1", 0), AddsEnv) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        name = "zz-adds-env"
        client = {
            "url": f"https://127.0.0.1:{server.server_port}/",
            "caBundle": b64((folder / "ca.crt").read_bytes()),
        }
        rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}
        entry = {
            "name": "adds.env.test",
            "clientConfig": client,
            "rules": [rule],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }
        configuration = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": name},
            "webhooks": [entry],
        }
        try:
            bed.kubectl("create", "-f", "-", manifest=configuration)
            yield name
        finally:
            bed.kubectl("delete", "mutatingwebhookconfiguration", name, "--ignore-not-found")
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("native", ["true", "false"])
def test_a_second_call_after_another_webhook_changes_nothing(
    bed: ApiServer, mesh: Mesh, tmp_path: Path, native: str
) -> None:
    with (
        bed.namespace({"istio-injection": "enabled"}) as namespace,
        another_webhook(bed, tmp_path, namespace) as other,
    ):
        wait_until_called(bed, namespace, other)
        annotations = {"sidecar.istio.io/nativeSidecar": native}
        pod = created(bed, namespace, a_pod("both", annotations=annotations))
        event = creation(bed, namespace, "both")

    calls = [(c["round"], c["configuration"], c["mutated"]) for c in webhook_calls(event)]
    assert calls == [(0, NAME, True), (0, other, True), (1, NAME, False)]
    lines = [e for e in mesh.served.events() if e.get("pod") == "both" and e.get("namespace") == namespace]
    logged = [(line["decision"], line["ops"] > 0) for line in lines if line["event"] == "admission"]
    assert logged == [("inject", True), ("unchanged", False)]
    names = [c["name"] for c in [*pod["spec"]["initContainers"], *pod["spec"]["containers"]]]
    assert sorted(names) == ["app", "istio-init", PROXY]
    for container in containers(pod).values():
        variables = [e["name"] for e in container["env"]]
        assert variables.count("ADDED") == 1
        assert len(variables) == len(set(variables))
    volumes = [v["name"] for v in pod["spec"]["volumes"]]
    assert len(volumes) == len(set(volumes))


SECOND = {
    "native": a_pod("native"),
    "classic": a_pod("classic", annotations={"sidecar.istio.io/nativeSidecar": "false"}),
    "probes": a_pod(
        "probes",
        annotations={"prometheus.io/scrape": "true", "prometheus.io/port": "9102"},
        spec={
            "containers": [
                {
                    "name": "app",
                    "image": "example.invalid/app:1",
                    "ports": [{"name": "http", "containerPort": 8080}],
                    "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}},
                    "livenessProbe": {"tcpSocket": {"port": 8080}},
                    "startupProbe": {"grpc": {"port": 8080}},
                }
            ]
        },
    ),
    "own-proxy": a_pod(
        "own-proxy",
        spec={
            "containers": [
                {"name": "app", "image": "example.invalid/app:1"},
                {"name": PROXY, "image": "auto", "resources": {"limits": {"memory": "1Gi"}}},
            ]
        },
    ),
    "gateway": a_pod(
        "gateway",
        annotations={"inject.istio.io/templates": "gateway"},
        spec={"containers": [{"name": PROXY, "image": "auto"}]},
    ),
    "grpc": a_pod("grpc", annotations={"inject.istio.io/templates": "grpc-agent"}),
}


@pytest.mark.parametrize("pod", SECOND.values(), ids=SECOND)
def test_a_pod_as_the_api_server_stored_it_gets_an_empty_patch(
    bed: ApiServer, mesh: Mesh, tmp_path: Path, pod: dict[str, Any]
) -> None:
    stored = created(bed, mesh.labelled, pod)
    assert STATUS in stored["metadata"]["annotations"]
    namespace = json.loads(bed.kubectl("get", "namespace", mesh.labelled, "-o", "json"))
    (tmp_path / "objects.json").write_text(json.dumps(namespace))
    request = {
        "uid": "u-1",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": mesh.labelled,
        "operation": "CREATE",
        "object": stored,
    }
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}

    flags = ("--config", mesh.config, "--objects", tmp_path / "objects.json", "--path", "/inject")
    answer = json.loads(injector("admit", *flags, "-f", "-", stdin=json.dumps(review)))["response"]

    assert answer["allowed"] is True
    assert json.loads(base64.b64decode(answer.get("patch", "W10="))) == []


def test_a_stored_pod_that_is_created_again_stays_as_it_is(bed: ApiServer, mesh: Mesh) -> None:
    first = created(bed, mesh.labelled, a_pod("again"))
    bed.kubectl("delete", "pod", "again", "-n", mesh.labelled)
    for field in ("uid", "resourceVersion", "creationTimestamp", "managedFields"):
        first["metadata"].pop(field, None)

    second = created(bed, mesh.labelled, first)

    calls = webhook_calls(creation(bed, mesh.labelled, "again"))
    assert [call["mutated"] for call in calls] == [False]
    assert second["spec"] == first["spec"]
    assert second["metadata"]["annotations"] == first["metadata"]["annotations"]
