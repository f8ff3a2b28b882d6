"""One pod, injected: decide, render, merge, finish, check, diff; and the way back."""

from injector.light_import import later

# What most pods do not need.
_SELDOM = ("namespace_security", "not_injected", "powers", "recovery", "reinjection")
later(*(f"{__name__}.{name}" for name in _SELDOM))
