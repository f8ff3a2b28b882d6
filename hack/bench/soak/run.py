"""One soak, from an empty API server to its findings.

Here: how long it goes on, what is counted at its end, what makes it fail. Not here: its
page (page.py), the parts (stand.py, creating.py, disturbances.py).
"""

from __future__ import annotations

import itertools
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hack.bench.soak.creating import UNREACHED, Tally, creating
from hack.bench.soak.disturbances import STEPS
from hack.bench.soak.stand import Stand, standing
from tests.beds.apiserver.bed import ApiServer


@dataclass(frozen=True)
class Plan:
    """How much, and with which settings of `server:`. `lag` is how late the endpoints are, in seconds."""

    creations: int
    workers: int
    lag: float
    server: Mapping[str, Any]


# Certificates live as short as fits the longest outage of the API server here, with room.
FULL = Plan(20_000, 8, 1.0, {"certificates": {"caLifetime": "60s", "leafLifetime": "20s", "settle": "3s"}})


@dataclass(frozen=True)
class Findings:
    """The results of a soak.

    `traces` is what each disturbance left in the replicas' own logs, `errors` their lines of level error by
    event; `failed_calls` is the API server's own count of calls of a webhook that failed or denied; `load` is
    the machine's load average before the first pod.
    """

    plan: Plan
    tally: Tally
    seconds: float
    traces: Mapping[str, int]
    outage_seconds: float
    failed_calls: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    load: float = 0.0

    def faults(self) -> list[str]:
        """Why the soak failed; empty where it did not."""
        tally, few = self.tally, self.plan.creations - self.tally.created
        faults = [f"{what}: never seen" for what, count in self.traces.items() if not count]
        faults += [f"{tally.refused} creations refused"] * bool(tally.refused)
        faults += [f"{tally.bare} pods without sidecar"] * bool(tally.bare)
        faults += [f"{self.failed_calls} calls failed, says the API server"] * bool(self.failed_calls)
        # An API server that answers so is there; its metrics may be lost when it is killed.
        unreached = sum(count for why, count in tally.retried.items() if why.endswith(UNREACHED))
        faults += [f"{unreached} retried because the webhook was not reached"] * bool(unreached)
        faults += [f"{few} creations too few"] * (few > 0)
        faults += [f"{self.errors.get('defect')} defects of the webhook"] * ("defect" in self.errors)
        return faults + self.tally.messages

    def milliseconds(self, percent: int) -> float:
        """The percentile of all creations."""
        return statistics.quantiles(self.tally.milliseconds, n=100)[percent - 1]


def soak(bed: ApiServer, folder: Path, plan: Plan, say: Callable[[str], None]) -> Findings:
    """Create pods and disturb until there were enough of both; `say` prints progress."""
    with standing(bed, folder, plan.server, plan.lag) as stand:
        tally, load, began = stand.tally, os.getloadavg()[0], time.monotonic()
        with creating(bed, stand.labelled, plan.workers, tally, stand.outages) as check:
            for turn, step in enumerate(itertools.cycle(STEPS)):
                if turn >= len(STEPS) and tally.created >= plan.creations:
                    break
                effect = step(stand)
                check()
                rate = tally.created / (time.monotonic() - began)
                say(f"{tally.created} pods, {rate:.0f}/s, {tally.refused} refused; {effect}")
        seconds = time.monotonic() - began
        stand.count_failed_calls()
        return replace(_findings(stand, plan, seconds), load=load)


def _findings(stand: Stand, plan: Plan, seconds: float) -> Findings:
    everyone = stand.everyone
    # The first leaf, CA and configuration of a process belong to its start.
    again = sum(_beyond_first(r.logged("certificate-leaf")) for r in everyone)
    traces = {
        "replicas ended with status 0, and replaced": len(stand.logged("stopped")),
        "leaves renewed": again,
        "CAs put in use, after the first": _beyond_first(stand.logged("certificate-ca", why="promoted")),
        "configurations taken over, by a replica": sum(_beyond_first(r.logged("config")) for r in everyone),
        "broken configurations refused, by a replica": len(stand.logged("config-refused")),
        "API server killed and started": stand.outages.count,
        "attempts that met the API server's absence": stand.tally.retried.total(),
    }
    lines = (line for replica in everyone for line in replica.events)
    errors = Counter(line["event"] for line in lines if line["level"] == "error")
    return Findings(plan, stand.tally, seconds, traces, stand.outages.seconds, stand.failed_calls, errors)


def _beyond_first(lines: Iterable[Any]) -> int:
    return max(0, len(list(lines)) - 1)
