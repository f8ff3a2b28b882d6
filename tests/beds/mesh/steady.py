"""Traffic that goes on by itself while a test breaks something, and what came of it.

Here: a server, an injected client that calls it all the time, and the caller's own counts. Not here:
requests that a test sends (applications.ask).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.beds.mesh import applications as a
from tests.beds.mesh.bed import Mesh

Object = dict[str, Any]

CALLER, SERVER = "steady-caller", "steady"
EVERY = "50ms"
# The caller's own counts come with the merged metrics of its sidecar.
SCRAPED = {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}


@dataclass(frozen=True)
class Counts:
    """How many calls had an answer of 200, and how many something else."""

    answered: int
    failed: int


@dataclass(frozen=True)
class Steady:
    """A server, and a caller of it, in a namespace whose pods are injected."""

    mesh: Mesh
    namespace: str

    def objects(self) -> list[Object]:
        """Return what is to be applied, together with the other pods of a test."""
        arguments = [f"--call={SERVER}=http://{SERVER}/", f"--call-every={EVERY}"]
        caller = a.server(CALLER, self.namespace, arguments=arguments, annotations=SCRAPED)
        # Like an application that is replaced without loss, it serves until callers have learned of its end,
        # also those whose Envoys have to find the control plane again first, for which they wait up to 30 s.
        server = a.server(SERVER, self.namespace, arguments=["--drain=40s"], terminationGracePeriodSeconds=50)
        return [a.service(SERVER, self.namespace), server, caller]

    def counts(self) -> Counts:
        """Return what the caller has counted so far."""
        samples = self.mesh.stats(self.namespace, self.pod())
        total = samples.total("traffic_calls_total")
        answered = samples.total("traffic_calls_total", status="200")
        return Counts(int(answered), int(total - answered))

    @contextlib.contextmanager
    def unbroken(self, least: int = 20) -> Iterator[None]:
        """Fail where a call has failed while the body ran, or where none is answered after it.

        The first calls may fail, as the server was not there yet; so it begins after an answer.
        """
        self.goes_on(least)
        pod, before = self.pod(), self.counts()
        yield
        self.goes_on(least)
        failed = self.counts().failed - before.failed
        assert not failed, f"{failed} calls failed: {self._kinds()}"
        assert self.pod() == pod, "the caller's pod is another one, so that its counts began anew"

    def goes_on(self, calls: int = 20) -> None:
        """Return after so many more calls with an answer."""
        reached = self.counts().answered + calls
        self.mesh.wait(lambda: self.counts().answered >= reached, "the calls to go on")

    def pod(self) -> str:
        """Return the name of the caller's pod."""
        (pod,) = self.mesh.pods(self.namespace, f"app={CALLER}")
        name: str = pod["metadata"]["name"]
        return name

    def _kinds(self) -> dict[str, float]:
        samples = self.mesh.stats(self.namespace, self.pod()).find("traffic_calls_total")
        return {sample.labels["status"]: sample.value for sample in samples}
