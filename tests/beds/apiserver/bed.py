"""A real Kubernetes API server on loopback, without nodes: etcd, kube-apiserver, kube-controller-manager.

Here: their keys, flags, start, end and log files. Not here: compiling them, that is
programs/build.py; and nothing of the product.

What tests may rely on: RBAC is on and the kubeconfig belongs to system:masters; ServiceAccount
admission is on and the controllers run, so pods carry what real pods carry and Deployments make
ReplicaSets and Pods (which stay Pending); every request about pods and namespaces is audited with
its bodies and annotations; any number of beds run at the same time.

``python -m tests.beds.apiserver.bed`` runs one until Ctrl-C and prints the path of its kubeconfig.
"""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

from tests.beds import access
from tests.beds.bed import (
    NOT_OURS,
    Bed,
    BedError,
    NotOurs,
    foreign_kubeconfig,
    foreign_unavailable,
    installed_kubectl,
)
from tests.beds.programs import build

READY_SECONDS = 120.0
STOP_SECONDS = 5.0
POLL_SECONDS = 0.05

# Makes the kernel kill the program when the thread that started it is gone, however that happened.
# A shim that turns into the program, instead of preexec_fn, which is unsafe beside threads.
SHIM = """
import ctypes, os, signal, sys
ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""

AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {
            "level": "RequestResponse",
            "verbs": ["create", "update", "patch", "delete"],
            "resources": [{"group": "", "resources": ["pods", "pods/*", "namespaces"]}],
        },
        {"level": "None"},
    ],
}

UNAUDITED = {**AUDIT_POLICY, "rules": [{"level": "None"}]}


@dataclass(frozen=True)
class ApiServer(Bed):
    """A running API server. `folder` holds the logs too.

    `plane` is None where the cluster is somebody else's (E2E_KUBECONFIG): it cannot be stopped
    and its audit log cannot be read.
    """

    label: ClassVar[str] = "API server bed"

    url: str = ""
    plane: ControlPlane | None = field(default=None, repr=False)

    @staticmethod
    def unavailable() -> str | None:
        """Say in one line why there can be no bed here; None where there can."""
        if foreign := foreign_kubeconfig():
            return foreign_unavailable(foreign)
        if sys.platform != "linux":
            return f"the API server bed runs on Linux only, not on {sys.platform}"
        if not importlib.util.find_spec("cryptography"):
            return "the API server bed needs the Python package cryptography"
        return build.unavailable(build.APISERVER)

    @classmethod
    @contextlib.contextmanager
    def running(
        cls,
        folder: Path | None = None,
        *,
        audited: bool = True,
        towards_webhooks: Mapping[str, str] | None = None,
    ) -> Iterator[Self]:
        """Run an API server while the body runs, or hand out the cluster of E2E_KUBECONFIG.

        With `audited` off nothing is audited: the log takes some 30 KiB for each pod. `towards_webhooks`
        is how it identifies itself to webhooks, as the user of a kubeconfig. Without `folder`
        everything is kept in a temporary one that is removed at the end, but for the log files if the body
        raises. The first use on a machine compiles for minutes (see programs/build.py).
        """
        with _folder(folder) as place:
            if foreign := foreign_kubeconfig():
                bed = cls(foreign, installed_kubectl(), place)
                config = json.loads(bed.kubectl("config", "view", "--minify", "-o", "json"))
                yield replace(bed, url=config["clusters"][0]["cluster"]["server"])
                return
            binaries = build.programs(build.APISERVER)
            with contextlib.ExitStack() as stack:
                plane = ControlPlane(binaries, place, stack, audited, towards_webhooks)
                plane.start()
                yield cls(plane.kubeconfig, binaries["kubectl"], place, plane.url, plane)

    def kubeconfig_with_token(self, token: str) -> Path:
        """Write a kubeconfig for the same cluster and another bearer token; return its path."""
        config = json.loads(self.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
        for user in config["users"]:
            user["user"] = {"token": token}
        path = self.folder / f"token-{secrets.token_hex(4)}.kubeconfig"
        access.write_private(path, json.dumps(config))
        return path

    def audit_events(self) -> list[dict[str, Any]]:
        """Return the audited requests so far, the oldest first.

        An event may be written a moment after its answer was sent, so wait for the one you want.
        """
        lines = (self._own_plane().folder / "audit.log").read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def stop_apiserver(self) -> None:
        """Kill kube-apiserver: a crash, as open watches would keep a polite end waiting."""
        self._own_plane().apiserver.kill()

    def start_apiserver(self) -> None:
        """Start kube-apiserver again on its old port and wait until it is ready."""
        self._own_plane().start_apiserver()

    def restart_apiserver(self) -> None:
        """Stop kube-apiserver and start it again; its objects are still there."""
        self.stop_apiserver()
        self.start_apiserver()

    def forget_history(self) -> None:
        """Compact etcd and restart kube-apiserver: every older resourceVersion is gone (410)."""
        self._own_plane().compact()
        self.restart_apiserver()

    def _own_plane(self) -> ControlPlane:
        if self.plane is None:
            raise NotOurs(NOT_OURS)
        return self.plane


class Program:
    """One program of the control plane: its command line, its log file, its process.

    `starter` is the one thread that starts all: programs die with the thread that started them,
    so it has to last as long as the bed, which a caller's thread may not.
    """

    def __init__(self, name: str, command: Sequence[str], log: Path, starter: Executor) -> None:
        self.name = name
        self._command = command
        self._starter = starter
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = self._starter.submit(self._spawn).result()

    def _spawn(self) -> subprocess.Popen[bytes]:
        shim = [sys.executable, "-I", "-S", "-c", SHIM, str(os.getpid())]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [*shim, *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self._log.parent,
            )

    def stop(self) -> None:
        """End the process group: SIGTERM, and SIGKILL after a few seconds."""
        if self._process and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        self.kill()

    def terminate(self, patience: float) -> int | None:
        """Send SIGTERM to the program alone, as a kubelet does; return its exit status.

        None where it did not end within `patience` seconds, or was not running.
        """
        if self._process is None:
            return None
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(patience)
        return None

    def kill(self) -> None:
        """End the process group at once, as a crash would."""
        process, self._process = self._process, None
        if process and process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Return once `ready()`; raise BedError with the end of the log if that cannot come."""
        deadline = time.monotonic() + READY_SECONDS
        while not ready():
            ended = self._process is None or self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                what = "ended" if ended else f"is not ready after {READY_SECONDS:.0f} s"
                tail = self._log.read_text(errors="replace").splitlines()[-10:]
                raise BedError("\n".join([f"{self.name} {what}; the end of {self._log}:", *tail]))
            time.sleep(POLL_SECONDS)


@dataclass
class ControlPlane:
    """The three programs and what they share. `stack` ends them and gives their ports back."""

    binaries: Mapping[str, Path]
    folder: Path
    stack: contextlib.ExitStack
    audited: bool = True
    towards_webhooks: Mapping[str, str] | None = None
    url: str = ""
    kubeconfig: Path = Path()
    apiserver: Program = field(init=False)
    _etcd_url: str = ""
    _starter: Executor = field(init=False)
    _token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def start(self) -> None:
        self._starter = self.stack.enter_context(ThreadPoolExecutor(1))
        self._etcd_url = etcd_url = f"http://127.0.0.1:{self._port()}"
        peer_url = f"http://127.0.0.1:{self._port()}"
        self.url = f"https://127.0.0.1:{(port := self._port())}"
        controller_token = secrets.token_urlsafe(24)
        self._write_files(controller_token)
        etcd = self._program("etcd", self._etcd_flags(etcd_url, peer_url))
        self.apiserver = self._program("kube-apiserver", self._apiserver_flags(etcd_url, port))
        controllers = self._program("kube-controller-manager", self._controller_flags())
        etcd.start()
        etcd.wait_until(lambda: access.read(f"{etcd_url}/health") is not None)
        self.start_apiserver()
        controllers.start()
        # Admission refuses pods in a namespace whose account is not there yet.
        account = f"{self.url}/api/v1/namespaces/default/serviceaccounts/default"
        controllers.wait_until(lambda: self._asks(account))

    def start_apiserver(self) -> None:
        self.apiserver.start()
        self.apiserver.wait_until(lambda: self._asks(f"{self.url}/readyz"))

    def compact(self) -> None:
        """Drop etcd's history through its JSON gateway."""
        key = base64.b64encode(b"none").decode()
        revision = self._etcd("range", {"key": key})["header"]["revision"]
        self._etcd("compaction", {"revision": revision, "physical": True})

    def _etcd(self, operation: str, body: object) -> Any:
        request = urllib.request.Request(f"{self._etcd_url}/v3/kv/{operation}", json.dumps(body).encode())
        with access.opener().open(request, timeout=60) as answer:
            return json.load(answer)

    def _program(self, name: str, flags: Sequence[str]) -> Program:
        command, log = [str(self.binaries[name]), *flags], self.folder / f"{name}.log"
        program = Program(name, command, log, self._starter)
        self.stack.callback(program.stop)
        return program

    def _port(self) -> int:
        """Return a free port and keep it reserved.

        The socket is bound but does not listen, and the programs share ports (SO_REUSEPORT), so
        nobody else can get the port in between, nor while kube-apiserver restarts.
        """
        holder = self.stack.enter_context(socket.socket())
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        return int(holder.getsockname()[1])

    def _asks(self, url: str) -> bool:
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        return access.read(url, context, {"Authorization": f"Bearer {self._token}"}) is not None

    def _write_files(self, controller_token: str) -> None:
        # They need cryptography, which `unavailable` must not.
        from tests.beds.keys import write_server_keys

        write_server_keys(self.folder, "127.0.0.1", "localhost", stem="apiserver")
        tokens = [
            f'{self._token},bed-admin,1,"system:masters"',
            f"{controller_token},system:kube-controller-manager,2",
        ]
        access.write_private(self.folder / "tokens.csv", "\n".join(tokens) + "\n")
        policy = AUDIT_POLICY if self.audited else UNAUDITED
        (self.folder / "audit-policy.json").write_text(json.dumps(policy))
        self.kubeconfig = self.folder / "kubeconfig"
        access.write_private(self.kubeconfig, _kubeconfig(self.url, self.folder / "ca.crt", self._token))
        controllers = _kubeconfig(self.url, self.folder / "ca.crt", controller_token)
        access.write_private(self.folder / "controllers.kubeconfig", controllers)
        if self.towards_webhooks is not None:
            access.write_private(self.folder / "webhooks.kubeconfig", _webhook_users(self.towards_webhooks))
            (self.folder / "admission.json").write_text(_admission(self.folder / "webhooks.kubeconfig"))

    def _etcd_flags(self, url: str, peer_url: str) -> list[str]:
        return [
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={url}",
            f"--advertise-client-urls={url}",
            f"--listen-peer-urls={peer_url}",
            f"--initial-advertise-peer-urls={peer_url}",
            f"--initial-cluster=default={peer_url}",
            "--socket-reuse-port=true",
            "--unsafe-no-fsync=true",
            "--log-level=warn",
        ]

    def _apiserver_flags(self, etcd_url: str, port: int) -> list[str]:
        identified = self.towards_webhooks is not None
        return [
            f"--etcd-servers={etcd_url}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={port}",
            "--permit-port-sharing=true",
            f"--cert-dir={self.folder}",
            f"--tls-cert-file={self.folder / 'apiserver.crt'}",
            f"--tls-private-key-file={self.folder / 'apiserver.key'}",
            f"--client-ca-file={self.folder / 'ca.crt'}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--allow-privileged=true",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            # The pair of the server signs the tokens of ServiceAccounts too.
            f"--service-account-key-file={self.folder / 'apiserver.crt'}",
            f"--service-account-signing-key-file={self.folder / 'apiserver.key'}",
            # The endpoints of the service "kubernetes" may not be on loopback.
            "--endpoint-reconciler-type=none",
            f"--audit-policy-file={self.folder / 'audit-policy.json'}",
            f"--audit-log-path={self.folder / 'audit.log'}",
            "--audit-log-mode=blocking",
            *([f"--admission-control-config-file={self.folder / 'admission.json'}"] * identified),
        ]

    def _controller_flags(self) -> list[str]:
        return [
            f"--kubeconfig={self.folder / 'controllers.kubeconfig'}",
            "--leader-elect=false",
            "--secure-port=0",
            # The default of 20 requests a second spreads the start of 40 controllers over 6 seconds.
            "--kube-api-qps=1000",
            "--kube-api-burst=1000",
            "--use-service-account-credentials=true",
            f"--service-account-private-key-file={self.folder / 'apiserver.key'}",
            f"--root-ca-file={self.folder / 'ca.crt'}",
            f"--cluster-signing-cert-file={self.folder / 'ca.crt'}",
            f"--cluster-signing-key-file={self.folder / 'ca.key'}",
        ]


@contextlib.contextmanager
def _folder(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder.resolve()
        return
    place = Path(tempfile.mkdtemp(prefix="apiserver-bed-"))
    try:
        yield place
    except Exception:
        logs = place.with_name(f"{place.name}-logs")
        logs.mkdir()
        for log in place.glob("*.log"):
            log.rename(logs / log.name)
        print(f"apiserver bed: the logs are kept in {logs}", file=sys.stderr)
        raise
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _kubeconfig(url: str, ca: Path, token: str) -> str:
    cluster = {"server": url, "certificate-authority": str(ca)}
    return access.kubeconfig("bed", cluster, "bed", {"token": token})


def _webhook_users(user: Mapping[str, str]) -> str:
    """A kubeconfig with one user, for webhooks on any host."""
    return json.dumps({"apiVersion": "v1", "kind": "Config", "users": [{"name": "*", "user": dict(user)}]})


def _admission(kubeconfig: Path) -> str:
    """The API server's own admission configuration, which names the kubeconfig."""
    group = "apiserver.config.k8s.io/v1"
    plugin = {"apiVersion": group, "kind": "WebhookAdmissionConfiguration", "kubeConfigFile": str(kubeconfig)}
    plugins = [{"name": "MutatingAdmissionWebhook", "configuration": plugin}]
    return json.dumps({"apiVersion": group, "kind": "AdmissionConfiguration", "plugins": plugins})


def _serve_until_interrupted() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), ApiServer.running() as bed:
        print(bed.kubeconfig, flush=True)
        print(f"apiserver bed: {bed.url} until Ctrl-C", file=sys.stderr)
        while True:
            signal.pause()


if __name__ == "__main__":
    try:
        _serve_until_interrupted()
    except (BedError, build.BuildError) as error:
        sys.exit(f"apiserver bed: {error}")
