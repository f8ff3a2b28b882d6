"""What connections really carry, as seen on the network interfaces of a pod or of the node.

Here: running the traffic program's `wire` there while something happens. Not here: what proxies say of
themselves (readings.py).
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from typing import Any

from tests.beds.bed import BedError
from tests.beds.node.bed import Cluster
from tests.beds.programs import build

Flow = dict[str, Any]
MOST_SECONDS = 300
END_SECONDS = 60


@contextlib.contextmanager
def watched(
    cluster: Cluster, pod: tuple[str, str] | None = None, *, port: int = 0, interface: str = ""
) -> Iterator[list[Flow]]:
    """Look at the wire while the body runs; the list is filled when it ends.

    `pod` is namespace and name; None stands for the node, where each connection shows on the interface
    of each pod it passes. An entry has interface, client, server, and for request and response their
    kind (``tls``, ``http``, ``other`` or nothing), bytes, and the first line of what can be read. A
    connection on which no request was seen is left out: the end of one from before the body.
    """
    program = str(build.programs(["traffic"])["traffic"])
    words = [program, "wire", f"--seconds={MOST_SECONDS}", "--until-eof", f"--port={port}"]
    words += [f"--interface={interface}"] if interface else []
    command = cluster.command_in_pod_network(*pod, *words) if pod else cluster.command(*words)
    pipe = subprocess.PIPE
    flows: list[Flow] = []
    with subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stderr
        said = process.stderr.readline()
        if "listening" not in said:
            raise BedError(f"the wire cannot be watched: {said.strip() or process.stderr.read()}")
        try:
            yield flows
        finally:
            # Its end is the end of its stdin: signals do not get into the node.
            printed, _ = process.communicate(timeout=END_SECONDS)
            flows += [flow for flow in map(json.loads, printed.splitlines()) if flow["request"]["bytes"]]
