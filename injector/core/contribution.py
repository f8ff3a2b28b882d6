"""What of a configuration counts for a pod: what its templates and the profile's rules can read.

Not here: the digest of it (`injection.contributed`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from injector.classes import dataclass
from injector.templating.paths import Path, at


@dataclass(frozen=True, slots=True)
class Contribution:
    """What a configuration contributes to a pod, beside templates and annotations.

    `settings` are variables of the templates that come from the configuration alone, by name; they
    differ between the pods of one configuration only in whether sidecars are native. `rules` are the
    paths in them that the profile's rules read. `of_pod` is what else counts for this pod, as JSON.
    """

    settings: Mapping[str, Any]
    rules: frozenset[Path] = frozenset()
    of_pod: Any = None

    def read(self, paths: Iterable[Path]) -> list[Any]:
        """The paths with what stands there, in a fixed order."""
        return [[path, *at(self.settings, path)] for path in sorted(paths) if path[0] in self.settings]
