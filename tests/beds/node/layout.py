"""Where everything of one cluster is: its addresses, files and names on the host.

Here: names and numbers only, so that the host's side and the node's side agree on them.
Not here: making any of it.

Several clusters run side by side: each has a name, and the number that keeper.py found free for it.
Pod and Service addresses are the same in all, as they are not visible outside a node.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from tests.beds.programs import build

NODE_NAME = "node1"
POD_RANGE = "10.244.0.0/16"
NODE_POD_RANGE = "10.244.0.0/24"
SERVICE_RANGE = "10.96.0.0/16"
APISERVER_SERVICE = "10.96.0.1"
DNS_SERVICE = "10.96.0.10"
IMAGE_PREFIX = "sidecar.test/"

PROGRAMS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    "runc",
    "bridge",
    "loopback",
    "host-local",
    "portmap",
    "coredns",
)


@dataclass(frozen=True)
class Layout:
    """One cluster. `pid` is the node's pid 1 as the host sees it."""

    name: str
    number: int
    pid: int

    @property
    def folder(self) -> Path:
        return folder_of(self.name)

    @property
    def host_ip(self) -> str:
        return f"10.98.{self.number}.1"

    @property
    def node_ip(self) -> str:
        return f"10.98.{self.number}.2"

    @property
    def url(self) -> str:
        return f"https://{self.node_ip}:6443"

    @property
    def link(self) -> str:
        """Return the name of the host's end of the veth pair."""
        return f"sidecar{self.number}"

    @property
    def cgroup(self) -> str:
        """Return the name of the directories below the roots of the cgroup hierarchies.

        Name and number: one left behind must never be taken for that of a cluster that runs.
        """
        return f"sidecar-{self.name}-{self.number}"

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    @property
    def logs(self) -> Path:
        """Return the folder of the logs, which is /var/log inside the node."""
        return self.folder / "logs"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def cni_bin_dir(self) -> Path:
        return self.folder / "cni" / "bin"

    @property
    def cni_conf_dir(self) -> Path:
        return self.folder / "cni" / "net.d"

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Layout:
        return cls(**json.loads(text))


def clusters() -> Path:
    """Return the folder that holds one folder per cluster."""
    return build.cache_folder() / "clusters"


def folder_of(name: str) -> Path:
    return clusters() / name
