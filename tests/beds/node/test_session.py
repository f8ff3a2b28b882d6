"""What a session of node tests does about its cluster at the end: logs, namespaces, and what to skip.

The cluster is a stand-in: a real one takes root and most of a minute, and is shown in tests/e2e.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from hack import check
from tests.beds.bed import NOT_OURS, BedError
from tests.beds.node import bed
from tests.beds.node.bed import Cluster
from tests.beds.node.layout import Layout

REPO = Path(__file__).resolve().parents[3]

# Says that it is ready, or whatever the words of its command line are, and keeps logs when it is asked.
KEEPER = """
import json, sys
for event in sys.argv[1:]:
    print(json.dumps({"event": event, "layout": "", "text": "the node has ended"}), flush=True)
if sys.stdin.readline():
    print(json.dumps({"event": "logs", "folder": "/kept"}), flush=True)
"""
CONFTEST = """
import contextlib
from pathlib import Path
import pytest
from tests.beds.bed import NOT_OURS, NotOurs
from tests.beds.node.bed import Cluster

pytest_plugins = ["tests.beds.plugin"]

class StandIn:
    node = NODE
    made = 0
    def make_namespace(self, labels):
        self.made += 1
        return f"namespace-{self.made}"
    def delete_namespace(self, name):
        Path("deleted").open("a").write(f"{name} ")

@contextlib.contextmanager
def stand_in(*, keep):
    yield StandIn()
    print("logs are kept" if keep() else "nothing to say")

Cluster.running, Cluster.unavailable = stand_in, lambda: None

@pytest.fixture
def namespace(new_namespace):
    return new_namespace({})

@pytest.fixture
def of_the_node():
    raise NotOurs(NOT_OURS)
"""
GOOD = "def test_good(namespace): pass\n"
BAD = "def test_bad(namespace): assert False\n"


def session(folder: Path, files: Sequence[str], node: str = "object()") -> tuple[str, list[str]]:
    """Run test files with the fixtures of tests/e2e; return what pytest printed and what was deleted."""
    (folder / "conftest.py").write_text(CONFTEST.replace("NODE", node))
    for number, text in enumerate(files):
        (folder / f"test_{number}.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rs", "-p", "no:randomly", "-p", "no:cacheprovider", "."],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    deleted = folder / "deleted"
    return done.stdout, deleted.read_text().split() if deleted.exists() else []


def test_after_a_failure_the_logs_are_kept_and_so_is_the_namespace_of_its_file(tmp_path: Path) -> None:
    printed, deleted = session(tmp_path, [GOOD, BAD, GOOD])
    assert "logs are kept" in printed
    assert deleted == ["namespace-1", "namespace-3"]


def test_without_a_failure_nothing_is_kept(tmp_path: Path) -> None:
    printed, deleted = session(tmp_path, [GOOD])
    assert "nothing to say" in printed
    assert deleted == ["namespace-1"]


def test_in_an_existing_cluster_no_namespace_stays(tmp_path: Path) -> None:
    _, deleted = session(tmp_path, [BAD], node="None")
    assert deleted == ["namespace-1"]


def test_tests_that_need_their_own_node_are_skipped_also_in_fixtures(tmp_path: Path) -> None:
    in_fixture = "def test_fixture(of_the_node): pass\n"
    in_test = "from tests.beds import bed\ndef test_itself(): raise bed.NotOurs(bed.NOT_OURS)\n"
    printed, _ = session(tmp_path, [in_fixture, in_test])
    assert "2 skipped" in printed
    assert NOT_OURS in printed


@pytest.mark.parametrize(
    ("keep", "events", "said"),
    [
        (False, ["ready"], ""),
        (True, ["ready"], "cluster:\nthe logs are kept in /kept\n"),
        (False, ["ready", "failed"], "cluster:\nthe node has ended\n"),
    ],
)
def test_the_last_lines_of_the_keeper_are_printed(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    keep: bool,
    events: list[str],
    said: str,
) -> None:
    with_a_keeper(monkeypatch, *events)
    with Cluster.running(keep=lambda: keep):
        pass
    assert capfd.readouterr().err == said


def test_the_logs_are_kept_where_the_body_fails(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with_a_keeper(monkeypatch, "ready")
    with pytest.raises(BedError), Cluster.running():
        raise BedError
    assert "the logs are kept in /kept" in capfd.readouterr().err


def with_a_keeper(monkeypatch: pytest.MonkeyPatch, *events: str) -> None:
    def start(*_: object, **__: object) -> subprocess.Popen[str]:
        command, pipe = [sys.executable, "-c", KEEPER, *events], subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)

    for name in ("E2E_KUBECONFIG", "E2E_CLUSTER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(bed, "_start_keeper", start)
    monkeypatch.setattr(Layout, "from_json", lambda text: text)
    monkeypatch.setattr(Cluster, "of", lambda layout: layout)


@pytest.mark.parametrize(
    ("reason", "excused"),
    [
        ("root lacks CAP_SYS_ADMIN", True),
        ("the kernel lacks xt_owner: No chain by that name", True),
        ("missing programs: apt-get install iproute2", False),
        ("the kernel lacks br_netfilter (modprobe br_netfilter)", False),
        ("missing programs: apt-get install iproute2; root lacks CAP_SYS_ADMIN", True),
        (None, False),
    ],
)
def test_with_root_a_skip_that_root_can_avoid_is_not_excused(reason: str | None, excused: bool) -> None:
    assert check.excuses([reason], root=True) == ([reason] if excused else [])


def test_without_root_a_skip_is_excused() -> None:
    assert check.excuses(["a cluster needs root; apt-get install iptables"], root=False)
