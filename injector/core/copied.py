"""What a profile declares of the texts in a pod that its rules and its own templates only copy."""

from __future__ import annotations

from injector.classes import dataclass


@dataclass(frozen=True, slots=True)
class Copied:
    """Names of the profile's own templates that copy texts of a pod without looking at them, and exceptions.

    `labels` are those that its rules read or compare; the values of the labels `names` are copied.
    `annotations` are beginnings of keys whose values nobody reads. `reserved` are names of containers with a
    meaning for the rules, `written` beginnings of what rules make of names and write into fields of the pod.
    """

    templates: frozenset[str]
    labels: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    annotations: tuple[str, ...] = ()
    reserved: frozenset[str] = frozenset()
    written: tuple[str, ...] = ()
