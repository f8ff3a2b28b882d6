"""Annotations of a Namespace as defaults for its pods, where the operator allows it (`namespaceDefaults`).

They act as if they were on the pod, and are not written on it. A default denies no pod: one that the rules
of the operator refuse or the profile does not accept is ignored, with a finding. Not here: which keys may be
defaults at all (the configuration checks that).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from injector.classes import replace
from injector.core import status
from injector.core.finding_codes import FindingCode
from injector.core.injection import annotation_rules
from injector.core.model import Facts, Finding, Manifest, Reason
from injector.core.outcome import Outcome
from injector.core.profile import Config, Injection
from injector.core.tree.strategic_merge import merge
from injector.errors import AnnotationError, InjectorError
from injector.printable import shown
from injector.work import Work


def judged(pod: Manifest, facts: Facts, config: Config, work: Work) -> tuple[Facts, tuple[Finding, ...]]:
    """The facts with the defaults that may count for a pod, and a finding for each that is ignored.

    A key that the pod has is among them: an earlier injection may have written it.
    """
    namespace = facts.namespace_object
    if namespace is None or not config.namespace_defaults:
        return facts, ()
    canonical = config.profile.canonical_key
    own = {canonical(key) for key in status.annotations_of(pod)}
    listed = {canonical(key) for key in config.namespace_defaults}
    usable: dict[str, str] = {}
    findings: list[Finding] = []
    seen: set[str] = set()
    # By name, so that of several spellings of one key always the same counts.
    for key, value in sorted(namespace.annotations.items()):
        if canonical(key) not in listed or canonical(key) in seen:
            continue
        noticed: list[Finding] = []
        why = next(_objections(key, value, facts, config, work, noticed), None)
        if why is None:
            usable[key] = value
            seen.add(canonical(key))
        else:
            noticed.append(_ignored(facts, key, why))
        findings += noticed if canonical(key) not in own else []
    return replace(facts, defaults=usable), tuple(findings)


def _objections(
    key: str, value: object, facts: Facts, config: Config, work: Work, findings: list[Finding]
) -> Iterator[str]:
    """Why a default does not count; what its value shows besides goes to `findings`."""
    if not isinstance(value, str):
        yield "its value is not a string"
        return
    profile, rules = config.profile, config.annotation_rules
    namespace = facts.namespace
    if annotation_rules.refused([key], facts, namespace, rules, profile):
        yield "it is not allowed for pods in this namespace"
    alone = {"metadata": {"annotations": {key: value}}, "spec": {}}
    work.measure(value)
    run = Injection(alone, facts, config, work)
    problem = next(iter(profile.problems(run)), None)
    if problem is not None:
        yield problem.message
    withheld = annotation_rules.withheld(facts, namespace, rules)
    if withheld and profile.permitted({key: value}, withheld).get(key) != value:
        yield f"it has a power that is not allowed for pods in this namespace ({', '.join(sorted(withheld))})"
    findings.extend(run.findings.all())


def without_refused(outcome: Outcome, facts: Facts) -> tuple[Facts, tuple[Finding, ...]]:
    """The facts without the defaults that a pod was denied for, and a finding for each; the same without any.

    Where it is not known which one that was, all of them are left out.
    """
    denied = outcome.error is not None and outcome.decision.reason is not Reason.TOO_EXPENSIVE
    if not denied or not facts.defaults:
        return facts, ()
    error = outcome.error
    at_fault = [error.key] if isinstance(error, AnnotationError) and error.key in facts.defaults else []
    findings = tuple(_ignored(facts, key, _denial(error)) for key in at_fault or facts.defaults)
    left = {key: value for key, value in facts.defaults.items() if at_fault and key not in at_fault}
    return replace(facts, defaults=left), findings


def _denial(error: InjectorError | None) -> str:
    return f"with it the pod would be denied: {error.message if error else ''}"


def _ignored(facts: Facts, key: str, why: str) -> Finding:
    name = facts.namespace_object.name if facts.namespace_object else facts.namespace
    text = f"annotation {shown(key)} of the namespace {shown(name)} is ignored: {why}"
    return Finding.of(FindingCode.NAMESPACE_DEFAULT, text)


def applied(run: Injection, pod: Manifest) -> Manifest:
    """The pod with the defaults that it does not have itself; `run.defaults` holds these."""
    if not run.facts.defaults:
        return pod
    canonical = run.config.profile.canonical_key
    own = {canonical(key) for key in status.annotations_of(pod)}
    run.defaults = {k: v for k, v in run.facts.defaults.items() if canonical(k) not in own}
    return _annotated(pod, run.defaults)


def take_out(run: Injection) -> None:
    """Remove the defaults from the result, but for what the templates or the profile wrote."""
    if run.defaults:
        copied = status.annotations_of(run.overlay).keys() | run.written
        run.pod = _annotated(run.pod, dict.fromkeys(run.defaults.keys() - copied))


def _annotated(pod: Manifest, annotations: Mapping[str, str | None]) -> Manifest:
    return merge(pod, {"metadata": {"annotations": dict(annotations)}}) if annotations else pod
