"""The shop in a mesh, live: ``make mesh``, or ``python -m tests.beds.mesh.show``.

Here: bringing all of it up, reading who talks to whom from the access logs of the servers' sidecars, and
the view in the terminal. Not here: the shop and its rules (shop.py), cluster and mesh (bed.py of each).

With a terminal the keys change the rules. Without one, or with ``--seconds``, a tour does: two versions in
equal shares, then 90 to 10, then no plain text any more; what was seen is printed at the end of each step.
What is shown is what servers' sidecars wrote since the last change; a caller without an identity is
known by its address. Ctrl-C or ``q`` takes all down again.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import queue
import re
import select
import subprocess
import sys
import termios
import threading
import time
import tty
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from tests.beds.bed import BedError
from tests.beds.mesh import applications, bed, injector, shop
from tests.beds.mesh.bed import Mesh
from tests.beds.mesh.readings import access_log
from tests.beds.node.bed import Cluster
from tests.beds.programs import build

INJECTED = {"istio-injection": "enabled"}
PLAIN, REFUSED = "plain text", "refused"
END = ""
SPLITS = (50, 10, 100, 0)
FRAME_SECONDS = 1.0
# Sidecars write their log once a second, so that lines of before a change come after it.
SETTLE_SECONDS = 3.0
FORGET_SECONDS = 6.0
_LINE = re.compile(r"\[pod/(?P<pod>[^/]+)/[^]]+\] (?P<text>\{.*\})")


@dataclass(frozen=True)
class Rules:
    """What is in force: whether plain text is let in, and the share of catalog v2 in percent."""

    mode: str = "PERMISSIVE"
    share: int = SPLITS[0]

    def __str__(self) -> str:
        return f"PeerAuthentication {self.mode}, catalog {100 - self.share} % v1 and {self.share} % v2"


TOUR = (Rules(), Rules(share=10), Rules("STRICT", 10))


class Edge(NamedTuple):
    """One kind of call: who, whom, and how the server's sidecar saw it."""

    caller: str
    server: str
    version: str
    security: str
    identity: str
    outcome: str


class Frame(NamedTuple):
    """What is seen at one moment."""

    rules: Rules
    seconds: float
    counts: dict[Edge, int]


@dataclass
class Board:
    """The calls since the last change of rules. `pods` are labels by pod name, `addresses` names by IP."""

    pods: dict[str, dict[str, str]]
    addresses: dict[str, str]
    counts: Counter[Edge] = field(default_factory=Counter)
    seen: dict[Edge, float] = field(default_factory=dict)
    since: float = field(default_factory=time.monotonic)

    def clear(self) -> None:
        """Begin anew, and do not count what is still on its way."""
        self.counts.clear()
        self.since = time.monotonic() + SETTLE_SECONDS

    def read(self, line: str) -> None:
        """Count a line of a sidecar's log if it is of a call to this sidecar's pod."""
        if (entry := _LINE.match(line)) is None or time.monotonic() < self.since:
            return
        for call in access_log([entry["text"]]):
            if edge := self._edge(self.pods.get(entry["pod"], {}), call):
                self.counts[edge] += 1
                self.seen[edge] = time.monotonic()

    def frame(self, rules: Rules) -> Frame:
        """Return what was counted, without calls that came to an end."""
        now = time.monotonic()
        live = {edge: count for edge, count in self.counts.items() if self.seen[edge] > now - FORGET_SECONDS}
        return Frame(rules, now - self.since, dict(sorted(live.items())))

    def _edge(self, server: dict[str, str], call: dict[str, Any]) -> Edge | None:
        inbound = (call["upstream_cluster"] or "").startswith("inbound|")
        refused = call["upstream_cluster"] is None and call["details"] == "filter_chain_not_found"
        address = str(call["downstream_remote"]).rpartition(":")[0]
        if not (inbound or refused) or address not in self.addresses:
            return None
        status = call["status"]
        return Edge(
            self.addresses[address],
            shop.name_of(server),
            shop.version_of(server),
            call["downstream_tls"] or PLAIN,
            str(call["downstream_peer"] or "").partition("/ns/")[2],
            REFUSED if refused else str(status) if status else "connected",
        )


@contextlib.contextmanager
def running_shop(mesh: Mesh, namespace: str) -> Iterator[str]:
    """Make the shop in a namespace of its own, and take it away afterwards."""
    mesh.cluster.load([applications.traffic_image()])
    mesh.cluster.make_namespace(INJECTED, namespace)
    try:
        apply_rules(mesh, namespace, Rules())
        mesh.apply(*shop.objects(namespace))
        ready = ["-n", namespace, "pod", "--all", "--for=condition=Ready", "--timeout=200s"]
        mesh.wait(lambda: mesh.pods(namespace, "app=store"), "the pods of the shop")
        mesh.cluster.kubectl("wait", *ready)
        yield namespace
    finally:
        mesh.cluster.delete_namespace(namespace)


def apply_rules(mesh: Mesh, namespace: str, rules: Rules) -> None:
    mesh.apply(*shop.rules(namespace, rules.mode, rules.share))


def tour(seconds: float) -> Callable[[Rules], Rules | None]:
    """Return what goes through the steps of TOUR in that time, and then ends."""
    started = time.monotonic()

    def following(_: Rules) -> Rules | None:
        step = int((time.monotonic() - started) / seconds * len(TOUR))
        return TOUR[step] if step < len(TOUR) else None

    return following


def keys(rules: Rules) -> Rules | None:
    """Return the rules after what was typed: `s` for plain text or not, `v` for the next share, `q` ends."""
    while select.select([sys.stdin], [], [], 0)[0]:
        match os.read(sys.stdin.fileno(), 1):
            case b"q" | b"":
                return None
            case b"s":
                rules = replace(rules, mode="STRICT" if rules.mode == "PERMISSIVE" else "PERMISSIVE")
            case b"v":
                rules = replace(rules, share=SPLITS[(SPLITS.index(rules.share) + 1) % len(SPLITS)])
    return rules


def frames(mesh: Mesh, namespace: str, following: Callable[[Rules], Rules | None]) -> Iterator[Frame]:
    """Look at the shop once a second until `following` says None; other rules than before are applied."""
    pods = [pod for pod in mesh.pods(namespace) if "podIP" in pod["status"]]
    labels = {pod["metadata"]["name"]: pod["metadata"]["labels"] for pod in pods}
    addresses = {pod["status"]["podIP"]: shop.name_of(pod["metadata"]["labels"]) for pod in pods}
    board, rules = Board(labels, addresses), Rules()
    with followed_logs(mesh, namespace) as lines:
        while wanted := following(rules):
            if wanted != rules:
                rules = wanted
                apply_rules(mesh, namespace, rules)
                board.clear()
            for line in _for_a_while(lines):
                board.read(line)
            yield board.frame(rules)


@contextlib.contextmanager
def followed_logs(mesh: Mesh, namespace: str) -> Iterator[queue.Queue[str]]:
    """Hand out what the sidecars of a namespace log from now on; those of later pods are not among them."""
    cluster = mesh.cluster
    command = cluster.kubectl_command("logs", "-n", namespace)
    command += ["-l", "security.istio.io/tlsMode=istio", "-c", bed.PROXY, "--follow", "--prefix"]
    command += ["--tail=0", "--max-log-requests=30"]
    lines: queue.Queue[str] = queue.Queue()
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        reader = threading.Thread(target=_read, args=(process, lines))
        reader.start()
        try:
            yield lines
        finally:
            process.terminate()
            reader.join()


def _read(process: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
    for line in process.stdout or ():
        lines.put(line)
    lines.put(END)


def _for_a_while(lines: queue.Queue[str]) -> Iterator[str]:
    deadline = time.monotonic() + FRAME_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        with contextlib.suppress(queue.Empty):
            if (line := lines.get(timeout=left)) == END:
                raise BedError("the logs of the shop's sidecars came to an end; is the cluster still there?")
            yield line


def table(frame: Frame) -> str:
    """Return a frame as lines for people."""
    head = ("caller", "server", "version", "calls", "share", "on the wire", "caller's certificate", "answer")
    rows = [head, *(_row(frame, edge) for edge in frame.counts)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    if not frame.counts:
        lines.append("(nothing yet)")
    return "\n".join(line.rstrip() for line in lines)


def _row(frame: Frame, edge: Edge) -> tuple[str, ...]:
    count = frame.counts[edge]
    together = sum(
        other for one, other in frame.counts.items() if (one.caller, one.server) == (edge.caller, edge.server)
    )
    share = f"{100 * count / together:.0f} %"
    return (
        *(edge.caller, edge.server, edge.version, str(count), share),
        *(edge.security, edge.identity or "none", edge.outcome),
    )


def print_steps(seen: Iterable[Frame]) -> None:
    """Print each change of rules when it is made, and the last frame before the next one."""
    last: Frame | None = None
    for frame in seen:
        if last is None or last.rules != frame.rules:
            if last:
                print(f"\n{table(last)}")
            print(f"\n{frame.rules}", flush=True)
        last = frame
    if last:
        print(f"\n{table(last)}", flush=True)


def draw(seen: Iterable[Frame]) -> None:
    """Show the frames in the terminal, each in the place of the one before."""
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        for frame in seen:
            since = f"calls of {max(frame.seconds, 0):.0f} s since the last change"
            colored = table(frame).replace(PLAIN, f"\x1b[33m{PLAIN}\x1b[0m")
            colored = re.sub(r"TLSv[\d.]+", "\x1b[32m\\g<0>\x1b[0m", colored)
            colored = colored.replace(REFUSED, f"\x1b[31m{REFUSED}\x1b[0m")
            keys_ = "s: PERMISSIVE or STRICT   v: next share of catalog v2   q: end"
            print(f"\x1b[2J\x1b[H{frame.rules}\n\n{colored}\n\n{since}\n{keys_}", flush=True)
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.beds.mesh.show", description="The shop in a mesh, live."
    )
    parser.add_argument("--seconds", type=float, help="go through a tour for that long, then end")
    parser.add_argument("--namespace", default="shop", help="where the shop is made; gone at the end")
    asked = parser.parse_args()
    if reason := Cluster.unavailable() or bed.unavailable():
        sys.exit(f"mesh: {reason}")
    live = asked.seconds is None and sys.stdin.isatty() and sys.stdout.isatty()
    print("building what is not there yet; the first time takes many minutes", flush=True)
    bed.prepare()
    with Cluster.running() as cluster, contextlib.suppress(KeyboardInterrupt):
        print("a node, istiod and the injector are started", flush=True)
        with bed.mesh(cluster) as mesh, injector.installed(cluster):
            print("the shop opens", flush=True)
            with running_shop(mesh, asked.namespace) as namespace:
                if live:
                    draw(frames(mesh, namespace, keys))
                else:
                    print_steps(frames(mesh, namespace, tour(asked.seconds or 60)))
    print("\nthe shop is closed", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (BedError, build.BuildError) as error:
        sys.exit(f"mesh: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
