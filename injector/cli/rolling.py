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

from injector.core import rollouts
from injector.core.model import Manifest
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
        plural = rollouts.KINDS[self.kind]
        return f"/apis/apps/v1/namespaces/{quote(self.namespace)}/{plural}/{quote(self.name)}"


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
    """How many at a time, and how long one may take, from the wait for its budgets on."""

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
            out.append(Planned(target, "it is not there any more"))
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
    """Roll the targets in their order; stops at the first that does not complete, and begins no other.

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
    run.result.under_way, run.result.left = list(run.running), run.waiting
    return run.result


@dataclass(slots=True)
class _Run:
    """One run: what waits, what is under way with its time limit and its budgets."""

    cluster: Cluster
    waiting: list[Target]
    pace: Pace
    still: Callable[[Target], str]
    say: Callable[[str], None]
    running: dict[Target, tuple[float, frozenset[str]]] = field(default_factory=dict)
    result: Result = field(default_factory=Result)
    until: float | None = None
    told: str = ""

    def begin(self) -> None:
        """Begin the next ones for as long as there is room and their budgets allow."""
        while self.waiting and len(self.running) < self.pace.parallel and not self.result.stopped:
            target = self.waiting[0]
            if self.until is None:
                self.until = self.pace.clock() + self.pace.seconds
            try:
                why, names = self.obstacle(target)
                if not why:
                    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                    self.cluster.patch(target.path, rollouts.restart(now))
            except ClusterError as error:
                if error.status not in _PASSING:
                    return self.stop(target, str(error))
                why, names = error.message, frozenset()
            if why:
                return self.hold(target, why)
            self.say(f"restarting {target.label}")
            self.running[target] = (self.pace.clock() + self.pace.seconds, names)
            self.waiting.pop(0)
            self.until, self.told = None, ""

    def obstacle(self, target: Target) -> tuple[str, frozenset[str]]:
        """What forbids to begin now, and the names of the budgets that cover the target."""
        workload = _read(self.cluster, target)
        budgets = rollouts.covering(workload, _budgets(self.cluster, target), target.pods)
        names = frozenset(f"{target.namespace}/{b['metadata']['name']}" for b in budgets)
        shared = next((t for t, (_, of) in self.running.items() if of & names), None)
        if shared:
            return f"it shares a PodDisruptionBudget with {shared.label}", names
        return rollouts.blocked(workload, budgets), names

    def hold(self, target: Target, why: str) -> None:
        """Wait with a target; past its time limit that ends the run."""
        if self.pace.clock() > (self.until or 0.0):
            return self.stop(target, why)
        if why != self.told:
            self.say(f"waiting with {target.label}: {why}")
            self.told = why

    def look(self) -> None:
        """See how far those under way are."""
        for target, (until, _) in list(self.running.items()):
            try:
                progress = rollouts.progress(_read(self.cluster, target))
                wrong = self.still(target) if progress.step is rollouts.Step.DONE else ""
            except ClusterError as error:
                if error.status not in _PASSING:
                    return self.stop(target, str(error))
                progress, wrong = rollouts.Progress(rollouts.Step.UNDER_WAY, error.message), ""
            if progress.step is rollouts.Step.DONE and not wrong:
                self.say(f"done with {target.label}")
                self.result.done.append(target)
                del self.running[target]
            elif wrong or progress.step is rollouts.Step.FAILED:
                return self.stop(target, wrong or progress.detail)
            elif self.pace.clock() > until:
                return self.stop(target, f"not complete in {self.pace.seconds:g} s: {progress.detail}")

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
