"""Why a pod of a cluster is not injected or not ready: what was read of it, by the table of causes.

Here: which signs count, and which cause is the verdict. Not here: the table (causes.py), the signs
(containers.py, creation.py, not_called.py), and reading from a cluster.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING

from injector.classes import dataclass
from injector.core import kinds, status
from injector.core.cause_types import Symptom
from injector.core.diagnosis import causes, containers, creation
from injector.core.diagnosis.causes import Cause, Evidence
from injector.core.diagnosis.containers import Container, Log, word
from injector.core.diagnosis.not_called import missing_injection
from injector.core.model import Decision, Manifest
from injector.printable import shown

if TYPE_CHECKING:
    from injector.core.profile import Profile


@dataclass(frozen=True, slots=True)
class PodObservation:
    """What was read: the pod, its owners from the requested object down, and objects around them.

    `pod` is None where the newest owner has none. `webhooks` and `namespace` are None where they
    could not be read. `unread` says what was refused, each with the verb and the resource.
    """

    pod: Manifest | None
    owners: tuple[Manifest, ...] = ()
    events: tuple[Manifest, ...] = ()
    logs: tuple[Log, ...] = ()
    webhooks: tuple[Manifest, ...] | None = None
    namespace: Manifest | None = None
    pods: int = 0
    unread: tuple[str, ...] = ()


class PodState(StrEnum):
    """The state of a pod."""

    HEALTHY = "healthy"
    ALTERED = "ready, but differs from what was injected"
    NOT_INJECTED = "ready, not injected"
    NOT_READY = "not ready"
    COMPLETED = "completed"
    FAILED = "failed"
    MISSING = "pods are missing"
    NONE_WANTED = "no pod"


@dataclass(frozen=True, slots=True)
class Injected:
    """A container that was injected and goes on running."""

    name: str
    image: str
    ready: bool


@dataclass(frozen=True, slots=True)
class InjectionSummary:
    """Who injected a pod. `by_us`: the status carries a digest, which only this program writes."""

    revision: str
    by_us: bool
    sidecars: tuple[Injected, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The verdict, which is the first of the causes, and what it rests on."""

    subject: str
    state: PodState
    causes: tuple[Cause, ...] = ()
    injection: InjectionSummary | None = None
    looked_at: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Signs:
    """A pod with its status annotation and its containers."""

    pod: Manifest
    status: status.Status | None
    containers: tuple[Container, ...] = field(default=())

    @property
    def state(self) -> PodState:
        pod_status = self.pod.get("status") or {}
        if pod_status.get("phase") == "Succeeded":
            return PodState.COMPLETED
        if pod_status.get("phase") == "Failed":
            return PodState.FAILED
        if not ready(self.pod):
            return PodState.NOT_READY
        if self.status is None:
            return PodState.NOT_INJECTED
        return PodState.ALTERED if any(containers.pieces(self.pod, self.status)) else PodState.HEALTHY


def diagnose(
    seen: PodObservation, decision: Decision | None, profile: Profile, entries: Collection[str]
) -> Diagnosis:
    """What is wrong with a pod, or with the owner that cannot make one.

    `decision` is the one for the pod, None without a pod. `entries` are the names that the profile's
    webhooks have.
    """
    listed = status.read(seen.pod, profile.keys) if seen.pod else None
    refused = list(_refused(seen, injected_names(listed), entries))
    if seen.pod is None or refused:
        return _without_pod(seen, refused)
    signs = _Signs(seen.pod, listed, containers.of_pod(seen.pod, listed))
    symptoms = profile.symptoms()
    rows = _sorted(
        [*_of_pod(seen, signs, symptoms), *_calling(seen, signs, decision, entries, profile)], symptoms
    )
    if signs.state is PodState.NOT_READY:
        rows = _verdict_first(rows)
    return Diagnosis(
        f"Pod {_name(seen.pod)}", signs.state, rows, _injection(signs), _looked_at(seen), seen.unread
    )


def ready(pod: Manifest) -> bool:
    """Whether the kubelet calls the pod ready."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def injected_names(listed: status.Status | None) -> tuple[str, ...]:
    """The containers that a status lists."""
    return (*listed.init_containers, *listed.containers) if listed else ()


def _refused(seen: PodObservation, ours: Collection[str], entries: Collection[str]) -> Iterator[Cause]:
    if seen.owners and creation.short(seen.owners[-1]):
        yield from creation.refusals(seen.owners, seen.events, ours, entries)


def _without_pod(seen: PodObservation, refused: list[Cause]) -> Diagnosis:
    owner = seen.owners[-1] if seen.owners else {}
    subject = f"{word(owner.get('kind'))} {_name(owner)}"
    state, rows = PodState.MISSING, tuple(refused)
    if not rows and (kinds.wanted(owner) or not kinds.says_wanted(owner)):
        rows = (Cause(causes.NO_POD_YET),)
    elif not rows:
        state = PodState.NONE_WANTED
        asks = Evidence(f"{word(owner.get('kind'))} /spec", "desires no pods")
        rows = (Cause(causes.NOT_WANTED, (asks,)),)
    return Diagnosis(subject, state, rows, None, _looked_at(seen), seen.unread)


def _of_pod(seen: PodObservation, signs: _Signs, symptoms: tuple[Symptom, ...]) -> Iterator[Cause]:
    yield from containers.pieces(signs.pod, signs.status)
    yield from containers.placement(signs.pod)
    if signs.state not in (PodState.NOT_READY, PodState.FAILED):
        return
    for container in signs.containers:
        yield from containers.of_container(container)
    waiting = any(c.state("waiting") or not c.status for c in signs.containers)
    uid = (signs.pod.get("metadata") or {}).get("uid")
    own = [e for e in seen.events if (e.get("involvedObject") or {}).get("uid") == uid]
    yield from containers.of_events(own, signs.status, waiting)
    yield from containers.of_symptoms(symptoms, seen.logs, signs.containers)


def _calling(
    seen: PodObservation,
    signs: _Signs,
    decision: Decision | None,
    entries: Collection[str],
    profile: Profile,
) -> Iterator[Cause]:
    if signs.status is None and decision is not None:
        yield missing_injection(signs.pod, decision, seen.namespace, seen.webhooks, entries, profile)


def _sorted(rows: list[Cause], symptoms: tuple[Symptom, ...]) -> tuple[Cause, ...]:
    """One cause for each row, with all its evidence, in the order of the table."""
    rank = causes.order(symptoms)
    joined: dict[str, Cause] = {}
    for cause in rows:
        first = joined.get(cause.type.id, Cause(cause.type))
        evidence = (*first.evidence, *(e for e in cause.evidence if e not in first.evidence))
        hint = first.hint or cause.hint
        joined[cause.type.id] = Cause(cause.type, evidence, first.ours or cause.ours, hint)
    return tuple(sorted(joined.values(), key=lambda c: rank[c.type.id]))


def _verdict_first(rows: tuple[Cause, ...]) -> tuple[Cause, ...]:
    """The causes of a pod that is not ready.

    Why it was not injected does not keep it from being ready, so that it comes last. What follows
    from something else explains the application's own containers; for injected ones it is unknown.
    """
    calling = tuple(c for c in rows if c.type in causes.NOT_INJECTED)
    rows = tuple(c for c in rows if c.type not in causes.NOT_INJECTED)
    # Containers that wait for another one have no cause of their own.
    rows = tuple(c for c in rows if c.type is not causes.STARTING) or rows
    if any(not c.type.follows or c.type is causes.STARTING for c in rows):
        return rows + calling
    own = tuple(c for c in rows if not c.ours)
    if own:
        return own + tuple(c for c in rows if c.ours) + calling
    return (Cause(causes.UNKNOWN), *rows, *calling)


def _injection(signs: _Signs) -> InjectionSummary | None:
    if signs.status is None:
        return None
    running = tuple(
        Injected(shown(c.name), shown(c.spec.get("image") or ""), bool(c.status.get("ready")))
        for c in signs.containers
        if c.ours and c.stays
    )
    return InjectionSummary(shown(signs.status.revision or "default"), bool(signs.status.digest), running)


def _looked_at(seen: PodObservation) -> tuple[str, ...]:
    lines = sum(len(log.lines) for log in seen.logs)
    out = ["status of the pod"] if seen.pod else []
    out += [f"{word(owner.get('kind'))} {_name(owner)}" for owner in seen.owners]
    out.append(f"{len(seen.events)} events")
    if seen.logs:
        named = ", ".join(dict.fromkeys(log.container for log in seen.logs))
        out.append(f"{lines} lines of the logs of {named}")
    if seen.webhooks is not None:
        out.append(f"{len(seen.webhooks)} MutatingWebhookConfigurations")
    return tuple(out)


def _name(item: Manifest) -> str:
    return shown((item.get("metadata") or {}).get("name") or "?")
