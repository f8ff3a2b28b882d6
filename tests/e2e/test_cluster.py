"""Clusters of the beds: one of each name, removed completely; an existing cluster stays as it was."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.beds.bed import BedError
from tests.beds.mesh.bed import Mesh
from tests.beds.mesh.injector import NAMESPACE, SAMPLES, WEBHOOK, Injector, installed
from tests.beds.node import bed, cgroups, keeper
from tests.beds.node.bed import Cluster
from tests.beds.node.layout import Layout

# Like a test run or a demo: a process that holds a cluster and prints when it is ready.
HOLDER = """
import sys
from tests.beds.node.bed import Cluster
with Cluster.running(sys.argv[1]):
    print("ready", flush=True)
    sys.stdin.read()
"""


class Two(NamedTuple):
    """A cluster that stays until `down`, and one that a process holds."""

    standing: Layout
    held: Layout
    holder: subprocess.Popen[str]


@pytest.fixture(scope="module")
def two(cluster: Cluster) -> Iterator[Two]:
    """Both are made at the same time, beside that of the other tests."""
    assert cluster.node_ip  # with an existing cluster this machine need not be able to make one
    standing, held = (f"{kind}-{secrets.token_hex(3)}" for kind in ("standing", "held"))
    command, pipe = [sys.executable, "-c", HOLDER, held], subprocess.PIPE
    with subprocess.Popen(command, env=_environment(), stdin=pipe, stdout=pipe, text=True) as holder:
        try:
            made = _cluster("up", standing)
            assert made.returncode == 0, made.stderr
            assert holder.stdout
            assert holder.stdout.readline() == "ready\n"
            yield Two(keeper.read_layout(standing), keeper.read_layout(held), holder)
        finally:
            holder.kill()
            _cluster("down", standing)


def test_a_second_cluster_of_a_name_is_refused_with_the_holders_process(two: Two) -> None:
    for layout, who in ((two.held, f"holder {two.holder.pid} "), (two.standing, "command line")):
        refused = _cluster("up", layout.name)
        assert refused.returncode == 1
        assert f"cluster {layout.name!r} is there already, held by process " in refused.stderr
        assert f"for the {who}" in refused.stderr
        assert f"`python -m tests.beds.node down {layout.name}` removes this one" in refused.stderr
    assert {two.held.name, two.standing.name} <= set(keeper.running())


def test_a_cluster_ends_with_its_holder_even_if_that_is_killed(two: Two) -> None:
    assert _traces(two.held).keys() == {"processes", "cgroups", "link", "folder"}
    pid = int((two.held.folder / "holder").read_text().split()[1])
    two.holder.kill()
    keeper.wait_for_end(pid)
    assert _traces(two.held) == {}


def test_down_leaves_nothing_behind(two: Two) -> None:
    assert _traces(two.standing).keys() == {"processes", "cgroups", "link", "folder"}
    assert f"cluster {two.standing.name!r} is gone" in _cluster("down", two.standing.name).stdout
    assert _traces(two.standing) == {}


def test_in_an_existing_cluster_no_injector_is_changed(mesh: Mesh, injector: Injector) -> None:
    with pytest.raises(BedError, match=f"has an injector already: .*{WEBHOOK}"), _not_ours(mesh.cluster):
        pass
    assert injector.sample()


def test_in_an_existing_cluster_no_injector_is_left_even_after_a_failure(
    mesh: Mesh, injector: Injector
) -> None:
    def fail() -> None:
        with _not_ours(mesh.cluster) as other:
            assert "initContainers" in other.sample()["spec"]
            raise ZeroDivisionError

    injector.remove()
    try:
        with pytest.raises(ZeroDivisionError):
            fail()
        kinds = "mutatingwebhookconfigurations,namespaces,clusterroles,clusterrolebindings"
        left = mesh.cluster.kubectl("get", kinds, "-o", "name").split()
        assert not [name for name in left if name.endswith((f"/{WEBHOOK}", f"/{NAMESPACE}", f"/{SAMPLES}"))]
    finally:
        injector.configure()


def _cluster(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m tests.beds.node`."""
    command = [sys.executable, "-m", "tests.beds.node", *arguments]
    return subprocess.run(
        command, env=_environment(), capture_output=True, text=True, check=False, timeout=600
    )


def _environment() -> dict[str, str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("E2E_")}
    return {**environment, "PYTHONPATH": str(bed.REPO)}


def _not_ours(cluster: Cluster) -> AbstractContextManager[Injector]:
    """Install the injector as in a cluster of E2E_KUBECONFIG, of which nothing but its API is known."""
    return installed(Cluster(cluster.kubeconfig, cluster.kubectl_path, cluster.folder))


def _traces(layout: Layout) -> dict[str, Any]:
    """Return what there is of a cluster on this machine."""
    links = json.loads(subprocess.check_output(["ip", "-json", "link"], text=True))
    traces = {
        "processes": [one for one in Path("/proc").glob("[0-9]*") if _is_of(one, layout)],
        "cgroups": cgroups.remains(layout.cgroup),
        "link": [link for link in links if link["ifname"] == layout.link],
        "folder": [layout.folder] if layout.folder.exists() else [],
    }
    return {what: there for what, there in traces.items() if there}


def _is_of(process: Path, layout: Layout) -> bool:
    """Whether a process was started with the name of a cluster, which is also in its folder's."""
    try:
        return layout.name.encode() in (process / "cmdline").read_bytes()
    except OSError:  # it has ended meanwhile
        return False
