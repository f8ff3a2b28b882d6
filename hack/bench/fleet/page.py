"""The tables of a restart in docs/explanation/how-far-it-goes.md, made of costs and the chart's defaults.

The costs stand on the page, so that the rest can be made again without measuring. Not here: the simulation
(model.py), and measuring (costs.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Final

from hack.bench import kinds, measured
from hack.bench.fleet.model import Costs, Plan, Queue, Result, simulate
from hack.setup import REPO
from injector import yamltext
from injector.config.serving_limits import QueueSettings
from injector.core import quantities
from injector.server.queue import MOST_SECONDS

PAGE: Final = REPO / "docs" / "explanation" / "how-far-it-goes.md"
MAKER: Final = "make fleet"
VALUES: Final = REPO / "charts" / "injector" / "values.yaml"
COSTS: Final = (*kinds.BODIES, "TLS handshake")
HEADS: Final = ("replicas", "API servers", "cores of each", "CPU used, %", "in the busiest 5 s, %",
                "wait p50 ms", "p99 ms", "longest s", "429", "failed calls", "handshakes",
                "not created")  # fmt: skip
# In the middle, and in a wave of creations.
LOST_AT: Final = 305.0
BUSIEST_SECONDS: Final = 5
_COST: Final = re.compile(r"^\| (.+?) \| (\d+) \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the chart gives: the number of replicas, and the cores that each of them requests."""

    replicas: int
    cores: float


def defaults() -> Defaults:
    """The chart's."""
    values = yamltext.load_text(VALUES.read_text(), VALUES.name)
    requested = quantities.parse(str(values["resources"]["requests"]["cpu"]))
    return Defaults(values["replicas"], float(requested))


def plans(costs: Costs, chart: Defaults) -> Iterator[Plan]:
    """Restarts with a core for each replica, with fewer and more of all, and with what the chart requests."""
    queue = Queue(QueueSettings().length, MOST_SECONDS / 2)
    plan = Plan(costs, queue, replicas=chart.replicas, lost_at=LOST_AT)
    yield from (replace(plan, replicas=count) for count in (1, 2, 3))
    yield from (replace(plan, api_servers=count) for count in (1, 5))
    yield from (replace(plan, replicas=count, core=chart.cores) for count in (1, 2, 3))


def row(plan: Plan, result: Result) -> list[str]:
    """The line of a restart."""
    cores = plan.replicas * plan.core
    busiest = max(_busy(result, second) for second in range(int(plan.seconds)))
    return [
        str(plan.replicas),
        str(plan.api_servers),
        f"{plan.core:g}",
        f"{100 * sum(result.by_second.values()) * plan.core / plan.seconds / cores:.1f}",
        f"{100 * busiest / BUSIEST_SECONDS / plan.replicas:.0f}",
        f"{1000 * result.wait(0.5):.1f}",
        f"{1000 * result.wait(0.99):.0f}",
        f"{result.wait(1):.1f}",
        str(result.refused),
        str(result.failed),
        str(result.handshakes),
        str(plan.pods - len(result.waits)),
    ]


def _busy(result: Result, first: int) -> float:
    return sum(result.by_second.get(first + second, 0.0) for second in range(BUSIEST_SECONDS))


def text(costs: Costs, chart: Defaults, rows: Sequence[Sequence[str]], conditions: Sequence[str]) -> str:
    """What stands between the markers."""
    of_costs = [[name, f"{1e6 * cost:.0f}"] for name, cost in zip(COSTS, astuple(costs), strict=True)]
    return "\n\n".join(
        [
            measured.table(["CPU of `serve` for", "µs"], of_costs),
            "\n".join(f"- {line}" for line in conditions),
            f"The chart's defaults: {chart.replicas} replicas, each with a request of {chart.cores:g} cores.",
            measured.table(HEADS, rows) + "\n",
        ]
    )


def costs_of(page: str) -> Costs:
    """The costs that stand on the page."""
    costs = {name: float(cost) / 1e6 for name, cost in _COST.findall(page)}
    return Costs(*(costs[name] for name in COSTS))


def conditions_of(page: str) -> list[str]:
    """Under which they were measured."""
    begin, end = measured.markers(MAKER)
    return re.findall(r"^- (.+)$", page.partition(begin)[2].partition(end)[0], re.MULTILINE)


def made(costs: Costs, conditions: Sequence[str]) -> str:
    """The tables, with every restart simulated."""
    chart = defaults()
    return text(costs, chart, [row(plan, simulate(plan)) for plan in plans(costs, chart)], conditions)
