"""What `injector audit` prints of pods: by owner, as a table, or for programs. Not here: restarts."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

import click

from injector.cli.audit_pods import Audited, Pod, count, label
from injector.cli.report import coloured, paint
from injector.cli.results import PROGRAMS, for_programs, table
from injector.core.model import Owner
from injector.core.reports.audit import FIXED_BY_RESTART, REPORTED, AuditState
from injector.printable import first_of, visible

_COLOURS: Final = {
    "missing": "red",
    "stale": "yellow",
    "unwanted": "yellow",
    "foreign": "yellow",
    "refused": "red",
}
_SHOWN: Final = 3
_ALSO: Final = {
    AuditState.SAME: "injected with another configuration and the same result",
    AuditState.MANUAL: "injected in the manifest of the owner",
}
_HEADINGS: Final = ("namespace", "owner", "pod", "state", "reason", "revision", "differs")


def pods(audited: Audited, output: str, restart: dict[str, Any] | None = None) -> None:
    """Print the pods; `restart` is part of what programs get."""
    if output in PROGRAMS:
        shown = {
            "pods": [as_json(pod) for pod in audited.pods],
            "counts": {state.value: number for state, number in sorted(audited.counts.items())},
        }
        click.echo(for_programs(shown | ({"restart": restart} if restart else {}), output))
        return
    colour = coloured(sys.stdout)
    if output == "wide":
        lines = table(_HEADINGS, map(_row, audited.pods)) if audited.pods else []
    else:
        lines = [line for key, group in audited.groups.items() for line in _text(key, group, colour)]
    click.echo("\n".join([*lines, summary(audited)]), color=True if colour else None)


def as_json(pod: Pod) -> dict[str, Any]:
    """A pod for programs."""
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
        "differences": [change._asdict() for change in standing.differences],
        "inManifest": standing.in_manifest,
        "error": standing.error or None,
    }


def _row(pod: Pod) -> tuple[str, ...]:
    standing = pod.standing
    return (
        pod.namespace,
        f"{pod.owner.kind}/{pod.owner.name}",
        pod.name,
        standing.state.value,
        standing.reason.value,
        standing.revision or "-",
        first_of(standing.pointers, 1) or "-",
    )


def _text(key: tuple[str, Owner], group: list[Pod], colour: bool) -> Iterator[str]:
    yield paint(visible(label(*key)), "", colour, bold=True)
    alike: dict[object, list[Pod]] = {}
    for pod in group:
        # Values may differ from pod to pod; where they differ does not.
        each = pod.standing
        key_of = (each.state, each.reason, each.pointers, each.revision, each.error, each.in_manifest)
        alike.setdefault(key_of, []).append(pod)
    for pods_alike in alike.values():
        standing = pods_alike[0].standing
        names = first_of([pod.name for pod in pods_alike], _SHOWN)
        yield f"  {painted(standing.state.value, colour)} {visible(names)}"
        reason = f"{standing.reason.value}: {standing.error or standing.reason.sentence}"
        yield f"           {standing.state.sentence} {visible(reason)}"
        for change in standing.differences[:_SHOWN]:
            yield f"           {visible(str(change))}"
        if (more := len(standing.differences) - _SHOWN) > 0:
            yield f"           and {count(more, 'more value')}"
    yield ""


def painted(word: str, colour: bool) -> str:
    """The word of a state, padded, and in its colour."""
    return paint(f"{word:<8}", _COLOURS.get(word, "green"), colour)


def summary(audited: Audited) -> str:
    """One line in plain numbers."""
    total, counts, reported = audited.counts.total(), audited.counts, audited.pods
    if not total:
        return "no running pods"
    restart = [pod for pod in reported if needs_restart(pod)]
    look = [pod for pod in reported if not needs_restart(pod)]
    parts = [_part(pods, what) for pods, what in ((restart, "a restart"), (look, "a look")) if pods]
    accepted = Counter({state: counts[state] for state in REPORTED})
    accepted.subtract(pod.standing.state for pod in reported)
    well = total - len(reported) - accepted.total()
    if well:
        parts.append(f"{well} up to date" if well < total else f"{count(total, 'pod')}, all up to date")
    parts += [f"{number} {state.value}, accepted" for state, number in accepted.items() if number]
    for state, words in _ALSO.items():
        if counts[state]:
            parts.append(f"{counts[state]} of them {words}")
    return "; ".join(parts)


def needs_restart(pod: Pod) -> bool:
    """Whether a new pod would be as it should."""
    return pod.standing.state in FIXED_BY_RESTART and not pod.standing.in_manifest


def _part(some: list[Pod], what: str) -> str:
    owners = {(pod.namespace, pod.owner) for pod in some}
    verb = "needs" if len(some) == 1 else "need"
    return f"{count(len(some), 'pod')} of {count(len(owners), 'owner')} {verb} {what}: {by_state(some)}"


def by_state(some: Iterable[Pod]) -> str:
    """How many pods are in each state, in words."""
    states = [pod.standing.state for pod in some]
    return ", ".join(f"{states.count(state)} {state.value}" for state in REPORTED if state in states)
