"""`injector explain KIND/NAME --live`: why a pod of the cluster is not ready, or not injected.

Here: from the object to its diagnosis, and showing it. Not here: the table of causes (core), and
what is asked of the cluster (kube).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

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
    """What is wrong with the pod of an object. `unread` is what was refused before. Raises ClusterError."""

    def ours(pod: Manifest) -> tuple[str, ...]:
        return diagnoses.injected_names(status.read(pod, config.profile.keys))

    seen = observe(cluster, manifest, ours)
    seen = replace(seen, unread=tuple(dict.fromkeys((*unread, *seen.unread))))
    decision = _decision(seen.pod, around, config) if seen.pod else None
    return diagnoses.diagnose(seen, decision, config.profile, _entries(config))


def _decision(pod: Manifest, around: World, config: Config) -> Decision | None:
    found = workload.locate({"apiVersion": "v1", "kind": "Pod", **pod})
    if found is None:
        return None
    facts = around.facts(found)
    # What the pod itself says is a better reason than that the webhook is therefore not called for it.
    by_itself = decide(pod, facts, replace(config.policy, entries=()))
    return by_itself if by_itself.verdict is Verdict.SKIP else decide(pod, facts, config.policy)


def _entries(config: Config) -> frozenset[str]:
    """The names of all entries that a webhook configuration of this profile may have."""
    told = (*config.policy.entries, *config.profile.tag_entries("default", config.values))
    return frozenset({entry.name for entry in told} or {whole_name(config)})


# --- for programs -------------------------------------------------------------------------------


def as_json(found: Diagnosis) -> dict[str, Any]:
    """The diagnosis as it is printed for programs; the first cause is the verdict."""
    return {
        "subject": found.subject,
        "state": found.state.value,
        "causes": [
            {
                "id": cause.known.id,
                "title": cause.known.title,
                "injected": cause.ours,
                "evidence": [{"where": e.where, "seen": e.seen} for e in cause.evidence],
                "action": cause.known.action,
            }
            for cause in found.causes
        ],
        "injection": _injection(found.injection),
        "lookedAt": list(found.looked_at),
        "unread": list(found.unread),
    }


def _injection(found: InjectionSummary | None) -> dict[str, Any] | None:
    if found is None:
        return None
    sidecars = [{"name": s.name, "image": s.image, "ready": s.ready} for s in found.sidecars]
    return {"revision": found.revision, "byThisInjector": found.by_us, "sidecars": sidecars}


# --- for people ---------------------------------------------------------------------------------


def text(found: Diagnosis, colour: bool) -> Iterator[str]:
    """The diagnosis for people: verdict, evidence, what to do."""
    state = paint(found.state.value, COLOURS.get(found.state.value, "red"), colour, bold=True)
    first = found.causes[0] if found.causes else None
    verdict = f": {first.known.id}: {first.known.title}" if first else ""
    yield f"{paint(visible(found.subject), 'white', colour, bold=True)}: {state}{verdict}"
    for cause in found.causes:
        if cause is not first:
            yield f"  also {cause.known.id}: {cause.known.title}"
        for evidence in cause.evidence:
            yield f"    {visible(evidence.where)}: {visible(evidence.seen)}"
        if cause is first or not cause.known.follows:
            yield f"    {paint('what to do', 'cyan', colour)}: {cause.known.action}"
    if found.injection:
        yield from _injected(found.injection)
    if first and not first.evidence:
        yield f"  looked at: {visible(', '.join(found.looked_at))}"
    for refused in found.unread:
        yield f"  not read: {visible(refused)}"


def _injected(found: InjectionSummary) -> Iterator[str]:
    who = "this injector" if found.by_us else "another injector, or this one with istioQuirks"
    yield f"  injected by {who}, revision {visible(found.revision)}"
    for sidecar in found.sidecars:
        ready = "ready" if sidecar.ready else "not ready"
        yield f"    {visible(sidecar.name)}: {ready}, image {visible(sidecar.image)}"
