"""The attacks of ``make attack`` run against this checkout: one of each kind, with what it must come to."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from hack.attack import __main__ as table
from hack.attack import bystanders, commands, connections, pods, reviews
from hack.attack.rows import Row
from hack.attack.stand import standing

REPO = Path(__file__).resolve().parents[2]


def test_a_review_of_an_attack_is_measured() -> None:
    attack = next(attack for attack in reviews.ATTACKS if attack.what == "undo sets foreign fields")
    row = reviews.row(REPO, attack)
    assert row.answer == f"{len(pods.FOREIGN_FIELDS) + len(pods.FOREIGN_METADATA)} injected"
    assert row.peak_mb > 1
    assert row.bystander_seconds not in (None, math.inf)


def test_a_command_of_an_attack_is_measured() -> None:
    attack = next(attack for attack in commands.ATTACKS if attack.what == "kube-inject > /dev/full")
    row = commands.row(REPO, attack)
    assert row.answer == "status 1; error: stdout: no space left on device"
    assert row.peak_mb > 1


def test_an_ended_command_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "MOST_SECONDS", 0.0)
    row = commands.row(REPO, commands.ATTACKS[0])
    assert row.answer.startswith("ended after 0 s")


def test_an_attack_by_connections_is_measured() -> None:
    with standing(REPO) as server:
        row = connections.row(
            server, "4", "one that says nothing", lambda server: connections.slow(server, 1, b"", 1)
        )
    assert row.bystander_seconds not in (None, math.inf)
    assert row.answer.endswith("of 1 ended")


def test_bystanders_of_an_expensive_pod_are_measured() -> None:
    with standing(REPO) as server:
        row = bystanders.row(server, "an ordinary pod", b"{}", 0.1)
    assert row.answer.startswith("1 400; ")
    assert row.bystander_seconds not in (None, math.inf)


@pytest.mark.parametrize(
    ("spec", "effect"),
    [
        ({"hostNetwork": True}, ["hostNetwork"]),
        ({"hostNetwork": False, "priority": 1}, []),
        ({"volumes": [{"name": "a"}, {"name": "a"}]}, ["a twice in volumes"]),
        ({"volumes": [{"name": "a", "configMap": {"name": "evil-root"}}]}, ["another root in a volume"]),
        ({"terminationGracePeriodSeconds": pods.WRONG_TEXT}, ["a value of a wrong type"]),
        ({"terminationGracePeriodSeconds": 1 << 31}, ["a number that is no int32"]),
        ({"terminationGracePeriodSeconds": (1 << 31) - 1}, []),
    ],
)
def test_the_effect_of_an_attack_on_a_pod_is_named(spec: pods.Pod, effect: list[str]) -> None:
    assert reviews.effects(pods.annotated({}, **spec)) == effect


@pytest.mark.parametrize(
    ("mounts", "effect"),
    [
        ([("a", "/a"), ("x", "/ab")], []),
        ([("a", "/a"), ("x", "/a/b")], ["/a/b mounted below ours"]),
        ([("a", "/a"), ("x", "/a/")], ["/a mounted twice"]),
    ],
)
def test_mounts_in_place_of_the_templates_are_named(mounts: list[tuple[str, str]], effect: list[str]) -> None:
    proxy = {"name": "istio-proxy", "volumeMounts": [{"name": n, "mountPath": p} for n, p in mounts]}
    assert reviews.effects(pods.of([proxy])) == effect


@pytest.mark.parametrize(
    ("wait", "shown"), [(None, "  "), (math.inf, "none"), (0.25, "0.25")], ids=["nobody", "none", "some"]
)
def test_a_row_shows_how_long_other_callers_waited(wait: float | None, shown: str) -> None:
    line = table.line(Row("3", "undo entries", 78.2, 4.4, wait, "injected"))
    assert line.split("4.40")[1].removesuffix("injected").strip() == shown.strip()


def test_an_unknown_kind_of_attack_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["attack", "pods"])
    with pytest.raises(SystemExit) as ended:
        table.main()
    assert ended.value.code == 2
    assert "commands, reviews, connections, bystanders are expected" in capsys.readouterr().err
