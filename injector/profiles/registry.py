"""The rule modules that a `profile.yaml` may name. Not here: reading profile folders (config).

A profile without rules of its own is `core.profile.Profile` itself: folder and templates suffice.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import cast

from injector.core.profile import Profile

# Imported when asked for: a folder of one's own does not pay for a mesh.
_RULES = {"istio": ("injector.profiles.istio.profile", "IstioProfile")}

# The values that the rules read, each with nothing, or with why it has no effect.
_VALUES = {"istio": ("injector.profiles.istio.value_table", "READ")}


def known() -> tuple[str, ...]:
    """The names that `rules` may have."""
    return tuple(sorted(_RULES))


def rules(name: str) -> type[Profile]:
    """The class of a rule module, the plain `Profile` for an empty name. Raises KeyError."""
    if not name:
        return Profile
    module, attribute = _RULES[name]
    return cast("type[Profile]", getattr(import_module(module), attribute))


def values_read(name: str) -> Mapping[str, str]:
    """Dotted paths of the values that the rules know, each with nothing, or with why it has no effect."""
    if not name:
        return {}
    module, attribute = _VALUES[name]
    return cast("Mapping[str, str]", getattr(import_module(module), attribute))
