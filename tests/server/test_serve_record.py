"""`injector serve --record` as a process: a disk that takes no more, and what is left at the end."""

from __future__ import annotations

import json
import resource
import signal
from pathlib import Path

from injector.records.reader import Reader
from tests.command import run
from tests.server.test_serve import PATIENCE, SETTINGS, Files, Served, call, files, served
from tests.server.webhook_factories import a_body, a_pod

__all__ = ["files"]  # the fixture


def start(files: Files, folder: Path) -> None:
    recording = f"  record: {{directory: {folder}, perSecond: 1000}}\n"
    files.config.write_text(SETTINGS + recording)


def admit(running: Served, count: int) -> None:
    webhook, _ = running.callers(running.wait_for("listening"))
    for number in range(count):
        response, body = call(webhook, "POST", "/mutate", a_body(a_pod(labels={"app": f"web-{number}"})))
        assert response.status == 200
        assert json.loads(body)["response"]["allowed"] is True


def end(running: Served) -> None:
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(PATIENCE) == 0


def test_what_is_in_the_queue_is_written_before_the_end(files: Files, tmp_path: Path) -> None:
    start(files, tmp_path / "records")
    with served(files) as running:
        running.wait_for("config")
        admit(running, 40)
        end(running)
    reader = Reader(tmp_path / "records")
    assert (len(list(reader.entries())), reader.broken) == (40, 0)


def test_before_the_first_caller_nothing_is_counted_logged_or_recorded(files: Files, tmp_path: Path) -> None:
    start(files, tmp_path / "records")
    with served(files) as running:
        at = running.wait_for("listening")
        assert "admission" not in {line["event"] for line in running.events}
        _, health = running.callers(at)
        _, body = call(health, "GET", "/metrics")
        lines = body.decode().splitlines()
        assert not [line for line in lines if line.startswith("injector_admission_total{")]
        assert {"injector_admission_seconds_count 0.0", "sidecar_injection_requests_total 0.0"} <= set(lines)
        end(running)
    assert list((tmp_path / "records").iterdir()) == []


def test_a_full_disk_is_reported_and_reviews_are_still_answered(files: Files, tmp_path: Path) -> None:
    """The process may not write files beyond a size, which fails like a disk without room."""
    start(files, tmp_path / "records")
    with served(files) as running:
        running.wait_for("config")
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (2000, hard))
        admit(running, 40)
        event = running.wait_for("record-failed")
        assert str(tmp_path / "records") in event["message"]
        assert "free disk space" in event["hint"]
        end(running)
    reader = Reader(tmp_path / "records")
    assert 0 < len(list(reader.entries())) < 40
    assert reader.broken == 0


def test_a_key_beside_the_records_ends_the_start(files: Files, tmp_path: Path) -> None:
    folder = tmp_path / "records"
    folder.mkdir()
    (folder / "key").write_text("a key that is long enough, or so")
    files.config.write_text(SETTINGS + f"  record: {{directory: {folder}, keyFile: {folder}/key}}\n")
    with served(files) as running:
        assert running.process.wait(PATIENCE) == 2


MESH = """\
profile: istio
values: {global: {hub: registry.example.com/istio, tag: 1.30.0}}
injectedAnnotations: {example.com/%s: east}
server: {source: {pollSeconds: 1}, record: {directory: %s, keyFile: %s, perSecond: 1000}}
"""
# The last one is skipped. A probe and a port name make the undo annotation long.
PODS = [
    a_pod(),
    a_pod(
        labels={"app": "web", "team.example.com/owner": "x"}, annotations={"example.com/note": "free text"}
    ),
    a_pod(annotations={"proxy.istio.io/config": "concurrency: 4"}, name="web-7d9f8b-x2x4z"),
    {
        **a_pod(),
        "spec": {
            "containers": [
                {
                    "name": "web",
                    "image": "example.com/web:1",
                    "ports": [{"name": "http-web", "containerPort": 8080}],
                    "livenessProbe": {"httpGet": {"path": "/live", "port": "http-web"}},
                }
            ]
        },
    },
    a_pod(labels={"sidecar.istio.io/inject": "false"}),
]


def test_a_replay_of_what_was_served_shows_no_change_with_and_without_base_and_key(
    files: Files, tmp_path: Path
) -> None:
    folder, key, other = tmp_path / "records", tmp_path / "key", tmp_path / "other.yaml"
    key.write_text("a key that is long enough, or so")
    files.config.write_text(MESH % ("mesh", folder, key))
    other.write_text(MESH % ("grid", folder, key))
    with served(files) as running:
        running.wait_for("config")
        webhook, _ = running.callers(running.wait_for("listening"))
        for pod in PODS:
            _, answer = call(webhook, "POST", "/mutate", a_body(pod))
            assert json.loads(answer)["response"]["allowed"] is True
        end(running)
    same = "5 admissions replayed, 0 changed"
    for flags in ((), ("--base", files.config), ("--key", key)):
        done = run("replay", folder, "--config", files.config, "--check", *flags)
        assert (done.status, done.out, done.err) == (0, f"{same}\n", "")

    done = run("replay", folder, "--config", other)
    # A pod that has no annotations gets all of them in one operation, and its values are not compared.
    assert (done.status, done.out) == (0, f"{same}, 2 unknown without --base or --key\n")
    assert "5 admissions had another configuration; values are compared only with --base" in done.err
    assert json.loads(run("replay", folder, "--config", other, "-o", "json").out)["counts"] == {
        "same": 3,
        "unknown": 2,
    }
    done = run("replay", folder, "--config", other, "--key", key)
    assert "5 admissions replayed, 2 changed" in done.out
    assert "add /metadata/annotations/example.com~1grid" in done.out
