"""What pages of measurements share: the machine in words, medians, tables, the place between two markers.

The prose of such a page is written by hand; what stands between its markers is made by a command.
"""

from __future__ import annotations

import os
import platform
import re
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Spread(NamedTuple):
    """The median of several values, and what they lie between."""

    median: float
    low: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        """That of some values; at least one."""
        return Spread(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{short(self.median)} ({short(self.low)} to {short(self.high)})"


def short(value: float) -> str:
    """A number with its significant digits."""
    return (
        f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}".replace(",", " ")
    )


def machine() -> str:
    """The machine in words: CPUs, memory, kernel."""
    match = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    processor = re.sub(r"\s+", " ", match.group(1)) if match else platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} CPUs ({processor}), {memory:.0f} GiB, Linux {platform.release()}"


def table(heads: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    """A Markdown table whose figures are aligned to the right."""
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in [heads, rule, *lines])


def markers(maker: str) -> tuple[str, str]:
    """The two lines between which `maker`, as ``make soak``, writes."""
    return f"<!-- made by {maker}: begin -->", f"<!-- made by {maker}: end -->"


def write_between(page: Path, maker: str, text: str) -> None:
    """Replace what `maker` wrote into a page the last time."""
    begin, end = markers(maker)
    whole = page.read_text()
    if whole.count(begin) != 1 or whole.count(end) != 1:
        raise ValueError(f"{page}: one line '{begin}' and one '{end}' are expected, to write between them")
    before, rest = whole.split(begin)
    _, after = rest.split(end)
    page.write_text(f"{before}{begin}\n\n{text}\n{end}{after}")
