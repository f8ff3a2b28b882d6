"""The control plane of the node: keys, kubeconfigs and command lines; and asking the API server.

Here: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kube-proxy. Not here: kubelet and
containerd, that is kubelet.py; starting anything, that is node.py.

What tests may rely on: Node and RBAC authorization; PodSecurity, NodeRestriction and all default
admission plugins; the kubeconfig belongs to system:masters; nothing is audited. Everything but the
API server listens on loopback only.
"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Mapping
from typing import Any

from tests.beds import access
from tests.beds.node.keys import Authority, write_account_keys
from tests.beds.node.layout import (
    APISERVER_SERVICE,
    NODE_NAME,
    NODE_POD_RANGE,
    POD_RANGE,
    SERVICE_RANGE,
    Layout,
)

ETCD = "http://127.0.0.1:2379"

# File of the key, the user's name, the user's group.
CLIENTS = (
    ("admin", "cluster-admin", "system:masters"),
    ("apiserver-to-kubelet", "kube-apiserver", "system:masters"),
    ("kube-controller-manager", "system:kube-controller-manager", None),
    ("kube-scheduler", "system:kube-scheduler", None),
    ("kube-proxy", "system:kube-proxy", None),
    ("kubelet", f"system:node:{NODE_NAME}", "system:nodes"),
)


def write_files(layout: Layout) -> None:
    """Write the keys of all components and their kubeconfigs."""
    layout.keys.mkdir(mode=0o700, exist_ok=True)
    authority = Authority.make(layout.keys, f"cluster-{layout.name}-ca")
    write_account_keys(layout.keys)
    for stem, user, group in CLIENTS:
        authority.sign(stem, user, group)
        access.write_private(layout.keys / f"{stem}.kubeconfig", _kubeconfig(layout, stem))
    service = ["kubernetes", "default", "svc", "cluster", "local"]
    names = [".".join(service[:length]) for length in range(1, len(service) + 1)]
    addresses = [layout.node_ip, "127.0.0.1", APISERVER_SERVICE]
    authority.sign("kube-apiserver", "kube-apiserver", names=["localhost", *names, *addresses])
    authority.sign("kubelet-server", f"system:node:{NODE_NAME}", names=[NODE_NAME, layout.node_ip])
    access.write_private(layout.kubeconfig, _kubeconfig(layout, "admin"))


def etcd(layout: Layout) -> list[str]:
    """Return etcd's flags; it may lose data when the machine crashes; the data is not needed then."""
    return [
        f"--data-dir={layout.folder / 'etcd'}",
        f"--listen-client-urls={ETCD}",
        f"--advertise-client-urls={ETCD}",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--unsafe-no-fsync=true",
        "--log-level=warn",
    ]


def apiserver(layout: Layout) -> list[str]:
    """Return kube-apiserver's flags."""
    keys = layout.keys
    return [
        f"--etcd-servers={ETCD}",
        f"--advertise-address={layout.node_ip}",
        "--secure-port=6443",
        f"--tls-cert-file={keys / 'kube-apiserver.crt'}",
        f"--tls-private-key-file={keys / 'kube-apiserver.key'}",
        f"--client-ca-file={keys / 'ca.crt'}",
        f"--kubelet-certificate-authority={keys / 'ca.crt'}",
        f"--kubelet-client-certificate={keys / 'apiserver-to-kubelet.crt'}",
        f"--kubelet-client-key={keys / 'apiserver-to-kubelet.key'}",
        # By name they would be looked up in a DNS that has no records of them: logs and exec time out.
        "--kubelet-preferred-address-types=InternalIP",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={keys / 'accounts.pub'}",
        f"--service-account-signing-key-file={keys / 'accounts.key'}",
        "--profiling=false",
    ]


def controller_manager(layout: Layout) -> list[str]:
    """Return kube-controller-manager's flags."""
    keys = layout.keys
    return [
        f"--kubeconfig={keys / 'kube-controller-manager.kubeconfig'}",
        "--leader-elect=false",
        "--secure-port=0",
        # The default of 20 requests a second spreads the start of 40 controllers over 6 seconds.
        "--kube-api-qps=1000",
        "--kube-api-burst=1000",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={keys / 'accounts.key'}",
        f"--root-ca-file={keys / 'ca.crt'}",
        f"--cluster-signing-cert-file={keys / 'ca.crt'}",
        f"--cluster-signing-key-file={keys / 'ca.key'}",
        "--allocate-node-cidrs=true",
        f"--cluster-cidr={POD_RANGE}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        f"--flex-volume-plugin-dir={layout.folder / 'volume-plugins'}",
    ]


def scheduler(layout: Layout) -> list[str]:
    """Return kube-scheduler's flags."""
    return [
        f"--kubeconfig={layout.keys / 'kube-scheduler.kubeconfig'}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=1000",
        "--kube-api-burst=1000",
    ]


def proxy(layout: Layout) -> list[str]:
    """Return kube-proxy's flags; sizes and times of conntrack belong to the host and stay as they are."""
    return [
        f"--kubeconfig={layout.keys / 'kube-proxy.kubeconfig'}",
        f"--hostname-override={NODE_NAME}",
        "--proxy-mode=iptables",
        f"--cluster-cidr={NODE_POD_RANGE}",
        "--iptables-min-sync-period=100ms",
        "--conntrack-max-per-core=0",
        "--conntrack-min=0",
        "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
        "--metrics-bind-address=127.0.0.1:10249",
        "--healthz-bind-address=127.0.0.1:10256",
    ]


class Api:
    """Questions to the API server as its administrator; an answer that does not come is None."""

    def __init__(self, layout: Layout) -> None:
        self._url = layout.url
        context = ssl.create_default_context(cafile=str(layout.keys / "ca.crt"))
        context.load_cert_chain(layout.keys / "admin.crt", layout.keys / "admin.key")
        self._context = context

    def ready(self) -> bool:
        return access.read(f"{self._url}/readyz", self._context) is not None

    def get(self, path: str) -> Mapping[str, Any] | None:
        text = access.read(self._url + path, self._context)
        return None if text is None else json.loads(text)

    def node_is_ready(self) -> bool:
        node = self.get(f"/api/v1/nodes/{NODE_NAME}") or {}
        conditions = node.get("status", {}).get("conditions", [])
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    def default_account_exists(self) -> bool:
        return self.get("/api/v1/namespaces/default/serviceaccounts/default") is not None

    def is_available(self, namespace: str, deployment: str) -> bool:
        item = self.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{deployment}") or {}
        return bool(item.get("status", {}).get("readyReplicas"))


def etcd_is_healthy() -> bool:
    return access.read(f"{ETCD}/health") is not None


def _kubeconfig(layout: Layout, stem: str) -> str:
    def encoded(name: str) -> str:
        return base64.b64encode((layout.keys / name).read_bytes()).decode()

    cluster = {"server": layout.url, "certificate-authority-data": encoded("ca.crt")}
    user = {
        "client-certificate-data": encoded(f"{stem}.crt"),
        "client-key-data": encoded(f"{stem}.key"),
    }
    return access.kubeconfig(layout.name, cluster, stem, user)
