"""The tables of a restart in docs/explanation/how-far-it-goes.md, made of costs and the chart's defaults.

Pure but for `write` and the reading of files. Not here: the simulation (model.py), measuring (costs.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from hack.bench import kinds
from hack.setup import REPO
from injector import yamltext

PAGE: Final = REPO / "docs" / "explanation" / "how-far-it-goes.md"
MAKER: Final = "make fleet"
VALUES: Final = REPO / "charts" / "injector" / "values.yaml"
LOST_AT: Final = 305.0
NAMES: Final = (*kinds.BODIES, "handshake")
_MICRO: Final = 1e-6
_ROW: Final = re.compile(r"^\| (.+?) \| (\d+) \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the chart gives a replica: their number, the cores that each asks for, and its limit of cores."""

    replicas: int
    requested: float
    limit: float | None


def defaults() -> Defaults:
    """The chart's."""
    values = yamltext.load(VALUES.read_text())
    of_pod = values["resources"]
    limit = of_pod["limits"].get("cpu")
    return Defaults(
        values["replicas"], _cores(of_pod["requests"]["cpu"]), None if limit is None else _cores(limit)
    )
