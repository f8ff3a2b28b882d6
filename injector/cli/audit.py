"""`injector audit`: pods whose sidecar is missing or not as it would be now, by owner; and restarts.

Here: reading the cluster's pods and printing their states. Not here: what a pod's state is
(core.reports.audit), and how workloads are restarted (kube.rolling).
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import click

from injector.cli import configuration, world
from injector.cli.configuration import Wanted
from injector.cli.report import coloured, paint
from injector.cli.results import PROGRAMS, for_programs
from injector.cli.world import Access, World
from injector.core import kinds, owner
from injector.core.model import Facts, Manifest, Owner
from injector.core.profile import Config
from injector.core.reports import audit
from injector.errors import ConfigError
from injector.kube.client import Cluster
from injector.kube.rolling import Pace, Planned, Result, Target, plan, roll
from injector.printable import visible

_COLOURS: Final = {
    "missing": "red",
    "stale": "yellow",
    "unwanted": "yellow",
    "foreign": "yellow",
    "refused": "red",
}
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod and its state."""

    namespace: str
    name: str
    labels: dict[str, str]
    owner: Owner
    standing: audit.Standing


@dataclass(frozen=True, slots=True)
class AuditScope:
    """The configuration and the objects of the cluster that states of pods depend on."""

    config: Config
    world: World
    overrides: dict[str, str]

    def at(self, pod: Manifest) -> Pod:
        """One pod and its state."""
        meta = pod["metadata"]
        space = str(meta["namespace"])
        facts = Facts(
            namespace=space,
            namespace_object=self.world.namespaces.get(space),
            native_sidecars=self.world.native_sidecars,
            objects=self.world.objects,
            overrides=self.overrides,
        )
        standing = audit.standing(pod, facts, self.config)
        return Pod(space, str(meta["name"]), meta.get("labels") or {}, owner.of_pod(meta), standing)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFlags(Access):
    """The flags of `audit`."""

    namespace: str
    all_namespaces: bool
    config_file: str | None
    config_map: str | None
    from_istiod: str | None
    path: str
    restart: bool
    yes: bool
    parallel: int
    timeout: int
    output: str


def run(flags: AuditFlags) -> int:
    """List the pods, and restart their owners if the flags say so; returns the exit status."""
    if flags.namespace and flags.all_namespaces:
        raise ConfigError("give either -n NS or -A", hint="see 'injector audit --help'")
    if flags.yes and not flags.restart:
        raise ConfigError(
            "--yes requires --restart", where="--yes", hint="an audit without --restart changes nothing"
        )
    with world.connected(flags) as cluster:
        namespace = "" if flags.all_namespaces else flags.namespace or cluster.namespace
        if namespace:
            cluster.check_namespace(namespace)
        scope = _scope(cluster, flags, namespace)
        path = _pods(namespace) if namespace else "/api/v1/pods"
        counts: Counter[str] = Counter()
        pods = list(_reported(cluster.each(path), scope, counts))
        groups = _grouped(pods)
        if not flags.restart:
            _print(flags, groups, counts)
            return 1 if pods else 0
        return _restart(cluster, scope, groups, counts, flags)


def _scope(cluster: Cluster, flags: AuditFlags, namespace: str) -> AuditScope:
    wanted = Wanted(
        config_file=flags.config_file,
        config_map=flags.config_map,
        from_istiod=flags.from_istiod,
        namespace=namespace,
        local=not flags.restart,
    )
    chosen = configuration.located(wanted, cluster)
    if flags.restart and chosen.is_default:
        raise ConfigError(
            "no configuration was found, and the built-in defaults may not be those of the webhook",
            where="--restart",
            hint="use --config FILE or --config-map NS/NAME",
        )
    config = chosen.config()
    around = world.from_cluster(cluster, config.profile, namespace)
    path = flags.path
    return AuditScope(config, around, dict(config.profile.overrides_of_path(path)) if path else {})


def _pods(namespace: str) -> str:
    return f"/api/v1/namespaces/{quote(namespace, safe='')}/pods"


def _reported(pods: Iterator[Manifest], scope: AuditScope, counts: Counter[str]) -> Iterator[Pod]:
    """The pods with a problem. `counts` gets all that run, by their state."""
    for item in pods:
        if audit.is_over(item):
            continue
        pod = scope.at(item)
        counts[pod.standing.state.value] += 1
        if pod.standing.state in audit.REPORTED:
            yield pod


def _grouped(pods: Sequence[Pod]) -> dict[tuple[str, Owner], list[Pod]]:
    groups: dict[tuple[str, Owner], list[Pod]] = {}
    for pod in sorted(pods, key=lambda p: (p.namespace, p.owner.kind, p.owner.name, p.name)):
        groups.setdefault((pod.namespace, pod.owner), []).append(pod)
    return groups


# --- restarts -----------------------------------------------------------------------------------


def _restart(
    cluster: Cluster,
    scope: AuditScope,
    groups: dict[tuple[str, Owner], list[Pod]],
    counts: Counter[str],
    flags: AuditFlags,
) -> int:
    by_hand = {key: why for key, pods in groups.items() if (why := _why_not_restartable(key[1], pods))}
    planned = plan(cluster, [_target(key, pods) for key, pods in groups.items() if key not in by_hand])
    said = {_name(*key): why for key, why in by_hand.items()}
    said |= {each.target.label: each.objection for each in planned if each.objection}
    targets = [each.target for each in planned if not each.objection]
    result = None
    if flags.output == "text":
        _print(flags, groups, counts)
    if flags.yes:
        pace = Pace(flags.parallel, flags.timeout)
        result = roll(cluster, targets, pace, _remaining_problem(cluster, scope), _say)
    if flags.output in PROGRAMS:
        _print(flags, groups, counts, _restart_json(planned, said, result))
    else:
        click.echo("\n".join(map(visible, _restart_text(planned, said, result, len(targets)))))
    if result and result.why == "interrupted":
        return 130
    return 0 if not groups or (result and len(result.done) == len(groups)) else 1


def _say(text: str) -> None:
    click.echo(visible(text), err=True)


def _why_not_restartable(of: Owner, pods: list[Pod]) -> str:
    """Why a restart of an owner does not help its pods; empty where it does."""
    states = {pod.standing.state for pod in pods}
    if audit.AuditState.REFUSED in states:
        return "its new pods would be denied"
    if not states & set(audit.FIXED_BY_RESTART):
        return "a restart does not fix this"
    row = kinds.KINDS.get(of.kind)
    if row is None or row.rolling is None or row.api_version != of.api_version:
        return "a rolling restart does not recreate its pods"
    return ""


def _target(key: tuple[str, Owner], pods: list[Pod]) -> Target:
    labels = {json.dumps(pod.labels, sort_keys=True): pod.labels for pod in pods}
    return Target(key[0], key[1].kind, key[1].name, tuple(labels.values()))


def _remaining_problem(cluster: Cluster, scope: AuditScope) -> Callable[[Target], str]:
    """What is wrong with the pods of a workload after its restart."""

    def problem(target: Target) -> str:
        for item in cluster.each(_pods(target.namespace)):
            if audit.is_over(item):
                continue
            of = owner.of_pod(item["metadata"])
            if (of.kind, of.name) != (target.kind, target.name):
                continue
            pod = scope.at(item)
            if pod.standing.state in audit.REPORTED:
                hint = f"see 'injector explain pod/{pod.name} -n {pod.namespace}'"
                return f"its new pod {pod.name} is still {pod.standing.state.value}; {hint}"
        return ""

    return problem


# --- output ------------------------------------------------------------------------------------


def _print(
    flags: AuditFlags,
    groups: dict[tuple[str, Owner], list[Pod]],
    counts: Counter[str],
    restart: dict[str, Any] | None = None,
) -> None:
    if flags.output in PROGRAMS:
        pods = [_json(pod) for group in groups.values() for pod in group]
        shown = {"pods": pods, "counts": dict(sorted(counts.items()))}
        click.echo(for_programs(shown | ({"restart": restart} if restart else {}), flags.output))
        return
    colour = coloured(sys.stdout)
    lines = [line for key, pods in groups.items() for line in _text(key, pods, colour)]
    click.echo("\n".join([*lines, _summary(groups, counts)]), color=True if colour else None)


def _json(pod: Pod) -> dict[str, Any]:
    standing = pod.standing
    return {
        "namespace": pod.namespace,
        "name": pod.name,
        "owner": {"apiVersion": pod.owner.api_version, "kind": pod.owner.kind, "name": pod.owner.name},
        "state": standing.state.value,
        "reason": standing.reason.value,
        "sentence": f"{standing.state.sentence} {standing.reason.sentence}",
        "revision": standing.revision or None,
        "pointers": list(standing.pointers),
        "error": standing.error or None,
    }


def _text(key: tuple[str, Owner], pods: list[Pod], colour: bool) -> Iterator[str]:
    yield paint(visible(_name(*key)), "white", colour, bold=True)
    alike: dict[audit.Standing, list[str]] = {}
    for pod in pods:
        alike.setdefault(pod.standing, []).append(pod.name)
    for standing, names in alike.items():
        word = paint(f"{standing.state.value:<8}", _COLOURS[standing.state.value], colour)
        yield f"  {word} {visible(_names(names))}"
        what = f"{len(standing.pointers)} values differ. " if len(standing.pointers) > 1 else ""
        what = f"1 value differs: {standing.pointers[0]}. " if len(standing.pointers) == 1 else what
        reason = f"{standing.reason.value}: {standing.error or standing.reason.sentence}"
        yield f"           {standing.state.sentence} {visible(what + reason)}"
    yield ""


def _names(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def _name(namespace: str, of: Owner) -> str:
    return f"{of.kind} {namespace}/{of.name}"


def _summary(groups: dict[tuple[str, Owner], list[Pod]], counts: Counter[str]) -> str:
    reported = sum(len(pods) for pods in groups.values())
    text = f"{_count(counts.total(), 'pod')} checked, {reported} of {_count(len(groups), 'owner')} found"
    words = [f"{counts[s.value]} {s.value}" for s in audit.REPORTED if counts[s.value]]
    text += f": {', '.join(words)}" if words else ""
    same = counts[audit.AuditState.SAME.value]
    return text + (f"; {same} injected with another configuration and the same result" if same else "")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _restart_text(
    planned: list[Planned], by_hand: dict[str, str], result: Result | None, targets: int
) -> Iterator[str]:
    if result is None:
        for each in planned:
            if not each.objection:
                yield f"would restart {each.target.label}" + (f", now {each.blocked}" if each.blocked else "")
    for name, why in by_hand.items():
        yield f"restart manually: {name}: {why}"
    if result is None:
        yield (
            f"nothing was changed; --yes restarts {_count(targets, 'owner')}" if targets else "nothing to do"
        )
        return
    yield f"restarted {_count(len(result.done), 'owner')}"
    if result.stopped:
        yield f"stopped at {result.stopped.label}: {result.why}"
    for word, targets_left in (("still in progress", result.under_way), ("not started", result.left)):
        if targets_left:
            yield f"{word}: {', '.join(target.label for target in targets_left)}"


def _restart_json(planned: list[Planned], by_hand: dict[str, str], result: Result | None) -> dict[str, Any]:
    out: dict[str, Any] = {
        "planned": [
            {"owner": p.target.label, "blocked": p.blocked or None} for p in planned if not p.objection
        ],
        "leftToYou": [{"owner": name, "why": why} for name, why in by_hand.items()],
        "done": None,
    }
    if result is not None:
        out["done"] = [target.label for target in result.done]
        stopped = {"owner": result.stopped.label, "why": result.why} if result.stopped else None
        out |= {"stopped": stopped, "underWay": [t.label for t in result.under_way]}
        out["notBegun"] = [target.label for target in result.left]
    return out
