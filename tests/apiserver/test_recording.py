"""`serve --record` behind a real API server: what pods leave in the records, dry runs, and a replay of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from injector.records.reader import Reader
from tests.apiserver.webhook_serving import (
    a_deployment,
    a_pod,
    create,
    created,
    pods_of,
    registered,
    serving,
    until,
)
from tests.beds.apiserver.bed import ApiServer

pytestmark = pytest.mark.xdist_group("recording")

NAME = "sidecar-injector-recording"
MARK = "hunter2-Correct.Horse/battery@staple"
CONFIG = """\
profile: istio
values: {global: {hub: registry.example.com/istio, tag: %s}}
server: {record: {directory: %s, perSecond: 1000}}
"""


def a_secretive_deployment(name: str) -> dict[str, Any]:
    item = a_deployment(name, annotations={"example.com/note": MARK})
    [container] = item["spec"]["template"]["spec"]["containers"]
    container |= {"env": [{"name": "PASSWORD", "value": MARK}], "args": [f"--password={MARK}"]}
    return item


def test_what_controllers_make_is_recorded_and_replayed(bed: ApiServer, tmp_path: Path) -> None:
    records, config, newer = tmp_path / "records", tmp_path / "injector.yaml", tmp_path / "newer.yaml"
    config.write_text(CONFIG % ("1.30.0", records))
    newer.write_text(CONFIG % ("1.30.1", records))
    labels = {"istio-injection": "enabled"}
    with (
        serving(bed, tmp_path, "--config", config) as served,
        registered(bed, served, NAME, "/mutate", "--config", config),
        bed.namespace(labels) as namespace,
    ):
        entries = json.loads(bed.kubectl("get", "mutatingwebhookconfiguration", NAME, "-o", "json"))
        assert {entry["sideEffects"] for entry in entries["webhooks"]} == {"NoneOnDryRun"}

        def injected() -> bool:
            answer = create(bed, namespace, a_pod("probe"), flags=("--dry-run=server", "-o", "json"))
            return answer.status == 0 and "istio-proxy" in answer.out

        until("the webhook is called", injected)
        assert list(records.iterdir()) == [], "a dry run left a record"
        created(bed, namespace, a_secretive_deployment("web"))
        pods_of(bed, namespace, "web")
        until("the record is written", lambda: list(records.iterdir()))
        # The API server asks a second time, since it mounts the account's token into the injected container.
        uid, *_ = [e["uid"] for e in served.events() if e["event"] == "admission" and not e["dryRun"]]
    [entry] = Reader(records).entries()
    assert (entry.uid, entry.decision) == (uid, "inject")
    assert entry.facts.namespace_object is not None
    assert entry.facts.namespace_object.labels["istio-injection"] == "enabled"
    text = b"".join(file.read_bytes() for file in records.iterdir()).decode()
    assert MARK not in text
    assert "hunter2" not in text
    command = [sys.executable, "-m", "injector.cli.main", "replay", str(records), "--config"]
    same = subprocess.run([*command, str(config), "--check"], capture_output=True, text=True, check=False)
    assert (same.returncode, same.stdout, same.stderr) == (0, "1 admission replayed, 0 changed\n", "")
    base = ["--base", str(config), "--check"]
    new = subprocess.run([*command, str(newer), *base], capture_output=True, text=True, check=False)
    assert new.returncode == 1
    image = "registry.example.com/istio/proxyv2"
    assert f'/spec/initContainers/istio-proxy/image: "{image}:1.30.0" -> "{image}:1.30.1"' in new.stdout
