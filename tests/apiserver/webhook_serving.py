"""What the tests of the webhook share: certificates, `injector serve` as a process, its registration.

Everything is waited for by its condition; a condition that never comes ends the test with its name.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from tests.beds.apiserver.bed import ApiServer
from tests.beds.keys import write_server_keys
from tests.command import run

Result = TypeVar("Result")

PATIENCE = 120.0
POLL = 0.05
STATUS = "sidecar.istio.io/status"


def until(what: str, look: Callable[[], Result | None]) -> Result:
    """The first thing that `look` finds, which is neither None nor False nor empty."""
    deadline = time.monotonic() + PATIENCE
    while not (value := look()):
        assert time.monotonic() < deadline, f"this did not happen in {PATIENCE:.0f} s: {what}"
        time.sleep(POLL)
    return value


def injector(*arguments: str | Path, stdin: str = "") -> str:
    """What a command prints."""
    ran = run(*arguments, stdin=stdin)
    assert ran.status == 0, ran.err
    return ran.out


# --- kubectl


@dataclass(frozen=True)
class Completed:
    """What kubectl said."""

    status: int
    out: str
    err: str


def kubectl(bed: ApiServer, *arguments: str, manifest: object = None) -> Completed:
    """Run kubectl, which may fail; `manifest` goes to its stdin as JSON, a text as it is."""
    command = bed.kubectl_command(*arguments)
    text = manifest if isinstance(manifest, str) else json.dumps(manifest)
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return Completed(done.returncode, done.stdout, done.stderr)


def create(bed: ApiServer, namespace: str, *items: dict[str, Any], flags: tuple[str, ...] = ()) -> Completed:
    """Create objects; a refusal is for the caller to look at."""
    manifest = items[0] if len(items) == 1 else {"apiVersion": "v1", "kind": "List", "items": items}
    return kubectl(bed, "create", "-n", namespace, *flags, "-f", "-", manifest=manifest)


def created(bed: ApiServer, namespace: str, item: dict[str, Any], *flags: str) -> dict[str, Any]:
    """One object as the API server answered its creation."""
    answer = create(bed, namespace, item, flags=("-o", "json", *flags))
    assert answer.status == 0, answer.err
    stored: dict[str, Any] = json.loads(answer.out)
    return stored


def listed(bed: ApiServer, namespace: str, what: str, *flags: str) -> list[dict[str, Any]]:
    """The objects of a kind in a namespace."""
    items: list[dict[str, Any]] = json.loads(bed.kubectl("get", what, "-n", namespace, "-o", "json", *flags))[
        "items"
    ]
    return items


def pods_of(bed: ApiServer, namespace: str, app: str, count: int = 1) -> list[dict[str, Any]]:
    """The pods that controllers made of a workload, found by the label `app`."""

    def look() -> list[dict[str, Any]] | None:
        pods = listed(bed, namespace, "pods", f"--selector=app={app}")
        return pods if len(pods) >= count else None

    return until(f"{count} pods of {app}", look)


def creation(bed: ApiServer, namespace: str, name: str) -> dict[str, Any]:
    """The audited request that made a pod, by the name that the pod got."""

    def is_it(event: dict[str, Any]) -> bool:
        about = event["objectRef"]
        made = (event.get("responseObject") or {}).get("metadata") or {}
        asked = (event["verb"], about["resource"], about.get("namespace"), made.get("name"))
        return asked == ("create", "pods", namespace, name)

    def look() -> dict[str, Any] | None:
        return next(filter(is_it, reversed(bed.audit_events())), None)

    return until(f"the audit log tells of pod {name}", look)


def webhook_calls(event: dict[str, Any]) -> list[dict[str, Any]]:
    """The webhooks that were called for a request, in order: round, whose, and whether they changed it."""
    prefix = "mutation.webhook.admission.k8s.io/round_"
    return [
        {"round": int(key.removeprefix(prefix).partition("_")[0]), **json.loads(value)}
        for key, value in sorted((event.get("annotations") or {}).items())
        if key.startswith(prefix)
    ]


# --- manifests


def a_pod(name: str, *, spec: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    """A pod of one container, with more metadata and fields of the spec."""
    container = {"name": "app", "image": "example.invalid/app:1"}
    meta = {"name": name, **metadata}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta,
        "spec": {"containers": [container], **(spec or {})},
    }


def a_deployment(name: str, *, annotations: dict[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
    """A Deployment of one replica; `metadata` is that of its pods."""
    pod = a_pod(name, annotations=annotations or {}, **metadata)
    template = {
        "metadata": {**{k: v for k, v in pod["metadata"].items() if k != "name"}, "labels": {"app": name}},
        "spec": pod["spec"],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template},
    }


def containers(pod: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """All containers of a pod by name, in the order in which they start."""
    spec = pod["spec"]
    return {c["name"]: c for c in [*spec.get("initContainers", []), *spec["containers"]]}


def env_of(container: dict[str, Any]) -> dict[str, str | None]:
    """The variables of a container, None for one whose value comes from elsewhere."""
    return {e["name"]: e.get("value", None if "valueFrom" in e else "") for e in container.get("env", [])}


# --- the webhook


@dataclass(frozen=True)
class Served:
    """A running `injector serve`."""

    url: str
    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.crt"

    def events(self) -> list[dict[str, Any]]:
        """The lines of the log so far."""
        lines = (self.folder / "serve.log").read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]


@contextlib.contextmanager
def serving(bed: ApiServer, folder: Path, *arguments: str | Path) -> Iterator[Served]:
    """`injector serve` on a free port of loopback while the body runs, with certificates of its own."""
    certificates(folder)
    command = [sys.executable, "-m", "injector.cli.main", "serve", *map(str, arguments)]
    command += [
        "--listen",
        "127.0.0.1:0",
        "--health-listen",
        "127.0.0.1:0",
        "--kubeconfig",
        str(bed.kubeconfig),
    ]
    command += ["--tls-cert", str(folder / "tls.crt"), "--tls-key", str(folder / "tls.key")]
    env = {k: v for k, v in os.environ.items() if k not in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST")}
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log, env=env)
    try:
        served = Served("", folder)

        def listening() -> str | None:
            assert process.poll() is None, (folder / "serve.log").read_text()
            return next((str(e["webhook"]) for e in served.events() if e["event"] == "listening"), None)

        yield Served(f"https://{until('serve listens', listening)}", folder)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()


@contextlib.contextmanager
def registered(
    bed: ApiServer, served: Served, name: str, path: str, *flags: str | Path
) -> Iterator[list[str]]:
    """Make the API server call the webhook while the body runs; yields the names of the objects."""
    text = injector(
        "webhook-config", "--url", served.url + path, "--ca-file", served.ca, "--name", name, *flags
    )
    names = [item["metadata"]["name"] for item in yaml.safe_load_all(text)]
    answer = kubectl(bed, "apply", "-f", "-", manifest=text)
    assert answer.status == 0, answer.err
    try:
        yield names
    finally:
        bed.kubectl("delete", "mutatingwebhookconfiguration", *names)


def wait_until_called(bed: ApiServer, namespace: str, webhook: str, **metadata: Any) -> None:
    """Return once the API server calls a configuration for pods of a namespace.

    It takes a moment until a new configuration, or the labels of a new namespace, count.
    """
    probe = a_pod("probe", **metadata)

    def called() -> bool:
        answer = create(bed, namespace, probe, flags=("--dry-run=server", "-o", "json"))
        if answer.status:
            return False
        event = creation(bed, namespace, "probe")
        return any(call["configuration"] == webhook for call in webhook_calls(event))

    until(f"{webhook} is called for pods in {namespace}", called)


def certificates(folder: Path) -> None:
    """Write ca.crt, and tls.crt with tls.key, a certificate of it for loopback."""
    write_server_keys(folder, "127.0.0.1")
