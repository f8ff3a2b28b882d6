"""The host's side of one cluster: starts the node's pid 1 and removes every trace when it ends.

Here: the lock on the name, the veth pair, the cgroup directories, the folder, the logs of a failure.
Not here: anything inside the node, that is node.py. bed.py starts this as
``python -m tests.beds.node.keeper NAME HOLDER [--stay]``.

It lives as long as its cluster. The end comes when it gets SIGTERM, when the node's pid 1 exits, or,
without --stay, when its stdin ends, which is when its holder died in whatever way. If this process
itself is killed, the node's pid 1 sees the end of its own stdin; what then remains on the host (empty
cgroup directories and a folder) the next command about clusters removes.

Messages on stdout are lines of JSON: "ready" with the layout, "failed" with a text, "logs" with the
folder where the logs of a failure are kept. A line "keep" on stdin asks for the logs.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tests.beds.node import cgroups
from tests.beds.node.layout import Layout, clusters, folder_of
from tests.beds.programs import build

HIGHEST_NUMBER = 250


class KeeperError(Exception):
    """The cluster cannot be made here; the text is for people."""


@contextlib.contextmanager
def housekeeping() -> Iterator[None]:
    """Hold the lock under which folders of clusters are made, claimed and removed."""
    with build.locked(clusters() / "lock", "makes or removes a cluster"):
        yield


@contextlib.contextmanager
def claimed(name: str, holder: str) -> Iterator[None]:
    """Own a name and its new folder while the body runs; raise KeeperError if another process owns it."""
    folder = folder_of(name)
    with contextlib.ExitStack() as stack:
        with housekeeping():
            remove_remains()
            folder.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((folder / "holder").open("a+"))
            if not _lock(lock):
                raise KeeperError(
                    f"cluster {name!r} is there already, held by {(folder / 'holder').read_text().strip()};"
                    f" another name makes another cluster,"
                    f" `python -m tests.beds.node down {name}` removes this one"
                )
            if (folder / "layout.json").exists():
                raise KeeperError(
                    f"a cluster {name!r} is not wholly gone;"
                    " `python -m tests.beds.node status` says what is left"
                )
            lock.write(f"{holder}, since {time.strftime('%H:%M:%S')}\n")
            lock.flush()
        try:
            yield
        finally:
            with housekeeping():
                shutil.rmtree(folder)


def running() -> list[str]:
    """Return the names of the clusters that a process holds."""
    names = []
    with housekeeping():
        for file in sorted(clusters().glob("*/holder")):
            with file.open("a+") as lock:
                if not _lock(lock):
                    names.append(file.parent.name)
    return names


def remove_remains() -> None:
    """Remove what keepers left behind that were killed; the caller does the housekeeping."""
    for folder in (file.parent for file in clusters().glob("*/holder")):
        with (folder / "holder").open("a+") as lock:
            if not _lock(lock):
                continue
            try:
                # The veth pair went with the node's network; another cluster may use its number by now.
                cgroups.remove(read_layout(folder.name).cgroup)
            except TimeoutError:
                continue  # the folder shows the next command what to remove
            except (OSError, ValueError):
                pass  # its keeper did not get as far as writing a layout
            shutil.rmtree(folder)


def read_layout(name: str) -> Layout:
    """Return the layout of a cluster whose keeper has got as far as writing it."""
    return Layout.from_json((folder_of(name) / "layout.json").read_text())


def end(name: str) -> None:
    """Have the keeper of a cluster remove it, and return when it has."""
    pid = int((folder_of(name) / "holder").read_text().split()[1])
    with contextlib.suppress(ProcessLookupError):  # it may end by itself just now
        os.kill(pid, signal.SIGTERM)
    wait_for_end(pid)


def remove_link(layout: Layout) -> None:
    """Remove the host's end of the veth pair, and so the pair; it may be gone already."""
    subprocess.run(["ip", "link", "delete", layout.link], stderr=subprocess.DEVNULL, check=False)


class Keeper:
    """One cluster from the outside: `process` is unshare(1), which waits for the node's pid 1."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.layout: Layout | None = None
        self._node_log().parent.mkdir()
        flags = ["--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child"]
        with self._node_log().open("ab") as log:
            self.process = subprocess.Popen(
                ["unshare", *flags, sys.executable, "-m", "tests.beds.node.node"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                text=True,
            )

    def admit(self) -> None:
        """Give pid 1 its number, its network and its cgroups, and let it go on."""
        assert self.process.stdout
        assert self.process.stdin
        hello = self.process.stdout.readline()
        if not hello:
            raise KeeperError(
                "no new namespaces here; `python -m tests.beds.node preflight` says what is missing"
            )
        pid = int(hello)
        layout = self.layout = Layout(self.name, _make_link(pid), pid)
        (layout.folder / "layout.json").write_text(layout.to_json())
        cgroups.make(layout.cgroup)
        cgroups.enter(layout.cgroup, pid)
        self.process.stdin.write(f"{layout.to_json()}\n")
        self.process.stdin.flush()

    def watch(self, *, stay: bool) -> bool:
        """Return at the end of the node or of its holder; return whether the logs are wanted then."""
        assert self.process.stdout
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not stay:
                selector.register(sys.stdin, selectors.EVENT_READ, "holder")
            while True:
                for key, _ in selector.select():
                    if key.data == "holder":
                        return bool(sys.stdin.readline())
                    if not self.process.stdout.readline():
                        _say("failed", text=f"the node has ended: {self._last_words()}")
                        return True
                    self._announce(stay=stay)

    def _announce(self, *, stay: bool) -> None:
        assert self.layout
        _say("ready", layout=self.layout.to_json())
        if stay:
            # The parent process may end; a terminal or a pipe of theirs must not be kept open.
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in (1, 2):
                os.dup2(nowhere, stream)

    def _node_log(self) -> Path:
        return folder_of(self.name) / "logs" / "node.log"

    def _last_words(self) -> str:
        return "\n".join(self._node_log().read_text(errors="replace").splitlines()[-20:])

    def end(self, *, keep_logs: bool) -> None:
        """End the node and remove what it had on the host."""
        # Kills unshare, whose --kill-child ends pid 1, and so everything in the namespaces.
        self.process.kill()
        self.process.wait()
        if self.layout:
            wait_for_end(self.layout.pid)
            remove_link(self.layout)
            cgroups.remove(self.layout.cgroup)
        if keep_logs:
            logs = tempfile.mkdtemp(prefix=f"cluster-{self.name}-logs-")
            shutil.copytree(folder_of(self.name) / "logs", logs, dirs_exist_ok=True, symlinks=True)
            _say("logs", folder=logs)


def _make_link(pid: int) -> int:
    """Make the veth pair with the first number that is free, and return the number."""
    for number in range(HIGHEST_NUMBER):
        layout = Layout("", number, pid)
        pair = ["link", "add", layout.link, "type", "veth", "peer", "name", "eth0", "netns", str(pid)]
        made = subprocess.run(["ip", *pair], capture_output=True, text=True, check=False)
        if made.returncode == 0:
            commands = f"address add {layout.host_ip}/30 dev {layout.link}\nlink set {layout.link} up\n"
            subprocess.run(["ip", "-batch", "-"], input=commands, text=True, check=True)
            return number
        if "File exists" not in made.stderr:
            raise KeeperError(f"ip {' '.join(pair)}: {made.stderr.strip()}")
    raise KeeperError(f"{HIGHEST_NUMBER} clusters are running here already")


def wait_for_end(pid: int) -> None:
    """Return when a process has ended, also one that is not a child."""
    with contextlib.suppress(ProcessLookupError):
        pidfd = os.pidfd_open(pid)
        with contextlib.closing(selectors.DefaultSelector()) as selector:
            selector.register(pidfd, selectors.EVENT_READ)
            selector.select()
        os.close(pidfd)


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _say(event: str, **details: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps({"event": event, **details}), flush=True)


def _run(name: str, *, stay: bool) -> None:
    keeper = Keeper(name)
    keep_logs = False
    try:
        keeper.admit()
        keep_logs = keeper.watch(stay=stay)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        keeper.end(keep_logs=keep_logs)


def main() -> None:
    name, holder = sys.argv[1:3]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with claimed(name, f"process {os.getpid()} for the {holder}"):
            _run(name, stay="--stay" in sys.argv)
    except (KeeperError, OSError) as error:
        _say("failed", text=str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
