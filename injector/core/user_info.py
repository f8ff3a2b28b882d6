"""The user who creates a pod. Not here: rules about users (caller_rule.py)."""

from __future__ import annotations

from injector.classes import dataclass


@dataclass(frozen=True, slots=True)
class UserInfo:
    """The user who creates a pod, by the API server's authentication."""

    username: str
    groups: tuple[str, ...] = ()
