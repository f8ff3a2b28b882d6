"""Problems of the injected pod template: which the injection caused, and which its author's manifest had.

Not here: what a problem is (validation), and what a command does about it.
"""

from __future__ import annotations

from injector.core.finding_codes import FindingCode, Level
from injector.core.injection import namespace_security
from injector.core.model import Finding, Manifest, Origin
from injector.core.profile import Injection
from injector.core.validation.pod import problems
from injector.core.validation.problem import Consequence, PodProblem, PodRule, ResultProblem
from injector.core.validation.volumes import claims_of

_BY_INJECTION = "injector explain shows what sets it"
_BY_AUTHOR = "correct the manifest; the injection does not set it"


def result_problems(run: Injection, after: Manifest, holder: Manifest | None) -> tuple[ResultProblem, ...]:
    """The problems of the result, and the findings about them in `run`.

    `holder` is the workload around the pod, whose claims become volumes.
    """
    claims = claims_of(holder)
    listed = list(problems(after, claims, run.config.templates.parts))
    own = _identities(run, claims) if listed else frozenset()
    out = tuple(_classified(run, problem, problem.identity not in own) for problem in listed)
    run.findings.extend(each.finding for each in out)
    if run.facts.namespace_object:
        run.findings.extend(namespace_security.findings(run, after))
    return out


def _identities(run: Injection, claims: frozenset[str]) -> frozenset[tuple[PodRule, tuple[str, ...]]]:
    """Problems of the pod as received, and of the pod without an earlier injection."""
    pods = (run.received,) if run.original is run.received else (run.received, run.original)
    return frozenset(problem.identity for pod in pods for problem in problems(pod, claims))


def _classified(run: Injection, problem: PodProblem, is_caused: bool) -> ResultProblem:
    code, level = _code(problem, is_caused, run.facts.origin)
    hint = _BY_INJECTION if is_caused else _BY_AUTHOR
    finding = Finding.of(code, problem.message, hint=hint, level=level)
    refused = level is Level.ERROR and not run.config.quirks
    return ResultProblem(problem.rule, finding, problem.path, is_caused, refused)


def _code(problem: PodProblem, is_caused: bool, origin: Origin) -> tuple[FindingCode, Level]:
    """The code of a problem, and its level: an error is what the injection made wrong."""
    if problem.consequence is Consequence.CANNOT_START:
        return FindingCode.CANNOT_START, Level.WARNING
    if problem.consequence is Consequence.REFUSED_UNLESS_ADDED:
        # Another webhook may add the volume after this one.
        is_error = is_caused and origin is Origin.FILE
        return FindingCode.MISSING_VOLUME, Level.ERROR if is_error else Level.WARNING
    if is_caused:
        return FindingCode.REFUSED_RESULT, Level.ERROR
    return FindingCode.REFUSED_POD, Level.WARNING
