"""The table of causes: what keeps a pod from running as it should, as any sidecar may meet it.

Here: the rows, and how a profile adds its own by what its containers log. Not here: looking for
them (containers.py, creation.py, not_called.py), nor which one is the verdict (diagnoses.py).
"""

from __future__ import annotations

from typing import Final

from injector.classes import dataclass
from injector.core.cause_types import CauseType, Symptom


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a cause shows (a JSON pointer, an event, a line of a log) and the text there.

    Texts of the cluster's components are reduced to the words and names that a row knows. Only a
    line that a symptom matched is shown as it is, cut: it is the injected container's message, and
    whoever asks has just read that log with credentials of their own.
    """

    where: str
    seen: str


@dataclass(frozen=True, slots=True)
class Cause:
    """A row of the table that applies, with its evidence. `ours`: it is about what the injection added.

    `hint` is what to do in this case, where that is more exact than what the row says.
    """

    type: CauseType
    evidence: tuple[Evidence, ...] = ()
    ours: bool = False
    hint: str = ""

    @property
    def action(self) -> str:
        """What to do."""
        return self.hint or self.type.action


# --- no pod is made ---------------------------------------------------------------------------------
POD_SECURITY: Final = CauseType(
    "pod-security",
    "PodSecurity of the namespace rejects the pod",
    "FailedCreate event or ReplicaFailure condition: violates PodSecurity",
    "for injected containers: let a CNI plugin set up the redirection and set their seccompProfile; "
    "for others: change the pod or the namespace's pod-security labels",
)
WEBHOOK_UNREACHABLE: Final = CauseType(
    "webhook-unreachable",
    "the API server cannot call a webhook, and its failurePolicy Fail rejects the pod",
    "FailedCreate event or ReplicaFailure condition: failed calling webhook",
    "check that the webhook's pods are ready, its Service has endpoints, and its caBundle matches its "
    "certificate",
)
WEBHOOK_DENIED: Final = CauseType(
    "webhook-denied",
    "a webhook denies the pod",
    "FailedCreate event or ReplicaFailure condition: denied the request",
    "fix what the webhook reports; for this injector, injector explain without --live shows it",
)
CREATION_REFUSED: Final = CauseType(
    "creation-refused",
    "the API server rejects the pod: a quota, a missing ServiceAccount or another rule",
    "FailedCreate event or ReplicaFailure condition with any other text",
    "read the event: kubectl describe the object in the evidence",
)
NOT_WANTED: Final = CauseType(
    "no-pod-wanted",
    "the workload has no desired pods now",
    "replicas 0, a suspended Job, a CronJob that has not run, a DaemonSet without a fitting node",
    "scale it up, resume it, or wait for its next run",
)
NO_POD_YET: Final = CauseType(
    "no-pod-yet",
    "the workload has no pod, and there is no event that explains it",
    "no pod of the newest owner, and no failed creation in its events",
    "retry in a moment; events expire after an hour, so run kubectl rollout restart to get new ones",
)
# --- the pod is not injected ------------------------------------------------------------------------
LEFT_OUT: Final = CauseType(
    "left-out",
    "the pod is skipped on purpose",
    "no status annotation, and the decision for the pod is to skip it",
    "if it should be injected: change the label, annotation, selector or setting that the reason "
    "names, then recreate the pod",
)
WEBHOOK_ABSENT: Final = CauseType(
    "webhook-absent",
    "no MutatingWebhookConfiguration of this injector exists, so it is never called",
    "no status annotation, and no configuration has an entry of the profile",
    "apply the output of injector webhook-config, then recreate the pod",
)
WEBHOOK_SELECTORS: Final = CauseType(
    "webhook-selectors",
    "no webhook entry matches the namespace and the pod, so the injector is not called",
    "no status annotation, and the selectors in the cluster do not match",
    "label the namespace or the pod so that an entry matches, then recreate the pod",
)
WEBHOOK_YOUNGER: Final = CauseType(
    "webhook-younger",
    "the pod was created before the webhook configuration",
    "no status annotation, and the creation times",
    "recreate the pod: kubectl rollout restart, or delete it",
)
LABEL_YOUNGER: Final = CauseType(
    "label-younger",
    "the pod was created before its namespace was labelled",
    "no status annotation, and the time when the namespace's label was set",
    "recreate the pod: kubectl rollout restart, or delete it",
)
WEBHOOK_IGNORED: Final = CauseType(
    "webhook-ignored",
    "the webhook probably did not answer, and failurePolicy Ignore admitted the pod",
    "no status annotation, the entry matches, and its failurePolicy is Ignore",
    "check that the webhook's pods are ready, recreate the pod, and consider failurePolicy Fail",
)
WEBHOOK_NOT_CALLED: Final = CauseType(
    "webhook-not-called",
    "the pod should be injected and is not; the cluster does not show why",
    "no status annotation, and none of the reasons above",
    "find the pod in the webhook's log: the configuration may have changed, or a matchCondition may "
    "exclude the pod; then recreate the pod",
)
# --- the injected pod is not whole ------------------------------------------------------------------
PIECE_MISSING: Final = CauseType(
    "piece-missing",
    "an injected container or volume is missing from the pod",
    "the status annotation lists a container or volume that does not exist",
    "find what removed it after injection: another webhook, or an edit of an injected manifest",
)
# --- the cluster cannot run it ----------------------------------------------------------------------
ENDED_BY_NODE: Final = CauseType(
    "ended-by-node",
    "the node or the control plane terminated the pod",
    "status.reason of a failed pod: Evicted, Preempting, NodeShutdown ...",
    "check the node's conditions; a controller replaces its pod, a bare pod is not replaced",
)
UNSCHEDULED: Final = CauseType(
    "unscheduled",
    "no node can run the pod",
    "condition PodScheduled, or no spec.nodeName",
    "kubectl describe pod shows what each node lacks; the sidecar's resource requests count too",
)
IMAGE_NAME: Final = CauseType(
    "image-name-invalid",
    "invalid image name",
    "waiting: InvalidImageName",
    "for an injected container, set hub, tag and image in the values; otherwise correct the pod's image",
)
IMAGE_MISSING: Final = CauseType(
    "image-missing",
    "an image cannot be pulled",
    "waiting: ErrImagePull, ImagePullBackOff, ErrImageNeverPull ...",
    "check registry, name, tag, imagePullSecrets and that the node reaches the registry; for an "
    "injected container the values set them",
)
MOUNT_MISSING: Final = CauseType(
    "mount-missing",
    "a ConfigMap or Secret of a volume does not exist",
    "FailedMount event: not found",
    "create it; if the control plane should create it, check that the control plane runs and manages "
    "this namespace",
)
MOUNT_FAILED: Final = CauseType(
    "mount-failed",
    "a volume cannot be mounted",
    "FailedMount or FailedAttachVolume event with any other text",
    "kubectl describe pod shows the node's message for the volume",
)
CONFIG_MISSING: Final = CauseType(
    "container-config",
    "a container's configuration is incomplete or forbidden: a ConfigMap, Secret or key is missing, or "
    "the image runs as root",
    "waiting: CreateContainerConfigError",
    "kubectl describe pod shows what is missing",
)
SANDBOX: Final = CauseType(
    "sandbox-failed",
    "a CNI plugin cannot set up the pod's network",
    "FailedCreatePodSandBox event while containers wait",
    "check the CNI plugins of the node; if the mesh installs one, check that its DaemonSet is ready there",
)
# --- a container does not run ------------------------------------------------------------------------
MEMORY: Final = CauseType(
    "out-of-memory",
    "a container exceeded its memory limit and was killed",
    "terminated: OOMKilled",
    "raise its memory limit; for an injected container, values and annotations set it",
)
START_FAILED: Final = CauseType(
    "start-failed",
    "a container cannot start: its command does not exist, or the runtime rejects its settings",
    "waiting or terminated: CreateContainerError, RunContainerError, StartError, ContainerCannotRun",
    "kubectl describe pod shows the runtime's message; check command, image and securityContext",
)
INIT_FAILING: Final = CauseType(
    "init-failing",
    "an init container fails, so the containers after it do not start",
    "its exit code, or CrashLoopBackOff",
    "read its log with kubectl logs -c NAME --previous",
    follows=True,
)
CRASHING: Final = CauseType(
    "crashing",
    "a container fails repeatedly",
    "its exit code, or CrashLoopBackOff",
    "read its log with kubectl logs -c NAME --previous",
    follows=True,
)
INIT_WAITING: Final = CauseType(
    "init-waiting",
    "an init container has not completed",
    "it is running, and it is not a sidecar",
    "if it waits for the network: traffic is blocked until the proxy starts; use native sidecars, or "
    "exclude its ports or addresses",
    follows=True,
)
NOT_READY: Final = CauseType(
    "not-ready",
    "a container runs, but its probe fails",
    "the container is running; started or ready is false",
    "check its probes and its log; HTTP and gRPC probes of an injected pod go through the sidecar",
    follows=True,
)
STARTING: Final = CauseType(
    "starting",
    "containers are being created",
    "waiting: ContainerCreating or PodInitializing, and no event that explains it",
    "retry in a moment",
    follows=True,
)
UNKNOWN: Final = CauseType(
    "unknown",
    "the cause is unknown",
    "the pod is not ready, and no other row fits",
    "read the logs of the injected containers; please report this case so that it can be added",
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
    rows = (*BEFORE, *(symptom.cause_type for symptom in own), *AFTER)
    return {row.id: rank for rank, row in enumerate(rows)}
