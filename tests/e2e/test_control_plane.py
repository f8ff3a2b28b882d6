"""Injected pods join the control plane by address, token and trust root; each of them wrong is reported."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography import x509

from tests.beds.keys import write_server_keys
from tests.beds.mesh import applications as a
from tests.beds.mesh.bed import Mesh
from tests.beds.mesh.injector import Injector
from tests.beds.mesh.manifests import NAMESPACE
from tests.beds.mesh.steady import SERVER, Steady
from tests.beds.node.bed import Cluster

Object = dict[str, Any]
DISCOVERY = f"istiod.{NAMESPACE}.svc:15012"
ESTABLISHED = "01"
NOWHERE = "istiod.nowhere.svc:15012"


@pytest.fixture(scope="module")
def shop(mesh: Mesh, injected_namespace: str) -> str:
    """A namespace with a catalog and a visitor, each with an identity of its own."""
    namespace = injected_namespace
    mesh.cluster.load([a.traffic_image()])
    mesh.apply(
        *(a.account(name, namespace) for name in ("catalog", "visitor")),
        a.service("catalog", namespace),
        a.server("catalog", namespace, account="catalog"),
        a.client("visitor", namespace, account="visitor"),
        *Steady(mesh, namespace).objects(),
    )
    mesh.cluster.kubectl(
        *("wait", "-n", namespace, "deploy", "--all", "--for=condition=Available", "--timeout=200s")
    )
    mesh.wait(lambda: not _visit(mesh.cluster, namespace)["failed"], "the catalog to answer")
    return namespace


@pytest.fixture(scope="module")
def refused(mesh: Mesh, injector: Injector, shop: str, plain_namespace: str) -> str:
    """A namespace with injected pods, each but `sound` with one thing changed.

    The namespace is not labelled, so that the webhook does not repair them. Its name is returned.
    """
    made = [_changed(injector, shop, plain_namespace, name, change) for name, change in CHANGES.items()]
    folder = mesh.cluster.folder / f"another-root-{plain_namespace}"
    folder.mkdir()
    write_server_keys(folder, "another-root")
    text = (folder / "ca.crt").read_text()
    root = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"root-cert.pem": text}}
    root["metadata"] = {"name": "another-root", "namespace": plain_namespace}
    mesh.apply(root, *made)
    return plain_namespace


def test_the_proxy_is_connected_to_istiod_at_the_injected_address(mesh: Mesh, shop: str) -> None:
    (pod,) = mesh.pods(shop, "app=visitor")
    # What is the default is not written into it.
    discovery = json.loads(_environment(pod)["PROXY_CONFIG"]).get("discoveryAddress", DISCOVERY)
    name, port = discovery.split(":")
    service, namespace = name.split(".")[:2]
    assert (service, namespace) == ("istiod", NAMESPACE)
    address = mesh.cluster.get("service", service, namespace)["spec"]["clusterIP"]
    assert (address, int(port)) in _connections(mesh.cluster, shop, pod["metadata"]["name"])


@pytest.mark.parametrize("name", ["visitor", "catalog"])
def test_the_certificate_is_for_the_service_account_of_the_pod(mesh: Mesh, shop: str, name: str) -> None:
    certificate = _certificates(mesh, shop, name)[0]["cert_chain"][0]
    assert certificate["subject_alt_names"] == [{"uri": _identity(shop, name)}]


def test_both_ends_see_each_others_identity_on_the_connection(mesh: Mesh, shop: str) -> None:
    answer = _visit(mesh.cluster, shop)
    assert answer["last"]["json"]["caller"] == _identity(shop, "visitor")
    (client,), (server,) = mesh.pods(shop, "app=visitor"), mesh.pods(shop, "app=catalog")
    sent = mesh.access_log(shop, client["metadata"]["name"], until=lambda lines: lines)[-1]
    taken = mesh.access_log(shop, server["metadata"]["name"], until=lambda lines: lines)[-1]
    assert sent["upstream_peer"] == _identity(shop, "catalog")
    assert taken["downstream_peer"] == _identity(shop, "visitor")
    assert sent["upstream_tls"] == taken["downstream_tls"] == "TLSv1.3"


def test_the_proxy_trusts_the_root_that_was_injected(mesh: Mesh, shop: str) -> None:
    text = mesh.cluster.get("configmap", "istio-ca-root-cert", shop)["data"]["root-cert.pem"]
    serial = x509.load_pem_x509_certificate(text.encode()).serial_number
    trusted = [
        root["serial_number"] for entry in _certificates(mesh, shop, "visitor") for root in entry["ca_cert"]
    ]
    assert trusted
    assert {int(number, 16) for number in trusted} == {serial}


def test_an_unchanged_copy_of_an_injected_pod_joins(mesh: Mesh, injector: Injector, refused: str) -> None:
    _wait_for_ready(mesh, refused, "sound")
    explained = injector.explain("pod/sound", refused)
    assert (explained["state"], explained["causes"]) == ("healthy", [])


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("wrong-audience", "token-audience"),
        ("wrong-root", "trust-root"),
        ("no-namespace", "identity"),
    ],
)
def test_a_pod_that_cannot_join_is_not_ready_and_the_cause_is_reported(
    mesh: Mesh, injector: Injector, refused: str, name: str, cause: str
) -> None:
    _assert_cause(mesh, injector, refused, name, cause)


@pytest.mark.usefixtures("injector")
def test_istiod_restarts_in_the_middle_of_a_rollout_and_nothing_is_lost(mesh: Mesh, shop: str) -> None:
    kubectl, steady, called = mesh.cluster.kubectl, Steady(mesh, shop), f"app={SERVER}"
    (old,) = _names(mesh, shop, called)
    with steady.unbroken(), _held_connection(mesh.cluster, shop, f"catalog:{a.PORTS['tcp']}") as say:
        assert say("before") == "before"
        try:
            mesh.stop_istiod()
            # The server that is called all the time: its next pod cannot join before istiod is back.
            kubectl("rollout", "restart", f"deploy/{SERVER}", "-n", shop)
            mesh.wait(lambda: _names(mesh, shop, called) - {old}, "the new pod of the rollout")
            (new,) = _names(mesh, shop, called) - {old}
            steady.goes_on()
            assert say("meanwhile") == "meanwhile"
            pods = {pod["metadata"]["name"]: pod for pod in mesh.pods(shop, called)}
            assert {name: _condition(pod, "Ready") for name, pod in pods.items()} == {
                old: "True",
                new: "False",
            }
            assert "deletionTimestamp" not in pods[old]["metadata"]
        finally:
            mesh.start_istiod()
        kubectl("rollout", "status", f"deploy/{SERVER}", "-n", shop, "--timeout=200s")
        mesh.wait(lambda: _names(mesh, shop, called) == {new}, "the old pod to be gone")
        assert say("after") == "after"


def test_a_pod_that_is_made_while_istiod_is_away_joins_later_and_explain_gives_the_cause(
    mesh: Mesh, injector: Injector, shop: str
) -> None:
    try:
        mesh.stop_istiod()
        mesh.apply(a.pod("early", shop, a.container(["pause"])))
        _assert_cause(mesh, injector, shop, "early", "control-plane-unreachable")
    finally:
        mesh.start_istiod()
    _wait_for_ready(mesh, shop, "early")


def test_a_pod_with_another_discovery_address_is_not_ready_and_the_cause_is_reported(
    mesh: Mesh, injector: Injector, refused: str
) -> None:
    # Its proxy says why after half a minute of failures only, which the tests before this one take.
    _assert_cause(mesh, injector, refused, "istiod-elsewhere", "control-plane-unreachable")


def _assert_cause(mesh: Mesh, injector: Injector, namespace: str, name: str, cause: str) -> None:
    """The pod is not Ready, nor is any of its containers, and the cause is the verdict."""
    assert _explained(mesh, injector, name, namespace, cause)["state"] == "not ready"
    pod = mesh.cluster.get("pod", name, namespace)
    assert _condition(pod, "Ready") == "False"
    assert not any(status["ready"] for status in pod["status"]["containerStatuses"])


def _explained(mesh: Mesh, injector: Injector, pod: str, namespace: str, cause: str) -> Object:
    """Return what is explained of a pod as soon as the verdict is that cause."""
    explained: Object = {}

    def is_explained() -> bool:
        explained.update(injector.explain(f"pod/{pod}", namespace))
        return bool(explained["causes"]) and explained["causes"][0]["id"] == cause

    try:
        mesh.wait(is_explained, f"explain to say {cause} of {pod}")
    finally:
        print(json.dumps(explained, indent=1))
    return explained


@contextlib.contextmanager
def _held_connection(cluster: Cluster, namespace: str, target: str) -> Iterator[Callable[[str], str]]:
    """Hold a TCP connection of the visitor open; yield what sends a line over it and returns the echo."""
    command = cluster.kubectl_command("exec", "-i", "-n", namespace)
    command += ["deploy/visitor", "-c", "app", "--", a.PROGRAM, "tcp", target, "--held"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe) as process:

        def say(text: str) -> str:
            assert process.stdin
            assert process.stdout
            process.stdin.write(f"{text}\n")
            process.stdin.flush()
            return process.stdout.readline().rstrip("\n")

        yield say


def _set_audience(spec: Object) -> None:
    _volume(spec, "istio-token")["projected"]["sources"][0]["serviceAccountToken"]["audience"] = (
        "somebody-else"
    )


def _set_root(spec: Object) -> None:
    _volume(spec, "istiod-ca-cert")["configMap"]["name"] = "another-root"


def _take_namespace(spec: Object) -> None:
    proxy = _proxy(spec)
    proxy["env"] = [entry for entry in proxy["env"] if entry["name"] != "POD_NAMESPACE"]


def _keep(spec: Object) -> None:
    pass


# By the names of the pods. The address is changed as users do it, by an annotation.
CHANGES: dict[str, Callable[[Object], None]] = {
    "sound": _keep,
    "wrong-audience": _set_audience,
    "wrong-root": _set_root,
    "no-namespace": _take_namespace,
    "istiod-elsewhere": _keep,
}
NOTES = {"istiod-elsewhere": {"proxy.istio.io/config": json.dumps({"discoveryAddress": NOWHERE})}}


def _changed(
    injector: Injector, rendered_in: str, made_in: str, name: str, change: Callable[[Object], None]
) -> Object:
    pod = a.pod(name, rendered_in, a.container(["pause"]), annotations=NOTES.get(name, {}))
    rendered = injector.render(pod)
    rendered["metadata"]["namespace"] = made_in
    change(rendered["spec"])
    return rendered


def _proxy(spec: Object) -> Object:
    (matching,) = [
        container
        for container in (*spec.get("initContainers", ()), *spec["containers"])
        if container["name"] == "istio-proxy"
    ]
    proxy: Object = matching
    return proxy


def _volume(spec: Object, name: str) -> Object:
    (matching,) = [volume for volume in spec["volumes"] if volume["name"] == name]
    volume: Object = matching
    return volume


def _environment(pod: Object) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in _proxy(pod["spec"])["env"] if "value" in entry}


def _identity(namespace: str, account: str) -> str:
    return f"spiffe://cluster.local/ns/{namespace}/sa/{account}"


def _certificates(mesh: Mesh, namespace: str, deployment: str) -> list[Object]:
    certificates: list[Object] = json.loads(mesh.proxy(namespace, f"deploy/{deployment}", "certs"))[
        "certificates"
    ]
    return certificates


def _connections(cluster: Cluster, namespace: str, pod: str) -> set[tuple[str, int]]:
    """Return the far ends of a pod's open connections, as the kernel has them."""
    lines = cluster.run_in_pod_network(namespace, pod, "cat", "/proc/net/tcp").splitlines()[1:]
    fields = [line.split() for line in lines]
    return {_address(columns[2]) for columns in fields if columns[3] == ESTABLISHED}


def _address(text: str) -> tuple[str, int]:
    """Read an address of /proc/net/tcp: the bytes backwards, and the port."""
    address, port = text.split(":")
    return ".".join(str(byte) for byte in reversed(bytes.fromhex(address))), int(port, 16)


def _condition(pod: Object, kind: str) -> str:
    statuses: dict[str, str] = {entry["type"]: entry["status"] for entry in pod["status"]["conditions"]}
    return statuses.get(kind, "")


def _names(mesh: Mesh, namespace: str, selector: str) -> set[str]:
    return {pod["metadata"]["name"] for pod in mesh.pods(namespace, selector)}


def _visit(cluster: Cluster, namespace: str) -> Object:
    return a.ask(cluster, namespace, "deploy/visitor", "get", "http://catalog/")


def _wait_for_ready(mesh: Mesh, namespace: str, pod: str) -> None:
    mesh.cluster.kubectl("wait", "-n", namespace, f"pod/{pod}", "--for=condition=Ready", "--timeout=200s")
