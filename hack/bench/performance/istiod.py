"""The real istiod, whose injector is measured: a process on the same core, with a real API server.

Here: what it needs in the cluster, its flags and its environment. Its template, its values and its mesh
configuration are those that istioctl generates. It has the certificate of the other servers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from hack.bench.performance import processes
from hack.bench.performance.figures import ISTIOD
from hack.bench.performance.servers import LOOPBACK, Server, free_ports, is_ready
from tests.beds.apiserver.bed import ApiServer
from tests.beds.mesh import manifests
from tests.beds.programs import build

PROGRAMS = ("pilot-discovery", "istioctl")
# What it watches and reads; the rest of its manifests is for a pod.
_KINDS = {"CustomResourceDefinition", "ConfigMap"}
_SERVER_SIDE = ("apply", "--server-side", "--field-manager=bench", "-f", "-")


@contextlib.contextmanager
def running(bed: ApiServer, keys: Path) -> Iterator[Server]:
    """Istiod while the body runs; it is ready once it answers."""
    program = build.programs(PROGRAMS)["pilot-discovery"]
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": manifests.NAMESPACE}}
    settings = manifests.Settings(access_log=False, readiness_period=15)
    objects = [made for made in manifests.control_plane(settings) if made["kind"] in _KINDS]
    bed.kubectl(*_SERVER_SIDE, manifest=namespace)
    bed.kubectl(*_SERVER_SIDE, manifest={"apiVersion": "v1", "kind": "List", "items": objects})
    injection, plain, monitoring = free_ports(3)
    command: list[str | Path] = [
        program, "discovery", "--kubeconfig", bed.kubeconfig, "--namespace", manifests.NAMESPACE,
        "--httpsAddr", f"{LOOPBACK}:{injection}", "--httpAddr", f"{LOOPBACK}:{plain}",
        "--monitoringAddr", f"{LOOPBACK}:{monitoring}", "--grpcAddr", "", "--secureGRPCAddr", "",
        "--ctrlz_port", "0", "--shutdownDuration", "1s", "--log_output_level", "default:info",
        "--tlsCertFile", keys / "tls.crt", "--tlsKeyFile", keys / "tls.key", "--caCertFile", keys / "ca.crt",
    ]  # fmt: skip
    environment = {
        "POD_NAMESPACE": manifests.NAMESPACE,
        "POD_NAME": "istiod-bench",
        "CLUSTER_ID": "Kubernetes",
        "PILOT_ENABLE_GATEWAY_API": "false",
    }

    log = keys / f"{ISTIOD}.log"
    with processes.started(command, keys, log, lambda: is_ready(plain, "/ready"), environment) as process:
        yield Server(ISTIOD, process.pid, injection, "/inject", keys / "ca.crt")
