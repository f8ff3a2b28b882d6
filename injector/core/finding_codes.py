"""The closed set of findings: code, levels, what each means, and what to do.

Not here: a finding itself (`model.Finding`), and when there is one. hack/reference.py makes a page of it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from injector.core.finding_sentences import SENTENCES


class Level(StrEnum):
    """How urgent a finding is. A note asks for nothing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


LEVELS: Final = tuple(Level)
"""The most urgent first."""


class Subject(StrEnum):
    """What a finding is about."""

    POD = "pod"
    NAMESPACE = "namespace"
    CONFIGURATION = "configuration"
    CLUSTER = "cluster"
    FILE = "file"


_POD, _NAMESPACE, _CONFIGURATION, _CLUSTER, _FILE = Subject
_ERROR, _WARNING, _NOTE = Level


class FindingCode(StrEnum):
    """The word of a finding. `levels` has one level, or the usual one first."""

    subject: Subject
    levels: tuple[Level, ...]

    def __new__(cls, word: str, subject: Subject, *levels: Level) -> FindingCode:
        """A member whose value is the word."""
        code = str.__new__(cls, word)
        code._value_ = word
        code.subject, code.levels = subject, levels
        return code

    SWITCH_VALUE = "switch-value", _POD, _WARNING
    WRONG_PLACE = "wrong-place", _POD, _WARNING
    WRONG_OBJECT = "wrong-object", _POD, _WARNING
    MISSPELT_KEY = "misspelt-key", _POD, _WARNING
    OPT_IN_IGNORED = "opt-in-ignored", _POD, _WARNING
    POD_REVISION = "pod-revision", _POD, _WARNING, _NOTE
    NAMESPACE_LABEL = "namespace-label", _NAMESPACE, _WARNING
    NAMESPACE_REVISION = "namespace-revision", _NAMESPACE, _NOTE
    STATUS_PORT = "status-port", _POD, _WARNING, _NOTE
    NATIVE_ASSUMED = "native-assumed", _POD, _NOTE
    IGNORED_NAMESPACE = "ignored-namespace", _POD, _WARNING
    DNS_POLICY = "dns-policy", _POD, _NOTE
    ZERO_VALUES = "zero-values", _POD, _WARNING
    PATH_VARIABLE = "path-variable", _POD, _WARNING
    JOB_NEVER_ENDS = "job-never-ends", _POD, _WARNING
    RESTRICTED_FIELD = "restricted-field", _POD, _WARNING
    PROXY_CONFIG_OBJECT = "proxy-config-object", _POD, _WARNING
    VOLUME_TAKEN = "volume-taken", _POD, _NOTE
    SCRAPE_TARGETS = "scrape-targets", _POD, _WARNING
    PROMETHEUS_SPELLINGS = "prometheus-spellings", _POD, _WARNING
    METRICS_WITHOUT_PROXY = "metrics-without-proxy", _POD, _WARNING
    PROBE_PORT = "probe-port", _POD, _WARNING
    PROBE_HOST = "probe-host", _POD, _WARNING
    AUTO_IMAGE = "auto-image", _POD, _WARNING
    EARLY_PROBE = "early-probe", _POD, _WARNING
    REFUSED_RESULT = "refused-result", _POD, _ERROR
    REFUSED_POD = "refused-pod", _POD, _WARNING
    MISSING_VOLUME = "missing-volume", _POD, _WARNING, _ERROR
    CANNOT_START = "cannot-start", _POD, _WARNING
    NAMESPACE_SECURITY = "namespace-security", _POD, _WARNING
    PROXY_USER = "proxy-user", _POD, _WARNING
    PROXY_PORT = "proxy-port", _POD, _WARNING
    PROXY_RESOURCES = "proxy-resources", _POD, _WARNING, _NOTE
    PROXY_LIFECYCLE = "proxy-lifecycle", _POD, _WARNING, _NOTE
    OPENSHIFT_USER = "openshift-user", _POD, _NOTE
    NAMESPACE_DEFAULT = "namespace-default", _POD, _WARNING
    ACCOUNT_TOKEN = "service-account-token", _POD, _WARNING
    PLACEMENT = "placement", _POD, _WARNING, _NOTE
    REBUILT = "rebuilt", _POD, _NOTE
    UNDO_TOO_LARGE = "undo-too-large", _POD, _WARNING
    STATUS_NAME = "status-name", _POD, _NOTE
    TAKEN_OUT = "taken-out", _POD, _NOTE
    UNINJECT = "uninject", _POD, _WARNING
    DEVELOPMENT_IMAGES = "development-images", _CONFIGURATION, _WARNING, _ERROR
    VALUE = "value", _CONFIGURATION, _WARNING
    GO_TEMPLATE = "go-template", _CONFIGURATION, _WARNING
    SELECTOR = "selector", _CONFIGURATION, _WARNING
    FAILS_OPEN = "fails-open", _CONFIGURATION, _WARNING
    OPEN_ANNOTATIONS = "open-annotations", _CONFIGURATION, _NOTE
    LOAD = "load", _CONFIGURATION, _ERROR
    RENDER = "render", _CONFIGURATION, _ERROR
    FIELD = "field", _CONFIGURATION, _ERROR, _WARNING
    RESULT = "result", _CONFIGURATION, _ERROR
    CRASH = "crash", _CONFIGURATION, _ERROR
    DETERMINISM = "determinism", _CONFIGURATION, _ERROR
    LIMIT = "limit", _CONFIGURATION, _ERROR
    DRIFT = "drift", _CONFIGURATION, _ERROR
    POD_SECURITY = "pod-security", _CONFIGURATION, _NOTE, _ERROR
    CLUSTER_UNREADABLE = "cluster-unreadable", _CLUSTER, _ERROR
    WEBHOOK_ABSENT = "webhook-absent", _CLUSTER, _ERROR
    SELECTORS_DIFFER = "selectors-differ", _CLUSTER, _WARNING
    CONDITIONS_DIFFER = "conditions-differ", _CLUSTER, _WARNING
    REGISTRATION_NARROW = "registration-narrow", _CLUSTER, _ERROR
    FAILURE_MODES = "failure-modes", _CLUSTER, _WARNING
    NEVER_MATCHES = "never-matches", _CLUSTER, _ERROR
    NO_NAMESPACE = "no-namespace", _CLUSTER, _WARNING
    OVERLAP = "overlap", _CLUSTER, _ERROR
    DEADLOCK = "deadlock", _CLUSTER, _ERROR
    OWN_NAMESPACE = "own-namespace", _CLUSTER, _WARNING
    SERVICE_MISSING = "service-missing", _CLUSTER, _ERROR
    SERVICE_PORT = "service-port", _CLUSTER, _ERROR
    NO_ENDPOINTS = "no-endpoints", _CLUSTER, _ERROR
    CA_BUNDLE = "ca-bundle", _CLUSTER, _ERROR
    CA_EXPIRED = "ca-expired", _CLUSTER, _ERROR
    CA_EXPIRES = "ca-expires", _CLUSTER, _WARNING
    CERTIFICATE_UNTRUSTED = "certificate-untrusted", _CLUSTER, _ERROR
    CERTIFICATE_NAME = "certificate-name", _CLUSTER, _ERROR
    CERTIFICATE_EXPIRED = "certificate-expired", _CLUSTER, _ERROR
    CERTIFICATE_EXPIRES = "certificate-expires", _CLUSTER, _WARNING
    UNREACHABLE = "unreachable", _CLUSTER, _ERROR
    RBAC = "rbac", _CLUSTER, _ERROR
    NOT_LOOKED_AT = "not-looked-at", _CLUSTER, _NOTE
    NO_OBJECT = "no-object", _FILE, _WARNING
    MISSPELT_KIND = "misspelt-kind", _FILE, _WARNING
    LEFT_OUT = "left-out", _FILE, _WARNING, _NOTE
    REWRITTEN = "rewritten", _FILE, _NOTE

    @property
    def meaning(self) -> str:
        """What is the case, for people."""
        return SENTENCES[self][0]

    @property
    def advice(self) -> str:
        """What to do, for people."""
        return SENTENCES[self][1]
