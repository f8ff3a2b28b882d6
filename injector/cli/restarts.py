"""`injector audit --restart`: which owners are restarted, within which windows, and the result in words.

Not here: how workloads are rolled (`injector.kube.rolling`), and the hours of windows (windows.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from datetime import datetime
from typing import Any

import click

from injector.classes import dataclass
from injector.cli.audit_pods import Audited, AuditScope, Pod, count, is_of, label
from injector.cli.audit_report import needs_restart
from injector.cli.windows import Window, is_open, opening
from injector.core import kinds
from injector.core.model import Owner
from injector.core.reports import audit
from injector.kube.client import Cluster
from injector.kube.objects import path_of
from injector.kube.rolling import Pace, Planned, Result, Target, plan, roll
from injector.printable import visible


@dataclass(frozen=True, slots=True)
class Schedule:
    """The maintenance windows, and the clock."""

    windows: Sequence[Window]
    now: Callable[[], datetime]

    def closed(self) -> str:
        """Why no owner may be restarted now, and when that ends; empty where one may."""
        now = self.now()
        if is_open(self.windows, now):
            return ""
        opens = opening(self.windows, now)
        when = opens.isoformat(sep=" ", timespec="minutes") if opens else "not in the next two weeks"
        return f"outside of the maintenance windows, the next opens {when}"


@dataclass(slots=True)
class Restart:
    """The plan, and its result once there is one. `by_hand` says why an owner is left to the operator."""

    planned: list[Planned]
    by_hand: dict[str, str]
    closed: str = ""
    result: Result | None = None
    targets: list[Target] = field(init=False)

    def __post_init__(self) -> None:
        self.by_hand |= {each.target.label: each.objection for each in self.planned if each.objection}
        self.targets = [each.target for each in self.planned if not each.objection]


def planned(cluster: Cluster, audited: Audited, schedule: Schedule) -> Restart:
    """What would be restarted. Changes nothing. Raises ClusterError."""
    by_hand = {key: why for key, pods in audited.groups.items() if (why := why_not_restartable(key[1], pods))}
    targets = [_target(key, pods) for key, pods in audited.groups.items() if key not in by_hand]
    named = {label(*key): why for key, why in by_hand.items()}
    return Restart(plan(cluster, targets), named, schedule.closed() if targets else "")


def carry_out(cluster: Cluster, scope: AuditScope, restart: Restart, pace: Pace) -> None:
    """Restart the targets, unless the windows are closed."""
    if not restart.closed:
        restart.result = roll(cluster, restart.targets, pace, _remaining_problem(cluster, scope), _say)


def status_of(audited: Audited, restart: Restart) -> int:
    """The exit status: 0 where all owners are done."""
    result = restart.result
    if result and result.why == "interrupted":
        return 130
    return 0 if not audited.groups or (result and len(result.done) == len(audited.groups)) else 1


def _say(text: str) -> None:
    click.echo(visible(text), err=True)


def why_not_restartable(of: Owner, pods: list[Pod]) -> str:
    """Why a restart of an owner does not help its pods; empty where it does."""
    if any(pod.standing.state is audit.AuditState.REFUSED for pod in pods):
        return "its new pods would be denied"
    if any(pod.standing.in_manifest for pod in pods):
        stale = any(pod.standing.state is audit.AuditState.STALE for pod in pods)
        command = "kube-inject" if stale else "uninject"
        return f"its manifest has the sidecar; change it with 'injector {command}' and apply it"
    if not any(map(needs_restart, pods)):
        return "a restart does not fix this"
    row = kinds.TABLE.owner(of.kind, of.api_version)
    if row is not None and not row.upstream and row.plural:
        return "restart it with the tool of its operator"
    if row is None or row.rolling is None:
        return "a rolling restart does not recreate its pods"
    return ""


def _target(key: tuple[str, Owner], pods: list[Pod]) -> Target:
    labels = {json.dumps(pod.labels, sort_keys=True): pod.labels for pod in pods}
    return Target(key[0], key[1].kind, key[1].name, tuple(labels.values()))


def _remaining_problem(cluster: Cluster, scope: AuditScope) -> Callable[[Target], str]:
    """What is wrong with the pods of a workload after its restart."""

    def problem(target: Target) -> str:
        for item in cluster.each(path_of(kinds.KINDS["Pod"], target.namespace)):
            if audit.is_over(item) or not is_of(item, [(target.kind, target.name)]):
                continue
            pod = scope.at(item)
            if pod.standing.state in audit.REPORTED:
                hint = f"see 'injector explain pod/{pod.name} -n {pod.namespace}'"
                return f"its new pod {pod.name} is still {pod.standing.state.value}; {hint}"
        return ""

    return problem


# --- in words -----------------------------------------------------------------------------------


def text(restart: Restart) -> Iterator[str]:
    """The plan, or the result, for people."""
    result = restart.result
    if result is None:
        for each in restart.planned:
            if not each.objection:
                yield f"would restart {each.target.label}" + (f", now {each.blocked}" if each.blocked else "")
    for name, why in restart.by_hand.items():
        yield f"restart manually: {name}: {why}"
    if result is not None:
        yield from _result_text(result, len(restart.targets))
    elif restart.closed:
        yield f"nothing was restarted: {restart.closed}"
    elif restart.targets:
        yield f"nothing was changed; --yes restarts {count(len(restart.targets), 'owner')}"
    else:
        yield "nothing to do"


def _result_text(result: Result, targets: int) -> Iterator[str]:
    words = [f"{number} {word}" for word, number in _counts(result).items() if number or word == "done"]
    yield f"restart of {count(targets, 'owner')}: {', '.join(words)}"
    if result.stopped:
        word = "timed out" if result.timed_out else "failed"
        goes_on = "; its rollout continues" if result.timed_out and result.begun else ""
        yield f"{word}: {result.stopped.label}: {result.why}{goes_on}"
    for word, targets_left in (("in progress", result.under_way), ("not started", result.left)):
        if targets_left:
            yield f"{word}: {', '.join(target.label for target in targets_left)}"
    if result.closed:
        yield f"stopped early: {result.closed}"


def _counts(result: Result) -> dict[str, int]:
    stopped = int(result.stopped is not None)
    return {
        "done": len(result.done),
        "timed out": stopped * result.timed_out,
        "failed": stopped * (not result.timed_out),
        "in progress": len(result.under_way),
        "not started": len(result.left),
    }


def for_programs(restart: Restart) -> dict[str, Any]:
    """The plan and the result, for programs."""
    result = restart.result
    out: dict[str, Any] = {
        "planned": [
            {"owner": each.target.label, "blocked": each.blocked or None}
            for each in restart.planned
            if not each.objection
        ],
        "leftToYou": [{"owner": name, "why": why} for name, why in restart.by_hand.items()],
        "closed": (result.closed if result else restart.closed) or None,
        "done": None,
    }
    if result is not None:
        out["done"] = [target.label for target in result.done]
        stopped = None
        if result.stopped:
            how = {"timedOut": result.timed_out, "restarted": result.begun}
            stopped = {"owner": result.stopped.label, "why": result.why, **how}
        out |= {"stopped": stopped, "underWay": [t.label for t in result.under_way]}
        out["notBegun"] = [target.label for target in result.left]
        out["counts"] = _counts(result)
    return out
