"""What proxies say, read into values: Prometheus text and access log lines. Pure; nothing is asked here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

_SAMPLE = re.compile(r"^(?P<name>[A-Za-z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)(?: \d+)?$")
_LABEL = re.compile(r'([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"')
_ESCAPES = {'\\"': '"', "\\\\": "\\", "\\n": "\n"}


class Sample(NamedTuple):
    """One line of the Prometheus text format."""

    name: str
    labels: Mapping[str, str]
    value: float


class Samples(tuple[Sample, ...]):
    """All samples of one answer."""

    __slots__ = ()

    def total(self, metric: str, **labels: str) -> float:
        """Return the sum of the samples of that name whose labels match; each value is a whole regex."""
        return sum(sample.value for sample in self.find(metric, **labels))

    def find(self, metric: str, **labels: str) -> list[Sample]:
        """Return the samples of that name whose labels match; each value is a whole regex."""
        return [
            sample
            for sample in self
            if sample.name == metric
            and all(re.fullmatch(value, sample.labels.get(key, "")) for key, value in labels.items())
        ]


def samples(text: str) -> Samples:
    """Read the Prometheus text format, comments left out."""
    samples = []
    for line in text.splitlines():
        match = _SAMPLE.match(line)
        if match:
            labels = {
                key: re.sub(r"\\.", lambda m: _ESCAPES.get(m[0], m[0]), value)
                for key, value in _LABEL.findall(match["labels"] or "")
            }
            samples.append(Sample(match["name"], labels, float(match["value"])))
    return Samples(samples)


def access_log(lines: Iterable[str]) -> list[dict[str, Any]]:
    """Return the requests and connections in a proxy's output; its other lines are left out.

    The keys are those of manifests.ACCESS_LOG; what the proxy had nothing to say about is None.
    """
    entries = []
    for line in lines:
        if line.startswith("{") and '"log":"access"' in line:
            entries.append(json.loads(line))
    return entries
