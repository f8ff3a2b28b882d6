"""The nouns: what goes into `inject` and what comes out. Frozen, and free of behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from injector.classes import dataclass, replace
from injector.core import names
from injector.core.finding_codes import FindingCode, Level
from injector.pointer import get

if TYPE_CHECKING:
    from injector.core.user_info import UserInfo

Manifest = dict[str, Any]
"""JSON as it came. Never re-modelled, so that unknown fields survive."""


class Verdict(StrEnum):
    """What is done with a pod.

    No reason has the verdicts UNCHANGED, for an injection that is up to date already, and ALLOW, which the
    failure mode makes of a denial.
    """

    INJECT = "inject"
    UNCHANGED = "unchanged"
    SKIP = "skip"
    DENY = "deny"
    ALLOW = "allow"


class Reason(StrEnum):
    """Why a pod gets its verdict. The word is the same in reports, logs, metrics and audit annotations."""

    verdict: Verdict

    def __new__(cls, word: str, verdict: Verdict) -> Reason:
        """A member whose value is the word."""
        reason = str.__new__(cls, word)
        reason._value_ = word
        reason.verdict = verdict
        return reason

    OPTED_IN_BY_LABEL = "opted-in-by-label", Verdict.INJECT
    OPTED_IN_BY_ANNOTATION = "opted-in-by-annotation", Verdict.INJECT
    ALWAYS_SELECTED = "always-selected", Verdict.INJECT
    ON_BY_DEFAULT = "on-by-default", Verdict.INJECT

    HOST_NETWORK = "host-network", Verdict.SKIP
    IGNORED_NAMESPACE = "ignored-namespace", Verdict.SKIP
    OPTED_OUT_BY_LABEL = "opted-out-by-label", Verdict.SKIP
    OPTED_OUT_BY_ANNOTATION = "opted-out-by-annotation", Verdict.SKIP
    NEVER_SELECTED = "never-selected", Verdict.SKIP
    OFF_BY_DEFAULT = "off-by-default", Verdict.SKIP
    INVALID_POLICY = "invalid-policy", Verdict.SKIP
    NOT_SELECTED = "not-selected", Verdict.SKIP
    STATIC_POD = "static-pod", Verdict.SKIP
    UNSUPPORTED_KIND = "unsupported-kind", Verdict.SKIP
    UNSUPPORTED_OS = "unsupported-os", Verdict.SKIP
    UNSUPPORTED_NODES = "unsupported-nodes", Verdict.SKIP
    RUNTIME_CLASS = "runtime-class", Verdict.SKIP
    CALLER_SKIPPED = "caller-skipped", Verdict.SKIP
    FOREIGN_SIDECAR = "foreign-sidecar", Verdict.SKIP

    NAMESPACE_MISMATCH = "namespace-mismatch", Verdict.DENY
    CALLER_DENIED = "caller-denied", Verdict.DENY
    ANNOTATION_NOT_ALLOWED = "annotation-not-allowed", Verdict.DENY
    INVALID_ANNOTATION = "invalid-annotation", Verdict.DENY
    INVALID_POD = "invalid-pod", Verdict.DENY
    TEMPLATE_FAILED = "template-failed", Verdict.DENY
    MERGE_FAILED = "merge-failed", Verdict.DENY
    TOO_EXPENSIVE = "too-expensive", Verdict.DENY
    INTERNAL_ERROR = "internal-error", Verdict.DENY

    @property
    def sentence(self) -> str:
        """What the word means."""
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
    Reason.OFF_BY_DEFAULT: "The pod does not request injection, and the policy is disabled.",
    Reason.INVALID_POLICY: "The policy is neither enabled nor disabled, so nothing is injected.",
    Reason.NOT_SELECTED: "No webhook entry matches the labels of the namespace and the pod.",
    Reason.STATIC_POD: "The pod is a mirror of a static pod; changing the mirror has no effect.",
    Reason.UNSUPPORTED_KIND: "The object has no supported pod template.",
    Reason.UNSUPPORTED_OS: "The sidecar does not run on the pod's operating system.",
    Reason.UNSUPPORTED_NODES: (
        "The pod's node selector or affinity excludes the operating systems that the sidecar runs on."
    ),
    Reason.RUNTIME_CLASS: "The pod's RuntimeClass is in skipRuntimeClasses.",
    Reason.CALLER_SKIPPED: "A rule of the setting callers skips pods that this user creates.",
    Reason.FOREIGN_SIDECAR: "The pod already has a proxy that this injector did not add.",
    Reason.NAMESPACE_MISMATCH: "The namespace of the pod differs from the namespace of the request.",
    Reason.CALLER_DENIED: "A rule of the setting callers denies pods that this user creates.",
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
    """One rule that was tried: the value it examined, its verdict, and whether it decided."""

    rule: str
    seen: str
    verdict: str
    decisive: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Inject, skip or deny; `detail` and `hint` are a sentence about this pod, and what to do."""

    reason: Reason
    trace: tuple[Step, ...] = ()
    detail: str = ""
    hint: str = ""

    @property
    def sentence(self) -> str:
        """Why, in one sentence."""
        return self.detail or self.reason.sentence

    @property
    def verdict(self) -> Verdict:
        """What the reason means for the pod."""
        return self.reason.verdict


@dataclass(frozen=True, slots=True)
class Finding:
    """A message for people: what is wrong or unusual, where, and what to do about it.

    `pointer` is a place in the pod template, or in the workload's own metadata, for who knows its file.
    """

    code: FindingCode
    level: Level
    message: str
    where: str = ""
    hint: str = ""
    pointer: str = ""

    @classmethod
    def of(
        cls, code: FindingCode, message: str, where: str = "", hint: str = "", *, level: Level | None = None
    ) -> Finding:
        """A finding of the code's usual level, or of another that it may have."""
        chosen = level or code.levels[0]
        if chosen not in code.levels:
            raise ValueError(f"{code.value} is not a finding of the level {chosen.value}")
        return cls(code, chosen, message, where, hint)

    def at(self, pointer: str) -> Finding:
        """The finding with its place."""
        return replace(self, pointer=pointer)

    @property
    def actionable(self) -> bool:
        """Whether it asks for an action; a note does not."""
        return self.level is not Level.NOTE


class Origin(StrEnum):
    """Where a pod comes from. The API server fills in defaults before it calls the webhook."""

    WEBHOOK = "webhook"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class ServiceRef:
    """A Service of the cluster."""

    namespace: str
    name: str

    @property
    def host(self) -> str:
        """The name by which the API server calls it."""
        return f"{self.name}.{self.namespace}.svc"

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Namespace:
    """The fields of a Namespace object that injection reads."""

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
    """What is known about the surroundings of a pod.

    `namespace` is the request's or the object's, empty where none is given. `namespace_object` is that
    Namespace object, None while unknown. `owner` is given where the object itself is at hand.
    `native_sidecars` is what the cluster supports, None without one in sight. `objects` are other
    objects of the cluster, `overrides` what the request's path sets. `user` is the one who creates the
    pod, None while unknown. `defaults` are annotations of the Namespace that count for the pod; the
    injection itself finds them.
    """

    namespace: str = ""
    origin: Origin = Origin.FILE
    namespace_object: Namespace | None = None
    owner: Owner | None = None
    native_sidecars: bool | None = None
    objects: tuple[Manifest, ...] = ()
    overrides: Mapping[str, str] = field(default_factory=dict)
    user: UserInfo | None = None
    defaults: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AdmissionRequest:
    """What the API server asks about a pod; `server.reviews.parse` makes it.

    `version` is the review's, `path` the decoded path of the URL, `budget` the seconds that the
    caller waits, where it says so. Other operations than CREATE, and subresources, may have any
    `pod`; it is empty where their object is no map.
    """

    uid: str
    pod: Manifest
    namespace: str = ""
    name: str = ""
    operation: str = "CREATE"
    sub_resource: str = ""
    dry_run: bool = False
    version: str = "admission.k8s.io/v1"
    path: str = ""
    budget: float | None = None
    user: UserInfo | None = None

    @property
    def creates_pod(self) -> bool:
        """Whether a pod is created; every other request is allowed unchanged."""
        return self.operation == "CREATE" and not self.sub_resource

    @property
    def node(self) -> str:
        """The node that the pod names already, empty where the scheduler is to find one."""
        name = get(self.pod, "/spec/nodeName")
        return name if isinstance(name, str) else ""

    @property
    def controller(self) -> Manifest | None:
        """The owner reference of the pod's controller, None without one."""
        references = get(self.pod, "/metadata/ownerReferences")
        for reference in references if isinstance(references, list) else ():
            if isinstance(reference, dict) and reference.get("controller") is True:
                return reference
        return None


@dataclass(frozen=True, slots=True)
class ProxyMark:
    """How a proxy is recognised: the container's name and, if any are listed, variables that it has.

    `webhook` is the end of the names that the webhooks of its injector have, empty where not known.
    """

    container: str
    env: tuple[str, ...] = ()
    webhook: str = ""


@dataclass(frozen=True, slots=True)
class AnnotationKeys:
    """The annotations that a profile reads and writes itself; `switch` is a label as well."""

    switch: str = names.SWITCH
    status: str = names.STATUS_ANNOTATION
    overrides: str = names.OVERRIDES_ANNOTATION
    templates: str = names.TEMPLATES_ANNOTATION
    undo: str = names.UNDO_ANNOTATION
    bundle: str = names.BUNDLE_ANNOTATION


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of RFC 6902; `value` only with add and replace."""

    op: str
    path: str
    value: Any = None

    def as_json(self) -> dict[str, Any]:
        """The operation as a JSON object."""
        if self.op == "remove":
            return {"op": self.op, "path": self.path}
        return {"op": self.op, "path": self.path, "value": self.value}
