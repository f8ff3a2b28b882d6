"""Injection with plans, from the second workload of a run on: one alone does not repay what plans load."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Final

from injector.classes import dataclass
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Manifest
from injector.core.outcome import Outcome
from injector.core.profile import Config
from injector.work import Work

if TYPE_CHECKING:
    from injector.core.plans.planner import Planner

# Bytes of plans for workloads of one shape.
_PLANS: Final = 16 * 1024 * 1024


@dataclass(slots=True)
class PlannedInjection:
    """The injections of one run."""

    config: Config
    _begun: bool = field(default=False, init=False)
    _planner: Planner | None = field(default=None, init=False)

    def inject(self, pod: Manifest, facts: Facts, size: int, holder: Manifest) -> Outcome:
        """The outcome of a pod template, whose text is so long; `holder` is the workload around it."""
        if not self._begun:
            self._begun = True
            return inject(pod, facts, self.config, holder, Work(self.config.work_limit))
        from injector.core.plans.planner import InjectionCall, Planner

        if self._planner is None:
            self._planner = Planner(_PLANS)
        return self._planner.inject(InjectionCall(pod, facts, self.config, size, holder))
