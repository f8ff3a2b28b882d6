"""The nouns: what goes into `inject` and what comes out. Frozen, and free of behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Manifest = dict[str, Any]
"""JSON as it came. Never re-modelled, so that unknown fields survive."""


class Verdict(StrEnum):
    """What becomes of a pod."""

    INJECT = "inject"
    SKIP = "skip"
    DENY = "deny"


class Reason(StrEnum):
    """Why. The word shows in reports, logs, metrics, audit annotations and warnings."""

    OPTED_IN_BY_LABEL = "opted-in-by-label"
    OPTED_IN_BY_ANNOTATION = "opted-in-by-annotation"
    ALWAYS_SELECTED = "always-selected"
    ON_BY_DEFAULT = "on-by-default"

    HOST_NETWORK = "host-network"
    IGNORED_NAMESPACE = "ignored-namespace"
    OPTED_OUT_BY_LABEL = "opted-out-by-label"
    OPTED_OUT_BY_ANNOTATION = "opted-out-by-annotation"
    NEVER_SELECTED = "never-selected"
    OFF_BY_DEFAULT = "off-by-default"
    INVALID_POLICY = "invalid-policy"
    NOT_SELECTED = "not-selected"
    STATIC_POD = "static-pod"
    UNSUPPORTED_KIND = "unsupported-kind"
    UNSUPPORTED_OS = "unsupported-os"
    FOREIGN_SIDECAR = "foreign-sidecar"

    NAMESPACE_MISMATCH = "namespace-mismatch"
    ANNOTATION_NOT_ALLOWED = "annotation-not-allowed"
    INVALID_ANNOTATION = "invalid-annotation"
    INVALID_POD = "invalid-pod"
    TEMPLATE_FAILED = "template-failed"
    MERGE_FAILED = "merge-failed"
    TOO_EXPENSIVE = "too-expensive"
    INTERNAL_ERROR = "internal-error"

    @property
    def sentence(self) -> str:
        """What the word means, for people."""
        return SENTENCES[self]


SENTENCES: Mapping[Reason, str] = {
    Reason.OPTED_IN_BY_LABEL: "A label of the pod requests injection.",
    Reason.OPTED_IN_BY_ANNOTATION: "An annotation of the pod requests injection.",
    Reason.ALWAYS_SELECTED: "A selector of alwaysInjectSelector matches the pod's labels.",
    Reason.ON_BY_DEFAULT: "Neither label nor annotation is set; the default policy injects.",
    Reason.HOST_NETWORK: "The pod uses its node's network; redirection would capture the node's own traffic.",
    Reason.IGNORED_NAMESPACE: "The namespace is a system namespace and is never injected.",
    Reason.OPTED_OUT_BY_LABEL: "A label of the pod disables injection.",
    Reason.OPTED_OUT_BY_ANNOTATION: "An annotation of the pod disables injection.",
    Reason.NEVER_SELECTED: "A selector of neverInjectSelector matches the pod's labels.",
    Reason.OFF_BY_DEFAULT: "The pod does not request injection, and the policy is `disabled`.",
    Reason.INVALID_POLICY: "The policy is neither `enabled` nor `disabled`, so nothing is injected.",
    Reason.NOT_SELECTED: "No webhook entry matches the labels of the namespace and the pod.",
    Reason.STATIC_POD: "The pod is a mirror of a static pod; changing the mirror has no effect.",
    Reason.UNSUPPORTED_KIND: "The object has no supported pod template.",
    Reason.UNSUPPORTED_OS: "The sidecar does not run on the pod's operating system.",
    Reason.FOREIGN_SIDECAR: "The pod already has a proxy that this injector did not add.",
    Reason.NAMESPACE_MISMATCH: "The namespace of the pod differs from the namespace of the request.",
    Reason.ANNOTATION_NOT_ALLOWED: (
        "The pod uses an annotation or a power that is not allowed in its namespace."
    ),
    Reason.INVALID_ANNOTATION: "An annotation has a value that is not accepted.",
    Reason.INVALID_POD: "The pod is not valid.",
    Reason.TEMPLATE_FAILED: "A template failed for this pod.",
    Reason.MERGE_FAILED: "The rendered templates cannot be merged into the pod.",
    Reason.TOO_EXPENSIVE: "Injecting the pod exceeds the work limit of one pod.",
    Reason.INTERNAL_ERROR: "The injector failed. This is a bug; please report it.",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One rule that was tried: what it looked at, what it said, and whether it decided."""

    rule: str
    seen: str
    verdict: str
    won: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Inject, skip or deny, with the reason and every rule tried on the way."""

    verdict: Verdict
    reason: Reason
    trace: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a person should know. `action` is true where somebody has to act."""

    code: str
    message: str
    action: bool = True


class Door(StrEnum):
    """Through which door a pod came; the API server fills in defaults before the webhook's."""

    WEBHOOK = "webhook"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Namespace:
    """A Namespace object, as far as injection looks at it."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Owner:
    """The workload that a pod belongs to."""

    api_version: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the world around a pod says.

    `namespace` is the request's or the object's, empty where nobody says. `known` is that
    Namespace object, None while unknown. `owner` is given where the object itself is at hand.
    `native_sidecars` is what the cluster supports, None without one in sight. `objects` are other
    objects of the cluster, `overrides` what the request's path sets.
    """

    namespace: str = ""
    door: Door = Door.FILE
    known: Namespace | None = None
    owner: Owner | None = None
    native_sidecars: bool | None = None
    objects: tuple[Manifest, ...] = ()
    overrides: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProxyMark:
    """How a proxy is recognised: a container's name and, where given, env names that it all has.

    `webhook` is the end of the names that the webhooks of its injector have, empty where not known.
    """

    container: str
    env: tuple[str, ...] = ()
    webhook: str = ""


@dataclass(frozen=True, slots=True)
class AnnotationKeys:
    """The annotations in which a profile keeps its books."""

    switch: str
    status: str
    overrides: str
    templates: str
    undo: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of RFC 6902; `value` only with add and replace."""

    op: str
    path: str
    value: Any = None

    def as_json(self) -> dict[str, Any]:
        """The operation as the JSON object that travels."""
        if self.op == "remove":
            return {"op": self.op, "path": self.path}
        return {"op": self.op, "path": self.path, "value": self.value}


@dataclass(frozen=True, slots=True)
class CauseType:
    """A row: its word, what is wrong, how it is told, what to do.

    `follows`: something else is behind it, and the row is the verdict only where that is not found
    and the container is the application's own.
    """

    id: str
    title: str
    told_by: str
    action: str
    follows: bool = False


@dataclass(frozen=True, slots=True)
class Symptom:
    """A cause that injected containers show: by lines that they log, or by the code they end with.

    Each pattern (of `re`) has to match from the beginning of one line and should demand the shape
    that the container's own messages have there: other lines may hold what clients sent.
    `container` restricts it to one by name. A match before a line that `over` matches is history, and
    so is one of a container that is ready, unless `while_ready`.
    """

    known: CauseType
    lines: tuple[str, ...] = ()
    container: str = ""
    exit_code: int | None = None
    over: str = ""
    while_ready: bool = False
