"""What an attack came to: one row of the table. Not here: the attacks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Server(Protocol):
    """The `injector serve` that is attacked. `ca` is the file of its CA, where there is one."""

    host: str
    port: int
    health_port: int
    pid: int
    ca: Path | None


@dataclass(frozen=True, slots=True)
class Row:
    """`peak_mb` is the most memory of the process, `bystander_seconds` what the slowest honest caller waited.

    None there means that nobody honest asked; infinity, that somebody got no answer.
    """

    fault: str
    what: str
    peak_mb: float
    seconds: float
    bystander_seconds: float | None
    answer: str


def forget_the_peak(pid: int) -> None:
    """Let the most memory of a process count from now on (proc(5))."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_mb(pid: int) -> float:
    """The most memory that a process had, in MB of 1024 times 1024 bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    (kib,) = re.findall(r"^VmHWM:\s+([0-9]+) kB$", status, re.MULTILINE)
    return int(kib) / 1024
