"""The pod's own version of a volume that the templates define too: its source is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from injector.core.finding_codes import FindingCode
from injector.core.model import Manifest
from injector.core.tree.created import plain
from injector.core.tree.schema import VOLUMES, same
from injector.core.tree.strategic_merge import map_items, merge
from injector.printable import shown

if TYPE_CHECKING:
    from injector.core.profile import Injection


def keep_volumes(run: Injection) -> None:
    """Put back the pod's own source of every volume that the templates define too, with a finding (Q32)."""
    if run.config.quirks:
        return
    injected = {volume["name"] for volume in (run.overlay.get("spec") or {}).get("volumes") or []}
    received = (run.stripped.get("spec") or {}).get("volumes") or []
    own = {volume["name"]: volume for volume in received if volume["name"] in injected}
    if own:
        run.pod = map_items(run.pod, ("spec", "volumes"), lambda volume: _with_own_source(run, volume, own))


def _with_own_source(run: Injection, merged: Manifest, own: dict[str, Manifest]) -> Manifest:
    volume = own.get(merged["name"])
    # To the API server null is no value.
    source = plain(volume or {})
    if volume is None or len(source) < 2 or same(merge(merged, source, VOLUMES), merged):
        return merged
    message = f"the pod already has volume {shown(merged['name'])}; its source was not changed"
    run.warn(FindingCode.VOLUME_TAKEN, message)
    return volume
