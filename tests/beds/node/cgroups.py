"""The cgroup directories of one cluster, on hosts with cgroup v1 and with v2.

Here: making, entering and removing them. Not here: the pods' own below them, which the kubelet and
runc make.

v1: one directory below the root of every hierarchy; the node's programs stay where they were started.
v2: one directory below the root, which a cgroup namespace shows as the root to the node, so that
nothing is enabled above it; its programs are in ``init``, as processes and children exclude each
other. v2 follows what the kernel documents and has not been tried.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from tests.beds.node import syscalls

ROOT = Path("/sys/fs/cgroup")
REQUIRED = {"cpu", "memory", "pids"}
REQUIRED_V1 = REQUIRED | {"cpuset", "cpuacct", "devices", "freezer"}
REMOVAL_SECONDS = 60.0


def is_v2() -> bool:
    """Whether the host's controllers are in the unified hierarchy."""
    return (ROOT / "cgroup.controllers").exists()


def missing_controllers() -> set[str]:
    """Return the controllers that a node needs and that are not to be had here."""
    if is_v2():
        return REQUIRED - set((ROOT / "cgroup.subtree_control").read_text().split())
    return REQUIRED_V1 - {option for options in _hierarchies("cgroup").values() for option in options}


def make(name: str) -> None:
    """Make the directories of a cluster."""
    for folder in _folders(name):
        folder.mkdir(exist_ok=True)
        # A new v1 cpuset is empty, and nothing can be put into an empty one.
        for file in ("cpuset.cpus", "cpuset.mems"):
            if (folder / file).exists() and not is_v2():
                (folder / file).write_text((folder.parent / file).read_text())


def enter(name: str, pid: int) -> None:
    """Put the node's pid 1 where its cgroup namespace is to begin; nothing to do with v1."""
    if is_v2():
        (ROOT / name / "cgroup.procs").write_text(str(pid))


def begin_node() -> None:
    """Make the directory that this process is in the root that the node sees; nothing to do with v1."""
    if not is_v2():
        return
    syscalls.unshare(syscalls.CLONE_NEWCGROUP)
    syscalls.mount("cgroup2", ROOT, "cgroup2")
    (ROOT / "init").mkdir()
    (ROOT / "init" / "cgroup.procs").write_text("0")
    wanted = (ROOT / "cgroup.controllers").read_text().split()
    (ROOT / "cgroup.subtree_control").write_text(" ".join(f"+{one}" for one in wanted))


def node_root(name: str) -> str:
    """Return the path of the cluster's directory as the node sees it."""
    return "/" if is_v2() else f"/{name}"


def remains(prefix: str) -> list[Path]:
    """Return the directories at the roots whose names begin with `prefix`."""
    return sorted(path for root in _roots() for path in root.glob(f"{prefix}*"))


def remove(name: str) -> None:
    """Remove the directories of a cluster whose processes have ended."""
    deadline = time.monotonic() + REMOVAL_SECONDS
    while left := [folder for folder in _folders(name) if folder.exists()]:
        for folder in left:
            for place, _, _ in os.walk(folder, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(place)
        if time.monotonic() > deadline:
            raise TimeoutError(f"cgroup directories are still in use: {', '.join(map(str, left))}")
        time.sleep(0.05)


def _folders(name: str) -> list[Path]:
    return [root / name for root in _roots()]


def _roots() -> list[Path]:
    """Return the roots of all hierarchies; beside those of v1, runc makes directories in an empty v2 too."""
    return [ROOT] if is_v2() else [*_hierarchies("cgroup"), *_hierarchies("cgroup2")]


def _hierarchies(kind: str) -> dict[Path, list[str]]:
    """Return where hierarchies are mounted, with their mount options, v1's controllers among them."""
    lines = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    return {Path(place): options.split(",") for _, place, mounted, options, *_ in lines if mounted == kind}
