"""The table of causes: what keeps a pod from running as it should, as any sidecar may meet it.

Here: the rows, and how a profile adds its own by what its containers log. Not here: looking for
them (podsigns.py, refusedpods.py, uncalled.py), nor which one is the verdict (diagnose.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from injector.core.model import CauseType, Symptom


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a cause shows (a JSON pointer, an event, a line of a log) and what stands there.

    Texts of the cluster's components are reduced to the words and names that a row knows. Only a
    line that a symptom matched is shown as it is, cut: it is the injected container's message, and
    whoever asks has just read that log with credentials of their own.
    """

    where: str
    seen: str


@dataclass(frozen=True, slots=True)
class Cause:
    """A row of the table that was found, and where. `ours`: it is about what the injection added."""

    known: CauseType
    evidence: tuple[Evidence, ...] = ()
    ours: bool = False


# --- no pod is made ---------------------------------------------------------------------------------
POD_SECURITY: Final = CauseType(
    "pod-security",
    "PodSecurity of the namespace refuses the pod",
    "FailedCreate event or ReplicaFailure condition: violates PodSecurity",
    "if injected containers are named: let a CNI plugin set up the redirection and give the injected "
    "containers a seccompProfile; else change the pod, or the namespace's pod-security labels",
)
WEBHOOK_UNREACHABLE: Final = CauseType(
    "webhook-unreachable",
    "the API server gets no answer from a webhook, and failurePolicy Fail refuses the pod",
    "FailedCreate event or ReplicaFailure condition: failed calling webhook",
    "see that the webhook's pods are ready, its Service has endpoints, and caBundle fits its certificate",
)
WEBHOOK_DENIED: Final = CauseType(
    "webhook-denied",
    "a webhook refuses the pod",
    "FailedCreate event or ReplicaFailure condition: denied the request",
    "change what the webhook objects to; for the injector's own, `injector explain` without --live says what",
)
CREATION_REFUSED: Final = CauseType(
    "creation-refused",
    "the API server refuses the pod: a quota, a missing ServiceAccount, another rule",
    "FailedCreate event or ReplicaFailure condition with another text",
    "read the event with kubectl describe on the object named in the evidence",
)
NOT_WANTED: Final = CauseType(
    "no-pod-wanted",
    "the workload asks for no pod now",
    "replicas 0, a suspended Job, a CronJob that has not run, a DaemonSet without a fitting node",
    "scale it up, resume it, or wait for its next run",
)
NO_POD_YET: Final = CauseType(
    "no-pod-yet",
    "the workload has no pod, and nothing says why",
    "no pod of the newest owner, no refusal in its events",
    "look again in a moment; events older than an hour are gone, so kubectl rollout restart brings new ones",
)
# --- the pod is not injected ------------------------------------------------------------------------
LEFT_OUT: Final = CauseType(
    "left-out",
    "the pod is not to be injected",
    "no status annotation, and the decision for the pod is to skip it",
    "if it should be: the reason says which label, annotation, selector or setting decided; change it and "
    "make the pod anew",
)
WEBHOOK_ABSENT: Final = CauseType(
    "webhook-absent",
    "no MutatingWebhookConfiguration of the injector is in the cluster, so nobody was asked",
    "no status annotation, and no configuration has an entry of the profile",
    "apply the output of injector webhook-config, then make the pod anew",
)
WEBHOOK_SELECTORS: Final = CauseType(
    "webhook-selectors",
    "no entry of the webhook configuration matches the namespace and the pod, so nobody was asked",
    "no status annotation, and the selectors in the cluster do not match",
    "label the namespace (or the pod) as one of the entries wants it, then make the pod anew",
)
WEBHOOK_YOUNGER: Final = CauseType(
    "webhook-younger",
    "the pod is older than the webhook configuration",
    "no status annotation, and the times of creation",
    "make the pod anew: kubectl rollout restart, or delete it",
)
LABEL_YOUNGER: Final = CauseType(
    "label-younger",
    "the pod is older than the label of its namespace",
    "no status annotation, and the time at which the namespace's label was written",
    "make the pod anew: kubectl rollout restart, or delete it",
)
WEBHOOK_IGNORED: Final = CauseType(
    "webhook-ignored",
    "the webhook did not answer, as far as can be told, and failurePolicy Ignore let the pod pass",
    "no status annotation, the entry matches, and its failurePolicy is Ignore",
    "see that the webhook's pods are ready, make the pod anew, and think about failurePolicy Fail",
)
WEBHOOK_NOT_CALLED: Final = CauseType(
    "webhook-not-called",
    "the pod should be injected and is not, and the cluster does not tell why",
    "no status annotation, and none of the reasons above",
    "look for the pod in the webhook's log; a matchCondition, or a configuration that was changed since, "
    "shows only there. Make the pod anew",
)
# --- the injected pod is not whole ------------------------------------------------------------------
PIECE_MISSING: Final = CauseType(
    "piece-missing",
    "something that the injection added is no longer in the pod",
    "a name of the status annotation without its container or volume",
    "find who took it out after the injection: another webhook, or an edit of an injected manifest",
)
# --- the cluster cannot run it ----------------------------------------------------------------------
ENDED_BY_NODE: Final = CauseType(
    "ended-by-node",
    "the node or the control plane ended the pod",
    "status.reason of a failed pod: Evicted, Preempting, NodeShutdown ...",
    "see the node's conditions; a controller makes a new pod, a pod of its own is gone",
)
UNSCHEDULED: Final = CauseType(
    "unscheduled",
    "no node takes the pod",
    "condition PodScheduled, or no spec.nodeName",
    "kubectl describe pod shows what each node lacks; the sidecar's requests count as well",
)
IMAGE_NAME: Final = CauseType(
    "image-name-invalid",
    "an image has a name that is none",
    "waiting: InvalidImageName",
    "for an injected container set hub, tag and image in the values; else correct the pod's image",
)
IMAGE_MISSING: Final = CauseType(
    "image-missing",
    "an image cannot be had",
    "waiting: ErrImagePull, ImagePullBackOff, ErrImageNeverPull ...",
    "see that registry, name and tag exist, that the node reaches the registry, and imagePullSecrets; for "
    "an injected container they come from the values",
)
MOUNT_MISSING: Final = CauseType(
    "mount-missing",
    "a ConfigMap or Secret that a volume needs is not there",
    "FailedMount event: not found",
    "make it; one that the control plane makes in every namespace is missing where the control plane is "
    "not running or does not look at the namespace",
)
MOUNT_FAILED: Final = CauseType(
    "mount-failed",
    "a volume cannot be mounted",
    "FailedMount or FailedAttachVolume event with another text",
    "kubectl describe pod shows the node's own words for the volume named",
)
CONFIG_MISSING: Final = CauseType(
    "container-config",
    "a container's settings cannot be put together: a ConfigMap, Secret or key is missing, or the image's "
    "user is root where that is forbidden",
    "waiting: CreateContainerConfigError",
    "kubectl describe pod shows what is missing",
)
SANDBOX: Final = CauseType(
    "sandbox-failed",
    "the pod gets no network: a CNI plugin fails",
    "FailedCreatePodSandBox event while containers wait",
    "look at the CNI plugins of the node; if the mesh brings one, see that its DaemonSet is ready there",
)
# --- a container does not run ------------------------------------------------------------------------
MEMORY: Final = CauseType(
    "out-of-memory",
    "a container was ended because it used more memory than its limit",
    "terminated: OOMKilled",
    "raise its memory limit; the injected container's comes from values and annotations",
)
START_FAILED: Final = CauseType(
    "start-failed",
    "a container cannot be started: its program is not there, or the runtime refuses its settings",
    "waiting or terminated: CreateContainerError, RunContainerError, StartError, ContainerCannotRun",
    "kubectl describe pod shows the runtime's words; check command, image and securityContext",
)
INIT_FAILING: Final = CauseType(
    "init-failing",
    "an init container ends with an error, so nothing after it starts",
    "its exit code, or CrashLoopBackOff",
    "read its log with kubectl logs -c NAME --previous",
    follows=True,
)
CRASHING: Final = CauseType(
    "crashing",
    "a container ends with an error again and again",
    "its exit code, or CrashLoopBackOff",
    "read its log with kubectl logs -c NAME --previous",
    follows=True,
)
INIT_WAITING: Final = CauseType(
    "init-waiting",
    "an init container has not come to its end",
    "it is running, and is no sidecar",
    "if it waits for the network: after the redirection and before the proxy no traffic passes, so use "
    "native sidecars, or exclude its ports or addresses",
    follows=True,
)
NOT_READY: Final = CauseType(
    "not-ready",
    "a container runs, and its probe does not succeed",
    "started or ready is false while it is running",
    "look at its probes and its log; HTTP and gRPC probes of an injected pod go through the sidecar",
    follows=True,
)
STARTING: Final = CauseType(
    "starting",
    "containers are being made",
    "waiting: ContainerCreating or PodInitializing, and no event that says why",
    "look again in a moment",
    follows=True,
)
UNKNOWN: Final = CauseType(
    "unknown",
    "the table of causes does not have it",
    "the pod is not ready, and no other row fits",
    "read the injected containers' logs; tell us, and the table grows",
)

NOT_MADE: Final = (
    POD_SECURITY, WEBHOOK_UNREACHABLE, WEBHOOK_DENIED, CREATION_REFUSED, NOT_WANTED, NO_POD_YET,
)  # fmt: skip
NOT_INJECTED: Final = (
    LEFT_OUT, WEBHOOK_ABSENT, WEBHOOK_SELECTORS, WEBHOOK_YOUNGER, LABEL_YOUNGER, WEBHOOK_IGNORED,
    WEBHOOK_NOT_CALLED,
)  # fmt: skip
NOT_RUN: Final = (
    PIECE_MISSING, ENDED_BY_NODE, UNSCHEDULED, IMAGE_NAME, IMAGE_MISSING, MOUNT_MISSING, MOUNT_FAILED,
    CONFIG_MISSING, SANDBOX,
)  # fmt: skip
# In this order a cause goes before another; a profile's own stand before those of its containers.
BEFORE: Final = (*NOT_MADE, *NOT_INJECTED, *NOT_RUN)
AFTER: Final = (MEMORY, START_FAILED, INIT_FAILING, CRASHING, INIT_WAITING, NOT_READY, STARTING, UNKNOWN)


def order(own: tuple[Symptom, ...]) -> dict[str, int]:
    """The rank of every row by its word; the lowest that was found is the verdict."""
    rows = (*BEFORE, *(symptom.known for symptom in own), *AFTER)
    return {known.id: rank for rank, known in enumerate(rows)}
