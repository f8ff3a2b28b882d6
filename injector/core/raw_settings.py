"""What the configuration says that only a profile reads, before the profile has checked it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from injector.classes import dataclass
from injector.core.model import Manifest


@dataclass(frozen=True, slots=True)
class RawSettings:
    """What the configuration says that only a profile reads.

    Without a `mesh_document`, a profile may derive its defaults from `values` and `revision`.
    """

    mesh_config: Mapping[str, Any] = field(default_factory=dict)
    platform: str = ""
    compliance_policy: str = ""
    values: Manifest = field(default_factory=dict)
    revision: str = ""
    mesh_document: bool = False
