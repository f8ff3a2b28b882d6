"""Rolling restarts of workloads, a few at a time, within their PodDisruptionBudgets.

Here: the order, the waiting and the end. Not here: which workloads (`injector.cli.audit`), and the rules
of rollouts and budgets (`injector.core.reports.rollouts`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from injector.classes import dataclass
from injector.core.kinds import KINDS
from injector.core.model import Manifest
from injector.core.reports import rollouts
from injector.errors import ClusterError
from injector.kube.client import Cluster
from injector.kube.objects import path_of

POLL_SECONDS: Final = 1.0
# No answer, too many requests, or an API server in trouble: tried again until the time is over.
_PASSING: Final = frozenset({0, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Target:
    """A workload to restart, and the labels of its pods."""

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
        """Its path at the API server."""
        return path_of(KINDS[self.kind], self.namespace, self.name)


@dataclass(frozen=True, slots=True)
class Planned:
    """A target as it is now: why it cannot be restarted at all, or what forbids it at this moment."""

    target: Target
    objection: str = ""
    blocked: str = ""


@dataclass(slots=True)
class Result:
    """The result for the targets. `why` says why it stopped at the target `stopped`.

    `timed_out`: its time is over, all else is a failure; `begun`: its restart was requested. `closed` says
    why no other one was begun after that.
    """

    done: list[Target] = field(default_factory=list)
    stopped: Target | None = None
    why: str = ""
    timed_out: bool = False
    begun: bool = False
    closed: str = ""
    under_way: list[Target] = field(default_factory=list)
    left: list[Target] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Pace:
    """How many at a time, and how many seconds one may take, and before that wait for its budgets.

    The time in which it waits for other targets does not count. `closed` says why none may begin now; empty
    where one may.
    """

    parallel: int = 1
    seconds: float = 600
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    closed: Callable[[], str] = lambda: ""


def plan(cluster: Cluster, targets: Iterable[Target]) -> list[Planned]:
    """What would be restarted, and what forbids it. Changes nothing. Raises ClusterError."""
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
    """Restart the targets, each as soon as it may; stop at the first that fails.

    `still` checks the new pods and says what is still wrong with them: then their age is not the
    cause, and more restarts do not help.
    """
    run = _Run(cluster, list(targets), pace, still, say)
    try:
        while run.waiting or run.running:
            run.begin()
            run.look()
            if run.result.stopped or run.is_closed():
                break
            pace.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        run.result.why = "interrupted"
    run.result.under_way = [*run.running, *(t for t in run.waiting if t in run.sent)]
    run.result.left = [t for t in run.waiting if t not in run.sent]
    return run.result


@dataclass(slots=True)
class _Run:
    """One run: the targets that wait, and those under way with their time limits and budgets.

    `sent` holds the times of the restarts that were requested: after a lost answer, the same time
    again is no second rollout. `limits` is until when each target may wait.
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
        """Begin as many as may run at a time, first those that may have begun."""
        for target in sorted(self.waiting, key=lambda each: each not in self.sent):
            if len(self.running) >= self.pace.parallel:
                self.limits.clear()
                return
            if target not in self.sent and self.closes():
                return
            try:
                self.attempt(target)
            except ClusterError as error:
                if error.status not in _PASSING:
                    self.sent.pop(target, None)
                    self.stop(target, str(error))
                else:
                    # Nothing else is begun before it is known whether this one was.
                    self.hold(target, error.message)
                return
            if self.result.stopped:
                return

    def closes(self) -> bool:
        """Whether no other one may begin, from now on."""
        if not self.result.closed and (why := self.pace.closed()):
            self.result.closed = why
            self.say(f"no other owner is restarted: {why}")
        return bool(self.result.closed)

    def is_closed(self) -> bool:
        """Whether none is left but those that may not begin."""
        return bool(self.result.closed) and not self.running and not self.sent.keys() & set(self.waiting)

    def attempt(self, target: Target) -> None:
        """Begin a target, or report what it waits for. Raises ClusterError."""
        workload = _read(self.cluster, target)
        budgets = rollouts.covering(workload, _budgets(self.cluster, target), target.pods)
        names = frozenset(f"{target.namespace}/{b['metadata']['name']}" for b in budgets)
        if not rollouts.restarted(workload, self.sent.get(target)):
            if shared := next((t for t, (_, of) in self.running.items() if of & names), None):
                self.limits.pop(target, None)
                self.report_waiting(target, f"it has the same PodDisruptionBudget as {shared.label}")
                return
            if why := rollouts.blocked(workload, budgets):
                self.hold(target, why)
                return
            at = self.sent.setdefault(target, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
            self.cluster.patch(target.path, rollouts.restart(KINDS[target.kind], at))
        self.running[target] = (self.pace.clock() + self.pace.seconds, names)
        self.waiting.remove(target)
        self.say(f"restarting {target.label}")

    def hold(self, target: Target, why: str) -> None:
        """Wait with a target; past its time limit that ends the run."""
        if self.pace.clock() > self.limits.setdefault(target, self.pace.clock() + self.pace.seconds):
            self.stop(target, why, timed_out=True)
        else:
            self.report_waiting(target, why)

    def report_waiting(self, target: Target, why: str) -> None:
        """Report once why a target waits."""
        if why != self.reported.get(target):
            self.say(f"waiting before restarting {target.label}: {why}")
            self.reported[target] = why

    def look(self) -> None:
        """Check the progress of those under way."""
        for target, (until, _) in list(self.running.items()):
            try:
                progress = rollouts.progress(_read(self.cluster, target))
                wrong = self.still(target) if progress.step is rollouts.RolloutStep.DONE else ""
            except ClusterError as error:
                if error.status not in _PASSING:
                    self.stop(target, str(error))
                    return
                progress, wrong = rollouts.Progress(rollouts.RolloutStep.UNDER_WAY, error.message), ""
            if progress.step is rollouts.RolloutStep.DONE and not wrong:
                self.say(f"restarted {target.label}")
                self.result.done.append(target)
                del self.running[target]
            elif wrong or progress.step is rollouts.RolloutStep.FAILED:
                self.stop(target, wrong or progress.detail)
                return
            elif self.pace.clock() > until:
                why = f"not complete after {self.pace.seconds:g} s: {progress.detail}"
                self.stop(target, why, timed_out=True)
                return

    def stop(self, target: Target, why: str, *, timed_out: bool = False) -> None:
        """End the run at a target."""
        self.result.stopped, self.result.why, self.result.timed_out = target, why, timed_out
        self.result.begun = target in self.sent
        self.running.pop(target, None)
        if target in self.waiting:
            self.waiting.remove(target)


def _read(cluster: Cluster, target: Target) -> Manifest:
    # Not every version of the API server sets the kind of a single object.
    return {**cluster.get(target.path), "kind": target.kind}


def _budgets(cluster: Cluster, target: Target) -> list[Manifest]:
    return cluster.list(f"/apis/policy/v1/namespaces/{quote(target.namespace)}/poddisruptionbudgets")
