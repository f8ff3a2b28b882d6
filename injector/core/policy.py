"""Who is injected, as the operator asks for it. Not here: the rules that apply it (`decisions`)."""

from __future__ import annotations

from injector.classes import dataclass
from injector.core.caller_rule import CallerRule
from injector.core.model import ProxyMark
from injector.core.selectors import Selector, WebhookEntry


@dataclass(frozen=True, slots=True)
class Policy:
    """Who is injected. `switch` is the label and annotation by which a pod enables or disables injection.

    `external`: a running control plane may change mode and selectors.
    """

    mode: str
    switch: str
    status: str
    ignored_namespaces: frozenset[str] = frozenset()
    never: tuple[Selector, ...] = ()
    always: tuple[Selector, ...] = ()
    entries: tuple[WebhookEntry, ...] = ()
    foreign: tuple[ProxyMark, ...] = ()
    operating_systems: frozenset[str] = frozenset()
    skip_runtime_classes: frozenset[str] = frozenset()
    callers: tuple[CallerRule, ...] = ()
    external: bool = False

    @property
    def opt_in(self) -> bool:
        """Whether only pods that carry the switch are injected, as the configuration alone decides it."""
        return self.mode == "disabled" and not self.always and not self.external
