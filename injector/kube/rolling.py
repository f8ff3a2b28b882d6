"""Rolling workloads anew, a few at a time, within their PodDisruptionBudgets.

Here: the order, the waiting and where it stops. Not here: which workloads (audit.py), and the
rules of rollouts and budgets (core.rollouts).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from injector.core.kinds import KINDS
from injector.core.model import Manifest
from injector.core.reports import rollouts
from injector.errors import ClusterError

if TYPE_CHECKING:
    from injector.kube.client import Cluster

POLL_SECONDS: Final = 1.0
# No answer, too many requests, or an API server that is ill: worth another try until time is up.
_PASSING: Final = frozenset({0, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Target:
    """A workload to roll, and the labels of its pods."""

    namespace: str
    kind: str
    name: str
    pods: tuple[Mapping[str, str], ...] = field(default=(), compare=False)

    @property
    def label(self) -> str:
        """The workload's name for messages."""
        return f"{self.kind} {self.namespace}/{self.name}"

    @property
    def path(self) -> str:
        """Where the API server has it."""
        from injector.kube.objects import path_of

        return path_of(KINDS[self.kind], self.namespace, self.name)


@dataclass(frozen=True, slots=True)
class Planned:
    """A target as it is now: why it cannot be rolled at all, or what forbids it at this moment."""

    target: Target
    objection: str = ""
    blocked: str = ""


@dataclass(slots=True)
class Result:
    """What became of the targets. `why` says why it stopped at `stopped`, where it did."""

    done: list[Target] = field(default_factory=list)
    stopped: Target | None = None
    why: str = ""
    under_way: list[Target] = field(default_factory=list)
    left: list[Target] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Pace:
    """How many at a time, and how long one may take; as long it may wait for its budgets before.

    The time in which others of the same run keep it waiting does not count.
    """

    parallel: int = 1
    seconds: float = 600
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def plan(cluster: Cluster, targets: Iterable[Target]) -> list[Planned]:
    """What would be rolled, and what speaks against it; changes nothing. Raises ClusterError."""
    out = []
    for target in targets:
        try:
            workload = _read(cluster, target)
        except ClusterError as error:
            if error.status != 404:
                raise
            out.append(Planned(target, "it does not exist any more"))
            continue
        objection = rollouts.objection(workload)
        budgets = rollouts.covering(workload, _budgets(cluster, target), target.pods)
        out.append(Planned(target, objection, "" if objection else rollouts.blocked(workload, budgets)))
    return out


def roll(
    cluster: Cluster,
    targets: Sequence[Target],
    pace: Pace,
    still: Callable[[Target], str],
    say: Callable[[str], None],
) -> Result:
    """Roll the targets, each as soon as it may; stops at the first that fails, and begins no other.

    `still` looks at the new pods and says what is still wrong with them: then the cause is not the
    pods' age, and rolling more would help nobody.
    """
    run = _Run(cluster, list(targets), pace, still, say)
    try:
        while run.waiting or run.running:
            run.begin()
            run.look()
            if run.result.stopped:
                break
            pace.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        run.result.why = "interrupted"
    run.result.under_way = [*run.running, *(t for t in run.waiting if t in run.sent)]
    run.result.left = [t for t in run.waiting if t not in run.sent]
    return run.result


@dataclass(slots=True)
class _Run:
    """One run: what waits, what is under way with its time limit and its budgets.

    `sent` holds the times of the restarts that were asked for: where an answer was lost, the same time
    again is no second rollout. `limits` is until when those that wait may do so.
    """

    cluster: Cluster
    waiting: list[Target]
    pace: Pace
    still: Callable[[Target], str]
    say: Callable[[str], None]
    running: dict[Target, tuple[float, frozenset[str]]] = field(default_factory=dict)
    sent: dict[Target, str] = field(default_factory=dict)
    limits: dict[Target, float] = field(default_factory=dict)
    reported: dict[Target, str] = field(default_factory=dict)
    result: Result = field(default_factory=Result)

    def begin(self) -> None:
        """Begin those that are free for as long as there is room, first those that may have begun."""
        for target in sorted(self.waiting, key=lambda each: each not in self.sent):
            if len(self.running) >= self.pace.parallel:
                return self.limits.clear()
            try:
                self.attempt(target)
            except ClusterError as error:
                if error.status not in _PASSING:
                    return self.stop(target, str(error))
                # Nothing else is begun before it is known whether this one was.
                return self.hold(target, error.message)
            if self.result.stopped:
                return

    def attempt(self, target: Target) -> None:
        """Begin a target, or say what it waits for. Raises ClusterError."""
        workload = _read(self.cluster, target)
        budgets = rollouts.covering(workload, _budgets(self.cluster, target), target.pods)
        names = frozenset(f"{target.namespace}/{b['metadata']['name']}" for b in budgets)
        if not rollouts.restarted(workload, self.sent.get(target)):
            if shared := next((t for t, (_, of) in self.running.items() if of & names), None):
                self.limits.pop(target, None)
                return self.report_waiting(target, f"it has the same PodDisruptionBudget as {shared.label}")
            if why := rollouts.blocked(workload, budgets):
                return self.hold(target, why)
            at = self.sent.setdefault(target, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
            self.cluster.patch(target.path, rollouts.restart(KINDS[target.kind], at))
        self.running[target] = (self.pace.clock() + self.pace.seconds, names)
        self.waiting.remove(target)
        self.say(f"restarting {target.label}")

    def hold(self, target: Target, why: str) -> None:
        """Wait with a target; past its time limit that ends the run."""
        if self.pace.clock() > self.limits.setdefault(target, self.pace.clock() + self.pace.seconds):
            return self.stop(target, why)
        self.report_waiting(target, why)

    def report_waiting(self, target: Target, why: str) -> None:
        """Say once why a target waits."""
        if why != self.reported.get(target):
            self.say(f"waiting before restarting {target.label}: {why}")
            self.reported[target] = why

    def look(self) -> None:
        """See how far those under way are."""
        for target, (until, _) in list(self.running.items()):
            try:
                progress = rollouts.progress(_read(self.cluster, target))
                wrong = self.still(target) if progress.step is rollouts.RolloutStep.DONE else ""
            except ClusterError as error:
                if error.status not in _PASSING:
                    return self.stop(target, str(error))
                progress, wrong = rollouts.Progress(rollouts.RolloutStep.UNDER_WAY, error.message), ""
            if progress.step is rollouts.RolloutStep.DONE and not wrong:
                self.say(f"restarted {target.label}")
                self.result.done.append(target)
                del self.running[target]
            elif wrong or progress.step is rollouts.RolloutStep.FAILED:
                return self.stop(target, wrong or progress.detail)
            elif self.pace.clock() > until:
                return self.stop(target, f"not complete after {self.pace.seconds:g} s: {progress.detail}")

    def stop(self, target: Target, why: str) -> None:
        self.result.stopped, self.result.why = target, why
        self.running.pop(target, None)
        if target in self.waiting:
            self.waiting.remove(target)


def _read(cluster: Cluster, target: Target) -> Manifest:
    # A single object says its kind by itself, but not every version of the API server does.
    return {**cluster.get(target.path), "kind": target.kind}


def _budgets(cluster: Cluster, target: Target) -> list[Manifest]:
    return cluster.list(f"/apis/policy/v1/namespaces/{quote(target.namespace)}/poddisruptionbudgets")
