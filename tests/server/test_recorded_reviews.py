"""The webhook with recording: what is handed over, that dry runs are not, and that no secret is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from injector.config.server_settings import Record, Server
from injector.core.model import Namespace
from injector.errors import ConfigError
from injector.records.reader import Reader
from injector.serving.recording import record_settings, recorder
from injector.telemetry import Metrics
from tests.server.test_app import a_state, an_app, post
from tests.server.webhook_factories import a_body, a_config, a_pod

MARK = "hunter2-Correct.Horse/battery@staple"


def recorded(folder: Path, *bodies: bytes, **state: Any) -> Metrics:
    """Answer reviews with recording on; returns the metrics."""
    metrics = Metrics()
    made = recorder(Server(record=Record(directory=str(folder), per_second=1000)), metrics)
    assert made is not None
    app = an_app(a_state(record=made.offer, metrics=metrics, **state))
    for body in bodies:
        assert post(app, body, "/inject/net/n1").status == 200
    made.close()
    return metrics


def test_every_admission_is_recorded_with_what_was_known(tmp_path: Path) -> None:
    known = Namespace("shop", {"istio-injection": "enabled"})
    metrics = recorded(
        tmp_path, a_body(), a_body(a_pod(annotations={"sidecar-injector/inject": "false"})),
        namespace_of=lambda _name: known, native_sidecars=lambda _node: True,
    )  # fmt: skip
    first, second = Reader(tmp_path).entries()
    assert (first.decision, first.reason) == ("inject", "on-by-default")
    assert (second.decision, second.reason) == ("skip", "opted-out-by-annotation")
    assert first.uid == "5f7c1b52-3d3a-4a9b-9c0e-2f6f5d1f7a10"
    assert first.facts.native_sidecars is True
    assert first.facts.namespace_object is not None
    assert list(first.facts.overrides) == [next(iter(second.facts.overrides))]
    assert b'injector_record_total{result="written"} 2.0' in metrics.text()


def test_a_dry_run_leaves_no_record(tmp_path: Path) -> None:
    recorded(tmp_path, a_body(dryRun=True))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"operation": "UPDATE"},
        {"operation": "DELETE", "object": None, "oldObject": a_pod(annotations={"a": MARK})},
        {"subResource": "exec", "object": {"command": [MARK]}},
    ],
)
def test_what_creates_no_pod_is_not_recorded(tmp_path: Path, changed: dict[str, Any]) -> None:
    recorded(tmp_path, a_body(**changed))
    assert list(tmp_path.iterdir()) == []


def test_no_mark_is_in_a_record(tmp_path: Path) -> None:
    pod = a_pod(
        annotations={"example.com/a": MARK, "sidecar-injector/inject": MARK}, labels={"team": MARK, MARK: "x"}
    )
    pod["spec"]["containers"][0] |= {"env": [{"name": "A", "value": MARK}], "args": [MARK, f"--p={MARK}"]}
    pod["status"] = {"message": MARK}
    user = {"username": MARK, "uid": MARK, "groups": [MARK], "extra": {MARK: [MARK]}}
    known = Namespace("shop", {"owner": MARK}, {"note": MARK})
    body = a_body(pod, userInfo=user, options={"fieldManager": MARK}, uid=MARK, name=MARK, requestKind=MARK)
    broken = a_body({**a_pod(), "spec": {"containers": [{"name": 7, "image": MARK}]}})
    metrics = recorded(tmp_path, body, broken, namespace_of=lambda _name: known)
    text = b"".join(file.read_bytes() for file in tmp_path.iterdir()).decode()
    assert len(list(Reader(tmp_path).entries())) == 2
    assert MARK not in text
    assert "hunter2" not in text
    assert MARK.encode() not in metrics.text()


def test_a_folder_that_is_gone_costs_records_and_no_answers(tmp_path: Path) -> None:
    folder = tmp_path / "records"
    metrics = Metrics()
    made = recorder(Server(record=Record(directory=str(folder))), metrics)
    assert made is not None
    folder.rmdir()
    reply = post(an_app(a_state(record=made.offer, metrics=metrics)), a_body())
    made.close()
    assert reply.json["response"]["allowed"] is True
    assert b'injector_record_total{result="failed"} 1.0' in metrics.text()


def test_off_by_default() -> None:
    assert recorder(Server(), Metrics()) is None
    assert a_state().record is None


def test_flags_win_over_the_file() -> None:
    of_file = Record(directory="of-the-file", key_file="k", per_second=3)
    assert record_settings(of_file, None, None) == of_file
    flags = record_settings(of_file, "of-the-flag", None)
    assert (flags.directory, flags.key_file, flags.per_second) == ("of-the-flag", "k", 3)


def test_a_folder_that_cannot_be_written_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError) as caught:
        recorder(Server(record=Record(directory=str(tmp_path / "file"))), Metrics())
    assert caught.value.where == "server.record.directory"


def test_a_line_is_json_of_its_own(tmp_path: Path) -> None:
    recorded(tmp_path, a_body(), current=lambda: a_config(digest="another"))
    [file] = tmp_path.iterdir()
    head, admission = [json.loads(line) for line in file.read_text().splitlines()]
    assert head["config"] == "another"
    assert set(admission) == {"admission", "time", "namespace", "known", "native", "user", "overrides",
                              "objects", "pod", "decision", "reason", "operations"}  # fmt: skip
