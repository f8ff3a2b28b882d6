"""The tables of docs/explanation/load.md, made of what scenarios.py measured. Pure but for `write`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hack.bench import measured
from hack.bench.load.scenarios import MB, OFFERED, STEADY, Capacity, Footprint, Overload, allowed_by_refusals

PAGE = "load.md"
FOOTPRINT, OVERLOAD = "make load, start and memory", "make load, overload"

READY_SECONDS = 2.5
MEMORY = 120 * MB
GOODPUT = 0.9
OF_ALLOWED = 0.8
SLOWEST_MS = 1000.0
SLOW_MS = 5.0
FLAT = 1.1
RECOVERED = 0.9


@dataclass(frozen=True)
class Overloads:
    """The results of the loads beyond the capacity, in one run with it."""

    of_slow: Capacity
    ordinary: Capacity
    planned: Capacity
    refusal: float
    slow: Overload
    closed: Overload
    crowd: Overload
    flooded: Overload

    @property
    def allowed(self) -> float:
        """What the cost of refusals leaves in `flooded`."""
        middle = self.flooded.middle
        return allowed_by_refusals(middle.capacity, middle.offered, self.refusal)

    @property
    def each(self) -> tuple[Overload, ...]:
        """In the order of the tables."""
        return self.slow, self.closed, self.crowd, self.flooded


def write(folder: Path, maker: str, tables: str) -> None:
    """Put tables between their markers of the page."""
    measured.write_between(folder / PAGE, maker, tables)


def with_missed(tables: str, missed: Sequence[str]) -> str:
    """Tables with the limits that were missed below them."""
    return tables + "".join(f"- **missed**: {name}\n" for name in missed)


def of_overloads(overloads: Overloads, conditions: Sequence[str]) -> str:
    """The tables of the overloads, in Markdown."""
    return _with([_capacity(overloads), _overloads(overloads), _answers(overloads)], conditions)


def of_footprint(footprint: Footprint, conditions: Sequence[str]) -> str:
    """The table of start and memory, in Markdown."""
    return _with([_footprint(footprint)], conditions)


def missed_by_footprint(footprint: Footprint) -> list[str]:
    """The limits of start and memory that were missed."""
    memory = [size for _, size in footprint.memory]
    return _failed(
        {
            f"ready within {READY_SECONDS} s": max(footprint.starts) <= READY_SECONDS,
            f"memory of at most {MEMORY // MB} MB": max(*memory, footprint.peak) <= MEMORY,
            "memory that stays flat": memory[-1] <= FLAT * memory[1],
        }
    )


def missed_by_overloads(overloads: Overloads) -> list[str]:
    """The limits in an overload that were missed."""
    slow, flooded = overloads.slow, overloads.flooded
    checks = {
        f"an admission of the slow profile that takes {SLOW_MS:g} ms": 1000 / slow.middle.capacity >= SLOW_MS,
        f"{slow.name}: goodput": slow.middle.goodput >= GOODPUT,
        f"{slow.name}: every answer in time": slow.slowest < SLOWEST_MS,
        f"{overloads.closed.name}: goodput": overloads.closed.middle.goodput >= GOODPUT,
        f"{flooded.name}: what refusals allow": flooded.middle.load.rate >= OF_ALLOWED * overloads.allowed,
    }
    for one in (slow, flooded):
        twice = all(each.offered >= OFFERED * each.capacity for each in one.rounds)
        checks[f"{one.name}: twice the capacity is offered"] = twice
    for one in overloads.each:
        before, peak = one.memory
        refused_by_429 = not one.errors and one.statuses.keys() <= {"200", "429"}
        checks[f"{one.name}: the rest refused, by 429"] = refused_by_429
        checks[f"{one.name}: memory flat"] = peak <= FLAT * before
        checks[f"{one.name}: no collapse afterwards"] = one.recovered >= RECOVERED
        steady = all(each.steady for each in one.rounds)
        checks[f"{one.name}: a capacity that stays within {100 * STEADY:.0f} %"] = steady
    return _failed(checks)


def _failed(checks: dict[str, bool]) -> list[str]:
    return [name for name, holds in checks.items() if not holds]


def _with(tables: Sequence[str], conditions: Sequence[str]) -> str:
    return "\n\n".join([*tables, "\n".join(f"- {line}" for line in conditions) + "\n"])


def _footprint(footprint: Footprint) -> str:
    starts = sorted(footprint.starts)
    lines = [
        ["from start to ready, s", f"{starts[len(starts) // 2]:.2f} ({starts[0]:.2f} to {starts[-1]:.2f})"],
        *(
            [
                f"memory after {_count(count)} admissions, MB" if count else "memory when ready, MB",
                f"{size / MB:.1f}",
            ]
            for count, size in footprint.memory
        ),
        ["most memory at any time, MB", f"{footprint.peak / MB:.1f}"],
    ]
    return measured.table(["`injector serve`", ""], lines)


def _capacity(overloads: Overloads) -> str:
    of_each = (overloads.planned, overloads.ordinary, overloads.of_slow)
    lines = [
        [str(callers), *(f"{dict(each.by_callers)[callers]:.0f}" for each in of_each)]
        for callers, _ in overloads.planned.by_callers
    ]
    lines.append(["a refusal, CPU µs", "", f"{overloads.refusal * 1e6:.0f}", ""])
    heads = [
        "callers, each with one review at a time",
        "answers/s, planned pods",
        "the ordinary way",
        "slow profile",
    ]
    return measured.table(heads, lines)


def _overloads(overloads: Overloads) -> str:
    heads = [
        "load",
        "capacity, answers/s",
        "offered/s",
        "answers/s",
        "goodput, %",
        "required, %",
        "afterwards, %",
    ]
    allowed = 100 * overloads.allowed / overloads.flooded.middle.capacity
    wanted = (
        f"{100 * GOODPUT:.0f}",
        f"{100 * GOODPUT:.0f}",
        "-",
        f"{OF_ALLOWED * allowed:.0f} ({OF_ALLOWED:g} of {allowed:.0f})",
    )
    return measured.table(heads, [
        [one.name, f"{one.middle.capacity:.0f}", f"{one.middle.offered:.0f}", f"{one.middle.load.rate:.0f}",
         f"{100 * one.middle.goodput:.0f}", percent, f"{100 * one.recovered:.0f}"]
        for one, percent in zip(overloads.each, wanted, strict=True)
    ])  # fmt: skip


def _answers(overloads: Overloads) -> str:
    heads = ["load", "answered: p50 ms", "p99 ms", "slowest ms", "429", "of that p99 ms", "errors",
             "new connections", "memory before, most, MB"]  # fmt: skip
    return measured.table(heads, [_answered(one) for one in overloads.each])


def _answered(one: Overload) -> list[str]:
    load, (before, peak) = one.middle.load, one.memory
    report, refused = load.report, load.of_status(429)
    return [
        one.name,
        *(f"{report['acceptedMilliseconds'][key]:.0f}" for key in ("p50", "p99")),
        f"{one.slowest:.0f}",
        f"{refused + report['retries']}",
        f"{report['refusedMilliseconds']['p99']:.0f}" if refused else "",
        str(one.errors.total()),
        str(report["connections"]),
        f"{before / MB:.0f}, {peak / MB:.0f}",
    ]


def _count(number: int) -> str:
    return f"{number:,}".replace(",", " ")
