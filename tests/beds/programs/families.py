"""What the programs of the test beds are built of: their Go modules, packages and flags.

Each folder beside this file is one module (a *family*): joined in one they would fight over the versions of
their dependencies. Not here: building them (build.py).
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent


class BuildError(Exception):
    """The programs cannot be built here; the text is one line for people."""


def cache_folder() -> Path:
    """Return the folder of this project in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sidecar-injector"


@dataclass(frozen=True)
class Family:
    """Programs that come from one Go module: the folder `name` beside this file.

    `packages` is in the order of building; the long compilation first, as what it leaves in Go's
    cache makes the others short. `stamps` are Go variables and what the linker writes into them;
    ``{version}``, ``{major}`` and ``{minor}`` are those of `module`. `linked_with_c` names the
    programs that need a C compiler.
    """

    name: str
    module: str
    packages: Mapping[str, str]
    stamps: Mapping[str, str] = field(default_factory=dict)
    linked_with_c: frozenset[str] = frozenset()

    @property
    def folder(self) -> Path:
        return HERE / self.name

    @property
    def version(self) -> str:
        """Return the version of `module` that go.mod pins, as ``v1.37.1``."""
        return self.pinned(self.module)

    def pinned(self, word: str) -> str:
        """Return what follows `word` at the start of a line of go.mod, indented or not."""
        line = re.search(rf"^\s*{re.escape(word)} (\S+)", (self.folder / "go.mod").read_text(), re.MULTILINE)
        if not line:
            raise BuildError(f"{self.name}/go.mod has no line '{word} ...'")
        return line.group(1)

    def flags(self, program: str) -> list[str]:
        """Return the flags of go build for one program."""
        linker = ["-s", "-w"]
        if self.stamps:
            major, minor, _ = self.version.removeprefix("v").split(".", 2)
            values = {"version": self.version, "major": major, "minor": minor}
            linker += [f"-X {name}={value.format(**values)}" for name, value in self.stamps.items()]
        tags = []
        if program in self.linked_with_c:
            linker += ["-extldflags -static"]
            tags = ["-tags", "seccomp netgo osusergo"]
        return ["-trimpath", "-buildvcs=false", *tags, "-ldflags", " ".join(linker)]

    def cached(self, program: str) -> Path:
        """Return where the program is kept: a folder named by all that it is made of."""
        digest = hashlib.sha256()
        for source in sorted([self.folder / "go.mod", self.folder / "go.sum", *self.folder.glob("*.go")]):
            digest.update(source.read_bytes())
        for name in self.packages:
            digest.update(" ".join(self.flags(name)).encode())
        digest.update(f"{sys.platform} {platform.machine()}".encode())
        return cache_folder() / f"{self.name}-{digest.hexdigest()[:16]}" / program


# The kubelet's and the API server's version checks need the stamps: without them they see v0.0.0.
_KUBERNETES_STAMPS = {
    f"{package}.{key}": value
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    for key, value in {
        "gitVersion": "{version}",
        "gitMajor": "{major}",
        "gitMinor": "{minor}",
        "gitTreeState": "clean",
    }.items()
}
# Helm 3 takes a template without a cluster for one of this version; without them it is 1.20. Of the
# Kubernetes libraries that its go.mod pins. (Helm 4 reads it from what it is built of.)
_HELM3_STAMPS = {
    "helm.sh/helm/v3/internal/version.version": "{version}",
    **{
        f"helm.sh/helm/v3/pkg/{package}.k8sVersion{part}": number
        for package in ("chartutil", "lint/rules")
        for part, number in {"Major": "1", "Minor": "37"}.items()
    },
}
_CNI = "github.com/containernetworking/plugins/plugins"
_CONTAINERD = "github.com/containerd/containerd/v2"

FAMILIES = (
    Family(
        "kubernetes",
        "k8s.io/kubernetes",
        {
            "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
            "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
            "etcd": "go.etcd.io/etcd/server/v3",
            "kubectl": "k8s.io/kubernetes/cmd/kubectl",
            "kubelet": "k8s.io/kubernetes/cmd/kubelet",
            "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
            "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy",
        },
        _KUBERNETES_STAMPS,
    ),
    Family(
        "containerd",
        _CONTAINERD,
        {name: f"{_CONTAINERD}/cmd/{name}" for name in ("containerd", "containerd-shim-runc-v2", "ctr")},
        {f"{_CONTAINERD}/version.Version": "{version}"},
    ),
    Family(
        "runtime",
        "github.com/opencontainers/runc",
        {
            "runc": "github.com/opencontainers/runc",
            "bridge": f"{_CNI}/main/bridge",
            "loopback": f"{_CNI}/main/loopback",
            "host-local": f"{_CNI}/ipam/host-local",
            "portmap": f"{_CNI}/meta/portmap",
        },
        {"main.version": "{version}"},
        frozenset({"runc"}),
    ),
    Family("coredns", "github.com/coredns/coredns", {"coredns": "github.com/coredns/coredns"}),
    Family(
        "istio",
        "istio.io/istio",
        {
            "pilot-discovery": "istio.io/istio/pilot/cmd/pilot-discovery",
            "pilot-agent": "istio.io/istio/pilot/cmd/pilot-agent",
            "istioctl": "istio.io/istio/istioctl/cmd/istioctl",
            "istio-cni": "istio.io/istio/cni/cmd/istio-cni",
            "install-cni": "istio.io/istio/cni/cmd/install-cni",
        },
    ),
    Family("traffic", "google.golang.org/grpc", {"traffic": "."}),
    Family("helm3", "helm.sh/helm/v3", {"helm3": "helm.sh/helm/v3/cmd/helm"}, _HELM3_STAMPS),
    Family(
        "helm4",
        "helm.sh/helm/v4",
        {"helm4": "helm.sh/helm/v4/cmd/helm"},
        {"helm.sh/helm/v4/internal/version.version": "{version}"},
    ),
    Family(
        "kubeconform",
        "github.com/yannh/kubeconform",
        {"kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform"},
        {"main.version": "{version}"},
    ),
    Family(
        "kustomize",
        "sigs.k8s.io/kustomize/kustomize/v5",
        {"kustomize": "sigs.k8s.io/kustomize/kustomize/v5"},
        {"sigs.k8s.io/kustomize/api/provenance.version": "{version}"},
    ),
    Family("alertrules", "github.com/prometheus/prometheus", {"alertrules": "."}),
)
APISERVER = ("kube-apiserver", "kube-controller-manager", "etcd", "kubectl")
CHART = ("helm3", "helm4", "kubeconform", "alertrules")
PIPELINES = ("helm3", "helm4", "kustomize", "kubectl")
