"""`injector serve` as a process of its own, over TLS with certificates made here."""

from __future__ import annotations

import contextlib
import datetime
import http.client
import json
import os
import queue
import signal
import ssl
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from injector.errors import ConfigError
from injector.server.run import bind
from tests import command
from tests.command import in_one_process
from tests.generators.annotations import ANNOTATIONS
from tests.generators.pods import draw_pod, manifests
from tests.generators.reviews import body_of, damaged, draw_path, draw_review, garbage
from tests.server.webhook_factories import a_body, a_pod, a_review, patched

__all__ = ["in_one_process"]  # the fixture

PATIENCE = 60
OF_A_CLUSTER = ("KUBECONFIG", "KUBERNETES_SERVICE_HOST")
JSON = {"Content-Type": "application/json"}

PROFILE = """\
name: log-shipper
defaultTemplates: [shipper]
"""
SHIPPER = """\
spec:
  containers:
  - name: shipper
    image: {{ Values.image }}
"""
SETTINGS = """\
profile: ./shipper
values: {image: "example.com/shipper:1"}
server:
  bodyLimit: 100000
  drainSeconds: 0
  source: {pollSeconds: 1}
"""


@dataclass(frozen=True)
class Files:
    """Certificates and a configuration in a folder."""

    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def config(self) -> Path:
        return self.folder / "injector.yaml"

    def arguments(self) -> list[str]:
        certificate = ["--tls-cert", str(self.folder / "tls.crt"), "--tls-key", str(self.folder / "tls.key")]
        return [*certificate, "--config", str(self.config), "--namespaces", "off",
                "--listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0"]  # fmt: skip


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey, is_ca: bool
) -> bytes:
    now = datetime.datetime.now(datetime.UTC)

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    made = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        # Clients of Python 3.13 insist on this one.
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if is_ca:
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        made = made.add_extension(usage, critical=True)
    return made.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    authority, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    chain = _certificate("localhost", own, "test CA", authority, is_ca=False)
    (tmp_path / "ca.pem").write_bytes(_certificate("test CA", authority, "test CA", authority, is_ca=True))
    (tmp_path / "tls.crt").write_bytes(chain)
    (tmp_path / "tls.key").write_bytes(_pem(own))
    (tmp_path / "bundle.pem").write_bytes(_pem(own) + chain)
    (tmp_path / "other.key").write_bytes(_pem(authority))
    (tmp_path / "shipper").mkdir()
    (tmp_path / "shipper" / "profile.yaml").write_text(PROFILE)
    (tmp_path / "shipper" / "shipper.yaml.j2").write_text(SHIPPER)
    (tmp_path / "injector.yaml").write_text(SETTINGS)
    return Files(tmp_path)


@dataclass
class Served:
    """A running process: its log, and where it listens."""

    process: subprocess.Popen[str]
    ca: Path
    events: list[dict[str, Any]] = field(default_factory=list)
    news: queue.SimpleQueue[str | None] = field(default_factory=queue.SimpleQueue)
    open: list[http.client.HTTPConnection] = field(default_factory=list)

    def read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.news.put(line)
        self.news.put(None)

    def wait_for(self, event: str, **fields: Any) -> dict[str, Any]:
        """The next line of the log with these fields."""
        while True:
            line = self.news.get(timeout=PATIENCE)
            assert line is not None, f"the process ended: {self.events}"
            self.events.append(json.loads(line))
            event_line = self.events[-1]
            if event_line["event"] == event and all(event_line.get(k) == v for k, v in fields.items()):
                return event_line

    def callers(self, at: dict[str, Any]) -> tuple[http.client.HTTPConnection, http.client.HTTPConnection]:
        """Connections to the webhook, verified against the CA, and to the inner listener."""
        trust = ssl.create_default_context(cafile=str(self.ca))
        outer, inner = (int(at[name].rpartition(":")[2]) for name in ("webhook", "health"))
        webhook = http.client.HTTPSConnection("localhost", outer, context=trust, timeout=PATIENCE)
        health = http.client.HTTPConnection("127.0.0.1", inner, timeout=PATIENCE)
        self.open += [webhook, health]
        return webhook, health


def start(*arguments: str) -> subprocess.Popen[str]:
    started = [sys.executable, "-m", "injector.cli.main", "serve", *arguments]
    env = {key: value for key, value in os.environ.items() if key not in OF_A_CLUSTER}
    return subprocess.Popen(started, stderr=subprocess.PIPE, text=True, env=env)


@contextlib.contextmanager
def served(files: Files) -> Iterator[Served]:
    process = start(*files.arguments())
    running = Served(process, files.ca)
    reader = threading.Thread(target=running.read)
    reader.start()
    try:
        yield running
    finally:
        for connection in running.open:
            connection.close()
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE)
        reader.join(PATIENCE)
        assert process.stderr is not None
        process.stderr.close()


def call(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None
) -> tuple[http.client.HTTPResponse, bytes]:
    connection.request(method, path, body, JSON)
    response = connection.getresponse()
    return response, response.read()


def test_the_webhook_serves_over_tls_and_stops_on_a_signal(files: Files) -> None:
    with served(files) as running:
        at = running.wait_for("listening")
        webhook, health = running.callers(at)

        sockets = []
        for version in ("v1", "v1beta1"):
            response, body = call(webhook, "POST", "/mutate?timeout=10s", a_body(version=version))
            assert response.status == 200
            review = json.loads(body)
            assert review["apiVersion"] == f"admission.k8s.io/{version}"
            pod = patched(a_review(), review["response"])
            assert "example.com/shipper:1" in [c["image"] for c in pod["spec"]["containers"]]
            running.wait_for("admission", decision="inject", budget=10.0)
            sockets.append(webhook.sock)
        assert len(set(sockets)) == 1  # the connection was kept

        deep = a_body({**a_pod(), "x": "HERE"}).replace(b'"HERE"', b"[" * 10_000 + b"]" * 10_000)
        wrong = a_body({**a_pod(), "kind": "Deployment"})
        for bad, status in ((b"", 400), (b"{", 400), (deep, 400), (wrong, 400), (b" " * 300_000, 413)):
            response, body = call(webhook, "POST", "/mutate", bad)
            assert (response.status, bool(body.strip())) == (status, True)
            response, body = call(webhook, "POST", "/mutate", a_body())
            assert json.loads(body)["response"]["allowed"] is True

        for connection, path, status in (
            (webhook, "/healthz", 200),
            (webhook, "/readyz", 200),
            (webhook, "/metrics", 404),
            (health, "/healthz", 200),
            (health, "/readyz", 200),
            (health, "/mutate", 404),
        ):
            response, _ = call(connection, "GET", path)
            assert (path, response.status) == (path, status)
        _, text = call(health, "GET", "/metrics")
        assert b'injector_admission_total{decision="inject"' in text

        running.process.send_signal(signal.SIGTERM)
        running.wait_for("stopped")
        assert running.process.wait(PATIENCE) == 0


def test_a_changed_configuration_is_taken_over_and_a_broken_one_keeps_the_last_good_one(files: Files) -> None:
    with served(files) as running:
        first = running.wait_for("config")["digest"]
        at = running.wait_for("listening")
        webhook, health = running.callers(at)

        files.config.write_text(SETTINGS + "valuse: {}\n")
        refused = running.wait_for("config-refused")
        assert refused["where"] == f"{files.config}:7"
        assert "values" in refused["message"] + refused.get("hint", "")
        response, body = call(health, "GET", "/readyz")
        assert (response.status, json.loads(body)["config"]["digest"]) == (200, first)
        assert "valuse" in json.loads(body)["notes"]["config"]
        assert "injector_config_last_reload_ok 0.0" in call(health, "GET", "/metrics")[1].decode()
        assert json.loads(call(webhook, "POST", "/mutate", a_body())[1])["response"]["allowed"] is True

        files.config.write_text(SETTINGS.replace("shipper:1", "shipper:2"))
        second = running.wait_for("config")["digest"]
        assert second != first
        review = json.loads(call(webhook, "POST", "/mutate", a_body())[1])
        pod = patched(a_review(), review["response"])
        assert "example.com/shipper:2" in [c["image"] for c in pod["spec"]["containers"]]
        text = call(health, "GET", "/metrics")[1].decode()
        assert 'injector_config_reload_total{reason="settings",result="error"} 1.0' in text
        assert 'injector_config_reload_total{reason="",result="ok"} 1.0' in text
        assert f'injector_config_info{{digest="{second}"' in text
        assert "injector_config_last_reload_ok 1.0" in text


def test_settings_of_the_server_count_from_the_next_start_and_are_judged_before_it(files: Files) -> None:
    with served(files) as running:
        running.wait_for("listening")
        files.config.write_text(SETTINGS + "  callerAuth: {mode: enforce}\n")
        refused = running.wait_for("config-refused")
        assert (refused["reason"], refused["where"]) == ("settings", "server.callerAuth")
        assert refused["hint"].startswith("set clientCaFile")
        files.config.write_text(SETTINGS + "  failureMode: allow\n")
        assert "restart to apply them" in running.wait_for("server-settings")["message"]


def test_failure_mode_allow_is_logged_at_the_start(files: Files) -> None:
    files.config.write_text(SETTINGS + "  failureMode: allow\n")
    with served(files) as running:
        logged = running.wait_for("failure-mode")
        assert (logged["level"], "without a sidecar" in logged["message"]) == ("warning", True)


def test_a_renewed_certificate_is_served_and_a_broken_one_is_not(files: Files) -> None:
    with served(files) as running:
        at = running.wait_for("listening")
        webhook, health = running.callers(at)
        assert call(webhook, "GET", "/healthz")[0].status == 200
        sock = webhook.sock

        (files.folder / "tls.key").write_bytes((files.folder / "other.key").read_bytes())
        problem = running.wait_for("certificate-problem", about="files")
        assert "do not match" in problem["message"]
        assert "do not match" in json.loads(call(health, "GET", "/readyz")[1])["notes"]["certificate files"]
        fresh, _ = running.callers(at)
        assert call(fresh, "GET", "/healthz")[0].status == 200

        authority, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        files.ca.write_bytes(_certificate("test CA", authority, "test CA", authority, is_ca=True))
        (files.folder / "tls.crt").write_bytes(
            _certificate("localhost", own, "test CA", authority, is_ca=False)
        )
        (files.folder / "tls.key").write_bytes(_pem(own))
        running.wait_for("certificate-leaf")
        newest, _ = running.callers(at)
        assert call(newest, "GET", "/healthz")[0].status == 200
        assert call(webhook, "GET", "/healthz")[0].status == 200
        assert webhook.sock is sock
        text = call(health, "GET", "/metrics")[1].decode()
        assert 'injector_certificate_expiry_timestamp_seconds{fingerprint="' in text
        assert 'injector_certificate_failure_total{what="files"}' in text


@pytest.mark.usefixtures("in_one_process")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--tls-cert"),
        (["--tls-cert", "tls.crt"], "--tls-cert"),
        (["--tls-cert", "tls.crt", "--tls-key", "gone.key"], "gone.key"),
        (["--tls-cert", "tls.crt", "--tls-key", "other.key"], "do not match"),
        (["--tls-bundle", "bundle.pem", "--config", "gone.yaml"], "gone.yaml"),
        (["--tls-bundle", "bundle.pem", "--listen", "256.0.0.1:x"], "256.0.0.1:x"),
        (["--tls-bundle", "bundle.pem", "--config-map", "no-name"], "--config-map"),
    ],
)
def test_what_cannot_be_served_ends_with_status_2_and_a_sentence(
    files: Files, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    # Nothing listens yet, and no signal is waited for.
    for name in OF_A_CLUSTER:
        monkeypatch.delenv(name, raising=False)
    ran = command.run("serve", *cannot_be_served(files, arguments))
    assert ran.status == 2
    assert words in ran.err
    assert "Traceback" not in ran.err


def test_a_process_that_has_bound_a_port_ends_with_status_2_too(files: Files) -> None:
    arguments = ["--tls-bundle", "bundle.pem", "--listen", "127.0.0.1:0", "--debug-listen", "0.0.0.0:0"]
    process = start(*cannot_be_served(files, arguments))
    _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert "not a loopback address" in stderr
    assert "Traceback" not in stderr


def cannot_be_served(files: Files, arguments: list[str]) -> list[str]:
    """The arguments with the paths of the files that are there, and a configuration."""
    inside = [
        str(files.folder / a) if (files.folder / a).exists() or a.startswith("gone") else a for a in arguments
    ]
    config = [] if "--config" in inside else ["--config", str(files.config)]
    return [*inside, *config, "--namespaces", "off"]


@pytest.mark.parametrize("address", ["127.0.0.1:0", ":0", "localhost:0"])
def test_an_address_is_bound(address: str) -> None:
    with bind(address, "listen") as bound:
        assert bound.getsockname()[1] > 0


@pytest.mark.parametrize(
    "address", ["", "8443", "127.0.0.1:port", "127.0.0.1:70000", "no.such.name.invalid:1"]
)
def test_what_cannot_be_bound_is_named(address: str) -> None:
    with pytest.raises(ConfigError) as caught:
        bind(address, "listen")
    assert caught.value.where == "listen"
    assert caught.value.message.startswith(f"cannot listen on {address}")


def test_a_port_in_use_is_named() -> None:
    with bind("127.0.0.1:0", "listen") as bound:
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(ConfigError) as caught:
            bind(address, "listen")
    assert "in use" in str(caught.value)


def test_generated_reviews_over_tls_get_an_answer_or_a_refusal(files: Files) -> None:
    random, shipped = Random("over TLS"), manifests()
    codes: Counter[int] = Counter()
    with served(files) as running:
        webhook, health = running.callers(running.wait_for("listening"))
        for _ in range(150):
            pod = draw_pod(random, shipped, sorted(ANNOTATIONS), lambda pod: pod)
            body = body_of(random, damaged(random, draw_review(random, pod)))
            body = garbage(random, body) if random.random() < 0.3 else body
            response, _ = call(webhook, "POST", quote(draw_path(random), safe="/"), body)
            codes[response.status] += 1
        assert call(health, "GET", "/readyz")[0].status == 200
    assert {200, 400} <= codes.keys() <= {200, 400, 413}  # 413 depends on the golden cases, of which it draws
