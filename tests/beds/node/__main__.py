"""Clusters for people: ``python -m tests.beds.node COMMAND``.

Here: the command line. Not here: what a cluster can do, that is bed.py.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.beds.bed import BedError
from tests.beds.node import cgroups, keeper, preflight
from tests.beds.node.bed import Cluster
from tests.beds.programs import build

DEFAULT_NAME = "lab"


def up(name: str) -> None:
    """Make a cluster and print how to use it."""
    started = time.monotonic()
    cluster = Cluster.up(name)
    print(f"cluster {name!r} is ready after {time.monotonic() - started:.1f} s; it stays until `down {name}`")
    print(f"export KUBECONFIG={cluster.kubeconfig}")
    print(f"{cluster.kubectl_path} get pods -A")


def down(name: str) -> None:
    """Remove a cluster and return when nothing of it is left."""
    with keeper.housekeeping():
        keeper.remove_remains()
    if name not in keeper.running():
        print(f"there is no cluster {name!r}")
        return
    started = time.monotonic()
    keeper.end(name)
    print(f"cluster {name!r} is gone after {time.monotonic() - started:.1f} s")


def status() -> None:
    """Print what is running, and what is left of something that is not."""
    names = keeper.running()
    cgroups_of_ours = set()
    for name in names:
        try:
            layout = keeper.read_layout(name)
        except FileNotFoundError:
            print(f"{name}: is being made or removed")
            continue
        cgroups_of_ours.add(layout.cgroup)
        print(f"{name}: {layout.url}, pid 1 is {layout.pid}, KUBECONFIG={layout.kubeconfig}")
    left = [folder for folder in cgroups.remains("sidecar-") if folder.name not in cgroups_of_ours]
    for folder in left:
        print(f"left behind, or of another user's cluster: {folder}")
    if not names and not left:
        print("nothing is running")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.beds.node", description="A one-node Kubernetes, in namespaces."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for command, text in {
        "up": "make a cluster that stays",
        "down": "remove it",
        "status": "what is running",
        "preflight": "what is missing on this machine",
        "run": "run a program inside the node: run [NAME] -- PROGRAM ...",
    }.items():
        child = commands.add_parser(command, help=text)
        if command in ("up", "down", "run"):
            child.add_argument("name", nargs="?", default=DEFAULT_NAME)
    argv, program = sys.argv[1:], []
    if "--" in argv:
        argv, program = argv[: argv.index("--")], argv[argv.index("--") + 1 :]
    asked = parser.parse_args(argv)
    match asked.command:
        case "up":
            up(asked.name)
        case "down":
            down(asked.name)
        case "status":
            status()
        case "preflight":
            reasons = preflight.reasons()
            print("\n".join(reasons) or "a cluster can be made here")
            sys.exit(bool(reasons))
        case "run":
            inside = Cluster.attached(asked.name).command(*(program or ["bash"]))
            os.execvp(inside[0], inside)


if __name__ == "__main__":
    try:
        main()
    except (BedError, build.BuildError) as error:
        sys.exit(f"cluster: {error}")
