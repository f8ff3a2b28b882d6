"""Containers of the pod's own that templates only add fields to, in contrast to injected ones.

Not here: an own version of an injected container (`overrides`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from injector.core import names
from injector.core.injection import uninjection
from injector.core.model import Manifest

if TYPE_CHECKING:
    from injector.core.profile import Injection


_NONE: Final[frozenset[str]] = frozenset()


def patched(run: Injection) -> Mapping[str, frozenset[str]]:
    """The names of these containers, by list: the templates give no image for them.

    What the overrides annotation of the pod holds a version of is none of them. Upstream makes no
    difference between these and injected containers.
    """
    stored = uninjection.overrides(run.stripped, run.config.profile)
    out = dict.fromkeys(names.CONTAINER_LISTS, _NONE)
    for part in names.CONTAINER_LISTS:
        ours = _containers(run.overlay, part)
        if not ours:
            continue
        others = {c["name"] for c in ours if c.get("image")} | {c["name"] for c in stored.get(part, ())}
        own = {c["name"] for c in _containers(run.stripped, part)}
        out[part] = frozenset(own & {c["name"] for c in ours} - others)
    return out


def without_patched(run: Injection) -> Manifest:
    """The overlay without them: what an injection adds."""
    left_out = patched(run)
    if "spec" in run.overlay and not any(left_out.values()):
        return run.overlay
    spec = dict(run.overlay.get("spec") or {})
    for part in names.CONTAINER_LISTS:
        if left_out[part]:
            spec[part] = [c for c in spec[part] if c["name"] not in left_out[part]]
    return {**run.overlay, "spec": spec}


def _containers(pod: Manifest, part: str) -> list[Manifest]:
    return (pod.get("spec") or {}).get(part) or []
