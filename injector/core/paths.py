"""Paths in a container: one spelling for each, and whether one mount hides another."""

from __future__ import annotations

import posixpath
from collections.abc import Set as AbstractSet
from typing import Final

# Nearly every image has these links.
_LINKS: Final = (("/var/run", "/run"), ("/var/lock", "/run/lock"))


def normal_path(path: str) -> str:
    """The one spelling of a path. The kubelet makes relative paths absolute."""
    out = posixpath.normpath("/" + path.lstrip("/"))
    for link, target in _LINKS:
        if out == link or out.startswith(link + "/"):
            return target + out.removeprefix(link)
    return out


def overlapping(path: str, others: AbstractSet[str]) -> str:
    """One of the other paths that is this one, above it or below it; empty without one. All normal."""
    at = path
    while at not in others and at != "/":
        at = posixpath.dirname(at)
    if at in others:
        return at
    prefix = path.rstrip("/") + "/"
    return next((other for other in sorted(others) if other.startswith(prefix)), "")
