"""What a machine lacks is named before anything is started; none of this needs root."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.beds.bed import BedError
from tests.beds.node import cgroups, preflight
from tests.beds.node.bed import Cluster
from tests.beds.node.layout import Layout
from tests.beds.programs import build

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="clusters run on Linux only")


@pytest.fixture(autouse=True)
def no_bed_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("E2E_KUBECONFIG", raising=False)
    monkeypatch.delenv("E2E_CLUSTER", raising=False)


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for root's id: what is missing is looked for before its rights are used."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(build, "unavailable", lambda _: None)
    monkeypatch.setattr(build, "missing_for_c", lambda _: [])


def test_only_root_can_make_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert preflight.reasons() == ["a cluster needs root"]
    assert Cluster.unavailable() == "a cluster needs root"


@pytest.mark.usefixtures("as_root")
def test_missing_programs_are_named_by_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "missing_for_c", lambda _: ["libseccomp-dev"])
    which = shutil.which
    absent = ("iptables", "iptables-save", "ip")
    monkeypatch.setattr(shutil, "which", lambda name: None if name in absent else which(name))
    assert "missing programs: apt-get install iproute2 iptables libseccomp-dev" in preflight.reasons()


@pytest.mark.usefixtures("as_root")
def test_missing_cgroup_controllers_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "missing_controllers", lambda: {"pids", "memory"})
    assert any(reason.endswith(": memory, pids") for reason in preflight.reasons())


def test_cgroup_v1_lacks_what_no_hierarchy_has(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    hierarchies = {
        tmp_path / "cpu": ["rw", "cpu", "cpuacct"],
        tmp_path / "rest": ["rw", "cpuset", "memory", "devices", "freezer"],
    }
    monkeypatch.setattr(cgroups, "_hierarchies", lambda kind: hierarchies if kind == "cgroup" else {})
    assert (cgroups.is_v2(), cgroups.missing_controllers()) == (False, {"pids"})


def test_cgroup_v2_lacks_what_the_root_does_not_hand_down(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("cpu memory\n")
    assert (cgroups.is_v2(), cgroups.missing_controllers()) == (True, {"pids"})


def test_a_kernel_feature_that_is_not_there_is_named_with_the_kernels_words(tmp_path: Path) -> None:
    program = tmp_path / "trial"
    program.write_text("#!/bin/sh\necho No chain by that name >&2\nexit 1\n")
    program.chmod(0o755)
    assert list(preflight._try_command("xt_owner", str(program))) == [
        "the kernel lacks xt_owner: No chain by that name"
    ]


def test_a_trial_that_does_not_come_to_its_end_is_a_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(preflight, "TRIAL_SECONDS", 0)
    assert preflight._missing_in_kernel() == ["what the kernel can do was not tried out within 0 s"]


@pytest.mark.parametrize("name", ["Upper", "a/b", "", "-a", "a" * 31])
def test_a_name_that_cannot_be_a_folder_and_a_cgroup_is_refused(name: str) -> None:
    with pytest.raises(BedError, match="cannot be the name of a cluster"):
        Cluster.up(name)


def test_a_cluster_that_is_not_there_cannot_be_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(BedError, match=r"python -m tests\.beds\.node up lab"):
        Cluster.attached("lab")


def test_the_node_of_an_existing_cluster_is_not_reachable(tmp_path: Path) -> None:
    foreign = Cluster(tmp_path / "kubeconfig", tmp_path / "kubectl", tmp_path)
    with pytest.raises(BedError, match="E2E_KUBECONFIG"):
        foreign.run("true")


def test_two_clusters_share_no_name_on_the_host() -> None:
    one, other = Layout("one", 3, 100), Layout("other", 4, 200)
    places = ("folder", "host_ip", "node_ip", "url", "link", "cgroup", "kubeconfig")
    assert [place for place in places if getattr(one, place) == getattr(other, place)] == []
    assert len(Layout("x", 249, 1).link) <= 15  # the kernel's limit for names of interfaces
    assert Layout.from_json(one.to_json()) == one
