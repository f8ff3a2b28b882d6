"""`injector check --cluster` on a real API server: each finding is made to happen, none where all is well."""

from __future__ import annotations

import contextlib
import datetime
import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from injector.cli import check_cluster
from injector.cli.world import Access
from injector.config.loading import Input, Text, load_input
from injector.config.schema import read_settings
from tests.apiserver import webhook_serving as ws
from tests.beds.apiserver.bed import ApiServer

Item = dict[str, Any]
FindingsByCode = dict[str, list[Item]]

CONFIG = "values: {global: {hub: example.invalid, tag: '1'}}\n"
SAFE = """\
values:
  global: {hub: example.invalid, tag: '1', proxy: {seccompProfile: {type: RuntimeDefault}}}
  pilot: {cni: {enabled: true}}
"""
ENABLED = {"istio-injection": "enabled"}
PEM = serialization.Encoding.PEM


def checked(
    bed: ApiServer, config: str = SAFE, *, kubeconfig: Path | None = None
) -> tuple[int, FindingsByCode]:
    """The exit status that the cluster makes, and the findings by their code.

    Without the command around it, which tries the templates out as well and takes seconds for that.
    """
    text = Text(config, "injector.yaml")
    server = read_settings(text.text, text.origin).server
    findings: FindingsByCode = {}
    access = Access(kubeconfig=str(kubeconfig or bed.kubeconfig))
    for each in check_cluster.checked(load_input(Input(text, ".")), server, access).findings:
        findings.setdefault(each.code, []).append(asdict(each))
    return int(bool(urgent(findings))), findings


def urgent(findings: FindingsByCode) -> set[str]:
    """The codes of what has to be acted on."""
    return {code for code, all_of in findings.items() for each in all_of if each["level"] != "note"}


# --- what is registered


@contextlib.contextmanager
def applied(bed: ApiServer, *items: Item) -> Iterator[None]:
    """Objects while the body runs."""
    listed = {"apiVersion": "v1", "kind": "List", "items": items}
    answer = ws.kubectl(bed, "apply", "-f", "-", manifest=listed)
    assert answer.status == 0, answer.err
    try:
        yield
    finally:
        ws.kubectl(bed, "delete", "--wait=false", "-f", "-", manifest=listed)


def webhook(*flags: str | Path, config: str = SAFE, folder: Path) -> Item:
    """What `injector webhook-config` prints."""
    (folder / "injector.yaml").write_text(config)
    text = ws.injector("webhook-config", "--config", folder / "injector.yaml", *flags)
    configuration: Item = yaml.safe_load(text)
    return configuration


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with certificates for loopback."""
    ws.certificates(tmp_path)
    return tmp_path


@contextlib.contextmanager
def listening(folder: Path) -> Iterator[int]:
    """A webhook with the certificate of the folder that allows everything; gives its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = {**review, "response": {"uid": review["request"]["uid"], "allowed": True}}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Ignore errors: some tests break the handshake off."""

    with Server(("127.0.0.1", 0), Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join()


def certificate(
    folder: Path,
    *,
    lifetime: datetime.timedelta,
    names: tuple[str, ...] = (),
    hours_left: float = 1,
    ca_hours_left: float | None = None,
) -> None:
    """Write ca.crt, and tls.crt with tls.key for names; hours left below zero: it has expired."""
    now = datetime.datetime.now(datetime.UTC)
    left = {True: hours_left if ca_hours_left is None else ca_hours_left, False: hours_left}
    authority, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer, subject = (
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)]) for text in ("another CA", "webhook")
    )

    def unsigned(name: x509.Name, key: ec.EllipticCurvePrivateKey, *, ca: bool) -> x509.CertificateBuilder:
        serial, end = x509.random_serial_number(), now + datetime.timedelta(hours=left[ca])
        made = x509.CertificateBuilder(issuer, name, key.public_key(), serial, end - lifetime, end)
        return made.add_extension(x509.BasicConstraints(ca, None), critical=True)

    others = x509.SubjectAlternativeName([x509.DNSName(name) for name in names or ("localhost",)])
    root = unsigned(issuer, authority, ca=True).sign(authority, hashes.SHA256())
    leaf = unsigned(subject, own, ca=False).add_extension(others, critical=False)
    (folder / "ca.crt").write_bytes(root.public_bytes(PEM))
    (folder / "tls.crt").write_bytes(leaf.sign(authority, hashes.SHA256()).public_bytes(PEM))
    form = serialization.PrivateFormat.PKCS8
    secret = own.private_bytes(PEM, form, serialization.NoEncryption())
    (folder / "tls.key").write_bytes(secret)


def test_where_all_is_well_nothing_is_said(bed: ApiServer, home: Path) -> None:
    with listening(home) as port, bed.namespace(ENABLED):
        flags = ("--url", f"https://127.0.0.1:{port}", "--ca-file", home / "ca.crt")
        with applied(bed, webhook(*flags, folder=home)):
            status, findings = checked(bed)
    assert (status, urgent(findings)) == (0, set()), findings
    # It has to be said what could not be looked at.
    assert "no pod of the injector" in findings["not-looked-at"][0]["message"]


@pytest.mark.usefixtures("home")
def test_a_missing_webhook_configuration_is_reported(bed: ApiServer) -> None:
    status, findings = checked(bed)
    assert (status, urgent(findings)) == (1, {"webhook-absent"})
    assert "webhook-config" in findings["webhook-absent"][0]["hint"]


# --- certificates


def test_a_bundle_that_does_not_trust_the_served_certificate_is_reported(
    bed: ApiServer, home: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    ws.certificates(other)
    with listening(home) as port, bed.namespace(ENABLED):
        flags = ("--url", f"https://127.0.0.1:{port}", "--ca-file", other / "ca.crt")
        with applied(bed, webhook(*flags, folder=home)):
            status, findings = checked(bed)
    assert (status, urgent(findings)) == (1, {"certificate-untrusted"})


@pytest.mark.parametrize(
    ("lifetime", "host", "codes"),
    [
        (datetime.timedelta(days=10), "localhost", {"ca-expires", "certificate-expires"}),
        (datetime.timedelta(hours=4), "localhost", set()),
        (datetime.timedelta(hours=4), "127.0.0.1", {"certificate-name"}),
    ],
)
def test_age_and_name_of_what_is_served_are_looked_at(
    bed: ApiServer, home: Path, lifetime: datetime.timedelta, host: str, codes: set[str]
) -> None:
    certificate(home, lifetime=lifetime)
    with listening(home) as port, bed.namespace(ENABLED):
        flags = ("--url", f"https://{host}:{port}", "--ca-file", home / "ca.crt")
        with applied(bed, webhook(*flags, folder=home)):
            status, findings = checked(bed)
    assert (status, urgent(findings)) == (1 if codes else 0, codes), findings


@pytest.mark.parametrize(
    ("hours", "codes", "words"),
    [
        ((4, -1, 1), {"certificate-expired"}, "expired"),
        ((2, 4, 1), {"certificate-expired"}, "not yet valid"),
        ((4, 1, -1), {"ca-expired", "certificate-expired"}, "have expired"),
        ((2, 1, 4), {"certificate-expired"}, "not yet valid"),
    ],
    ids=["leaf expired", "leaf not yet valid", "CA expired", "CA not yet valid"],
)
def test_a_certificate_that_is_not_valid_now_is_reported_with_a_hint(
    bed: ApiServer, home: Path, hours: tuple[int, float, float], codes: set[str], words: str
) -> None:
    lifetime, leaf, ca = hours
    certificate(home, lifetime=datetime.timedelta(hours=lifetime), hours_left=leaf, ca_hours_left=ca)
    with listening(home) as port, bed.namespace(ENABLED):
        flags = ("--url", f"https://localhost:{port}", "--ca-file", home / "ca.crt")
        with applied(bed, webhook(*flags, folder=home)):
            status, findings = checked(bed)
    assert (status, urgent(findings)) == (1, codes), findings
    expired = [each for code in codes for each in findings[code]]
    assert any(words in each["message"] for each in expired), expired
    assert all("renew" in each["hint"] for each in expired), expired


def test_an_unreachable_webhook_is_reported(bed: ApiServer, home: Path) -> None:
    with socket.socket() as holder, bed.namespace(ENABLED):
        holder.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{holder.getsockname()[1]}"
        with applied(bed, webhook("--url", url, "--ca-file", home / "ca.crt", folder=home)):
            status, findings = checked(bed)
    assert (status, urgent(findings)) == (1, {"unreachable"})


# --- a Service


def service(namespace: str, **spec: Any) -> Item:
    meta = {"name": "injector", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}


def behind(namespace: str, **metadata: Any) -> Item:
    """The injector's Deployment without a pod."""
    labels = {"app": "injector", **metadata.pop("labels", {})}
    made = ws.a_deployment("injector", **metadata)
    made["metadata"]["namespace"] = namespace
    made["spec"] |= {"replicas": 0, "selector": {"matchLabels": {"app": "injector"}}}
    made["spec"]["template"]["metadata"]["labels"] = labels
    return made


def test_behind_a_service_the_api_server_is_let_call(bed: ApiServer, home: Path, namespace: str) -> None:
    """A Service of the kind ExternalName is the one that leads to loopback here."""
    certificate(home, lifetime=datetime.timedelta(hours=4), names=(f"injector.{namespace}.svc",))
    with listening(home) as port, bed.namespace(ENABLED):
        flags = ("--service", f"{namespace}/injector:{port}", "--ca-file", home / "ca.crt")
        outside = service(namespace, type="ExternalName", externalName="localhost", ports=[{"port": port}])
        with applied(bed, outside, webhook(*flags, folder=home)):
            status, findings = checked(bed)
            assert (status, urgent(findings)) == (0, set()), findings
            assert any("how long the certificate" in each["message"] for each in findings["not-looked-at"])
        other = home / "other"
        other.mkdir()
        ws.certificates(other)
        flags = (*flags[:3], other / "ca.crt")
        with applied(bed, outside, webhook(*flags, folder=home)):
            ws.until("the new bundle counts", lambda: checked(bed)[0])
            status, findings = checked(bed)
            assert urgent(findings) == {"certificate-untrusted"}
            assert "x509" in findings["certificate-untrusted"][0]["message"]


def test_a_call_that_fails_is_put_to_the_entry_that_it_was_for(
    bed: ApiServer, home: Path, namespace: str
) -> None:
    """istiod's entries have the same names as those of this injector."""
    certificate(home, lifetime=datetime.timedelta(hours=4), names=(f"injector.{namespace}.svc",))
    with listening(home) as port, bed.namespace(ENABLED):
        flags = ("--service", f"{namespace}/injector:{port}", "--ca-file", home / "ca.crt")
        outside = service(namespace, type="ExternalName", externalName="localhost", ports=[{"port": port}])
        away = webhook("--url", "https://127.0.0.1:1", "--ca-file", home / "ca.crt", folder=home)
        away["metadata"] = {"name": "istio-sidecar-injector"}
        with applied(bed, outside, webhook(*flags, folder=home), away):

            def messages() -> list[str]:
                return [each["message"] for each in checked(bed)[1]["not-looked-at"]]

            ws.until(
                "the other is called", lambda: any("another webhook failed" in text for text in messages())
            )
            assert urgent(checked(bed)[1]) == {"overlap"}


def test_a_service_without_port_and_endpoints_is_reported(bed: ApiServer, home: Path, namespace: str) -> None:
    flags = ("--service", f"{namespace}/injector:8443", "--ca-file", home / "ca.crt", "--timeout", "1")
    registration = webhook(*flags, folder=home)
    with applied(bed, registration):
        assert {"service-missing"} <= urgent(checked(bed)[1])
    with applied(bed, service(namespace, selector={"app": "injector"}, ports=[{"port": 443}]), registration):
        _, findings = checked(bed)
        assert {"service-port", "no-endpoints"} <= urgent(findings)
        assert "has no port 8443; it has 443" in findings["service-port"][0]["message"]


def test_a_service_without_a_ca_bundle_is_reported(bed: ApiServer, home: Path, namespace: str) -> None:
    with applied(bed, webhook("--service", f"{namespace}/injector", folder=home)):
        _, findings = checked(bed)
    assert "no caBundle" in findings["ca-bundle"][0]["message"]


# --- selectors and other injectors


def test_a_namespace_without_the_label_and_a_selector_that_contradicts_itself(
    bed: ApiServer, home: Path
) -> None:
    registration = webhook("--url", "https://127.0.0.1:1", "--ca-file", home / "ca.crt", folder=home)
    with applied(bed, registration):
        _, findings = checked(bed)
        assert "istio-injection In [enabled]" in findings["no-namespace"][0]["message"]
    for each in registration["webhooks"]:
        each["objectSelector"] = {
            "matchLabels": {"a": "b"},
            "matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b", "c"]}],
        }
    with applied(bed, registration):
        _, findings = checked(bed)
    assert {"never-matches", "selectors-differ"} <= urgent(findings)


def test_another_injector_that_gets_the_same_pods_is_reported(bed: ApiServer, home: Path) -> None:
    flags = ("--url", "https://127.0.0.1:1", "--ca-file", home / "ca.crt", "--failure-policy", "Ignore")
    ours = webhook(*flags, folder=home)
    istiod = json.loads(json.dumps(ours).replace("sidecar-injector-istio", "istio-sidecar-injector"))
    istiod["metadata"]["labels"] = {"istio.io/rev": "default"}
    linkerd = json.loads(json.dumps(istiod).replace("istio-sidecar-injector", "linkerd-injector"))
    linkerd["webhooks"] = [
        {**istiod["webhooks"][0], "name": "linkerd-proxy-injector.linkerd.io", "namespaceSelector": {}}
    ]
    other = json.loads(json.dumps(linkerd).replace("linkerd-injector", "some-policy"))
    other["webhooks"][0]["name"] = "mutate.policy.example.com"
    canary = webhook(*flags, folder=home, config=SAFE + "revision: canary\n")
    with bed.namespace(ENABLED) as space, bed.namespace({"istio.io/rev": "canary"}):
        with applied(bed, ours, canary, other):
            assert "overlap" not in checked(bed)[1]
        with applied(bed, ours, istiod, linkerd, other):
            _, findings = checked(bed)
    overlaps = {each["message"].split(" ")[6].rstrip(","): each["message"] for each in findings["overlap"]}
    assert set(overlaps) == {"istio-sidecar-injector", "linkerd-injector"}
    assert space in overlaps["istio-sidecar-injector"]


def test_match_conditions_of_another_version_are_reported(bed: ApiServer, home: Path) -> None:
    registration = webhook("--url", "https://127.0.0.1:1", "--ca-file", home / "ca.crt", folder=home)
    registration["webhooks"][0]["matchConditions"][0]["expression"] = "true"
    with applied(bed, registration):
        _, findings = checked(bed)
    assert [each["code"] for each in findings["conditions-differ"]] == ["conditions-differ"]


# --- who waits for whom


def plugin(namespace: str) -> Item:
    """A DaemonSet as network plugins are."""
    made = ws.a_deployment("plugin")
    del made["spec"]["template"]["metadata"]["annotations"]
    made["kind"], made["metadata"]["namespace"] = "DaemonSet", namespace
    made["spec"]["template"]["spec"]["volumes"] = [{"name": "bin", "hostPath": {"path": "/opt/cni/bin"}}]
    return made


def test_pods_that_must_not_wait_for_the_injector_are_named(bed: ApiServer, home: Path) -> None:
    with bed.namespace(ENABLED) as space:
        flags = ("--service", f"{space}/injector:8443", "--ca-file", home / "ca.crt", "--timeout", "1")
        around = [
            service(space, selector={"app": "injector"}, ports=[{"port": 8443}]),
            behind(space),
            plugin(space),
        ]
        with applied(bed, *around, webhook(*flags, folder=home)):
            _, findings = checked(bed)
            messages = " ".join(each["message"] for each in findings["deadlock"])
            assert f"({space}/injector)" in messages
            assert f"({space}/plugin)" in messages
            assert all(each["level"] == "error" for each in findings["deadlock"])
        off = {"sidecar.istio.io/inject": "false"}
        guarded = [around[0], behind(space, labels=off), plugin(space)]
        guarded[2]["spec"]["template"]["spec"]["hostNetwork"] = True
        with applied(bed, *guarded, webhook(*flags, folder=home)):
            assert "deadlock" not in checked(bed)[1]
        # Without conditions the API server asks for pods of the node's network, too.
        with applied(bed, *guarded, webhook(*flags, "--no-match-conditions", folder=home)):
            _, findings = checked(bed)
        assert ["plugin" in each["message"] for each in findings["deadlock"]] == [True]


def test_the_clusters_own_namespace_does_not_wait_where_there_are_conditions(
    bed: ApiServer, home: Path
) -> None:
    flags = ("--url", "https://127.0.0.1:1", "--ca-file", home / "ca.crt")
    bed.kubectl("label", "namespace", "kube-public", "istio-injection=enabled")
    try:
        with applied(bed, webhook(*flags, folder=home)):
            assert "deadlock" not in checked(bed)[1]
        with applied(bed, webhook(*flags, "--no-match-conditions", folder=home)):
            _, findings = checked(bed)
        assert "pods in kube-public cannot start" in findings["deadlock"][0]["message"]
    finally:
        bed.kubectl("label", "namespace", "kube-public", "istio-injection-")


# --- PodSecurity, rights


def test_namespaces_that_refuse_what_is_injected_are_named(bed: ApiServer, home: Path) -> None:
    flags = ("--url", "https://127.0.0.1:1", "--ca-file", home / "ca.crt")
    enforced = {**ENABLED, "pod-security.kubernetes.io/enforce": "restricted"}
    with bed.namespace(enforced) as space, applied(bed, webhook(*flags, folder=home)):
        _, findings = checked(bed, SAFE)
        assert "pod-security" not in findings
        _, findings = checked(bed, SAFE.replace("proxy: {seccompProfile: {type: RuntimeDefault}}", ""))
        (finding,) = findings["pod-security"]
        assert (finding["level"], space in finding["message"]) == ("error", True)
        assert "values.global.proxy.seccompProfile" in finding["hint"]


def test_rights_that_the_account_lacks_are_named_until_they_are_there(
    bed: ApiServer, home: Path, namespace: str
) -> None:
    config = SAFE + f"server: {{certificates: {{service: {namespace}/injector}}}}\n"
    flags = ("--service", f"{namespace}/injector:8443", "--ca-file", home / "ca.crt", "--timeout", "1")
    made = [service(namespace, selector={"app": "injector"}, ports=[{"port": 8443}]), behind(namespace)]
    made[1]["spec"]["template"]["spec"]["serviceAccountName"] = "injector"
    registration = webhook(*flags, folder=home)
    elsewhere = ("--service", f"{namespace}/another", *flags[2:], "--name", "of-another-injector")
    with applied(bed, *made, registration, webhook(*elsewhere, folder=home)):
        _, findings = checked(bed, config)
        messages = [each["message"] for each in findings["rbac"]]
        who = f"ServiceAccount {namespace}/injector may not"
        assert f"{who} list, watch namespaces" in messages
        assert f"{who} get, list, watch, update secrets injector-ca in namespace {namespace}" in messages
        assert f"{who} patch mutatingwebhookconfigurations.admissionregistration.k8s.io "\
            f"{registration['metadata']['name']}" in messages  # fmt: skip
        assert not [each for each in messages if "of-another-injector" in each]
        with applied(bed, *granted(namespace)):
            ws.until("the rights are there", lambda: "rbac" not in checked(bed, config)[1])


def granted(namespace: str) -> list[Item]:
    """Everything, to the account of the injector."""
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    subject = {"kind": "ServiceAccount", "name": "injector", "namespace": namespace}
    binding = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding"}
    return [{**binding, "metadata": {"name": f"check-{namespace}"}, "roleRef": ref, "subjects": [subject]}]


@pytest.mark.usefixtures("home")
def test_missing_rights_of_the_caller_are_reported_with_verb_and_resource(
    bed: ApiServer, namespace: str
) -> None:
    token = bed.kubectl("create", "token", "default", "-n", namespace).strip()
    kubeconfig = bed.kubeconfig_with_token(token)
    command = [
        sys.executable,
        "-m",
        "injector.cli.main",
        "check",
        "--cluster",
        "--kubeconfig",
        str(kubeconfig),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "not allowed to list mutatingwebhookconfigurations" in done.stderr
    rules = [
        {"apiGroups": ["admissionregistration.k8s.io"], "resources": ["*"], "verbs": ["list"]},
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["list"]},
    ]
    group = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": f"check-{namespace}"}}
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"check-{namespace}"}
    subject = {"kind": "ServiceAccount", "name": "default", "namespace": namespace}
    few = [
        {**group, "kind": "ClusterRole", "rules": rules},
        {**group, "kind": "ClusterRoleBinding", "roleRef": ref, "subjects": [subject]},
    ]
    with applied(bed, *few):
        ws.until("the rights are there", lambda: "daemonsets" in str(checked(bed, kubeconfig=kubeconfig)[1]))
        _, findings = checked(bed, kubeconfig=kubeconfig)
    assert [e["message"] for e in findings["not-looked-at"]][-1:] == ["not allowed to list daemonsets.apps"]


def test_the_command_prints_a_line_for_each_finding_and_the_same_as_json(bed: ApiServer) -> None:
    command = [sys.executable, "-m", "injector.cli.main", "check", "--cluster", "--kubeconfig"]
    runs = [
        subprocess.run([*command, str(bed.kubeconfig), *more], capture_output=True, text=True, check=False)
        for more in ((), ("-o", "json"))
    ]
    assert [each.returncode for each in runs] == [1, 1], runs
    lines = runs[0].stdout.splitlines()
    assert any(line.startswith("error: ") and line.endswith("[webhook-absent]") for line in lines)
    assert lines[-1] == "the defaults: 2 errors"  # and development images
    results = json.loads(runs[1].stdout)["results"]
    assert ("error", "webhook-absent") in [(each["level"], each["code"]) for each in results]
    # What is only possible without a cluster is a note, and no reason to fail.
    assert "pod-security" in [each["code"] for each in results if each["level"] == "note"]
