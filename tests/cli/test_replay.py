"""`injector replay`: recorded admissions under a new configuration."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from injector.config.loading import load
from injector.core.injection.pipeline import inject
from injector.core.model import AdmissionRequest, Facts, Manifest, Namespace, Origin, UserInfo
from injector.records.writer import RecordBounds, Recorder

KEY = b"a key of thirty-two bytes, or so"
SETTINGS = "profile: istio\nvalues: {global: {hub: registry.example.com/istio, tag: %s}}\n"
PODS: list[Manifest] = [
    {"metadata": {"name": "web", "labels": {"team": "blue"}}, "spec": {"containers": [{"name": "web"}]}},
    {"metadata": {"name": "api", "labels": {"team": "legacy"}}, "spec": {"containers": [{"name": "api"}]}},
    {"metadata": {"name": "host"}, "spec": {"hostNetwork": True, "containers": [{"name": "host"}]}},
    {
        "metadata": {"name": "own", "annotations": {"proxy.istio.io/config": "concurrency: 4"}},
        "spec": {"containers": [{"name": "own", "env": [{"name": "A", "value": "secret"}]}]},
    },
]
UIDS = [f"5f7c1b52-3d3a-4a9b-9c0e-2f6f5d1f7a0{n}" for n in range(len(PODS))]


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """The configuration of before."""
    file = tmp_path / "before.yaml"
    file.write_text(SETTINGS % "1.30.0")
    return file


@pytest.fixture
def records(tmp_path: Path, before: Path) -> Path:
    """A folder with one admission of each pod, under the configuration of before."""
    folder = tmp_path / "records"
    folder.mkdir()
    config = load(str(before))
    recorder = Recorder(folder, KEY, RecordBounds(per_second=1000))
    recorder.start()
    for uid, pod in zip(UIDS, PODS, strict=True):
        facts = Facts(
            "shop", Origin.WEBHOOK, namespace_object=Namespace("shop", {"istio-injection": "enabled"})
        )
        outcome = inject(pod, facts, config)
        request = AdmissionRequest(uid, pod)
        recorder.offer(request, facts, outcome, outcome.decision.verdict, config, 100)
    recorder.close()
    return folder


def after(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "after.yaml"
    file.write_text(text)
    return file


def changed(done: Any) -> dict[str, Any]:
    return {each["uid"]: each for each in json.loads(done.out)["changed"]}


def test_the_same_configuration_changes_nothing(run: Callable[..., Any], records: Path, before: Path) -> None:
    for more in ((), ("--base", before)):
        done = run("replay", records, "--config", before, "--check", *more)
        assert (done.status, done.out) == (0, "4 admissions replayed, 0 changed\n")
        assert done.err == ""


def test_a_new_image_is_reported_for_every_pod_that_gets_it(
    run: Callable[..., Any], records: Path, before: Path, tmp_path: Path
) -> None:
    new = after(tmp_path, SETTINGS % "1.30.1")
    done = run("replay", records, "--config", new, "--base", before, "-o", "json")
    assert done.status == 0
    assert json.loads(done.out)["counts"] == {"pod": 3, "same": 1}
    changes = changed(done)
    assert set(changes) == {UIDS[0], UIDS[1], UIDS[3]}
    assert changes[UIDS[0]]["changes"] == [
        {
            "pointer": f"/spec/initContainers/{name}/image",
            "before": "registry.example.com/istio/proxyv2:1.30.0",
            "after": "registry.example.com/istio/proxyv2:1.30.1",
        }
        for name in ("istio-init", "istio-proxy")
    ]
    text = run("replay", records, "--config", new, "--base", before, "--check")
    assert text.status == 1
    assert f"3 pods: {UIDS[0]}, {UIDS[1]}, {UIDS[3]}" in text.out
    assert "4 admissions replayed, 3 changed: 3 another pod" in text.out


def test_without_a_base_decisions_and_places_of_the_patch_are_compared(
    run: Callable[..., Any], records: Path, tmp_path: Path
) -> None:
    off = after(tmp_path, SETTINGS % "1.30.0" + "policy: disabled\n")
    changes = changed(run("replay", records, "--config", off, "-o", "json"))
    assert {(c["after"]["decision"], c["after"]["reason"]) for c in changes.values()} == {
        ("skip", "off-by-default")
    }
    done = run("replay", records, "--config", off)
    assert "inject on-by-default -> skip off-by-default" in done.out
    more = after(tmp_path, SETTINGS % "1.30.0" + "injectedAnnotations: {example.com/mesh: east}\n")
    changes = changed(run("replay", records, "--config", more, "-o", "json"))
    assert changes[UIDS[3]]["changes"] == [{"pointer": "add /metadata/annotations/example.com~1mesh"}]


def test_values_that_hold_pseudonyms_are_not_shown(
    run: Callable[..., Any], records: Path, before: Path, tmp_path: Path
) -> None:
    new = after(tmp_path, SETTINGS % "1.30.0" + "defaultTemplates: [sidecar, named]\n" + NAMED)
    changes = changed(run("replay", records, "--config", new, "--base", before, "-o", "json"))
    [change] = changes[UIDS[0]]["changes"]
    assert change == {"pointer": "/metadata/annotations/example.com~1first"}


NAMED = """\
templates:
  named: |
    metadata:
      annotations:
        example.com/first: "{{ Spec.containers[0].name }}"
"""


def test_selectors_that_are_new_find_their_pods_by_the_key(
    run: Callable[..., Any], records: Path, before: Path, tmp_path: Path
) -> None:
    new = after(tmp_path, SETTINGS % "1.30.0" + "neverInjectSelector: [{matchLabels: {team: legacy}}]\n")
    done = run("replay", records, "--config", new, "--base", before)
    assert "0 changed" in done.out
    assert "so no pod matches them: legacy, team; use --key FILE to match them" in done.err
    key = tmp_path / "key"
    key.write_bytes(KEY + b"\n")
    done = run("replay", records, "--config", new, "--base", before, "--key", key, "-o", "json")
    assert done.err == ""
    assert {uid: c["after"]["reason"] for uid, c in changed(done).items()} == {UIDS[1]: "never-selected"}
    key.write_bytes(KEY[::-1])
    done = run("replay", records, "--config", new, "--key", key)
    assert (done.status, done.out) == (2, "")
    assert "another key" in done.err


def test_a_template_that_would_fail_is_reported_with_its_error(
    run: Callable[..., Any], records: Path, before: Path, tmp_path: Path
) -> None:
    new = after(tmp_path, SETTINGS % "1.30.0" + 'templates: {sidecar: "spec: {{ Values.not.there }}"}\n')
    done = run("replay", records, "--config", new, "--base", before, "-o", "json")
    first = changed(done)[UIDS[0]]
    assert (first["change"], first["after"]["reason"]) == ("decision", "template-failed")
    assert first["error"]
    assert first["changes"] == []


def test_another_base_than_was_recorded_is_reported(
    run: Callable[..., Any], records: Path, before: Path, tmp_path: Path
) -> None:
    base = after(tmp_path, SETTINGS % "1.30.0" + "policy: disabled\n")
    done = run("replay", records, "--config", before, "--base", base)
    assert "3 admissions differ from the record when replayed with --base" in done.err


def test_broken_lines_are_reported_and_the_rest_is_replayed(
    run: Callable[..., Any], records: Path, before: Path
) -> None:
    [file] = records.glob("*.jsonl")
    file.write_bytes(file.read_bytes()[:-20])
    done = run("replay", records, "--config", before)
    assert "3 admissions replayed" in done.out
    assert "skipped 1 invalid lines of the records" in done.err


def test_a_folder_without_records_fails(run: Callable[..., Any], before: Path, tmp_path: Path) -> None:
    done = run("replay", tmp_path / "none", "--config", before)
    assert (done.status, done.out) == (1, "")
    assert "the folder has no records" in done.err


@pytest.mark.parametrize(
    ("selector", "denied"),
    [
        ("{}", {UIDS[3]}),
        ("{matchLabels: {istio-injection: enabled}}", {UIDS[3]}),
        ("{matchLabels: {istio-injection: disabled}}", set()),
    ],
)
def test_pods_that_a_new_rule_about_annotations_would_deny_are_reported(
    run: Callable[..., Any], records: Path, before: Path, tmp_path: Path, selector: str, denied: set[str]
) -> None:
    rule = f"annotations: [{{namespaceSelector: {selector}, deny: [proxy.istio.io/config]}}]\n"
    new = after(tmp_path, SETTINGS % "1.30.0" + rule)
    done = run("replay", records, "--config", new, "--base", before, "-o", "json")
    assert set(changed(done)) == denied
    assert ("annotation-not-allowed" in done.out) == bool(denied)


def test_a_rule_about_users_is_tried_on_recorded_ones_with_the_key(
    run: Callable[..., Any], before: Path, tmp_path: Path
) -> None:
    folder, config = tmp_path / "records", load(str(before))
    folder.mkdir()
    recorder = Recorder(folder, KEY, RecordBounds(per_second=1000))
    recorder.start()
    for uid, pod, name in zip(UIDS, PODS, ("ci:builder", "ops:builder", "ci:builder", "ci"), strict=True):
        facts = Facts("shop", Origin.WEBHOOK, user=UserInfo(f"system:serviceaccount:{name}"))
        outcome = inject(pod, facts, config)
        request = AdmissionRequest(uid, pod)
        recorder.offer(request, facts, outcome, outcome.decision.verdict, config, 100)
    recorder.close()
    rule = "callers: [{action: deny, usernames: ['system:serviceaccount:ci:*']}]\n"
    new, key = after(tmp_path, SETTINGS % "1.30.0" + rule), tmp_path / "key"
    key.write_bytes(KEY)
    changes = changed(run("replay", folder, "--config", new, "--base", before, "--key", key, "-o", "json"))
    # The third is skipped for its network, so that no rule applies to it.
    assert {uid: each["after"]["reason"] for uid, each in changes.items()} == {UIDS[0]: "caller-denied"}
    assert "builder" not in "".join(file.read_text() for file in folder.iterdir())
