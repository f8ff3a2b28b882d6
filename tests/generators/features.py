"""What generated pods have in them, counted, so that a law that holds also says on what.

A feature is read from the pod, never from how it was made.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.generators.containers import NEW_FIELD
from tests.generators.pods import SPELLINGS

Pod = dict[str, Any]

OWN_PROXY = "own proxy container"
NAMED_PROBES = "named probe ports"
PROMETHEUS = "Prometheus annotations"
EARLIER = "an earlier injection"
NATIVE = "native init containers"
NULLS = "nulls"
EMPTY_LISTS = "empty lists"
UNKNOWN = "unknown fields"
UNICODE = "unicode"
FIFTY = "50 containers"
FEATURES = (
    OWN_PROXY,
    NAMED_PROBES,
    PROMETHEUS,
    EARLIER,
    NATIVE,
    NULLS,
    EMPTY_LISTS,
    UNKNOWN,
    UNICODE,
    FIFTY,
    *(f"spelling {spelling}" for spelling in SPELLINGS),
)

PROXY = "istio-proxy"
STATUS = "sidecar.istio.io/status"
_PROMETHEUS = re.compile(r"prometheus[^a-zA-Z0-9]io[^a-zA-Z0-9](scrape|port|path)", re.DOTALL)


def features(pod: Pod) -> set[str]:
    """The features of `FEATURES` that a pod has."""
    spec, meta = pod.get("spec") or {}, pod.get("metadata") or {}
    annotations = meta.get("annotations") or {}
    listed = [c for part in ("containers", "initContainers") for c in spec.get(part) or []]
    leaves = list(_leaves(pod))
    spellings = {f"spelling {s}" for s in SPELLINGS if any(key.startswith(s) for key in annotations)}
    tests = {
        OWN_PROXY: STATUS not in annotations and any(c["name"] == PROXY for c in listed),
        NAMED_PROBES: any(isinstance(port, str) for c in listed for port in _probe_ports(c)),
        PROMETHEUS: any(_PROMETHEUS.fullmatch(key) for key in annotations),
        EARLIER: STATUS in annotations,
        NATIVE: any(c.get("restartPolicy") == "Always" for c in spec.get("initContainers") or []),
        NULLS: any(leaf is None for leaf in leaves),
        EMPTY_LISTS: any(leaf == [] for leaf in leaves),
        UNKNOWN: any(NEW_FIELD in holder for holder in (spec, meta, *listed)),
        UNICODE: any(isinstance(leaf, str) and not leaf.isascii() for leaf in leaves),
        FIFTY: len(spec.get("containers") or []) >= 50,
    }
    return spellings | {name for name, holds in tests.items() if holds}


def _probe_ports(container: Pod) -> Iterator[Any]:
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(kind) or {}
        for handler in ("httpGet", "tcpSocket", "grpc"):
            yield (probe.get(handler) or {}).get("port")


def _leaves(value: Any) -> Iterator[Any]:
    """Every scalar, key and empty list of a tree."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _leaves(inner)
    elif isinstance(value, list) and value:
        for item in value:
            yield from _leaves(item)
    else:
        yield value


@dataclass
class FeatureCount:
    """How often each feature appeared among the pods that a law was tried on."""

    pods: int = 0
    seen: Counter[str] = field(default_factory=Counter)

    def add(self, pod: Pod) -> None:
        """Count one pod."""
        self.pods += 1
        self.seen.update(features(pod))

    def share(self, feature: str) -> float:
        """The part of the pods that had a feature, from 0 to 1."""
        return self.seen[feature] / self.pods if self.pods else 0.0

    def lines(self) -> list[str]:
        """One line for each feature, for people."""
        return [f"{name:<{max(map(len, FEATURES))}} {self.share(name):6.1%}" for name in FEATURES]

    def rare(self, least: float = 0.02) -> list[str]:
        """The features that appeared too seldom."""
        return [name for name in FEATURES if self.share(name) < least]
