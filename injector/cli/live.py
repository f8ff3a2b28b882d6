"""`injector explain KIND/NAME --live`: why a pod of the cluster is not ready, or not injected.

Here: from the object to its diagnosis, and its output. Not here: the table of causes (core), and
what is read from the cluster (kube).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from injector.classes import replace
from injector.cli.report import paint
from injector.cli.world import World
from injector.core import status, workload
from injector.core.diagnosis import diagnoses
from injector.core.diagnosis.diagnoses import Diagnosis, InjectionSummary
from injector.core.injection.decisions import decide
from injector.core.model import Decision, Manifest, Verdict
from injector.core.profile import Config
from injector.core.registration.configuration import whole_name
from injector.kube.client import Cluster
from injector.kube.observation import observe
from injector.printable import visible

COLOURS: Final = {
    "healthy": "green",
    "completed": "green",
    "ready, not injected": "yellow",
    "no pod": "yellow",
}


def diagnosis(
    cluster: Cluster, manifest: Manifest, around: World, config: Config, unread: tuple[str, ...]
) -> Diagnosis:
    """What is wrong with the pod of an object. `unread`: what could not be read. Raises ClusterError."""

    def injected(pod: Manifest) -> tuple[str, ...]:
        return diagnoses.injected_names(status.read(pod, config.profile.keys))

    seen = observe(cluster, manifest, injected)
    seen = replace(seen, unread=tuple(dict.fromkeys((*unread, *seen.unread))))
    decision = _decision(seen.pod, around, config) if seen.pod else None
    return diagnoses.diagnose(seen, decision, config.profile, _entries(config))


def _decision(pod: Manifest, around: World, config: Config) -> Decision | None:
    located = workload.locate({"apiVersion": "v1", "kind": "Pod", **pod})
    if located is None:
        return None
    facts = around.facts(located)
    # The pod's own settings are a better reason than that the webhook is not called for it.
    by_itself = decide(pod, facts, replace(config.policy, entries=()))
    return by_itself if by_itself.verdict is Verdict.SKIP else decide(pod, facts, config.policy)


def _entries(config: Config) -> frozenset[str]:
    """The names of all entries that a webhook configuration of this profile may have."""
    entries = (*config.policy.entries, *config.profile.tag_entries("default", config.values))
    return frozenset({entry.name for entry in entries} or {whole_name(config)})


# --- for programs -------------------------------------------------------------------------------


def as_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """The diagnosis as it is printed for programs; the first cause is the verdict."""
    return {
        "subject": diagnosis.subject,
        "state": diagnosis.state.value,
        "causes": [
            {
                "id": cause.type.id,
                "title": cause.type.title,
                "injected": cause.ours,
                "evidence": [{"where": e.where, "seen": e.seen} for e in cause.evidence],
                "action": cause.action,
            }
            for cause in diagnosis.causes
        ],
        "injection": _injection(diagnosis.injection),
        "lookedAt": list(diagnosis.looked_at),
        "unread": list(diagnosis.unread),
    }


def _injection(injection: InjectionSummary | None) -> dict[str, Any] | None:
    if injection is None:
        return None
    sidecars = [{"name": s.name, "image": s.image, "ready": s.ready} for s in injection.sidecars]
    return {"revision": injection.revision, "byThisInjector": injection.by_us, "sidecars": sidecars}


# --- for people ---------------------------------------------------------------------------------


def text(diagnosis: Diagnosis, colour: bool) -> Iterator[str]:
    """The diagnosis for people: verdict, evidence, what to do."""
    state = paint(diagnosis.state.value, COLOURS.get(diagnosis.state.value, "red"), colour, bold=True)
    first = diagnosis.causes[0] if diagnosis.causes else None
    verdict = f": {first.type.id}: {first.type.title}" if first else ""
    yield f"{paint(visible(diagnosis.subject), '', colour, bold=True)}: {state}{verdict}"
    for cause in diagnosis.causes:
        if cause is not first:
            yield f"  also {cause.type.id}: {cause.type.title}"
        for evidence in cause.evidence:
            yield f"    {visible(evidence.where)}: {visible(evidence.seen)}"
        if cause is first or not cause.type.follows:
            yield f"    {paint('what to do', 'cyan', colour)}: {visible(cause.action)}"
    if diagnosis.injection:
        yield from _injected(diagnosis.injection)
    if first and not first.evidence:
        yield f"  looked at: {visible(', '.join(diagnosis.looked_at))}"
    for refused in diagnosis.unread:
        yield f"  not read: {visible(refused)}"


def _injected(injection: InjectionSummary) -> Iterator[str]:
    who = "this injector" if injection.by_us else "another injector, or this one with istioQuirks"
    yield f"  injected by {who}, revision {visible(injection.revision)}"
    for sidecar in injection.sidecars:
        ready = "ready" if sidecar.ready else "not ready"
        yield f"    {visible(sidecar.name)}: {ready}, image {visible(sidecar.image)}"
