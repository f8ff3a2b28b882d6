"""Errors of the API server in words: from a request and a failed answer to a ClusterError.

Not here: requests.
"""

from __future__ import annotations

import json
from typing import Any

from injector.classes import dataclass
from injector.errors import ClusterError

# The error of a webhook call says what is wrong only at its end, after the webhook's name and URL.
_TEXT_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a server, with its RBAC verb."""

    server: str
    verb: str
    path: str

    @property
    def where(self) -> str:
        """The URL, for logs."""
        return f"{self.server}{self.path}"

    @property
    def subject(self) -> str:
        """The object or list, for messages: ``deployments.apps web in namespace shop``."""
        name, namespace = self.name(), self.namespace()
        if self.resource() == "namespaces" and name:
            return f"namespace {name}"
        return (
            self.resource()
            + (f" {name}" if name else "")
            + (f" in namespace {namespace}" if namespace else "")
        )

    def resource(self) -> str:
        """Return ``deployments.apps`` or ``pods/log``; the path where it names no resource."""
        group, parts = self._parts()
        if not parts:
            return self.path
        named = f"{parts[0]}.{group}" if group else parts[0]
        return f"{named}/{parts[2]}" if len(parts) > 2 else named

    def namespace(self) -> str:
        """The namespace in the path, empty without one."""
        segments = self.path.strip("/").split("/")
        start = 2 if segments[0] == "api" else 3
        inside = segments[start : start + 1] == ["namespaces"] and len(segments) > start + 2
        return segments[start + 1] if inside else ""

    def name(self) -> str:
        """The name in the path, empty for a list."""
        _, parts = self._parts()
        return parts[1] if len(parts) > 1 else ""

    def attributes(self) -> dict[str, str]:
        """Return the attributes for an access review, without empty ones."""
        group, parts = self._parts()
        attributes = {
            "verb": self.verb,
            "group": group,
            "resource": parts[0] if parts else "",
            "subresource": parts[2] if len(parts) > 2 else "",
            "namespace": self.namespace(),
            "name": self.name(),
        }
        return {key: value for key, value in attributes.items() if value}

    def _parts(self) -> tuple[str, list[str]]:
        """Split into the API group and [resource, name, subresource] without the namespace."""
        segments = self.path.strip("/").split("/")
        if segments[0] not in ("api", "apis"):
            return "", []
        start = 2 if segments[0] == "api" else 3
        return (segments[1] if start == 3 else ""), segments[start + 2 * bool(self.namespace()) :]


def refused(request: Request, status: int, body: bytes | dict[str, Any]) -> ClusterError:
    """Return the error for an HTTP status other than 200; `body`: a Status object, or the answer's bytes."""
    answer = _status_object(body)
    reason = str(answer.get("reason") or "")
    message, hint = _words(request, status, reason, str(answer.get("message") or ""))
    return ClusterError(message, status=status, reason=reason, where=request.where, hint=hint)


def unreachable(request: Request, error: BaseException) -> ClusterError:
    """Return the error for a request without a complete answer."""
    text = (str(error).splitlines() or [""])[0][:_TEXT_LIMIT]
    return ClusterError(
        f"the API server {request.server} cannot be reached: {type(error).__name__}: {text}",
        reason="Unreachable",
        where=request.where,
        hint="check the network and the server in the kubeconfig's context; 'kubectl version' may help",
    )


def decoded(request: Request, body: bytes) -> dict[str, Any]:
    """Return the JSON object of an answer. Raises ClusterError where it is none."""
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ClusterError(
            f"the answer of {request.server} is not a JSON object; it is probably no Kubernetes API server",
            status=200,
            where=request.where,
            hint="check the server in the kubeconfig's context, and proxies in between",
        )
    return answer


def _words(request: Request, status: int, reason: str, message: str) -> tuple[str, str]:
    """Return message and hint."""
    resource, namespace = request.resource(), request.namespace()
    if status == 401:
        return (
            f"the API server {request.server} does not accept the credentials",
            "log in again, or check the user in the kubeconfig's context",
        )
    if status == 403 and not _is_by_admission(message):
        role = f"a Role in namespace {namespace}" if namespace else "a ClusterRole"
        return (
            f"not allowed to {request.verb} {request.subject}",
            f"grant the verb '{request.verb}' on '{resource}' to this account with {role}",
        )
    if status == 404 and request.name() and reason == "NotFound":
        of = " and the namespace" if namespace else ""
        return f"{request.subject} does not exist", f"check the name{of}"
    if status == 404 and request.verb == "create" and namespace and reason == "NotFound":
        return f"namespace {namespace} does not exist", "create it, or correct the name"
    if status == 404:
        return f"this cluster does not serve {resource}", (
            "check that its CustomResourceDefinition or API is installed"
        )
    if status == 410:
        return f"the resource version of the list of {resource} has expired", "list again"
    text = message[:_TEXT_LIMIT] or "no explanation"
    answer = f"the API server answered {status} {reason or 'without a reason'}: {text}"
    known = request.path.startswith(("/api/", "/apis/"))
    return (f"cannot {request.verb} {request.subject}: " if known else "") + answer, "try again"


def _is_by_admission(message: str) -> bool:
    """Whether the object is refused (a quota, PodSecurity, a service account), and not the user."""
    why = message.partition(" is forbidden: ")[2]
    return bool(why) and not why.startswith("User ")


def _status_object(body: bytes | dict[str, Any]) -> dict[str, Any]:
    if isinstance(body, dict):
        return body
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
