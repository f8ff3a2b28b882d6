"""What each finding means and what to do, for people, by the word of its code (finding_codes)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, tuple[str, str]]] = {
    "refused-result": (
        "The API server refuses the injected pod for a field that the injection set; `kube-inject` fails.",
        "`injector explain` shows what sets the field; correct it there.",
    ),
    "refused-pod": (
        "The API server refuses the pod for a field of its own manifest; an error with `--strict`.",
        "Correct the manifest.",
    ),
    "missing-volume": (
        "A container mounts a volume that the pod lacks; `kube-inject` fails if the injection mounts it.",
        "Add the volume, unless another webhook adds it.",
    ),
    "cannot-start": (
        "The kubelet does not start a container: its user is 0, and it must not run as root.",
        "Change `runAsUser` or `runAsNonRoot`.",
    ),
    "namespace-security": (
        "The injected pod does not pass the level of PodSecurity that its namespace enforces.",
        "Change the field, or the level of the namespace.",
    ),
    "result": (
        "Injected sample pods are refused by the API server, or a container of them cannot start.",
        "Correct the template or the value.",
    ),
    "proxy-user": (
        "A container of the pod runs as the user or group of the proxy; its traffic bypasses the mesh.",
        "Run it as another user and group.",
    ),
    "proxy-port": (
        "A container of the pod declares a port on which the proxy listens.",
        "Use another port.",
    ),
    "proxy-resources": (
        "Annotations and the pod's own proxy container set different sizes; those of the container apply.",
        "Remove one of them.",
    ),
    "proxy-lifecycle": (
        "Handlers of the proxy replace one that holds the application back or drains the proxy.",
        "Add that handler to `values.global.proxy.lifecycle`, or remove the setting without effect.",
    ),
    "openshift-user": (
        "A user of the pod is outside the range of its namespace, so another SCC applies to the proxy, too.",
        "Check that this SCC allows the user of the proxy.",
    ),
    "switch-value": (
        "The injection label or annotation is neither `true` nor `false` and has no effect.",
        'Set it to `"true"` or `"false"`.',
    ),
    "wrong-place": (
        "A key is set as a label and is read as an annotation, or the reverse.",
        "Move it to where it is read.",
    ),
    "wrong-object": (
        "A key is set on an object where it has no effect.",
        "Set it on the object that the message names.",
    ),
    "misspelt-key": (
        "A key is not known and is nearly the same as a known one.",
        "Correct the key.",
    ),
    "opt-in-ignored": (
        "The pod requests injection, and is skipped because it cannot run with the sidecar.",
        "Remove the request, or let the pod run on other nodes or with another RuntimeClass.",
    ),
    "pod-revision": (
        "The label by which a pod names a revision has no effect, or names another revision.",
        "Remove the label, or change that of the namespace; check the revision of the configuration.",
    ),
    "namespace-label": (
        "A label or annotation of the namespace has no effect: its key, value or place is nearly right.",
        "Change it on the Namespace, as the message says.",
    ),
    "namespace-revision": (
        "The namespace names a revision or tag that the configuration is not; its pods are not injected.",
        "Nothing, if it is another injector's; else set the revision, or the tag with `--tag`.",
    ),
    "status-port": (
        "The status ports of values, mesh configuration and pod differ; merged metrics use the second.",
        "Set the same port everywhere.",
    ),
    "native-assumed": (
        "No cluster is known, so native sidecars are assumed to be supported.",
        "Set `nativeSidecars`, or give `--objects`.",
    ),
    "ignored-namespace": (
        "The pod of a file is injected although the webhook never injects its namespace.",
        "Use another namespace, or do not inject the file.",
    ),
    "dns-policy": (
        "`dnsPolicy` is not `ClusterFirst`; the proxy may not resolve the name of its control plane.",
        "Check that the pod can resolve it.",
    ),
    "zero-values": (
        "An annotation sets a field to its zero value, which has no effect in the webhook.",
        "Set the field in the mesh configuration.",
    ),
    "path-variable": (
        "The path of the webhook sets a variable that has no valid name.",
        "Correct the path in the webhook configuration.",
    ),
    "job-never-ends": (
        "The pod of a job has a classic sidecar, which keeps running after the job has finished.",
        "Enable native sidecars.",
    ),
    "restricted-field": (
        "The injection sets a field that the workload's kind may have only if a setting allows it.",
        "Change the setting, or let the webhook inject the pods.",
    ),
    "proxy-config-object": (
        "A ProxyConfig object cannot be read and is ignored.",
        "Correct the object.",
    ),
    "volume-taken": (
        "An injected volume has the name of a volume of the pod, whose source is used.",
        "Rename the pod's volume.",
    ),
    "scrape-targets": (
        "The annotation with the scrape targets has an entry without a port and is ignored.",
        "Add the port.",
    ),
    "prometheus-spellings": (
        "Several spellings of one Prometheus annotation have different values.",
        "Remove all but one.",
    ),
    "metrics-without-proxy": (
        "Prometheus annotations are replaced, but no proxy serves the metrics.",
        "Use a template with a proxy, or disable the merge of metrics.",
    ),
    "probe-port": (
        "A probe uses a port name that the container does not declare, or the port of the agent.",
        "Correct the port of the probe.",
    ),
    "probe-host": (
        "A probe names a host, and the kubelet sends the rewritten probe there.",
        "Remove `host` from the probe.",
    ),
    "auto-image": (
        "A container has the image `auto`, which no template replaces; the pod cannot start.",
        "Enable injection for the pod, or select the template that has the container.",
    ),
    "early-probe": (
        "A native sidecar of the pod is probed before the classic proxy runs, which starts after it.",
        "Use native sidecars.",
    ),
    "namespace-default": (
        "An annotation of the Namespace, which is a default for its pods, is not accepted and is ignored.",
        "Correct or remove the annotation of the Namespace.",
    ),
    "service-account-token": (
        "An injected container reads the ServiceAccount's default token, which the pod does not mount.",
        "Remove `automountServiceAccountToken: false`, or configure the sidecar to use a token of its own.",
    ),
    "placement": (
        "The setting `placement` cannot be followed for this pod, or leaves an init container without a "
        "network; a note where the pod does not have the other container.",
        "Correct the setting, or the order of the pod's containers.",
    ),
    "rebuilt": (
        "The pod was injected under another configuration; fields without a known origin were dropped.",
        "Check the fields in the message.",
    ),
    "undo-too-large": (
        "The annotation that `uninject` needs is too large and was left out.",
        "Keep the original manifest.",
    ),
    "status-name": (
        "The status annotation lists a name that no template gives in that list; it stays.",
        "Check who wrote the annotation.",
    ),
    "taken-out": (
        "The status annotation lists a name that the templates no longer give; it was removed.",
        "Nothing.",
    ),
    "uninject": (
        "`uninject` had to assume something, or could not restore it.",
        "Compare the result with the original manifest.",
    ),
    "development-images": (
        "Hub and tag of the images are development defaults; an error in a cluster.",
        "Set `values.global.hub` and `values.global.tag`.",
    ),
    "value": (
        "A value or setting has no effect: its key is nearly a known one, it is not of its type, no template "
        "reads it, or quirks are on; or a template reads a value that is not declared.",
        "Correct the key, or write the value as the message says.",
    ),
    "go-template": (
        "A template of the injection ConfigMap is a Go template and is ignored.",
        "Write it in Jinja.",
    ),
    "selector": ("A selector cannot be parsed and is ignored.", "Correct the selector."),
    "fails-open": (
        "`failureMode: allow` lets pods start without a sidecar where the injection fails.",
        "Remove `failureMode`.",
    ),
    "open-annotations": (
        "Every pod may use annotations that change more than its own traffic.",
        "[Limit the annotations](../how-to/limit-annotations.md).",
    ),
    "load": ("The configuration does not load.", "Correct what the message names."),
    "render": ("A template fails for a sample pod.", "Correct the template."),
    "field": (
        "A template or an annotation has a field that Kubernetes does not have, or a value of another type.",
        "Correct the template, or the value that it writes there.",
    ),
    "crash": (
        "The injector itself fails for a sample pod.",
        "Report it, with the configuration.",
    ),
    "determinism": (
        "Two processes render the same pod differently.",
        "Sort what is iterated in the templates.",
    ),
    "limit": (
        "Rendering the sample pods takes more time or memory than allowed.",
        "Look for a loop without bound in the templates.",
    ),
    "drift": (
        "The configuration of a cluster or bundle has another value than the one in use.",
        "Change the one that is wrong, or pack the bundle again.",
    ),
    "pod-security": (
        "Injected pods do not pass a level of PodSecurity; an error where a namespace to inject enforces it.",
        "Change the settings in the hint, or the level of the namespace.",
    ),
    "cluster-unreadable": (
        "The cluster cannot be read: no API server answers, or it refuses the account.",
        "Correct the kubeconfig, or use an account that may read.",
    ),
    "failure-modes": (
        "failurePolicy and `server.failureMode` contradict each other.",
        "Set `Ignore` and `allow`, or `Fail` and `deny`.",
    ),
    "webhook-absent": (
        "No MutatingWebhookConfiguration of this injector exists.",
        "Apply the output of `injector webhook-config`.",
    ),
    "selectors-differ": (
        "The selectors of the webhook are not those of this configuration.",
        "Apply the output of `injector webhook-config`.",
    ),
    "conditions-differ": (
        "The match conditions of the webhook are not those of this version and configuration.",
        "Apply the output of `injector webhook-config`.",
    ),
    "registration-narrow": (
        "The webhook is called only for pods with the switch, and the configuration injects others too.",
        "Apply the output of `injector webhook-config`.",
    ),
    "never-matches": ("A selector of the webhook contradicts itself.", "Correct the selector."),
    "no-namespace": ("No namespace matches the webhook.", "Label a namespace for injection."),
    "overlap": (
        "Two injectors are called for the same pods.",
        "Change the labels of the namespaces, or delete one configuration.",
    ),
    "deadlock": (
        "Pods that the injector needs to start wait for the injector.",
        "Exclude them with a label.",
    ),
    "own-namespace": (
        "The injector's own pods are sent to the injector.",
        "Exclude them with a label.",
    ),
    "service-missing": (
        "The Service of the webhook does not exist.",
        "Create it, or correct `--service`.",
    ),
    "service-port": ("The Service of the webhook does not have the port.", "Correct `--service`."),
    "no-endpoints": ("No pod of the Service is ready.", "Find out why the pods are not ready."),
    "ca-bundle": (
        "The webhook has no `caBundle`, or one that cannot be read.",
        "Write the CA into `caBundle`.",
    ),
    "ca-expired": ("Every CA in `caBundle` has expired.", "Renew the CA."),
    "ca-expires": ("The CA in `caBundle` expires soon.", "Renew the CA."),
    "certificate-untrusted": (
        "`caBundle` does not trust the served certificate.",
        "Write the CA that signed it into `caBundle`.",
    ),
    "certificate-name": (
        "The served certificate is for another name.",
        "Issue it for `SERVICE.NAMESPACE.svc`.",
    ),
    "certificate-expired": (
        "The served certificate has expired, or is not valid yet.",
        "Renew the certificate.",
    ),
    "certificate-expires": ("The served certificate expires soon.", "Renew the certificate."),
    "unreachable": (
        "The webhook cannot be reached.",
        "Check the pods, NetworkPolicies and firewalls.",
    ),
    "rbac": ("The ServiceAccount of the injector lacks a permission.", "Grant it."),
    "no-object": (
        "A document is not a Kubernetes object, or lacks `apiVersion`; it is passed as it is.",
        "Correct it, or exclude the file.",
    ),
    "misspelt-kind": (
        "A kind is unknown, and is nearly the same as one with a pod template.",
        "Correct `kind` and `apiVersion`.",
    ),
    "left-out": (
        "A file or folder is not read.",
        "Give its name, or `-R` for folders.",
    ),
    "rewritten": (
        "A document could not be edited in place, so all of it was written again, without its comments.",
        "Write the place without anchors and merge keys, or keep comments elsewhere.",
    ),
    "not-looked-at": ("Something could not be checked.", "Follow the hint, or check it yourself."),
}
