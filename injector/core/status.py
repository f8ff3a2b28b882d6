"""The status annotation: what an injection added, and a digest of its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from injector.classes import dataclass, replace
from injector.core.model import AnnotationKeys, Manifest
from injector.json_text import writer
from injector.sha256 import hexdigest
from injector.yamltext import load_json

LISTS = {"initContainers": "init_containers", "containers": "containers", "volumes": "volumes",
         "imagePullSecrets": "image_pull_secrets"}  # fmt: skip
_INCOMPLETE: Final = "incomplete"
_LONGEST_CACHED: Final = 16 * 1024
_compact: Final = writer(ensure_ascii=False)
_sorted: Final = writer(ensure_ascii=False, sort_keys=True)
_digested: Final = writer(sort_keys=True, default=str)


@dataclass(frozen=True, slots=True)
class Status:
    """The names of what was added, the injector's revision, and the digest of its configuration.

    `undo_incomplete`: what `uninject` cannot derive from the pod was too large for the undo annotation.
    """

    init_containers: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    image_pull_secrets: tuple[str, ...] = ()
    revision: str = ""
    digest: str = ""
    undo_incomplete: bool = False

    def names(self, part: str) -> tuple[str, ...]:
        """The names under one list of the pod's spec."""
        names: tuple[str, ...] = getattr(self, LISTS[part])
        return names

    def only(self, names: Mapping[str, frozenset[str]]) -> Status:
        """The status with those names alone, by list; a list that is missing stands for none."""
        left: dict[str, Any] = {
            attribute: tuple(name for name in self.names(part) if name in names.get(part, ()))
            for part, attribute in LISTS.items()
        }
        return replace(self, **left)

    def text(self) -> str:
        """The annotation's value: compact JSON in a fixed order, null for an empty list."""
        out: dict[str, Any] = {part: list(self.names(part)) or None for part in LISTS}
        out["revision"] = self.revision
        if self.digest:
            out["digest"] = self.digest
        if self.undo_incomplete:
            out["undo"] = _INCOMPLETE
        return compact(out)


@dataclass(frozen=True, slots=True)
class Uninjected:
    """A pod template without its injection, and what had to be assumed or could not be restored.

    `earlier` is the status, without the names that no injection can have made.
    """

    pod: Manifest
    earlier: Status
    notes: tuple[str, ...] = ()


def of(overlay: Manifest, revision: str, digest: str) -> Status:
    """The status for the overlay of all templates."""
    spec = overlay.get("spec") or {}
    listed: dict[str, Any] = {
        attribute: tuple(dict.fromkeys(str(i["name"]) for i in spec.get(part) or []))
        for part, attribute in LISTS.items()
    }
    return Status(**listed, revision=revision, digest=digest)


def read(pod: Manifest, keys: AnnotationKeys) -> Status | None:
    """The status that a pod carries; None without one, or with one that is no JSON object."""
    return parse(annotations_of(pod).get(keys.status))


def parse(text: str | None) -> Status | None:
    """A status from the annotation's value; what is not a list of names in it counts as empty."""
    if text is None:
        return None
    return _cached(text) if len(text) <= _LONGEST_CACHED else _parsed(text)


def _parsed(text: str) -> Status | None:
    raw = as_object(text)
    if raw is None:
        return None
    lists: dict[str, Any] = {}
    for part, attribute in LISTS.items():
        listed = raw.get(part)
        lists[attribute] = tuple(n for n in listed if isinstance(n, str)) if isinstance(listed, list) else ()
    return Status(
        **lists,
        revision=str(raw.get("revision") or ""),
        digest=str(raw.get("digest") or ""),
        undo_incomplete=raw.get("undo") == _INCOMPLETE,
    )


# Most pods have the same one, and each is read several times.
_cached: Final = lru_cache(32)(_parsed)


def annotations_of(pod: Manifest) -> Mapping[str, str]:
    """The annotations of a pod template; null ones count as empty."""
    annotations: Mapping[str, str] = (pod.get("metadata") or {}).get("annotations") or {}
    if None not in annotations.values():
        return annotations
    return {k: "" if v is None else v for k, v in annotations.items()}


def as_object(text: str) -> dict[str, Any] | None:
    """A JSON object from text, None where it is something else."""
    if not text:
        return None
    try:
        raw = load_json(text)
    except ValueError:
        return None
    return raw if isinstance(raw, dict) else None


def compact(value: Any, *, sort_keys: bool = False) -> str:
    """JSON without blanks, keys in the order given or sorted, unescaped Unicode."""
    return _sorted(value) if sort_keys else _compact(value)


def digest_of(*parts: Any) -> str:
    """A short digest of JSON values: equal values, equal digest, whatever the order of their keys."""
    return hexdigest(_digested(parts).encode())[:16]
