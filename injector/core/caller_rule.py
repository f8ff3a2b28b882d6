"""One rule of the operator about the users who create pods: skip, deny, or allow them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from typing import TYPE_CHECKING

from injector.classes import dataclass
from injector.core.globs import Glob, matches, parsed

if TYPE_CHECKING:
    from injector.core.user_info import UserInfo

ACTIONS = ("skip", "deny", "allow")


@dataclass(frozen=True, slots=True)
class CallerRule:
    """What happens to a pod that would be injected, if its user or one of the user's groups matches.

    In a pattern ``*`` stands for any text. `allow` ends the search for a rule.
    """

    action: str
    usernames: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    _usernames: tuple[Glob, ...] = field(init=False, repr=False, compare=False)
    _groups: tuple[Glob, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_usernames", parsed(self.usernames))
        object.__setattr__(self, "_groups", parsed(self.groups))

    def matches(self, user: UserInfo) -> bool:
        """Whether the rule is about this user."""
        named = any(matches(glob, user.username) for glob in self._usernames)
        return named or any(matches(glob, group) for glob in self._groups for group in user.groups)


def first_match(rules: Iterable[CallerRule], user: UserInfo) -> tuple[int, str]:
    """The number of the first rule that matches, from 1, and its action; (0, "allow") without one."""
    numbered = enumerate(rules, 1)
    return next(((number, rule.action) for number, rule in numbered if rule.matches(user)), (0, "allow"))
