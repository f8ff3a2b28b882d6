"""AdmissionReview out: asking the core, proving the patch, wording the answer.

For admission.k8s.io/v1 and v1beta1 alike. Not here: reading a request (reviews.py), HTTP (app.py), logs and
metrics; the command line uses this module too, so nothing heavy is imported.

Nothing that stands in a pod is repeated outside the patch, except what the core puts into its own
errors and findings.
"""

from __future__ import annotations

import base64
import json
import traceback
from collections.abc import Callable
from dataclasses import field, replace
from pathlib import PurePath

from injector.classes import dataclass
from injector.core.injection.pipeline import inject
from injector.core.model import (
    AdmissionRequest,
    Decision,
    Facts,
    Manifest,
    Namespace,
    Origin,
    Reason,
    Verdict,
)
from injector.core.outcome import Outcome
from injector.core.profile import Config
from injector.core.tree import patch_text
from injector.core.tree.application import applied
from injector.core.tree.schema import same
from injector.core.workload import Workload, check_shape
from injector.errors import InjectorError, ManifestError
from injector.parts import Parts
from injector.printable import visible
from injector.work import Work

# The API server takes 4096 runes of warnings from all webhooks together, and advises 120 for each.
WARNING_LENGTH = 120
WARNINGS_LENGTH = 1000

MESSAGE_LENGTH = 2000

# Failures that may not be the fault of the pod's author: the failure mode `allow` admits these.
_ALLOWED = frozenset({Reason.INTERNAL_ERROR, Reason.TEMPLATE_FAILED, Reason.MERGE_FAILED})

UNEXPECTED = frozenset(
    {
        Reason.HOST_NETWORK,
        Reason.IGNORED_NAMESPACE,
        Reason.NEVER_SELECTED,
        Reason.INVALID_POLICY,
        Reason.UNSUPPORTED_OS,
        Reason.UNSUPPORTED_NODES,
        Reason.RUNTIME_CLASS,
        Reason.FOREIGN_SIDECAR,
        Reason.CALLER_SKIPPED,
    }
)
"""Skips for which neither the pod nor its lack of a request is the reason."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The review to send back, and what the log line and the metrics need.

    `decision` is ALLOW where a denial was turned into an admission without patch, and UNCHANGED where a pod
    is injected already. `repeatable`: the same review gets it again. `defect` names exception types and
    source lines where the injector itself failed; it holds no text of the pod.
    """

    review: Manifest
    outcome: Outcome
    decision: Verdict
    defect: str = ""
    facts: Facts = field(default_factory=Facts)
    repeatable: bool = True


@dataclass(frozen=True, slots=True)
class AnswerPolicy:
    """How answers are worded.

    `failure_mode`, ``deny`` or ``allow``, decides about a pod for which the injector or a template
    fails; `warnings` and `audit`, whether the answer carries findings for users and annotations for
    the audit log; `skips`, ``off`` or ``unexpected``, whether a skip is among the warnings.
    """

    failure_mode: str = "deny"
    warnings: bool = True
    audit: bool = True
    skips: str = "off"


DEFAULT = AnswerPolicy()


def facts_of(
    request: AdmissionRequest,
    config: Config,
    namespace_of: Callable[[str], Namespace | None],
    *,
    native_sidecars: bool | None = None,
    objects: tuple[Manifest, ...] = (),
) -> Facts:
    """What is known about the pod of a request."""
    return Facts(
        namespace=request.namespace,
        origin=Origin.WEBHOOK,
        namespace_object=namespace_of(request.namespace) if request.namespace else None,
        native_sidecars=native_sidecars,
        objects=objects,
        overrides=config.profile.overrides_of_path(request.path) if request.path else {},
        user=request.user,
    )


def answer(
    request: AdmissionRequest,
    config: Config,
    facts: Facts,
    policy: AnswerPolicy = DEFAULT,
    *,
    work: Work | None = None,
) -> Answer:
    """The answer to a request. It charges `work`, and raises only what the `look` of `work` raises."""
    try:
        outcome = _outcome(request, facts, config, work)
        patch = _proven(request, outcome, config.templates.parts)
    except Exception as error:
        # The one place that catches everything: for an HTTP 500 the API server would apply the failurePolicy
        # instead of the failure mode.
        return failed(request, config, error, policy, facts)
    return of_outcome(request, config, facts, policy, outcome, patch)


def failed(
    request: AdmissionRequest,
    config: Config,
    error: Exception,
    policy: AnswerPolicy = DEFAULT,
    facts: Facts | None = None,
) -> Answer:
    """The answer where the injector itself failed; without `facts`: while it collected them."""
    outcome = _denied(request, Reason.INTERNAL_ERROR, InjectorError(Reason.INTERNAL_ERROR.sentence))
    known = facts or Facts(origin=Origin.WEBHOOK)
    made = of_outcome(request, config, known, policy, outcome)
    return replace(made, defect=location(error), repeatable=False)


def too_expensive(
    request: AdmissionRequest, config: Config, error: InjectorError, policy: AnswerPolicy = DEFAULT
) -> Answer:
    """The answer where the work was stopped from outside; `error` says why."""
    outcome = _denied(request, Reason.TOO_EXPENSIVE, error)
    facts = Facts(namespace=request.namespace, origin=Origin.WEBHOOK)
    return replace(of_outcome(request, config, facts, policy, outcome), repeatable=False)


def of_outcome(
    request: AdmissionRequest,
    config: Config,
    facts: Facts,
    policy: AnswerPolicy,
    outcome: Outcome,
    patch: str = "",
) -> Answer:
    """The answer with an outcome; `patch` is its patch as text, empty without one."""
    turned = policy.failure_mode == "allow" and outcome.decision.reason in _ALLOWED
    decision = Verdict.ALLOW if turned else _verdict(outcome)
    response = {
        "uid": request.uid,
        "allowed": decision is not Verdict.DENY,
        **_change(patch),
        "status": _status(outcome) if decision is Verdict.DENY else None,
        "warnings": warnings_of(outcome, turned, policy.skips) if policy.warnings else None,
        "auditAnnotations": _audit(outcome, decision, config) if policy.audit else None,
    }
    response = {key: value for key, value in response.items() if value not in (None, [])}
    review = {"kind": "AdmissionReview", "apiVersion": request.version, "response": response}
    return Answer(review, outcome, decision, facts=facts)


def _verdict(outcome: Outcome) -> Verdict:
    verdict = outcome.decision.verdict
    return Verdict.UNCHANGED if verdict is Verdict.INJECT and not outcome.patch else verdict


def _outcome(request: AdmissionRequest, facts: Facts, config: Config, work: Work | None) -> Outcome:
    if not request.creates_pod:
        return Outcome(Decision(Reason.UNSUPPORTED_KIND), {})
    try:
        check_shape(_workload(request.pod))
        if request.pod.get("spec") is None:
            raise ManifestError("a map is expected; it is missing", where="/spec")
    except ManifestError as error:
        return _denied(request, Reason.INVALID_POD, error)
    return inject(_workload(request.pod).template, facts, config, work=work)


def _workload(pod: Manifest) -> Workload:
    """The metadata and the spec: injection does not look at the pod's kind and status."""
    return Workload(pod, "/metadata", "/spec")


def _denied(request: AdmissionRequest, reason: Reason, error: InjectorError) -> Outcome:
    return Outcome(Decision(reason), request.pod, error=error)


def _proven(request: AdmissionRequest, outcome: Outcome, known: Parts) -> str:
    """The patch as text, after it was applied as a check; empty where there is none.

    The API server rejects a pod whose patch does not apply, whatever the failurePolicy says. So such a patch
    must not be sent.
    """
    if not outcome.patch:
        return ""
    if not same(applied(_workload(request.pod).template, outcome.patch), outcome.pod):
        raise AssertionError("the patch does not produce the merged pod")
    patch = patch_text.text_of(outcome.patch, known)
    # An escaped pair may have been two halves of characters, which a reader puts together.
    exact = "\\ud" not in patch and all(patch_text.is_json(each.value, known) for each in outcome.patch)
    if not exact and not same(json.loads(patch), [each.as_json() for each in outcome.patch]):
        raise AssertionError("JSON does not hold the patch")
    return patch


def _change(patch: str) -> Manifest:
    """Both fields or neither: the API server rejects a type without a patch."""
    if not patch:
        return {}
    return {"patchType": "JSONPatch", "patch": base64.b64encode(patch.encode("ascii")).decode("ascii")}


def location(error: BaseException) -> str:
    """Exception type and source lines, innermost first. Its message may hold a part of the pod."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    location = " < ".join(f"{PurePath(f.filename).name}:{f.lineno}" for f in reversed(frames))
    return f"{type(error).__name__} at {location}"


def _status(outcome: Outcome) -> Manifest:
    internal = outcome.decision.reason is Reason.INTERNAL_ERROR
    return {
        "status": "Failure",
        "code": 500 if internal else 400,
        "reason": "InternalError" if internal else "BadRequest",
        "message": message_of(outcome),
    }


def message_of(outcome: Outcome) -> str:
    """The text of a denial: the reason with its sentence, the error, and the hint."""
    reason, error = outcome.decision.reason, outcome.error
    text = f"{reason.value}: {reason.sentence}"
    if error is not None and str(error) != reason.sentence:
        text += f" {error}"
    if error is not None and error.hint:
        text += f" (hint: {error.hint})"
    return cut(visible(text), MESSAGE_LENGTH)


def warnings_of(outcome: Outcome, turned: bool, skips: str = "off") -> list[str]:
    """The actionable findings as admission warnings: short, distinct, printable, few.

    `turned` says that a denial was turned into an admission. The log has the complete texts.
    """
    texts = [f"{f.code}: {f.message}" for f in outcome.findings if f.actionable]
    reason = outcome.decision.reason
    if turned or (skips == "unexpected" and reason in UNEXPECTED):
        texts.insert(0, f"{reason.value}: the pod is not injected. {outcome.decision.sentence}")
    out: list[str] = []
    left = WARNINGS_LENGTH
    for text in dict.fromkeys(cut(visible(text)) for text in texts):
        left -= len(text)
        if left < 0:
            break
        out.append(text)
    return out


def cut(text: str, size: int = WARNING_LENGTH) -> str:
    """The text, or its beginning up to the last whole word that fits, with an ellipsis."""
    if len(text) <= size:
        return text
    head = text[: size - 1]
    whole, blank, _ = head.rpartition(" ")
    return (whole if blank and len(whole) > size // 2 else head).rstrip(" ,;:.") + "…"


def _audit(outcome: Outcome, decision: Verdict, config: Config) -> dict[str, str]:
    """The audit annotations. The API server adds the webhook's name and a slash before each key."""
    annotations = {
        "decision": decision,
        "reason": outcome.decision.reason.value,
        "profile": config.profile.name,
        "revision": config.revision or "default",
        "digest": config.digest,
    }
    return {key: value for key, value in annotations.items() if value}
