"""AdmissionReview in: from the body of a request to an AdmissionRequest.

For admission.k8s.io/v1 and v1beta1 alike. Not here: the answer (answers.py) and HTTP (app.py); the command
line uses this module too, so nothing heavy is imported. No error repeats what stands in a pod.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

from injector import structure
from injector.core.model import AdmissionRequest, Manifest
from injector.core.user_info import UserInfo
from injector.errors import ReviewError
from injector.printable import type_name

BODY_LIMIT = 7 * 1024 * 1024
NESTING_LIMIT = 200
"""A pod's own fields nest some 15 levels deep, those of managedFields some 20."""

VERSIONS = ("admission.k8s.io/v1", "admission.k8s.io/v1beta1")


def parse(
    body: bytes | str,
    *,
    path: str = "",
    budget: float | None = None,
    body_limit: int = BODY_LIMIT,
    nesting_limit: int = NESTING_LIMIT,
) -> AdmissionRequest:
    """The request of the AdmissionReview in a body.

    A CREATE of a pod is checked to hold one; other operations and subresources may hold anything.
    Raises ReviewError with the HTTP status 400, or 413 past `body_limit` bytes or past the
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
        _check_string(request, name)
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
        user=_user(request.get("userInfo")),
    )
    if out.creates_pod:
        _check_pod(request)
    return out


def _decoded(body: bytes | str, nesting_limit: int) -> Any:
    try:
        text = body if isinstance(body, str) else body.decode(json.detect_encoding(body), "surrogatepass")
        tree = READER.decode(text)
    except RecursionError:
        raise _too_deep(nesting_limit) from None
    except ValueError:
        # The message of the JSON reader is left out, as some versions repeat a part of the body.
        raise ReviewError("the body is not valid JSON; an AdmissionReview in JSON is expected") from None
    if _most_levels(text) > nesting_limit and not is_shallow(tree, nesting_limit):
        raise _too_deep(nesting_limit)
    return tree


def _most_levels(text: str) -> int:
    """What a JSON text cannot have more levels than: the braces and brackets in its strings count as well."""
    return 1 + text.count("{") - text.count("{}") + text.count("[")


def is_shallow(tree: Any, limit: int) -> bool:
    """Whether a tree of JSON has at most so many levels."""
    level = [tree] if isinstance(tree, dict | list) else []
    for _ in range(limit):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return True
    return False


def _no_number(word: str) -> Any:
    raise ValueError(word)


def _finite(text: str) -> float:
    """A finite number: JSON has no other, and the API server accepts no other."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


# Made once: `json.loads` makes one for each call that has other rules than its own.
READER: Final = json.JSONDecoder(parse_constant=_no_number, parse_float=_finite)
"""Reads JSON as reviews are read, but for the levels of nesting."""


def _too_deep(limit: int) -> ReviewError:
    return ReviewError(f"the body is nested too deeply; at most {limit} levels are accepted")


def _object(value: Any, what: str) -> Manifest:
    if not isinstance(value, dict):
        raise ReviewError(
            f"{what} is {'missing' if value is None else type_name(value)}; a JSON object is expected"
        )
    return value


def _user(raw: Any) -> UserInfo | None:
    """Who makes the request; None where the review does not say so."""
    if raw is None:
        return None
    info = _object(raw, "request.userInfo")
    groups = info.get("groups") or []
    if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
        raise ReviewError("request.userInfo.groups is not a list of strings")
    if not isinstance(info.get("username", ""), str | None):
        raise ReviewError(f"request.userInfo.username is {type_name(info['username'])}; a string is expected")
    return UserInfo(info.get("username") or "", tuple(groups))


def _check_string(request: Manifest, field: str) -> None:
    if not isinstance(request.get(field, ""), str | None):
        raise ReviewError(f"request.{field} is {type_name(request[field])}; a string is expected")


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
