"""What a container used, by the counters of its cgroup, on hosts with cgroup v1 and with v2.

Here: finding and reading the counters of a container that runs on a node of the bed. Not here: the
directories of a cluster (cgroups.py), and what is made of the figures.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tests.beds.bed import NOT_OURS, BedError, NotOurs
from tests.beds.node import cgroups
from tests.beds.node.bed import Cluster


class Counters(NamedTuple):
    """Where the counters of one container are; they are gone when it ends."""

    cpu: Path
    memory: Path

    def cpu_seconds(self) -> float:
        """Return the CPU time since the container's start."""
        if cgroups.is_v2():
            return _fields(self.cpu / "cpu.stat")["usage_usec"] / 1e6
        return int((self.cpu / "cpuacct.usage").read_text()) / 1e9

    def memory_bytes(self) -> int:
        """Return what is charged to the container without file pages that can go: the working set."""
        fields = _fields(self.memory / "memory.stat")
        if cgroups.is_v2():
            return int((self.memory / "memory.current").read_text()) - fields["inactive_file"]
        return int((self.memory / "memory.usage_in_bytes").read_text()) - fields["total_inactive_file"]


def counters(cluster: Cluster, namespace: str, pod: str) -> dict[str, Counters]:
    """Return the counters of a pod's running containers by name, native sidecars among them."""
    if cluster.node is None:
        raise NotOurs(f"{NOT_OURS}, so its cgroups cannot be read")
    status = cluster.get("pod", pod, namespace)["status"]
    by_name = {}
    for one in [*status.get("initContainerStatuses", []), *status["containerStatuses"]]:
        if "running" in one["state"]:
            folder = one["containerID"].removeprefix("containerd://")
            by_name[one["name"]] = Counters(
                *(_folder(kind, cluster.node.cgroup, folder) for kind in ("cpuacct", "memory"))
            )
    return by_name


def _folder(hierarchy: str, cgroup: str, container: str) -> Path:
    root = cgroups.ROOT if cgroups.is_v2() else cgroups.ROOT / hierarchy
    pods = root / cgroup / "kubepods"
    folder = next(pods.glob(f"**/{container}"), None)
    if folder is None:
        raise BedError(f"no cgroup directory of container {container[:12]} below {pods}")
    return folder


def _fields(file: Path) -> dict[str, int]:
    """Read lines of a word and a number."""
    return {name: int(value) for name, value in map(str.split, file.read_text().splitlines())}
