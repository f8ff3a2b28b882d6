"""The mounts of the node: what its programs see where, and that they cannot change the host's files.

Here: the mount namespace of the node, and the one more that the kubelet gets. Not here: network.

Writable in the node are the cluster's own folder, /tmp, /run (its own), /var/log (the cluster's
logs) and /var/lib (its own, the host's entries are links). The rest of the host's root file system is
read-only there, so nothing that a component makes by habit stays on the host.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.beds.node import cgroups, syscalls
from tests.beds.node.layout import Layout

HOST_STATE = Path("/run/host-var-lib")
# The host's own, where there are any, have nothing to do with this node.
NODE_STATE = ("kubelet", "cni", "containerd", "etcd")

# The kubelet insists on these values, which are of the whole host: it reads files instead.
KERNEL_TUNABLES = {"vm/overcommit_memory": "1", "kernel/panic": "10", "kernel/panic_on_oops": "1"}


def prepare_node(layout: Layout) -> None:
    """Turn a fresh mount namespace into the node's; the process is pid 1 of a new pid namespace."""
    for folder in (layout.logs, layout.folder / "kubelet"):
        folder.mkdir(parents=True, exist_ok=True)
    syscalls.mount("none", "/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)
    syscalls.mount("proc", "/proc", "proc")
    cgroups.begin_node()
    for writable in (layout.folder, Path("/tmp")):
        syscalls.bind(writable, writable)
    syscalls.bind(layout.logs, "/var/log")
    syscalls.mount("tmpfs", "/run", "tmpfs", data="mode=755")
    _replace_state()
    syscalls.bind(layout.folder / "kubelet", "/var/lib/kubelet")
    syscalls.mount("none", "/", flags=syscalls.MS_REMOUNT | syscalls.MS_BIND | syscalls.MS_RDONLY)
    # Volumes that the kubelet mounts must reach containerd and the pods.
    syscalls.mount("none", "/", flags=syscalls.MS_REC | syscalls.MS_SHARED)


def prepare_kubelet(layout: Layout) -> None:
    """Move this process into a mount namespace with the kernel's tunables as the kubelet requires.

    In the node's own namespace the same mounts would break pods with user namespaces, whose /proc
    may only be mounted where nothing covers parts of it.
    """
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.mount("none", "/proc", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)
    for name, value in KERNEL_TUNABLES.items():
        stand_in = layout.folder / name.replace("/", ".")
        stand_in.write_text(f"{value}\n")
        syscalls.bind(stand_in, Path("/proc/sys", name))


def _replace_state() -> None:
    """Put a file system of its own over /var/lib, with links to what the host has there."""
    HOST_STATE.mkdir()
    syscalls.bind("/var/lib", HOST_STATE)
    syscalls.mount("tmpfs", "/var/lib", "tmpfs", data="mode=755")
    for entry in HOST_STATE.iterdir():
        if entry.name not in NODE_STATE:
            Path("/var/lib", entry.name).symlink_to(entry)
    for name in NODE_STATE:
        Path("/var/lib", name).mkdir()


def _exec_kubelet() -> None:
    """Become the kubelet: the arguments are the layout and the kubelet's command line."""
    import os

    prepare_kubelet(Layout.from_json(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    _exec_kubelet()
