"""Which texts of a pod the rules of this profile and its own templates only copy, or do not read at all.

A template or a rule that begins to look at one of them must be taken out here; tests/server/test_plans.py
compares the answers with and without plans for values of each kind.
"""

from __future__ import annotations

from typing import Final

from injector.core.copied import Copied
from injector.profiles.istio.annotations import LABELS
from injector.profiles.istio.containers import INJECTED, MADE
from injector.profiles.istio.probes import PATHS

# Rules take the first of them that is set, as it is.
_NAMES: Final = frozenset({"app", "app.kubernetes.io/name", "app.kubernetes.io/version", "version"})

COPIED: Final = Copied(
    templates=frozenset({"sidecar"}),
    labels=frozenset(entry.key for entry in LABELS) - _NAMES,
    names=_NAMES,
    annotations=("checksum/", "kubectl.kubernetes.io/restartedAt"),
    reserved=INJECTED | MADE["initContainers"] | MADE["containers"],
    written=PATHS,
)
