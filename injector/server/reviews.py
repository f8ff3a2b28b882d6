"""AdmissionReview in, AdmissionReview out: what travels between the API server and the core.

Here: reading a request body, asking the core, proving the patch, wording the answer, for
admission.k8s.io/v1 and v1beta1 alike. Not here: HTTP (app.py), logs and metrics; the command line
uses this module too, so nothing heavy is imported.

Nothing that stands in a pod is repeated outside the patch, except what the core puts into its own
errors and findings.
"""

from __future__ import annotations

import base64
import json
import math
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import jsonpatch

from injector import structure
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
from injector.core.profile import Config, Outcome
from injector.core.tree.merge import same
from injector.core.workload import Workload, check_shape, kind_of
from injector.errors import InjectorError, ManifestError, ReviewError
from injector.printable import visible
from injector.work import Work

BODY_LIMIT = 7 * 1024 * 1024
NESTING_LIMIT = 200
"""A pod's own fields nest some 15 levels deep, those of managedFields some 20."""

VERSIONS = ("admission.k8s.io/v1", "admission.k8s.io/v1beta1")

# The API server takes 4096 runes of warnings from all webhooks together, and advises 120 for each.
WARNING_LENGTH = 120
WARNINGS_LENGTH = 1000

MESSAGE_LENGTH = 2000

# What need not be a fault of the pod's author: these the failure mode `allow` lets pass.
_TURNED = frozenset({Reason.INTERNAL_ERROR, Reason.TEMPLATE_FAILED, Reason.MERGE_FAILED})


@dataclass(frozen=True, slots=True)
class Answer:
    """The review to send back, and what the log line and the metrics tell of it.

    `decision` is ALLOW where a denial was turned into an admission without patch. `defect` names
    exception types and source lines where the injector itself failed; it holds no text of the pod.
    """

    review: Manifest
    outcome: Outcome
    decision: Verdict
    defect: str = ""
    facts: Facts = field(default_factory=Facts)


@dataclass(frozen=True, slots=True)
class AnswerPolicy:
    """How answers are worded.

    `failure_mode`, ``deny`` or ``allow``, says what becomes of a pod for which the injector or a
    template fails; `warnings` and `audit`, whether the answer carries findings for users and
    annotations for the audit log.
    """

    failure_mode: str = "deny"
    warnings: bool = True
    audit: bool = True


DEFAULT = AnswerPolicy()


def parse(
    body: bytes | str,
    *,
    path: str = "",
    budget: float | None = None,
    body_limit: int = BODY_LIMIT,
    nesting_limit: int = NESTING_LIMIT,
) -> AdmissionRequest:
    """The request of the AdmissionReview in a body.

    A CREATE of a pod is known to hold one afterwards; other operations and subresources may hold
    anything. Raises ReviewError with the HTTP status 400, or 413 past `body_limit` bytes or past the
    structure that is parsed.
    """
    size = len(body)
    if size > body_limit:
        raise ReviewError(f"the body has {size} bytes; at most {body_limit} are accepted", status=413)
    if not body:
        raise ReviewError("the body is empty; an AdmissionReview is expected")
    if wide := structure.refusal(body, "the body"):
        raise ReviewError(wide, status=413, hint="reduce the pod's variables, volumes or containers")
    return request_of(_object(_decoded(body, nesting_limit), "the body"), path=path, budget=budget)


def request_of(review: Manifest, *, path: str = "", budget: float | None = None) -> AdmissionRequest:
    """The request of an AdmissionReview. Raises ReviewError with the HTTP status 400."""
    if review.get("kind") != "AdmissionReview" or review.get("apiVersion") not in VERSIONS:
        raise ReviewError(f"the body is not an AdmissionReview of {' or '.join(VERSIONS)}")
    request = _object(review.get("request"), "request")
    if not isinstance(request.get("uid"), str) or not request["uid"]:
        raise ReviewError("request.uid is missing; a string is expected")
    for name in ("namespace", "operation", "subResource"):
        _word(request, name)
    received = request.get("object")
    out = AdmissionRequest(
        uid=request["uid"],
        pod=received if isinstance(received, dict) else {},
        namespace=request.get("namespace") or "",
        name=request["name"] if isinstance(request.get("name"), str) else "",
        operation=request.get("operation") or "CREATE",
        sub_resource=request.get("subResource") or "",
        dry_run=request.get("dryRun") is True,
        version=review["apiVersion"],
        path=path,
        budget=budget,
    )
    if out.creates_pod:
        _check_pod(request)
    return out


def _decoded(body: bytes | str, nesting_limit: int) -> Any:
    try:
        tree = json.loads(body, parse_constant=_no_number, parse_float=_finite)
    except RecursionError:
        raise _too_deep(nesting_limit) from None
    except ValueError:
        # The reader's own message is left out: in some versions it repeats a part of the body.
        raise ReviewError("the body is not valid JSON; an AdmissionReview in JSON is expected") from None
    level = [tree]
    for _ in range(nesting_limit):
        level = [inner for outer in level for inner in _inside(outer) if isinstance(inner, dict | list)]
        if not level:
            return tree
    raise _too_deep(nesting_limit)


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _no_number(word: str) -> Any:
    raise ValueError(word)


def _finite(text: str) -> float:
    """A number that JSON can write again; the API server's own reader takes no other."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _too_deep(limit: int) -> ReviewError:
    return ReviewError(f"the body is nested too deeply; at most {limit} levels are accepted")


def _object(value: Any, what: str) -> Manifest:
    if not isinstance(value, dict):
        raise ReviewError(
            f"{what} is {'missing' if value is None else kind_of(value)}; a JSON object is expected"
        )
    return value


def _word(request: Manifest, field: str) -> None:
    if not isinstance(request.get(field, ""), str | None):
        raise ReviewError(f"request.{field} is {kind_of(request[field])}; a string is expected")


def _check_pod(request: Manifest) -> None:
    pod = _object(request.get("object"), "request.object")
    asked = request.get("kind")
    kinds = [pod.get("kind")]
    groups = ["" if pod.get("apiVersion") in ("v1", None) else "another"]
    if asked is not None:
        kinds.append(_object(asked, "request.kind").get("kind"))
        groups.append(asked.get("group"))
    if [k for k in kinds if k is not None and k != "Pod"] or "Pod" not in kinds or any(groups):
        raise ReviewError(
            "the object of the request is not a v1 Pod",
            hint="use only the resource pods in the rules of the webhook",
        )


def facts_of(
    request: AdmissionRequest,
    config: Config,
    namespace_of: Callable[[str], Namespace | None],
    *,
    native_sidecars: bool | None = None,
    objects: tuple[Manifest, ...] = (),
) -> Facts:
    """What the world around the request's pod says."""
    return Facts(
        namespace=request.namespace,
        origin=Origin.WEBHOOK,
        known=namespace_of(request.namespace) if request.namespace else None,
        native_sidecars=native_sidecars,
        objects=objects,
        overrides=config.profile.overrides_of_path(request.path) if request.path else {},
    )


def answer(
    request: AdmissionRequest,
    config: Config,
    facts: Facts,
    policy: AnswerPolicy = DEFAULT,
    *,
    work: Work | None = None,
) -> Answer:
    """The answer to a request. Raises nothing but what `work`, which is charged, lets its `look` raise."""
    try:
        outcome = _outcome(request, facts, config, work)
        patch = _proven(request, outcome)
    except Exception as error:
        # The one place that catches everything: a defect must not become an HTTP 500, for which
        # the failurePolicy of the API server speaks instead of the failure mode.
        return failed(request, config, error, policy, facts)
    return _answer(request, config, facts, policy, outcome, patch=patch)


def failed(
    request: AdmissionRequest,
    config: Config,
    error: Exception,
    policy: AnswerPolicy = DEFAULT,
    facts: Facts | None = None,
) -> Answer:
    """The answer where the injector itself failed; without `facts` as it asked for them."""
    outcome = _denied(request, Reason.INTERNAL_ERROR, InjectorError(Reason.INTERNAL_ERROR.sentence))
    known = facts or Facts(origin=Origin.WEBHOOK)
    return _answer(request, config, known, policy, outcome, defect=_place(error))


def too_expensive(
    request: AdmissionRequest, config: Config, error: InjectorError, policy: AnswerPolicy = DEFAULT
) -> Answer:
    """The answer where the work was ended from outside; `error` says by what."""
    outcome = _denied(request, Reason.TOO_EXPENSIVE, error)
    facts = Facts(namespace=request.namespace, origin=Origin.WEBHOOK)
    return _answer(request, config, facts, policy, outcome)


def _answer(
    request: AdmissionRequest,
    config: Config,
    facts: Facts,
    policy: AnswerPolicy,
    outcome: Outcome,
    *,
    patch: str = "",
    defect: str = "",
) -> Answer:
    turned = policy.failure_mode == "allow" and outcome.decision.reason in _TURNED
    decision = Verdict.ALLOW if turned else outcome.decision.verdict
    response = {
        "uid": request.uid,
        "allowed": decision is not Verdict.DENY,
        **_change(patch),
        "status": _status(outcome) if decision is Verdict.DENY else None,
        "warnings": warnings_of(outcome, turned) if policy.warnings else None,
        "auditAnnotations": _audit(outcome, decision, config) if policy.audit else None,
    }
    response = {key: value for key, value in response.items() if value not in (None, [])}
    review = {"kind": "AdmissionReview", "apiVersion": request.version, "response": response}
    return Answer(review, outcome, decision, defect, facts)


def _outcome(request: AdmissionRequest, facts: Facts, config: Config, work: Work | None) -> Outcome:
    if not request.creates_pod:
        return Outcome(Decision(Reason.UNSUPPORTED_KIND), {})
    try:
        check_shape(_workload(request.pod))
        if request.pod.get("spec") is None:
            raise ManifestError("a map is expected; it is missing", where="/spec")
    except ManifestError as error:
        return _denied(request, Reason.INVALID_POD, error)
    return inject(_template(request.pod), facts, config, work=work)


def _workload(pod: Manifest) -> Workload:
    return Workload(pod, "/metadata", "/spec")


def _template(pod: Manifest) -> Manifest:
    """The two halves that injection looks at; the pod's own kind and status are nobody's business."""
    return _workload(pod).template


def _denied(request: AdmissionRequest, reason: Reason, error: InjectorError) -> Outcome:
    return Outcome(Decision(reason), request.pod, error=error)


def _proven(request: AdmissionRequest, outcome: Outcome) -> str:
    """The patch as text, applied as it will be read; empty where there is none.

    One that does not apply is an error of the API server which no failurePolicy covers, so it must
    not leave this house.
    """
    if not outcome.patch:
        return ""
    patch = _compact([operation.as_json() for operation in outcome.patch])
    # A copy of our own, as through JSON it takes a fifth of the time of a deep copy.
    received = json.loads(_compact(_template(request.pod)))
    applied = jsonpatch.JsonPatch.from_string(patch).apply(received, in_place=True)
    if not same(applied, outcome.pod):
        raise AssertionError("the patch does not produce the merged pod")
    return patch


def _change(patch: str) -> Manifest:
    """Both fields or neither: the API server takes a type without a patch for an invalid answer."""
    if not patch:
        return {}
    return {"patchType": "JSONPatch", "patch": base64.b64encode(patch.encode("ascii")).decode("ascii")}


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _place(error: BaseException) -> str:
    """Exception type and source lines, innermost first. Its message may hold a part of the pod."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    location = " < ".join(f"{PurePath(f.filename).name}:{f.lineno}" for f in reversed(frames))
    return f"{type(error).__name__} at {location}"


def _status(outcome: Outcome) -> Manifest:
    ours = outcome.decision.reason is Reason.INTERNAL_ERROR
    return {
        "status": "Failure",
        "code": 500 if ours else 400,
        "reason": "InternalError" if ours else "BadRequest",
        "message": message_of(outcome),
    }


def message_of(outcome: Outcome) -> str:
    """A denial for people: the reason's word and sentence, what exactly is wrong, and what to do."""
    reason, error = outcome.decision.reason, outcome.error
    text = f"{reason.value}: {reason.sentence}"
    if error is not None and str(error) != reason.sentence:
        text += f" {error}"
    if error is not None and error.hint:
        text += f" (hint: {error.hint})"
    return cut(visible(text), MESSAGE_LENGTH)


def warnings_of(outcome: Outcome, turned: bool) -> list[str]:
    """What a person should act on, as admission warnings: short, distinct, printable, few.

    `turned` says that a denial was turned into an admission. The whole text is for the log.
    """
    texts = [f"{f.code}: {f.message}" for f in outcome.findings if f.actionable]
    if turned:
        texts.insert(
            0, f"{outcome.decision.reason.value}: the pod is not injected. {outcome.decision.reason.sentence}"
        )
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
    """Keys without a slash: the API server puts the webhook's name and one in front."""
    annotations = {
        "decision": decision,
        "reason": outcome.decision.reason.value,
        "profile": config.profile.name,
        "revision": config.revision or "default",
        "digest": config.digest,
    }
    return {key: value for key, value in annotations.items() if value}
