"""What the tests of `injector audit` share: a running webhook, and the command.

No kubelet runs here: pods stay Pending, and so do rollouts, unless a test itself reports the pods as
ready. The API server and its controllers cannot distinguish that.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.apiserver.webhook_serving import registered, serving
from tests.beds.apiserver.bed import ApiServer
from tests.command import run

AUDITED = "sidecar-injector-audit"
CONFIG = "profile: istio\nvalues: {global: {hub: registry.example.com/istio, tag: %s}}\n"
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Mesh:
    """A running webhook with the configuration of before, and one of after."""

    bed: ApiServer
    before: Path
    after: Path

    def audit(self, *arguments: str | Path, kubeconfig: Path | None = None) -> Ran:
        ran = run("audit", *arguments, "--kubeconfig", kubeconfig or self.bed.kubeconfig)
        return Ran(ran.status, ran.out, ran.err)


@contextlib.contextmanager
def a_mesh(bed: ApiServer, folder: Path) -> Iterator[Mesh]:
    """The webhook while the body runs."""
    mesh = Mesh(bed, folder / "before.yaml", folder / "after.yaml")
    mesh.before.write_text(CONFIG % "1.30.0")
    mesh.after.write_text(CONFIG % "1.30.1")
    with serving(bed, folder, "--config", mesh.before) as served, registered(bed, served, AUDITED, "/mutate"):
        yield mesh


def restarted(bed: ApiServer, namespace: str, kind: str, name: str) -> bool:
    item = json.loads(bed.kubectl("get", kind, name, "-n", namespace, "-o", "json"))
    return RESTARTED_AT in (item["spec"]["template"]["metadata"].get("annotations") or {})
