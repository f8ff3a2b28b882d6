"""The cluster's DNS: CoreDNS as a Deployment behind the Service in the resolv.conf of pods.

Names of the cluster are answered; all others do not exist, at once, as there is no way outside.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.beds.node.images import COREDNS
from tests.beds.node.layout import DNS_SERVICE, Layout

NAMESPACE = "kube-system"
NAME = "coredns"
LABELS = {"k8s-app": "kube-dns"}

# Two blocks, as within one the template would answer before the plugin kubernetes is asked: the order
# of plugins is fixed when CoreDNS is built.
COREFILE = """\
cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {
    errors
    health
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        ttl 5
    }
    cache 5
}
.:53 {
    errors
    template ANY ANY . {
        rcode NXDOMAIN
    }
}
"""


def create_command(layout: Layout, kubectl: Path) -> list[str]:
    """Write the manifest and return the command that creates its objects."""
    file = layout.folder / "dns.json"
    file.write_text(json.dumps(manifest(), indent=1))
    return [str(kubectl), f"--kubeconfig={layout.kubeconfig}", "create", f"--filename={file}"]


def manifest() -> dict[str, object]:
    """Return all objects of the DNS as one List."""
    metadata = {"name": NAME, "namespace": NAMESPACE}
    objects: list[dict[str, object]] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        *_permissions(),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"Corefile": COREFILE}},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "selector": {"matchLabels": LABELS},
                "template": {"metadata": {"labels": LABELS}, "spec": _pod()},
            },
        },
        _service(),
    ]
    return {"apiVersion": "v1", "kind": "List", "items": objects}


def _permissions() -> list[dict[str, object]]:
    group = "rbac.authorization.k8s.io"
    verbs = ["list", "watch"]
    return [
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "cluster-dns"},
            "rules": [
                {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": verbs},
                {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": verbs},
            ],
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "cluster-dns"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "cluster-dns"},
            "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
        },
    ]


def _pod() -> dict[str, object]:
    probe = {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1}
    return {
        "serviceAccountName": NAME,
        "priorityClassName": "system-cluster-critical",
        "dnsPolicy": "Default",
        "containers": [
            {
                "name": NAME,
                "image": COREDNS,
                "args": ["-conf", "/etc/coredns/Corefile"],
                "ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "protocol": "TCP"}],
                "readinessProbe": probe,
                "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
                "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns"}],
            }
        ],
        "volumes": [{"name": "config", "configMap": {"name": NAME}}],
    }


def _service() -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": NAMESPACE, "labels": LABELS},
        "spec": {
            "clusterIP": DNS_SERVICE,
            "selector": LABELS,
            "ports": [
                {"name": "dns", "port": 53, "protocol": "UDP"},
                {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
            ],
        },
    }
