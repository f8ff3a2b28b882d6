"""The tables of docs/explanation/load.md, made of what scenarios.py measured. Pure but for `write`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import measured

from load.scenarios import Capacity, Footprint, MiB, Overload, allowed_by_refusals

PAGE = "load.md"
FOOTPRINT, OVERLOAD = "make load, start and memory", "make load, overload"

READY_SECONDS = 2.5
MEMORY_MIB = 120
GOODPUT = 0.9
OF_ALLOWED = 0.8
SLOWEST_MS = 1000.0
SLOW_MS = 5.0
FLAT = 1.1


@dataclass(frozen=True)
class Overloads:
    """What the loads beyond the capacity brought, in one run with it."""

    capacity: Capacity
    slow: Overload
    closed: Overload
    crowd: Overload
    flooded: Overload

    @property
    def allowed(self) -> float:
        """What the cost of refusals leaves in `flooded`."""
        return allowed_by_refusals(self.flooded.capacity, _offered(self.flooded), self.capacity.refusal)


def write(folder: Path, maker: str, tables: str) -> None:
    """Put tables between their markers of the page."""
    measured.write_between(folder / PAGE, maker, tables)


def of_overloads(found: Overloads, conditions: Sequence[str]) -> str:
    """The tables of the overloads, in Markdown."""
    return _with([_capacity(found.capacity), _overloads(found), _answers(found)], conditions)


def of_footprint(found: Footprint, conditions: Sequence[str]) -> str:
    """The table of start and memory, in Markdown."""
    return _with([_footprint(found)], conditions)


def missed_by_footprint(found: Footprint) -> list[str]:
    """What should hold of start and memory, and does not."""
    memory = [mib for _, mib in found.memory]
    return _failed(
        {
            f"ready within {READY_SECONDS} s": max(found.starts) <= READY_SECONDS,
            f"memory of at most {MEMORY_MIB} MiB": max(memory) <= MEMORY_MIB,
            "memory that stays flat": memory[-1] <= FLAT * memory[1],
        }
    )


def missed_by_overloads(found: Overloads) -> list[str]:
    """What should hold in an overload, and does not."""
    slow, flooded = found.slow, found.flooded
    return _failed(
        {
            f"an admission of the slow profile that takes {SLOW_MS:g} ms": 1000 / slow.capacity >= SLOW_MS,
            "slow profile: goodput": slow.goodput >= GOODPUT,
            "slow profile: every answer in time": _slowest(slow) < SLOWEST_MS,
            "slow profile: the rest refused": not slow.load.told["errors"],
            "slow profile: memory flat": slow.load.memory_after <= FLAT * slow.load.memory_before,
            "four times the callers: goodput": found.closed.goodput >= GOODPUT,
            "twice the rate: what refusals allow": flooded.load.rate >= OF_ALLOWED * found.allowed,
        }
    )


def _failed(checks: dict[str, bool]) -> list[str]:
    return [name for name, holds in checks.items() if not holds]


def _with(tables: Sequence[str], conditions: Sequence[str]) -> str:
    return "\n\n".join([*tables, "\n".join(f"- {line}" for line in conditions) + "\n"])


def _footprint(found: Footprint) -> str:
    starts = sorted(found.starts)
    lines = [
        ["from start to ready, s", f"{starts[len(starts) // 2]:.2f} ({starts[0]:.2f} to {starts[-1]:.2f})"],
        *(
            [
                f"memory after {_count(count)} admissions, MiB" if count else "memory when ready, MiB",
                f"{mib:.1f}",
            ]
            for count, mib in found.memory
        ),
    ]
    return _table(["`injector serve`", ""], lines)


def _capacity(found: Capacity) -> str:
    lines = [[str(callers), f"{rate:.0f}"] for callers, rate in found.by_callers]
    lines.append(["a refusal, CPU µs", f"{found.refusal * 1e6:.0f}"])
    return _table(["callers, each with one review at a time", "answers/s"], lines)


def _overloads(found: Overloads) -> str:
    heads = ["load", "capacity, answers/s", "offered/s", "answers/s", "goodput, %", "wanted, %"]
    allowed = 100 * found.allowed / found.flooded.capacity
    rows = [
        (found.slow, f"{100 * GOODPUT:.0f}"),
        (found.closed, f"{100 * GOODPUT:.0f}"),
        (found.crowd, "-"),
        (found.flooded, f"{OF_ALLOWED * allowed:.0f} ({OF_ALLOWED:g} of {allowed:.0f})"),
    ]
    return _table(heads, [
        [one.name, f"{one.capacity:.0f}", f"{_offered(one):.0f}", f"{one.load.rate:.0f}",
         f"{100 * one.goodput:.0f}", wanted]
        for one, wanted in rows
    ])  # fmt: skip


def _answers(found: Overloads) -> str:
    heads = ["load", "answered: p50 ms", "p99 ms", "slowest ms", "429", "of that p99 ms", "errors",
             "new connections", "memory before, after, MiB"]  # fmt: skip
    return _table(heads, [
        [one.name, *(f"{one.load.told['acceptedMilliseconds'][key]:.0f}" for key in ("p50", "p99", "max")),
         f"{one.load.of_status(429) + one.load.told['retries']}",
         f"{one.load.told['refusedMilliseconds']['p99']:.0f}" if one.load.of_status(429) else "",
         str(sum(one.load.told["errors"].values())), str(one.load.told["connections"]),
         f"{one.load.memory_before / MiB:.0f}, {one.load.memory_after / MiB:.0f}"]
        for one in (found.slow, found.closed, found.crowd, found.flooded)
    ])  # fmt: skip


def _offered(one: Overload) -> float:
    """Requests a second, those that were sent again among them."""
    told = one.load.told
    return float((one.load.requests + told["retries"]) / told["seconds"])


def _slowest(one: Overload) -> float:
    return float(one.load.told["acceptedMilliseconds"]["max"])


def _count(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [heads, ["---", *["---:"] * (len(heads) - 1)], *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
