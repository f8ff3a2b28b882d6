"""The result of an attack: one row of the table. Not here: the attacks."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """`peak_mb` is the most memory of the process, `bystander_seconds` what the slowest honest caller waited.

    None: there was no honest caller; infinity: one got no answer.
    """

    fault: str
    what: str
    peak_mb: float
    seconds: float
    bystander_seconds: float | None
    answer: str


def forget_the_peak(pid: int) -> None:
    """Reset the peak memory of a process (proc(5))."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_mb(pid: int) -> float:
    """The most memory that a process had, in MB of 1024 times 1024 bytes; infinity where it has ended."""
    status = Path(f"/proc/{pid}/status").read_text()
    size = re.search(r"^VmHWM:\s+([0-9]+) kB$", status, re.MULTILINE)
    return int(size.group(1)) / 1024 if size else math.inf
