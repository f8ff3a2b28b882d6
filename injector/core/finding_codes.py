"""The closed set of findings: code, levels, what each means, and what to do.

Not here: a finding itself (`model.Finding`), and when there is one. hack/reference.py makes a page of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from injector.core.result_sentences import RESULT_SENTENCES


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
    CONFIGURATION = "configuration"
    CLUSTER = "cluster"


_POD, _CONFIGURATION, _CLUSTER = Subject
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
    STATUS_PORT = "status-port", _POD, _WARNING, _NOTE
    NATIVE_ASSUMED = "native-assumed", _POD, _NOTE
    IGNORED_NAMESPACE = "ignored-namespace", _POD, _WARNING
    DNS_POLICY = "dns-policy", _POD, _NOTE
    ZERO_VALUES = "zero-values", _POD, _WARNING
    PATH_VARIABLE = "path-variable", _POD, _WARNING
    JOB_NEVER_ENDS = "job-never-ends", _POD, _WARNING
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
    POD_SECURITY = "pod-security", _CONFIGURATION, _NOTE, _ERROR
    WEBHOOK_ABSENT = "webhook-absent", _CLUSTER, _ERROR
    SELECTORS_DIFFER = "selectors-differ", _CLUSTER, _WARNING
    CONDITIONS_DIFFER = "conditions-differ", _CLUSTER, _WARNING
    REGISTRATION_NARROW = "registration-narrow", _CLUSTER, _ERROR
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

    @property
    def meaning(self) -> str:
        """What is the case, for people."""
        return SENTENCES[self][0]

    @property
    def advice(self) -> str:
        """What to do, for people."""
        return SENTENCES[self][1]


SENTENCES: Mapping[str, tuple[str, str]] = {
    **RESULT_SENTENCES,
    FindingCode.SWITCH_VALUE: (
        "The injection label or annotation is neither `true` nor `false` and has no effect.",
        'Set it to `"true"` or `"false"`.',
    ),
    FindingCode.WRONG_PLACE: (
        "A key is set as a label and is read as an annotation, or the reverse.",
        "Move it to where it is read.",
    ),
    FindingCode.WRONG_OBJECT: (
        "A key is set on an object where it has no effect.",
        "Set it on the object that the message names.",
    ),
    FindingCode.MISSPELT_KEY: (
        "A key is not known and is nearly the same as a known one.",
        "Correct the key.",
    ),
    FindingCode.OPT_IN_IGNORED: (
        "The pod requests injection, and is skipped because it cannot run with the sidecar.",
        "Remove the request, or let the pod run on other nodes or with another RuntimeClass.",
    ),
    FindingCode.STATUS_PORT: (
        "The status ports of values, mesh configuration and pod differ; merged metrics use the second.",
        "Set the same port everywhere.",
    ),
    FindingCode.NATIVE_ASSUMED: (
        "No cluster is known, so native sidecars are assumed to be supported.",
        "Set `nativeSidecars`, or give `--objects`.",
    ),
    FindingCode.IGNORED_NAMESPACE: (
        "The pod of a file is injected although the webhook never injects its namespace.",
        "Use another namespace, or do not inject the file.",
    ),
    FindingCode.DNS_POLICY: (
        "`dnsPolicy` is not `ClusterFirst`; the proxy may not resolve the name of its control plane.",
        "Check that the pod can resolve it.",
    ),
    FindingCode.ZERO_VALUES: (
        "An annotation sets a field to its zero value, which has no effect in the webhook.",
        "Set the field in the mesh configuration.",
    ),
    FindingCode.PATH_VARIABLE: (
        "The path of the webhook sets a variable that has no valid name.",
        "Correct the path in the webhook configuration.",
    ),
    FindingCode.JOB_NEVER_ENDS: (
        "The pod of a job has a classic sidecar, which keeps running after the job has finished.",
        "Enable native sidecars.",
    ),
    FindingCode.PROXY_CONFIG_OBJECT: (
        "A ProxyConfig object cannot be read and is ignored.",
        "Correct the object.",
    ),
    FindingCode.VOLUME_TAKEN: (
        "An injected volume has the name of a volume of the pod, whose source is used.",
        "Rename the pod's volume.",
    ),
    FindingCode.SCRAPE_TARGETS: (
        "The annotation with the scrape targets has an entry without a port and is ignored.",
        "Add the port.",
    ),
    FindingCode.PROMETHEUS_SPELLINGS: (
        "Several spellings of one Prometheus annotation have different values.",
        "Remove all but one.",
    ),
    FindingCode.METRICS_WITHOUT_PROXY: (
        "Prometheus annotations are replaced, but no proxy serves the metrics.",
        "Use a template with a proxy, or disable the merge of metrics.",
    ),
    FindingCode.PROBE_PORT: (
        "A probe uses a port name that the container does not declare, or the port of the agent.",
        "Correct the port of the probe.",
    ),
    FindingCode.PROBE_HOST: (
        "A probe names a host, and the kubelet sends the rewritten probe there.",
        "Remove `host` from the probe.",
    ),
    FindingCode.AUTO_IMAGE: (
        "A container has the image `auto`, which no template replaces; the pod cannot start.",
        "Enable injection for the pod, or select the template that has the container.",
    ),
    FindingCode.EARLY_PROBE: (
        "A native sidecar of the pod is probed before the classic proxy runs, which starts after it.",
        "Use native sidecars.",
    ),
    FindingCode.NAMESPACE_DEFAULT: (
        "An annotation of the Namespace, which is a default for its pods, is not accepted and is ignored.",
        "Correct or remove the annotation of the Namespace.",
    ),
    FindingCode.ACCOUNT_TOKEN: (
        "An injected container reads the ServiceAccount's default token, which the pod does not mount.",
        "Remove `automountServiceAccountToken: false`, or configure the sidecar to use a token of its own.",
    ),
    FindingCode.PLACEMENT: (
        "The setting `placement` cannot be followed for this pod, or leaves an init container without a "
        "network; a note where the pod does not have the other container.",
        "Correct the setting, or the order of the pod's containers.",
    ),
    FindingCode.REBUILT: (
        "The pod was injected under another configuration; fields without a known origin were dropped.",
        "Check the fields in the message.",
    ),
    FindingCode.UNDO_TOO_LARGE: (
        "The annotation that `uninject` needs is too large and was left out.",
        "Keep the original manifest.",
    ),
    FindingCode.STATUS_NAME: (
        "The status annotation lists a name that no template gives in that list; it stays.",
        "Check who wrote the annotation.",
    ),
    FindingCode.TAKEN_OUT: (
        "The status annotation lists a name that the templates no longer give; it was removed.",
        "Nothing.",
    ),
    FindingCode.UNINJECT: (
        "`uninject` had to assume something, or could not restore it.",
        "Compare the result with the original manifest.",
    ),
    FindingCode.DEVELOPMENT_IMAGES: (
        "Hub and tag of the images are development defaults; an error in a cluster.",
        "Set `values.global.hub` and `values.global.tag`.",
    ),
    FindingCode.VALUE: (
        "A value or setting has no effect: its key is nearly a known one, it is not of its type, no template "
        "reads it, or quirks are on; or a template reads a value that is not declared.",
        "Correct the key, or write the value as the message says.",
    ),
    FindingCode.GO_TEMPLATE: (
        "A template of the injection ConfigMap is a Go template and is ignored.",
        "Write it in Jinja.",
    ),
    FindingCode.SELECTOR: ("A selector cannot be parsed and is ignored.", "Correct the selector."),
    FindingCode.FAILS_OPEN: (
        "`failureMode: allow` lets pods start without a sidecar where the injection fails.",
        "Remove `failureMode`.",
    ),
    FindingCode.OPEN_ANNOTATIONS: (
        "Every pod may use annotations that change more than its own traffic.",
        "[Limit the annotations](../how-to/limit-annotations.md).",
    ),
    FindingCode.LOAD: ("The configuration does not load.", "Correct what the message names."),
    FindingCode.RENDER: ("A template fails for a sample pod.", "Correct the template."),
    FindingCode.FIELD: (
        "A template or an annotation has a field that Kubernetes does not have, or a value of another type.",
        "Correct the template, or the value that it writes there.",
    ),
    FindingCode.CRASH: (
        "The injector itself fails for a sample pod.",
        "Report it, with the configuration.",
    ),
    FindingCode.DETERMINISM: (
        "Two processes render the same pod differently.",
        "Sort what is iterated in the templates.",
    ),
    FindingCode.LIMIT: (
        "Rendering the sample pods takes more time or memory than allowed.",
        "Look for a loop without bound in the templates.",
    ),
    FindingCode.POD_SECURITY: (
        "Injected pods do not pass a level of PodSecurity; an error where a namespace to inject enforces it.",
        "Change the settings in the hint, or the level of the namespace.",
    ),
    FindingCode.WEBHOOK_ABSENT: (
        "No MutatingWebhookConfiguration of this injector exists.",
        "Apply the output of `injector webhook-config`.",
    ),
    FindingCode.SELECTORS_DIFFER: (
        "The selectors of the webhook are not those of this configuration.",
        "Apply the output of `injector webhook-config`.",
    ),
    FindingCode.CONDITIONS_DIFFER: (
        "The match conditions of the webhook are not those of this version and configuration.",
        "Apply the output of `injector webhook-config`.",
    ),
    FindingCode.REGISTRATION_NARROW: (
        "The webhook is called only for pods with the switch, and the configuration injects others too.",
        "Apply the output of `injector webhook-config`.",
    ),
    FindingCode.NEVER_MATCHES: ("A selector of the webhook contradicts itself.", "Correct the selector."),
    FindingCode.NO_NAMESPACE: ("No namespace matches the webhook.", "Label a namespace for injection."),
    FindingCode.OVERLAP: (
        "Two injectors are called for the same pods.",
        "Change the labels of the namespaces, or delete one configuration.",
    ),
    FindingCode.DEADLOCK: (
        "Pods that the injector needs to start wait for the injector.",
        "Exclude them with a label.",
    ),
    FindingCode.OWN_NAMESPACE: (
        "The injector's own pods are sent to the injector.",
        "Exclude them with a label.",
    ),
    FindingCode.SERVICE_MISSING: (
        "The Service of the webhook does not exist.",
        "Create it, or correct `--service`.",
    ),
    FindingCode.SERVICE_PORT: ("The Service of the webhook does not have the port.", "Correct `--service`."),
    FindingCode.NO_ENDPOINTS: ("No pod of the Service is ready.", "Find out why the pods are not ready."),
    FindingCode.CA_BUNDLE: (
        "The webhook has no `caBundle`, or one that cannot be read.",
        "Write the CA into `caBundle`.",
    ),
    FindingCode.CA_EXPIRED: ("Every CA in `caBundle` has expired.", "Renew the CA."),
    FindingCode.CA_EXPIRES: ("The CA in `caBundle` expires soon.", "Renew the CA."),
    FindingCode.CERTIFICATE_UNTRUSTED: (
        "`caBundle` does not trust the served certificate.",
        "Write the CA that signed it into `caBundle`.",
    ),
    FindingCode.CERTIFICATE_NAME: (
        "The served certificate is for another name.",
        "Issue it for `SERVICE.NAMESPACE.svc`.",
    ),
    FindingCode.CERTIFICATE_EXPIRED: (
        "The served certificate has expired, or is not valid yet.",
        "Renew the certificate.",
    ),
    FindingCode.CERTIFICATE_EXPIRES: ("The served certificate expires soon.", "Renew the certificate."),
    FindingCode.UNREACHABLE: (
        "The webhook cannot be reached.",
        "Check the pods, NetworkPolicies and firewalls.",
    ),
    FindingCode.RBAC: ("The ServiceAccount of the injector lacks a permission.", "Grant it."),
    FindingCode.NOT_LOOKED_AT: ("Something could not be checked.", "Follow the hint, or check it yourself."),
}
