"""The corridor: the one place where the stages meet.

Both doors call `inject`; what differs between them is in `Facts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from injector.core import names, pod_fields, status
from injector.core.finding_codes import FindingCode
from injector.core.findings import Findings
from injector.core.injection import (
    annotation_rules,
    annotation_size,
    near_misses,
    powers,
    reinjection,
    uninject,
)
from injector.core.injection import decisions as rules
from injector.core.injection.assembly import WALKS, WALKS_OF_RESULT, Refusal, build
from injector.core.injection.recovery import recover
from injector.core.model import Decision, Facts, Manifest, Origin, Reason, Verdict
from injector.core.profile import Config, Injection, Outcome, Policy
from injector.core.tree.diff import diff
from injector.core.tree.merge import merge
from injector.core.workload import check_names
from injector.errors import AnnotationError, InjectorError, ManifestError
from injector.printable import shown
from injector.work import TooExpensive, Work

# What an operation of the patch costs whoever writes, reads and applies it, in units of work.
_OPERATION: Final = 30


def inject(
    pod: Manifest,
    facts: Facts,
    config: Config,
    holder: Manifest | None = None,
    work: Work | None = None,
) -> Outcome:
    """What this pod template becomes.

    `holder` is the workload around the template, for near misses only. `work` is the account of the
    admission, by default one with the configuration's limit. A refusal is an Outcome with the
    verdict DENY and an `error`, never an exception.
    """
    if too_large := annotation_size.excess(pod):
        return Outcome(Decision(Reason.INVALID_ANNOTATION), pod, error=too_large)
    findings = Findings()
    findings.extend(near_misses.near_misses(pod, config.profile, holder))
    near = findings.all()
    decision = rules.decide(pod, facts, policy_for(facts, config))
    if decision.verdict is not Verdict.INJECT:
        error = InjectorError(decision.reason.sentence) if decision.verdict is Verdict.DENY else None
        return Outcome(decision, pod, findings=near, error=error)
    work = work or Work(config.work_limit)
    try:
        size = work.measure(pod, WALKS)
        run = _start(pod, facts, config, work, decision)
        run.findings.extend(near)
        build(run, size)
        _check_names(run, run.pod)
        after = _settle(run)
        work.measure(after, WALKS_OF_RESULT)
        _check_after(run, after)
        _check_powers(run, after)
        patch = diff(pod, after)
        work.charge(len(patch) * _OPERATION)
    except Refusal as refused:
        denied = Decision(refused.reason, decision.trace)
        return Outcome(denied, pod, findings=near, error=refused.error)
    except TooExpensive:
        denied = Decision(Reason.TOO_EXPENSIVE, decision.trace)
        return Outcome(denied, pod, findings=near, error=_too_expensive(work))
    added = status.read(after, config.profile.keys)
    return Outcome(decision, after, patch, run.findings.all(), added, before=run.before)


def assemble(pod: Manifest, facts: Facts, config: Config) -> Injection:
    """The pod with everything merged, whatever the decision would be; for explaining.

    Raises InjectorError where it would be refused.
    """
    work = Work(config.work_limit)
    try:
        return _assembled(pod, facts, config, work)
    except Refusal as refused:
        raise refused.error from None
    except TooExpensive:
        raise _too_expensive(work) from None


def _assembled(pod: Manifest, facts: Facts, config: Config, work: Work) -> Injection:
    """The same on an account. Raises Refusal and TooExpensive."""
    size = work.measure(pod, WALKS)
    run = _start(pod, facts, config, work, None)
    build(run, size)
    return run


def _too_expensive(work: Work) -> InjectorError:
    return InjectorError(
        f"injection needs more than {work.limit} units of work",
        hint="reduce the pod's containers, variables or annotations, or raise workLimit",
    )


def policy_for(facts: Facts, config: Config) -> Policy:
    """The policy that applies at this door.

    With quirks on, files are injected as upstream does it: whatever policy and selectors say.
    """
    if not (config.quirks and facts.origin is Origin.FILE):
        return config.policy
    p = config.policy
    return Policy("enabled", p.switch, p.status, p.ignored_namespaces, entries=p.entries, foreign=p.foreign)


def _start(pod: Manifest, facts: Facts, config: Config, work: Work, decision: Decision | None) -> Injection:
    """The pod, without an earlier injection of ours unless quirks keep it, and its annotations checked.

    `decision` is the one about the pod as it came, None where none counts.
    """
    profile = config.profile
    earlier = status.read(pod, profile.keys)
    taken_out = None
    try:
        if earlier is not None and not config.quirks:
            taken_out = recover(pod, facts, config, work)
        # What the undo annotation restores may be this annotation, of anybody's making.
        for each in (pod, taken_out.pod) if taken_out is not None else (pod,):
            uninject.overrides(each, profile, typed=not config.quirks)
    except ValueError as error:
        wrong = AnnotationError(
            profile.keys.overrides,
            str(error),
            where=f"annotation {profile.keys.overrides}",
            hint="remove the annotation",
        )
        raise Refusal(Reason.INVALID_ANNOTATION, wrong) from error
    run = Injection(pod, facts, config, work, earlier)
    if taken_out is not None:
        run.earlier, run.before = taken_out.earlier, taken_out
        run.base = run.original = taken_out.pod
    if decision is not None and taken_out is not None:
        _decide_again(run, decision)
    if earlier is None or not config.quirks:
        _check_rules(_refused_keys(run, run.base))
    problems = profile.problems(run)
    if problems:
        raise Refusal(Reason.INVALID_ANNOTATION, _together(problems))
    return run


def _decide_again(run: Injection, decision: Decision) -> None:
    """Raise Refusal where the pod without its earlier injection would be decided about differently."""
    again = rules.decide(run.base, run.facts, policy_for(run.facts, run.config))
    if (again.verdict, again.reason) != (decision.verdict, decision.reason):
        keys = run.config.profile.keys
        error = AnnotationError(
            keys.undo,
            f"without the injection that they describe, the decision would be {again.reason.value}, not "
            f"{decision.reason.value}",
            where=f"annotations {keys.status}, {keys.undo}",
            hint="remove both annotations",
        )
        raise Refusal(Reason.INVALID_ANNOTATION, error)


def _refused_keys(run: Injection, pod: Manifest) -> tuple[str, ...]:
    """Those of a pod's annotations that the operator's rules do not allow."""
    config = run.config
    if not config.annotation_rules:
        return ()
    keys = status.annotations_of(pod)
    return annotation_rules.refused(keys, run.facts, run.namespace, config.annotation_rules, config.profile)


def _check_rules(keys: Sequence[str]) -> None:
    """Raise Refusal where annotations are not allowed."""
    if keys:
        named = ", ".join(shown(key) for key in keys[:5]) + (f" and {len(keys) - 5} more" if keys[5:] else "")
        error = ManifestError(
            f"not allowed for pods in this namespace: {named}",
            where="/metadata/annotations",
            hint="remove the annotation, or contact the injector's operator",
        )
        raise Refusal(Reason.ANNOTATION_NOT_ALLOWED, error)


def _check_powers(run: Injection, after: Manifest) -> None:
    """Raise Refusal where the result shows a power that the operator's rules withhold."""
    withheld = annotation_rules.withheld(run.facts, run.namespace, run.config.annotation_rules)
    if not withheld:
        return
    without_rules = replace(run.config, annotation_rules=())
    try:
        uses = powers.uses(
            run, after, withheld, lambda pod: _assembled(pod, run.facts, without_rules, run.work)
        )
    except Refusal as refused:
        error = powers.not_judged(withheld, refused.error)
        raise Refusal(Reason.ANNOTATION_NOT_ALLOWED, error) from refused
    if uses:
        raise Refusal(Reason.ANNOTATION_NOT_ALLOWED, powers.error(uses))


def _together(problems: Sequence[AnnotationError]) -> InjectorError:
    if len(problems) == 1:
        only: InjectorError = problems[0]
        return only
    text = "; ".join(str(p) for p in problems)
    return AnnotationError(problems[0].key, f"{len(problems)} annotations are not accepted: {text}")


def _settle(run: Injection) -> Manifest:
    """What an earlier injection left: other people's fields stay, and the way back is written down."""
    if run.config.quirks:
        return run.pod
    keys = run.config.profile.keys
    after = run.pod
    if run.earlier is not None:
        now = status.read(after, keys)
        retained, extras = reinjection.retain(after, run.received, run.original, run.earlier)
        if now and run.earlier.digest == now.digest:
            after = retained
        elif extras:
            where = ", ".join(extras[:5]) + (f" and {len(extras) - 5} more" if len(extras) > 5 else "")
            message = (
                f"the pod was injected with another configuration and is injected again; removed: {where}"
            )
            run.warn(FindingCode.REBUILT, message)
        _name_what_is_left(run, after)
    try:
        text = uninject.record(after, run.original, run.config.profile)
    except OverflowError as error:
        run.warn(
            FindingCode.UNDO_TOO_LARGE,
            f"annotation {keys.undo} was not written: its value would have {error}",
        )
        return after
    size = len(keys.undo) + len((text or "").encode("utf-8", "surrogatepass"))
    if text is not None and annotation_size.excess(after, size):
        run.warn(
            FindingCode.UNDO_TOO_LARGE,
            f"annotation {keys.undo} was not written: the annotations would exceed their size limit",
        )
        return after
    if text is not None:
        after = merge(after, {"metadata": {"annotations": {keys.undo: text}}})
    return after


def _name_what_is_left(run: Injection, after: Manifest) -> None:
    """Tell which names of the status stay, as no template makes them, and which are gone for good."""
    key = run.config.profile.keys.status
    listed = status.read(run.received, run.config.profile.keys)
    if listed is None or run.earlier is None:
        return
    for part in status.LISTS:
        made, have = frozenset(run.earlier.names(part)), _names(after, part)
        stay = [name for name in listed.names(part) if name not in made and name in have]
        gone = [name for name in run.earlier.names(part) if name not in have]
        if part in names.CONTAINER_LISTS:
            # A sidecar that has moved to the other list is there.
            gone = [name for name in gone if name not in _container_names(after)]
        if stay:
            text = f"{key} lists {part} that no template creates; they were not removed: {_listed(stay)}"
            run.warn(FindingCode.STATUS_NAME, text)
        if gone and _names(run.received, part) & frozenset(gone):
            text = f"{key} lists {part} that are no longer injected; they were removed: {_listed(gone)}"
            run.warn(FindingCode.TAKEN_OUT, text)


def _names(pod: Manifest, part: str) -> frozenset[str]:
    return frozenset(str(item.get("name")) for item in (pod.get("spec") or {}).get(part) or [])


def _container_names(pod: Manifest) -> frozenset[str]:
    return _names(pod, "containers") | _names(pod, "initContainers")


def _listed(found: Sequence[str]) -> str:
    return ", ".join(shown(name) for name in found[:5]) + (f" and {len(found) - 5} more" if found[5:] else "")


def _check_after(run: Injection, after: Manifest) -> None:
    """What can be judged by the result alone: annotations that came with an earlier injection, and names."""
    if run.earlier is not None:
        _check_rules(_forged_keys(run, after))
    if run.config.quirks:
        return
    if _names(run.received, "containers") and not _names(after, "containers"):
        key = run.config.profile.keys.status
        where, hint = f"annotation {key}", "remove the annotation"
        error = AnnotationError(key, "it lists every container of the pod", where=where, hint=hint)
        raise Refusal(Reason.INVALID_ANNOTATION, error)
    if too_large := annotation_size.excess(after):
        raise Refusal(Reason.INVALID_ANNOTATION, too_large)
    _check_types(run, after)
    _check_names(run, after)


def _check_names(run: Injection, result: Manifest) -> None:
    """Raise Refusal where a result has two elements of one name and the pod as it came had none."""
    if run.config.quirks:
        return
    try:
        check_names(result)
    except ManifestError as error:
        if _is_distinct(run.received):
            raise _clash(run, error) from error


def _check_types(run: Injection, after: Manifest) -> None:
    """Raise Refusal where an undo gives a field another type than Kubernetes wants.

    Judged on the result: of a pod that had such a field, what is injected may have the type, and then
    the undo holds the author's own value.
    """
    if run.earlier is None or pod_fields.is_spec(after.get("spec")):
        return
    if pod_fields.is_spec(run.received.get("spec")):
        key = run.config.profile.keys.undo
        where, hint = f"annotation {key}", "remove the annotation"
        message = "the templates give a field of the pod a type that Kubernetes does not accept"
        error = AnnotationError(key, message, where=where, hint=hint)
        raise Refusal(Reason.INVALID_ANNOTATION, error)


def _forged_keys(run: Injection, after: Manifest) -> list[str]:
    """Refused annotations of an injected pod, without those that an injection writes with the same value."""
    refused = _refused_keys(run, run.received)
    without = run.base
    if refused and run.config.quirks:
        # Nothing was taken out: what would have been written is seen on the pod without these annotations.
        without, after = _injected_without(run, refused)
    own, written = status.annotations_of(without), status.annotations_of(after)
    received = status.annotations_of(run.received)
    return [key for key in refused if key in own or written.get(key) != received[key]]


def _injected_without(run: Injection, keys: Sequence[str]) -> tuple[Manifest, Manifest]:
    """The pod as if it had never been injected and had none of these annotations, and that pod injected."""
    earlier = run.earlier or status.Status()
    derived = uninject.derive(run.received, earlier, run.config.profile).pod
    pod = merge(derived, {"metadata": {"annotations": dict.fromkeys(keys)}})
    fresh = Injection(pod, run.facts, run.config, run.work)
    try:
        build(fresh, run.work.measure(pod, WALKS))
    except Refusal:
        return pod, pod
    return pod, fresh.pod


def _is_distinct(pod: Manifest) -> bool:
    try:
        check_names(pod)
    except ManifestError:
        return False
    return True


def _clash(run: Injection, error: ManifestError) -> Refusal:
    """What is said of a result with two elements of one name: the pod's own, or what an annotation adds."""
    message = f"the injected pod would not be valid: {error.message}"
    if _is_distinct(run.shape):
        hint = "rename the pod's own container or volume, or change the mount path"
        return Refusal(Reason.INVALID_POD, ManifestError(message, where=error.where, hint=hint))
    hint = "do not add with annotations what a template already adds"
    return Refusal(Reason.INVALID_ANNOTATION, ManifestError(message, where=error.where, hint=hint))
