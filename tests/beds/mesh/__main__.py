"""A mesh for people: ``python -m tests.beds.mesh up [NAME]``, and ``down [NAME]``.

Here: the command line. Not here: what is brought up, that is node/bed.py, bed.py and injector.py.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.beds.bed import BedError
from tests.beds.mesh import bed, injector
from tests.beds.node import __main__ as clusters
from tests.beds.node import keeper
from tests.beds.node.bed import Cluster
from tests.beds.programs import build


def bring_up(name: str) -> None:
    """Bring up what is not there yet of cluster, mesh and injector, and print how to use it."""
    if reason := bed.unavailable():
        raise BedError(reason)
    started = time.monotonic()
    bed.prepare()
    cluster = Cluster.attached(name) if name in keeper.running() else Cluster.up(name)
    with bed.mesh(cluster), injector.installed(cluster):
        pass
    print(f"mesh {name!r} is ready after {time.monotonic() - started:.1f} s; it stays until `down {name}`")
    print("pods made in namespaces with the label istio-injection=enabled get a sidecar")
    print(f"export KUBECONFIG={cluster.kubeconfig}")
    print(f"{cluster.kubectl_path} get pods -A")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.beds.mesh", description="A one-node Kubernetes with istiod and our injector."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for command, text in {"up": "make a mesh that stays", "down": "remove it, cluster and all"}.items():
        child = commands.add_parser(command, help=text)
        child.add_argument("name", nargs="?", default=clusters.DEFAULT_NAME)
    asked = parser.parse_args()
    if asked.command == "up":
        bring_up(asked.name)
    else:
        clusters.down(asked.name)


if __name__ == "__main__":
    try:
        main()
    except (BedError, build.BuildError) as error:
        sys.exit(f"mesh: {error}")
