"""A real Kubernetes node on this machine, without Docker and without an image registry.

Here: the context manager that tests use, and what one can do with a cluster. Not here: how a node is
made, that is keeper.py from the host's side and node.py from the inside.

What tests may rely on: one node ("node1") with kubelet, containerd, runc, CNI bridge, kube-proxy
(iptables), CoreDNS and the control plane of plane.py; native sidecars and Pod Security admission; no
way to anywhere outside of the cluster. Images come from `Cluster.load` only. The cluster goes away
when the body ends, and also when the process that holds it ends, killed or not. Any number of clusters
run at the same time. See kubelet.py for what the first 15 seconds of a kubelet do to probes.

``python -m tests.beds.node up`` makes one that stays until ``down``. E2E_CLUSTER=NAME makes
tests use such a one, which spares the start while one writes tests; E2E_KUBECONFIG=FILE makes them use
a cluster that is not ours.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from tests.beds.bed import (
    NOT_OURS,
    Bed,
    BedError,
    NotOurs,
    foreign_kubeconfig,
    foreign_unavailable,
    installed_kubectl,
    run_command,
)
from tests.beds.node import images, keeper, kubelet, preflight
from tests.beds.node.layout import PROGRAMS, Layout
from tests.beds.programs import build

REPO = Path(__file__).resolve().parents[3]
END_SECONDS = 60.0


@dataclass(frozen=True)
class Cluster(Bed):
    """A running cluster. `node` is None where the bed did not make it."""

    label: ClassVar[str] = "node"

    node: Layout | None = None

    @staticmethod
    def unavailable() -> str | None:
        """Say in one line why there can be no cluster here; None where there can."""
        if foreign := foreign_kubeconfig():
            return foreign_unavailable(foreign)
        if os.environ.get("E2E_CLUSTER"):
            return None
        return "; ".join(preflight.reasons()) or None

    @classmethod
    @contextlib.contextmanager
    def running(cls, name: str | None = None, *, keep: Callable[[], bool] = lambda: False) -> Iterator[Self]:
        """Run a cluster while the body runs, or hand out the one of E2E_KUBECONFIG or E2E_CLUSTER.

        Without a name it gets a free one. If the body raises, or `keep` says so at its end, the
        logs are kept and the place is printed. The first use on a machine compiles for minutes (see
        programs/build.py).
        """
        if foreign := foreign_kubeconfig():
            with tempfile.TemporaryDirectory(prefix="cluster-bed-") as folder:
                yield cls(foreign, installed_kubectl(), Path(folder))
            return
        if standing := os.environ.get("E2E_CLUSTER"):
            yield cls.attached(standing)
            return
        process = _start_keeper(name or f"bed-{secrets.token_hex(3)}", stay=False)
        wanted = True
        try:
            yield cls.of(_await_ready(process))
            wanted = keep()
        finally:
            # The keeper also prints without a request, when a node ended by itself.
            if messages := _end(process, "keep\n" if wanted else ""):
                print("\n".join(["cluster:", *messages]), file=sys.stderr)

    @classmethod
    def up(cls, name: str) -> Self:
        """Make a cluster that stays until `down`."""
        process = _start_keeper(name, stay=True)
        try:
            return cls.of(_await_ready(process))
        except BaseException:
            process.terminate()
            process.wait(END_SECONDS)
            raise

    @classmethod
    def attached(cls, name: str) -> Self:
        """Return the cluster of that name, which `up` made."""
        if name not in keeper.running():
            raise BedError(f"there is no cluster {name!r}; `python -m tests.beds.node up {name}` makes it")
        return cls.of(keeper.read_layout(name))

    @classmethod
    def of(cls, layout: Layout) -> Self:
        """Return the cluster that a layout describes."""
        return cls(layout.kubeconfig, build.programs(["kubectl"])["kubectl"], layout.folder, layout)

    def load(self, archives: Iterable[Path]) -> None:
        """Give OCI archives to the node, side by side; their images need no pulling from then on.

        For an existing cluster E2E_LOAD is the command that takes an archive to it, as ``kind load
        image-archive``; without it the images have to be there already, and are named on stderr.
        """
        if self.node is None:
            loader = shlex.split(os.environ.get("E2E_LOAD", ""))
            for archive in archives:
                if loader:
                    run_command([*loader, str(archive)], " ".join(loader), None, 300)
                else:
                    print(f"cluster: not ours; it needs the image of {archive}", file=sys.stderr)
            return
        ctr = build.programs(["ctr"])["ctr"]
        command = self.command(*kubelet.import_command(ctr, "-"))
        with contextlib.ExitStack() as stack:
            imports = {
                archive: subprocess.Popen(
                    command,
                    stdin=stack.enter_context(archive.open("rb")),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
                for archive in archives
            }
            ended = {archive: (one.communicate()[0], one.returncode) for archive, one in imports.items()}
        for archive, (output, status) in ended.items():
            if status:
                raise BedError(f"import of {archive}: exit status {status}: {output.strip()[-500:]}")

    def command(self, *argv: str) -> list[str]:
        """Return the command that runs a program inside the node, as root.

        The program sees the host's files and the node's processes, network and mounts (see
        mounts.py). Bound it in time: killing nsenter does not end it, only the end of the cluster does.
        """
        return ["nsenter", "--target", str(self._own_node().pid), *["-m", "-p", "-n", "-u", "-i"], *argv]

    def run(self, *argv: str, text: str | None = None, timeout: float = 60) -> str:
        """Run a program inside the node and return its stdout; `text` goes to its stdin."""
        return run_command(self.command(*_bounded(timeout), *argv), argv[0], text, timeout)

    def command_in_pod_network(self, namespace: str, pod: str, *argv: str) -> list[str]:
        """Return the command that runs a program of the node in the network namespace of a pod."""
        return self.command("nsenter", "--target", str(self._sandbox_pid(namespace, pod)), "-n", *argv)

    def run_in_pod_network(self, namespace: str, pod: str, *argv: str, timeout: float = 60) -> str:
        """Run a program of the node in the network namespace of a pod and return its stdout."""
        command = self.command_in_pod_network(namespace, pod, *_bounded(timeout), *argv)
        return run_command(command, argv[0], None, timeout)

    @property
    def node_ip(self) -> str:
        return self._own_node().node_ip

    @property
    def cni_bin_dir(self) -> Path:
        """Return the node's folder of CNI plugins, under the same path inside and outside of it."""
        return self._own_node().cni_bin_dir

    @property
    def cni_conf_dir(self) -> Path:
        """Return the node's folder of CNI configurations, under the same path inside and outside of it."""
        return self._own_node().cni_conf_dir

    def _sandbox_pid(self, namespace: str, pod: str) -> int:
        """Return the process id, inside the node, of the pod's first process."""
        ctr = [str(build.programs(["ctr"])["ctr"]), f"--address={kubelet.SOCKET}", "--namespace=k8s.io"]
        labels = {
            "io.cri-containerd.kind": "sandbox",
            "io.kubernetes.pod.namespace": namespace,
            "io.kubernetes.pod.name": pod,
        }
        wanted = ",".join(f'labels."{key}"=={value}' for key, value in labels.items())
        sandboxes = self.run(*ctr, "containers", "list", "--quiet", wanted).split()
        tasks = [line.split() for line in self.run(*ctr, "tasks", "list").splitlines()]
        pids = [int(pid) for name, pid, state, *_ in tasks if name in sandboxes and state == "RUNNING"]
        if not pids:
            raise BedError(f"pod {namespace}/{pod} has no running sandbox on this node")
        return pids[-1]

    def _own_node(self) -> Layout:
        if self.node is None:
            raise NotOurs(f"{NOT_OURS}, so its node cannot be reached")
        return self.node


def _start_keeper(name: str, *, stay: bool) -> subprocess.Popen[str]:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,29}", name):
        raise BedError(f"{name!r} cannot be the name of a cluster: use up to 30 of a-z, 0-9 and -")
    if reasons := preflight.reasons():
        raise BedError("no cluster can be made here: " + "; ".join(reasons))
    build.programs(PROGRAMS)
    images.node_archives()
    holder = f"holder {os.getpid()} ({' '.join(sys.argv)[:80]})"
    command = [sys.executable, "-m", "tests.beds.node.keeper", name, "command line" if stay else holder]
    return subprocess.Popen(
        [*command, "--stay"] if stay else command,
        stdin=subprocess.DEVNULL if stay else subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(REPO)},
        text=True,
    )


def _await_ready(process: subprocess.Popen[str]) -> Layout:
    assert process.stdout
    message = json.loads(process.stdout.readline() or '{"event": "failed", "text": "the keeper ended"}')
    if message["event"] == "ready":
        return Layout.from_json(message["layout"])
    raise BedError("\n".join(["the cluster does not start:", message["text"], *_rest(process)]))


def _end(process: subprocess.Popen[str], last_words: str) -> list[str]:
    """Let the keeper remove the cluster; return what it has to say."""
    assert process.stdin
    assert process.stdout
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(last_words)
        process.stdin.close()
    messages = _rest(process)
    process.stdout.close()
    process.wait(END_SECONDS)
    return messages


def _rest(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout
    messages = [json.loads(line) for line in process.stdout]
    return [one.get("text") or f"the logs are kept in {one['folder']}" for one in messages]


def _bounded(seconds: float) -> list[str]:
    """Return the front of a command that ends in time by itself, as killing nsenter would not end it."""
    return ["timeout", "--kill-after=1", str(seconds)]
