"""The commands of docs/how-to/when-the-injector-is-down.md, run as written."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.apiserver.webhook_serving import a_pod, certificates, create, injector, kubectl, until
from tests.beds.apiserver.bed import ApiServer

PAGE = Path(__file__).resolve().parents[2] / "docs/how-to/when-the-injector-is-down.md"


def written(name: str) -> str:
    """The commands under a mark of the page."""
    block = re.search(rf"<!-- tested: {name} -->\n\n((?:    .*\n)+)", PAGE.read_text())
    assert block is not None, name
    return block[1]


def typed(bed: ApiServer, name: str) -> str:
    """Run them in a shell, as a person would; what they print."""
    path = f"{Path(bed.kubectl_path).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "KUBECONFIG": str(bed.kubeconfig)}
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", written(name)], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_pods_start_while_the_webhook_is_away_and_refusal_is_restored(bed: ApiServer, tmp_path: Path) -> None:
    if bed.plane is None:
        pytest.skip("on a cluster of somebody's own all webhook configurations of ours would be opened")
    certificates(tmp_path)
    flags = (
        "--url",
        "https://127.0.0.1:1/mutate",
        "--ca-file",
        tmp_path / "ca.crt",
        "--name",
        "nobody-answers",
    )
    registration = yaml.safe_load(injector("webhook-config", *flags))
    with bed.namespace({"istio-injection": "enabled"}) as namespace:
        # Only this namespace: other tests make pods on the same API server.
        for entry in registration["webhooks"]:
            chosen = entry.setdefault("namespaceSelector", {}).setdefault("matchExpressions", [])
            chosen.append({"key": "kubernetes.io/metadata.name", "operator": "In", "values": [namespace]})
        assert kubectl(bed, "apply", "-f", "-", manifest=registration).status == 0
        try:

            def refused() -> str:
                answer = create(bed, namespace, a_pod("probe"), flags=("--dry-run=server",))
                return answer.err if answer.status else ""

            said = until("nobody answers", refused)
            assert "failed calling webhook" in said
            assert "connect: connection refused" in said
            assert "nobody-answers replaced" in typed(bed, "open")
            until("pods pass", lambda: not refused())
            assert create(bed, namespace, a_pod("goes")).status == 0
            assert "nobody-answers replaced" in typed(bed, "close")
            until("the door is closed", refused)
        finally:
            bed.kubectl("delete", "mutatingwebhookconfiguration", "nobody-answers")
