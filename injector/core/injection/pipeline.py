"""Injection of one pod, from the decision to the patch: the only module that calls all stages.

Webhook and command line both call `inject`; what differs between them is in `Facts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from injector.classes import dataclass, replace
from injector.core import names, status
from injector.core.finding_codes import FindingCode
from injector.core.findings import Findings
from injector.core.injection import (
    account_token,
    annotation_rules,
    annotation_size,
    decisions,
    namespace_defaults,
    namespace_misses,
    near_misses,
    not_injected,
    powers,
    recovery,
    refusals,
    reinjection,
    restricted_fields,
    result_problems,
    uninjection,
)
from injector.core.injection.assembly import WALKS, WALKS_OF_RESULT, Refusal, build
from injector.core.model import Decision, Facts, Finding, Manifest, Reason, Verdict
from injector.core.outcome import Outcome
from injector.core.profile import Config, Injection
from injector.core.tree.patches import diff
from injector.core.tree.schema import same
from injector.core.tree.strategic_merge import merge, with_annotations
from injector.errors import AnnotationError, InjectorError
from injector.printable import first_of, shown
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

    `holder` is the workload around the template, for near misses and its claims of volumes. `work` is
    the account of the admission, by default one with the configuration's limit. A refusal is an Outcome
    with the verdict DENY and an `error`, never an exception.
    """
    if too_large := annotation_size.excess(pod):
        return Outcome(Decision(Reason.INVALID_ANNOTATION), pod, error=too_large)
    findings = Findings()
    findings.extend(near_misses.find_near_misses(pod, config.profile, holder))
    findings.extend(namespace_misses.find(pod, facts, config))
    near = findings.all()
    policy = decisions.policy_for(facts, config)
    decision = decisions.decide(pod, facts, policy)
    if decision.verdict is not Verdict.INJECT:
        decision = not_injected.explained(decision, pod, facts, policy, holder)
        return not_injected.outcome(pod, decision, config, findings)
    work = work or Work(config.work_limit)
    try:
        facts, ignored = namespace_defaults.judged(pod, facts, config, work)
    except TooExpensive:
        return Outcome(Decision(Reason.TOO_EXPENSIVE, decision.trace), pod, error=_too_expensive(work))
    near += ignored
    refused: tuple[Finding, ...] = ()
    while True:
        outcome = _injected(_Request(pod, facts, holder, decision, near + refused), config, work)
        facts, more = namespace_defaults.without_refused(outcome, facts)
        if not more:
            return outcome if outcome.error is None else replace(outcome, findings=near)
        refused += more


@dataclass(frozen=True, slots=True)
class _Request:
    """A pod that is to be injected, with the findings so far."""

    pod: Manifest
    facts: Facts
    holder: Manifest | None
    decision: Decision
    findings: tuple[Finding, ...]


def _injected(request: _Request, config: Config, work: Work) -> Outcome:
    """What the pod of a request becomes."""
    pod, facts, decision, near = request.pod, request.facts, request.decision, request.findings
    try:
        size = work.measure(pod, WALKS)
        run = _start(pod, facts, config, work, decision)
        run.findings.extend(near)
        build(run, size)
        refusals.check_distinct(run, run.pod)
        after = _settle(run)
        work.measure(after, WALKS_OF_RESULT, config.templates.parts)
        refusals.check_result(run, after)
        _check_powers(run, after)
        run.findings.extend(near_misses.auto_images(after))
        run.findings.extend(restricted_fields.findings(run.original, after, request.holder))
        problems = result_problems.result_problems(run, after, request.holder)
        account_token.check(run, after)
        patch = diff(pod, after)
        work.charge(len(patch) * _OPERATION)
    except Refusal as refused:
        denied = Decision(refused.reason, decision.trace)
        return Outcome(denied, pod, findings=near, error=refused.error)
    except TooExpensive:
        denied = Decision(Reason.TOO_EXPENSIVE, decision.trace)
        return Outcome(denied, pod, findings=near, error=_too_expensive(work))
    added = status.read(after, config.profile.keys)
    findings, defaults = run.findings.all(), run.defaults
    return Outcome(decision, after, patch, findings, added, None, run.before, problems, defaults)


def assemble(pod: Manifest, facts: Facts, config: Config) -> Injection:
    """The pod with everything merged, whatever the decision would be; for explaining.

    Raises InjectorError where it would be refused.
    """
    work = Work(config.work_limit)
    try:
        facts, _ = namespace_defaults.judged(pod, facts, config, work)
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


def _start(pod: Manifest, facts: Facts, config: Config, work: Work, decision: Decision | None) -> Injection:
    """The pod without an earlier injection, unless quirks keep it, and with its annotations checked.

    `decision` is the one about the pod as it was received, None where none counts.
    """
    profile = config.profile
    earlier = status.read(pod, profile.keys)
    taken_out = None
    try:
        if earlier is not None and not config.quirks:
            taken_out = recovery.recover(pod, facts, config, work)
        # The undo annotation may restore this annotation, and any author can write either.
        for each in (pod, taken_out.pod) if taken_out is not None else (pod,):
            uninjection.overrides(each, profile, typed=not config.quirks)
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
        run.stripped = run.original = taken_out.pod
    if decision is not None and taken_out is not None:
        _decide_again(run, decision)
    if earlier is None or not config.quirks:
        refusals.check_rules(run)
    problems = profile.problems(run)
    if problems:
        refused = problems[0] if len(problems) == 1 else AnnotationError.of(problems)
        raise Refusal(Reason.INVALID_ANNOTATION, refused)
    return run


def _decide_again(run: Injection, decision: Decision) -> None:
    """Raise Refusal where the pod without its earlier injection would be decided about differently."""
    again = decisions.decide(run.stripped, run.facts, decisions.policy_for(run.facts, run.config))
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


def _settle(run: Injection) -> Manifest:
    """The result with fields that others added since an earlier injection, and with its undo annotation."""
    if run.config.quirks:
        return run.pod
    after = run.pod
    if run.earlier is not None:
        now = status.read(after, run.config.profile.keys)
        retained, extras = reinjection.keep_foreign_fields(after, run.received, run.original, run.earlier)
        if now and run.earlier.digest == now.digest:
            after = retained
        elif extras:
            message = (
                "the pod was injected with another configuration and is injected again; "
                f"removed: {first_of(extras)}"
            )
            run.warn(FindingCode.REBUILT, message)
        _warn_about_status(run, after)
    return _with_undo(run, after)


def _with_undo(run: Injection, after: Manifest) -> Manifest:
    """The result with its undo annotation; without one, and with a warning, where it would be too large.

    The status then shows it, also after further injections: what was not recorded stays unknown.
    """
    key = run.config.profile.keys.undo
    if run.earlier is not None and run.earlier.undo_incomplete:
        after = _with_incomplete_undo(run, after)
    try:
        text = uninjection.record(after, run.original, run.config.profile)
    except OverflowError as error:
        run.warn(
            FindingCode.UNDO_TOO_LARGE, f"annotation {key} was not written: its value would have {error}"
        )
        return _with_incomplete_undo(run, after)
    if text is None:
        return after
    if annotation_size.excess(after, len(key) + len(text.encode("utf-8", "surrogatepass"))):
        run.warn(
            FindingCode.UNDO_TOO_LARGE,
            f"annotation {key} was not written: the annotations would exceed their size limit",
        )
        return _with_incomplete_undo(run, after)
    out = with_annotations(after, {key: text})
    return _with_earlier_undo(run, out) if run.earlier is not None else out


def _with_earlier_undo(run: Injection, after: Manifest) -> Manifest:
    """The result with the undo annotation as it was received, where that one restores the same pod.

    What others have added to the pod's own containers since would only change how it is written.
    """
    key = run.config.profile.keys.undo
    earlier = status.annotations_of(run.received).get(key)
    if earlier is None or earlier == status.annotations_of(after)[key]:
        return after
    unchanged = merge(after, {"metadata": {"annotations": {key: earlier}}})
    restored = recovery.recover(unchanged, run.facts, run.config, run.work)
    return unchanged if restored and not restored.notes and same(restored.pod, run.original) else after


def _with_incomplete_undo(run: Injection, after: Manifest) -> Manifest:
    """The result with a status that names its undo incomplete, unless no annotation may be longer."""
    keys = run.config.profile.keys
    listed = status.read(after, keys)
    if listed is None:
        return after
    text = replace(listed, undo_incomplete=True).text()
    flagged = merge(after, {"metadata": {"annotations": {keys.status: text}}})
    return after if annotation_size.excess(flagged) else flagged


def _warn_about_status(run: Injection, after: Manifest) -> None:
    """Warn of names in the status that stay, as no template creates them, and of what is removed."""
    key = run.config.profile.keys.status
    listed = status.read(run.received, run.config.profile.keys)
    if listed is None or run.earlier is None:
        return
    outline = run.config.templates.outline(status.LISTS).names
    for part in status.LISTS:
        made, had, have = frozenset(run.earlier.names(part)), _names(run.received, part), _names(after, part)
        stay = [name for name in listed.names(part) if name not in made and name in have]
        gone = [name for name in run.earlier.names(part) if name in had and name not in have]
        if part in names.CONTAINER_LISTS:
            # A sidecar that has moved to the other list is there.
            other = names.CONTAINER_LISTS[1 - names.CONTAINER_LISTS.index(part)]
            gone = [name for name in gone if name not in _names(after, other)]
        if stay:
            # A template creates one that stays only where the pod would have no container without it.
            every = not outline.get(part, frozenset()).isdisjoint(stay)
            lists = "every container of the pod" if every else f"{part} that no template creates"
            run.warn(FindingCode.STATUS_NAME, f"{key} lists {lists}; they were not removed: {_few(stay)}")
        if gone:
            text = f"{key} lists {part} that are no longer injected; they were removed: {_few(gone)}"
            mounting = uninjection.mounts(run.received, frozenset(gone)) if part == "volumes" else ()
            left = [name for name in mounting if name in _containers(after)]
            text += f"; so were their mounts in {_few(left)}" if left else ""
            run.warn(FindingCode.TAKEN_OUT, text)


def _containers(pod: Manifest) -> frozenset[str]:
    return frozenset().union(*(_names(pod, part) for part in names.CONTAINER_LISTS))


def _few(elements: Sequence[str]) -> str:
    return first_of([shown(name) for name in elements])


def _names(pod: Manifest, part: str) -> frozenset[str]:
    return frozenset(str(item.get("name")) for item in (pod.get("spec") or {}).get(part) or [])
