"""The settings that only this profile reads, and what counts of them for one pod, with their types.

The core carries both as opaque objects; they are cast here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from injector.classes import dataclass
from injector.core.model import Manifest
from injector.core.raw_settings import RawSettings

if TYPE_CHECKING:
    from injector.core.profile import Config, Injection


@dataclass(frozen=True, slots=True)
class IstioSettings:
    """The mesh configuration over its defaults, platform and compliance policy; `raw` is as written."""

    mesh: Mapping[str, Any]
    platform: str
    compliance: str
    raw: RawSettings


@dataclass(frozen=True, slots=True)
class EffectiveMesh:
    """Mesh and proxy configuration of one pod, all layers merged, and the address of its CA."""

    mesh: Mapping[str, Any]
    proxy: Manifest
    ca_address: str


def settings_of(config: Config) -> IstioSettings:
    """The settings of this profile."""
    if not isinstance(config.settings, IstioSettings):
        raise TypeError("the configuration is not one of the profile istio")
    return config.settings


def effective_of(run: Injection) -> EffectiveMesh:
    """What counts for the pod, once its context is built."""
    if not isinstance(run.effective, EffectiveMesh):
        raise TypeError("the context of the profile istio is not built yet")
    return run.effective
