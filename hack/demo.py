"""Shows on this machine, on one screen, what the injector does, without a cluster: ``make demo``.

The shop's manifests through the command line, the reasons for one of them, and the pod of another through the
running webhook, over TLS that is verified against a CA made here. Both doors have to give the same pod.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import http.client
import json
import os
import shlex
import signal
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonpatch
import yaml

from tests.beds.keys import write_server_keys

REPO = Path(__file__).resolve().parents[1]
INJECTOR = Path(sys.executable).with_name("injector")
CONFIG = "examples/injector.yaml"
NAMESPACE = "examples/shop/00-namespace.yaml"
WORLD = ["--config", CONFIG, "--objects", NAMESPACE]
SENT = ("Deployment", "cart")
EXPLAINED = "examples/shop/legacy.yaml"
# The hash that a ReplicaSet's name ends in; any will do.
HASH = "6b7f9c8d5"

COLOUR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def main() -> None:
    """Run the demo; any failure ends it with a traceback or the failing command's own words."""
    with tempfile.TemporaryDirectory(prefix="injector-demo-") as scratch:
        folder = Path(scratch)
        injected = folder / "injected.yaml"
        title("1. Manifests in, manifests with sidecars out")
        run("kube-inject", *WORLD, "-f", "examples/shop", "-o", injected)
        before = find(*[p.read_text() for p in sorted((REPO / "examples/shop").glob("*.yaml"))])
        after = find(injected.read_text())
        title("2. Why a workload is injected or not")
        print(run("explain", *WORLD, "-f", EXPLAINED).rstrip())
        title("3. The webhook, with a pod of Deployment cart")
        through_webhook(before, after, folder)
    title("Next")
    command = INJECTOR.relative_to(REPO) if INJECTOR.is_relative_to(REPO) else INJECTOR
    print(f"{command} explain {' '.join(WORLD)} -f examples/shop/payments.yaml")
    print(f"{command} --help    # or: export PATH={shlex.quote(str(INJECTOR.parent))}:$PATH")


def run(*arguments: str | Path) -> str:
    """Run the injector and show the command; what it says on stderr passes through."""
    say(f"$ injector {' '.join(each.name if isinstance(each, Path) else each for each in arguments)}")
    done = subprocess.run([INJECTOR, *arguments], cwd=REPO, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"demo: exit status {done.returncode}")
    return done.stdout


def find(*texts: str) -> dict[str, Any]:
    """The object that the demo shows, out of YAML streams."""
    for text in texts:
        for document in yaml.safe_load_all(text):
            if document and (document["kind"], document["metadata"]["name"]) == SENT:
                return dict(document)
    sys.exit(f"demo: {' '.join(SENT)} is not in the manifests")


def through_webhook(before: dict[str, Any], after: dict[str, Any], folder: Path) -> None:
    """Send the pod as the API server would, apply the patch, and compare with the command line's."""
    write_server_keys(folder, "127.0.0.1")
    with webhook(folder) as (host, port):
        say(f"$ injector serve --config {CONFIG} ...    # listens on https://{host}:{port}/mutate")
        context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
        connection = http.client.HTTPSConnection(host, port, context=context, timeout=10)
        sent = pod_of(before)
        answer = post(connection, review(sent))
        connection.close()
    patch = json.loads(base64.b64decode(answer["patch"]))
    words = answer["auditAnnotations"]
    print(f"{words['decision']}: {words['reason']}, with a patch of {len(patch)} operations")
    if jsonpatch.apply_patch(sent, patch) != pod_of(after):
        sys.exit("demo: the webhook's pod differs from the command line's; please report this")
    print("The patched pod equals the pod of the Deployment that the command line injected.")


def pod_of(deployment: dict[str, Any]) -> dict[str, Any]:
    """The pod that the ReplicaSet of a Deployment creates."""
    template = copy.deepcopy(deployment["spec"]["template"])
    name = deployment["metadata"]["name"]
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": f"{name}-{HASH}",
        "uid": "1",
        "controller": True,
    }
    template["metadata"]["generateName"] = f"{name}-{HASH}-"
    template["metadata"]["labels"]["pod-template-hash"] = HASH
    template["metadata"]["ownerReferences"] = [owner]
    return {"apiVersion": "v1", "kind": "Pod", **template}


def review(pod: dict[str, Any]) -> dict[str, Any]:
    """The question that the API server asks when a pod is created."""
    request = {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "shop",
        "operation": "CREATE",
        "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
        "object": pod,
        "dryRun": False,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def post(connection: http.client.HTTPSConnection, question: dict[str, Any]) -> dict[str, Any]:
    """The webhook's answer."""
    connection.request(
        "POST", "/mutate?timeout=10s", json.dumps(question), {"Content-Type": "application/json"}
    )
    response = connection.getresponse()
    text = response.read()
    if response.status != 200:
        sys.exit(f"demo: HTTP {response.status}: {text.decode()}")
    return dict(json.loads(text)["response"])


@contextlib.contextmanager
def webhook(folder: Path) -> Iterator[tuple[str, int]]:
    """`injector serve` on a free port of loopback while the body runs; its log says where."""
    command: list[str | Path] = [INJECTOR, "serve", "--config", CONFIG, "--namespaces", "off"]
    command += ["--listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0"]
    command += ["--tls-cert", folder / "tls.crt", "--tls-key", folder / "tls.key"]
    with subprocess.Popen(command, cwd=REPO, stderr=subprocess.PIPE, text=True) as process:
        try:
            host, _, port = listening(process).rpartition(":")
            yield host, int(port)
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)


def listening(process: subprocess.Popen[str]) -> str:
    """The address that the webhook's log tells once it listens."""
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if event.get("event") == "listening":
                return str(event["webhook"])
    sys.exit("demo: the webhook ended:\n" + "".join(seen))


def title(text: str) -> None:
    """Print the heading of a part of the demo."""
    print(f"\n{paint(text, '1')}\n", flush=True)


def say(text: str) -> None:
    """Print a sentence between the outputs, less bright than they are."""
    print(paint(text, "2"), flush=True)


def paint(text: str, code: str) -> str:
    """The text with an ANSI code; plain where stdout is no terminal."""
    return f"\x1b[{code}m{text}\x1b[0m" if COLOUR and code else text


if __name__ == "__main__":
    main()
