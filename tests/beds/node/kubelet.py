"""What runs the pods: the configuration files of the kubelet, containerd and the CNI plugins.

Here: files and command lines. Not here: starting them, that is node.py; their mounts, that is
mounts.py.

Within the first 15 seconds after its start a kubelet lets every probe wait for a random part of its
period, so a pod whose readiness period is long becomes Ready late. Measure later than that, or give
the probe a short period.

NetworkPolicy is accepted and not enforced; there is no provisioner of volumes, no LoadBalancer, and
no route to anywhere outside the cluster.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.beds.node import cgroups
from tests.beds.node.images import PAUSE
from tests.beds.node.layout import DNS_SERVICE, NODE_NAME, NODE_POD_RANGE, Layout

SOCKET = Path("/run/containerd/containerd.sock")
CNI_PLUGINS = ("bridge", "loopback", "host-local", "portmap")


def write_files(layout: Layout, binaries: Mapping[str, Path]) -> None:
    """Write the configuration of containerd, the kubelet and the pod network."""
    containerd_file(layout).write_text(_containerd_configuration(layout, binaries["runc"]))
    kubelet_file(layout).write_text(json.dumps(_kubelet_configuration(layout), indent=1))
    (layout.folder / "resolv.conf").write_text("")
    layout.cni_bin_dir.mkdir(parents=True)
    layout.cni_conf_dir.mkdir()
    for name in CNI_PLUGINS:
        # Copies: a mesh's installer adds its own plugin to this folder.
        shutil.copy2(binaries[name], layout.cni_bin_dir / name)
    (layout.cni_conf_dir / "10-bridge.conflist").write_text(json.dumps(_pod_network(), indent=1))


def containerd_file(layout: Layout) -> Path:
    return layout.folder / "containerd.toml"


def kubelet_file(layout: Layout) -> Path:
    return layout.folder / "kubelet.json"


def containerd(layout: Layout) -> list[str]:
    """Return containerd's flags."""
    return [f"--config={containerd_file(layout)}"]


def import_command(ctr: Path, archive: Path | str) -> list[str]:
    """Return the command that gives an image to the kubelet; ``-`` reads the archive from stdin."""
    return [str(ctr), f"--address={SOCKET}", "--namespace=k8s.io", "images", "import", str(archive)]


def kubelet_command(layout: Layout, binary: Path) -> list[str]:
    """Return the command that becomes the kubelet, in a mount namespace of its own."""
    flags = [
        f"--config={kubelet_file(layout)}",
        f"--kubeconfig={layout.keys / 'kubelet.kubeconfig'}",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={layout.node_ip}",
    ]
    return [sys.executable, "-m", "tests.beds.node.mounts", layout.to_json(), str(binary), *flags]


def _containerd_configuration(layout: Layout, runc: Path) -> str:
    # restrict_oom_score_adj: without CAP_SYS_RESOURCE, common in virtual machines and containers,
    # runc could not lower the score of a pod below containerd's own.
    return f"""\
version = 3
root = "{layout.folder / "containerd"}"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.internal.v1.opt",
  "io.containerd.nri.v1.nri",
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.erofs",
  "io.containerd.snapshotter.v1.zfs",
]
[grpc]
  address = "{SOCKET}"
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "{PAUSE}"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      SystemdCgroup = false
      BinaryName = "{runc}"
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["{layout.cni_bin_dir}"]
    conf_dir = "{layout.cni_conf_dir}"
"""


def _kubelet_configuration(layout: Layout) -> dict[str, object]:
    keys = layout.keys
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroups.node_root(layout.cgroup),
        "failCgroupV1": False,
        "failSwapOn": False,
        "protectKernelDefaults": True,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(keys / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(keys / "kubelet-server.crt"),
        "tlsPrivateKeyFile": str(keys / "kubelet-server.key"),
        "clusterDNS": [DNS_SERVICE],
        "clusterDomain": "cluster.local",
        "resolvConf": str(layout.folder / "resolv.conf"),
        "volumePluginDir": str(layout.folder / "volume-plugins"),
        "nodeStatusUpdateFrequency": "5s",
        # The disk is the host's: its other users must not make the kubelet evict pods or images.
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
    }


def _pod_network() -> dict[str, object]:
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": NODE_POD_RANGE}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge, portmap]}
