"""The node's pid 1: makes a Kubernetes node of the namespaces that it was started in, and is its init.

Here: the order in which things start, readiness, and reaping. Not here: what the programs are told
(plane.py, kubelet.py), mounts (mounts.py), and the host's side (keeper.py), which starts this as
``python -m tests.beds.node.node``.

It says its process id as the host sees it on stdout, is told the layout as a line of JSON on stdin,
and says when it is ready; errors go to stderr, which is node.log. When stdin ends, or one of the
programs does, it exits; with a pid 1 the kernel ends everything else: programs, containers, mounts,
interfaces.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.beds.node import dns, images, kubelet, mounts, plane
from tests.beds.node.layout import NODE_NAME, PROGRAMS, SERVICE_RANGE, Layout
from tests.beds.programs import build

READY_SECONDS = 200.0
POLL_SECONDS = 0.05
LOG_LINES = 12


class NodeError(Exception):
    """The node does not start, or one of its programs ended; the text is for people."""


class Programs:
    """The processes of the node; each has a name and a log file.

    Some last as long as the node; the others are tasks, which have to end well.
    """

    def __init__(self, logs: Path, folders: Sequence[Path]) -> None:
        self._logs = logs
        self._running: dict[int, str] = {}
        self._tasks: set[str] = set()
        places = [*map(str, dict.fromkeys(folders)), "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        # A proxy of the environment is not for addresses of the cluster.
        environment = {
            name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")
        }
        self._environment = {**environment, "PATH": ":".join(places)}

    def start(self, name: str, command: Sequence[str], *, task: bool = False) -> None:
        log = os.open(self._log(name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, log, 1),
            (os.POSIX_SPAWN_DUP2, log, 2),
        ]
        pid = os.posix_spawnp(command[0], list(command), self._environment, file_actions=actions, setsid=True)
        os.close(log)
        self._running[pid] = name
        if task:
            self._tasks.add(name)

    def tasks_are_done(self) -> bool:
        return not self._tasks.intersection(self._running.values())

    def wait_until(self, what: str, met: Callable[[], bool]) -> None:
        """Return once `met()`; raise NodeError if a program ends before that, or the time does."""
        deadline = time.monotonic() + READY_SECONDS
        while not met():
            self.reap(os.WNOHANG)
            if time.monotonic() > deadline:
                raise NodeError(f"{what}: not after {READY_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)

    def reap(self, options: int = 0) -> None:
        """Collect processes that ended, as an init does; raise NodeError if one was not to end.

        Without WNOHANG it returns only by that error.
        """
        while True:
            pid, status = os.waitpid(-1, options) if self._running else (0, 0)
            if not pid:
                return
            name = self._running.pop(pid, None)
            code = os.waitstatus_to_exitcode(status)
            if name and (code or name not in self._tasks):
                lines = self._log(name).read_text(errors="replace").splitlines()[-LOG_LINES:]
                how = f"exit status {code}" if code >= 0 else f"signal {-code}"
                raise NodeError("\n".join([f"{name} ended with {how}; the end of {name}.log:", *lines]))

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"


def start(layout: Layout) -> Programs:
    """Start everything and return once pods can be made."""
    mounts.prepare_node(layout)
    socket.sethostname(NODE_NAME)
    _configure_network(layout)
    binaries = build.programs(PROGRAMS)
    plane.write_files(layout)
    kubelet.write_files(layout, binaries)
    programs = Programs(layout.logs, [path.parent for path in binaries.values()])

    def run(name: str, flags: list[str]) -> None:
        programs.start(name, [str(binaries[name]), *flags])

    run("etcd", plane.etcd(layout))
    run("containerd", kubelet.containerd(layout))
    programs.wait_until("etcd is healthy", plane.etcd_is_healthy)
    run("kube-apiserver", plane.apiserver(layout))
    programs.wait_until("containerd listens", kubelet.SOCKET.exists)
    for archive in images.node_archives():
        programs.start(f"import-{archive.stem}", kubelet.import_command(binaries["ctr"], archive), task=True)
    api = plane.Api(layout)
    programs.wait_until("kube-apiserver is ready", api.ready)
    run("kube-controller-manager", plane.controller_manager(layout))
    run("kube-scheduler", plane.scheduler(layout))
    programs.start("kubelet", kubelet.kubelet_command(layout, binaries["kubelet"]))
    run("kube-proxy", plane.proxy(layout))
    programs.start("make-dns", dns.create_command(layout, binaries["kubectl"]), task=True)
    programs.wait_until("images are imported, DNS objects made", programs.tasks_are_done)
    programs.wait_until("the node is Ready", api.node_is_ready)
    # Admission refuses pods in a namespace whose account is not there yet.
    programs.wait_until("the default ServiceAccount is there", api.default_account_exists)
    programs.wait_until("DNS is ready", lambda: api.is_available(dns.NAMESPACE, dns.NAME))
    return programs


def _configure_network(layout: Layout) -> None:
    """Configure lo and eth0, whose other end is on the host; there is no default route, no way outside."""
    commands = [
        "link set lo up",
        f"address add {layout.node_ip}/30 dev eth0",
        "link set eth0 up",
        # A route decides before kube-proxy's rules rewrite the address.
        f"route add {SERVICE_RANGE} dev eth0",
    ]
    done = subprocess.run(
        ["ip", "-batch", "-"], input="\n".join(commands), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NodeError(f"the node's network: {done.stderr.strip()}")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    # Service rules must see frames between pods on the bridge as well; both belong to this network
    # namespace only.
    Path("/proc/sys/net/bridge/bridge-nf-call-iptables").write_text("1")


def _exit_when_stdin_ends() -> None:
    while sys.stdin.readline():
        pass
    os._exit(0)


def main() -> None:
    # Before /proc is the namespace's own.
    print(os.readlink("/proc/self"), flush=True)
    layout = Layout.from_json(sys.stdin.readline())
    threading.Thread(target=_exit_when_stdin_ends, daemon=True).start()
    try:
        programs = start(layout)
        print("ready", flush=True)
        programs.reap()
    except (NodeError, build.BuildError, OSError) as error:
        print(error, file=sys.stderr, flush=True)
    except BaseException:
        traceback.print_exc()
    # Not sys.exit, which would wait for the thread that reads stdin.
    os._exit(1)


if __name__ == "__main__":
    main()
