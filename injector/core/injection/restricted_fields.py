"""Fields that an injection sets, and that the API server of a workload's kind takes only by a setting.

Not here: the kinds and their settings (`core.kinds`), and what the API server refuses in any pod.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from injector.core import kinds
from injector.core.finding_codes import FindingCode
from injector.core.model import Finding, Manifest


def findings(before: Manifest, after: Manifest, holder: Manifest | None) -> Iterator[Finding]:
    """What must be allowed so that the workload `holder` with its injected template is accepted."""
    row = kinds.of(holder) if holder else None
    if row is None or row.restriction is None:
        return
    old, new = before.get("spec") or {}, after.get("spec") or {}
    settings = row.restriction.settings
    needed = {field: key for field, key in settings if _COUNTS[field](new) > _COUNTS[field](old)}
    if needed:
        message = f"a {row.kind} may have {' and '.join(needed)} only if a setting allows it"
        hint = f"enable {' and '.join(needed.values())} in {row.restriction.place}, or let the webhook inject"
        yield Finding.of(FindingCode.RESTRICTED_FIELD, message, hint=hint)


def _init_containers(spec: Mapping[str, Any]) -> int:
    return len(spec.get("initContainers") or ())


def _field_references(spec: Mapping[str, Any]) -> int:
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    sources = (entry.get("valueFrom") or {} for each in containers for entry in each.get("env") or ())
    return sum("fieldRef" in source or "resourceFieldRef" in source for source in sources)


_COUNTS: Final[Mapping[str, Callable[[Mapping[str, Any]], int]]] = {
    "initContainers": _init_containers,
    "fieldRef": _field_references,
}
