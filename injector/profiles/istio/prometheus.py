"""One scrape target a pod: the agent serves the application's metrics together with the proxy's.

Annotation keys are compared after replacing everything outside ``[a-zA-Z0-9_]`` by ``_``, so all
spellings of ``prometheus.io/port`` are one. Rules: istio-injection 2.11.2 and 2.11.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from injector.classes import dataclass
from injector.core.model import Manifest
from injector.core.status import compact
from injector.errors import AnnotationError
from injector.patterns import pattern
from injector.profiles.istio.annotations import boolean_token

ENV = "ISTIO_PROMETHEUS_ANNOTATIONS"
MERGE = "prometheus.istio.io/merge-metrics"
TARGETS = "prometheus.istio.io/scrape-targets"
SECURE_PORT = "prometheus.istio.io/secure-port"
SECURE_ENV = "ENVOY_SECURE_MERGED_METRICS_PORT"
RESERVED = frozenset({15000, 15001, 15004, 15006, 15008, 15020, 15021, 15053, 15090})
PATH = "/stats/prometheus"
_FIELDS = {"prometheus_io_scrape": "scrape", "prometheus_io_port": "port", "prometheus_io_path": "path",
           "prometheus_istio_io_scrape_targets": "targets"}  # fmt: skip
_OTHER = pattern(r"[^a-zA-Z0-9_]")


def _is_ours(key: str) -> bool:
    """Whether a key may be a spelling of one that is read here: most are none, and need no comparison."""
    return key.startswith("prometheus")


def normal(key: str) -> str:
    """A key in the one spelling that all are compared in."""
    return _OTHER.sub("_", key)


_CANONICAL = {
    normal(k): k for k in (*(f"prometheus.io/{f}" for f in ("scrape", "port", "path")), TARGETS, SECURE_PORT)
}


def canonical_key(key: str) -> str:
    """The documented spelling of a key that is read in any spelling; every other key as it is."""
    return _CANONICAL.get(normal(key), key)


@dataclass(frozen=True, slots=True)
class Declared:
    """What a pod declares about its metrics. `keys` are the annotations that said so."""

    scrape: str = ""
    port: str = ""
    path: str = ""
    targets: tuple[tuple[str, str], ...] = ()
    keys: frozenset[str] = frozenset()
    unreadable: bool = False
    conflicting: frozenset[str] = field(default_factory=frozenset)

    @property
    def any(self) -> bool:
        """Whether anything at all was declared."""
        return bool(self.scrape or self.port or self.path or self.targets)

    def text(self) -> str:
        """The text for the agent: compact JSON in a fixed order, strings throughout."""
        out: Manifest = {"scrape": self.scrape, "path": self.path, "port": self.port}
        if self.targets:
            out["targets"] = [{"port": port, "path": path} for port, path in self.targets]
        return compact(out)


def declared(annotations: Mapping[str, str]) -> Declared:
    """Read the declaration; of several spellings the first in alphabetical order counts (Q12)."""
    fields: dict[str, str] = {}
    keys, conflicting = set(), set()
    for key in sorted(filter(_is_ours, annotations)):
        name = _FIELDS.get(normal(key))
        if name is None:
            continue
        keys.add(key)
        if name in fields and fields[name] != annotations[key]:
            conflicting.add(name)
        fields.setdefault(name, annotations[key])
    targets = _targets(fields.get("targets", ""))
    port, path = fields.get("port", ""), fields.get("path", "")
    if targets:
        port, path = targets[0]
    return Declared(
        fields.get("scrape", ""),
        port,
        path,
        targets or (),
        frozenset(keys),
        targets is None,
        frozenset(conflicting),
    )


def _targets(text: str) -> tuple[tuple[str, str], ...] | None:
    """Pairs of port and path; None where an entry has no port, which makes all of it void."""
    out = []
    for entry in (part.strip() for part in text.split(",")):
        if not entry:
            continue
        port, _, path = entry.partition(":")
        if not port.strip():
            return None
        out.append((port.strip(), path.strip() or "/metrics"))
    return tuple(out)


def first_port(annotations: Mapping[str, str]) -> str:
    """The declared port in the first spelling by name; empty without one."""
    ours = sorted(filter(_is_ours, annotations))
    return next((annotations[k] for k in ours if normal(k) == "prometheus_io_port"), "")


def wanted(declaration: Declared, annotations: Mapping[str, str], mesh: bool, agent_port: int) -> bool:
    """Whether metrics are merged: not where scraping is off, it is switched off, or it was done before."""
    if boolean_token(declaration.scrape) is False:
        return False
    asked = boolean_token(annotations[MERGE]) if MERGE in annotations else None
    if not (mesh if asked is None else asked):
        return False
    return first_port(annotations) != str(agent_port)


def check(declaration: Declared, agent_port: int) -> None:
    """Raise AnnotationError where a declared port cannot be the application's."""
    if declaration.targets:
        for port, _ in declaration.targets:
            _check(port, agent_port, TARGETS, "invalid prometheus scrape targets: invalid target port")
    elif declaration.port:
        key = next(
            (k for k in sorted(declaration.keys) if normal(k) == "prometheus_io_port"), "prometheus.io/port"
        )
        _check(declaration.port, agent_port, key, "invalid prometheus scrape configuration: invalid port")


def _check(port: str, agent_port: int, key: str, what: str) -> None:
    number = int(port) if port.isascii() and port.isdigit() and len(port) < 6 else 0
    # What is no port is not repeated: it may be anything.
    shown = f'{what} "{number}"' if number else what
    if not 1 <= number <= 65535:
        raise AnnotationError(
            key, f"{shown}: a number from 1 to 65535 is expected", where=f"annotation {key}"
        )
    if number == agent_port:
        raise AnnotationError(
            key,
            f"{shown} conflicts with agent port",
            where=f"annotation {key}",
            hint="name the application's port",
        )
    if number in RESERVED:
        raise AnnotationError(
            key,
            f"{shown} is reserved for Istio",
            where=f"annotation {key}",
            hint="name the application's port",
        )


def has_secure_port(annotations: Mapping[str, str]) -> bool:
    """Whether any spelling of the port of secure metrics is there."""
    return any(canonical_key(key) == SECURE_PORT for key in filter(_is_ours, annotations))


def written(agent_port: int) -> dict[str, str]:
    """The annotations that send Prometheus to the agent."""
    return {"prometheus.io/port": str(agent_port), "prometheus.io/path": PATH, "prometheus.io/scrape": "true"}
