"""The workload kinds of Kubernetes itself, and OpenShift's. Not here: those of other operators (`custom`)."""

from __future__ import annotations

from typing import Final

from injector.core.kinds.row import Kind, Parent, Rolling

_APPS = frozenset({"apps", "extensions"})
_BATCH = frozenset({"batch"})
_CORE = frozenset({""})

ROWS: Final = (
    Kind("Pod", "v1", _CORE, "pods", ("pod", "po"), templates=("",)),
    Kind(
        "ReplicationController",
        "v1",
        _CORE,
        "replicationcontrollers",
        ("replicationcontroller", "rc"),
        replicas="/spec/replicas",
        made=("replicas",),
        parents=(Parent("DeploymentConfig", name_label="deploymentconfig"),),
    ),
    Kind(
        "Deployment",
        "apps/v1",
        _APPS,
        "deployments",
        ("deployment", "deploy"),
        replicas="/spec/replicas",
        rolling=Rolling(
            strategy="strategy",
            updated="updatedReplicas",
            available="availableReplicas",
            total="replicas",
            max_unavailable="25%",
            max_surge="25%",
            rounds_up=False,
        ),
    ),
    Kind(
        "ReplicaSet",
        "apps/v1",
        _APPS,
        "replicasets",
        ("replicaset", "rs"),
        replicas="/spec/replicas",
        made=("replicas",),
        parents=(
            Parent("Deployment", hash_label="pod-template-hash"),
            # Upstream's API version, without its group.
            Parent("Rollout", "v1alpha1", hash_label="rollouts-pod-template-hash"),
        ),
    ),
    Kind(
        "DaemonSet",
        "apps/v1",
        _APPS,
        "daemonsets",
        ("daemonset", "ds"),
        replicas="/status/desiredNumberScheduled",
        made=("currentNumberScheduled",),
        rolling=Rolling("updateStrategy", "updatedNumberScheduled", "numberAvailable"),
    ),
    Kind(
        "StatefulSet",
        "apps/v1",
        _APPS,
        "statefulsets",
        ("statefulset", "sts"),
        replicas="/spec/replicas",
        made=("replicas",),
        rolling=Rolling("updateStrategy", "updatedReplicas", "readyReplicas", revisions=True),
    ),
    Kind(
        "Job",
        "batch/v1",
        _BATCH,
        "jobs",
        ("job",),
        replicas="/spec/parallelism",
        made=("active", "succeeded", "failed"),
        runs_to_completion=True,
        # A CronJob appends the minutes since 1970, which have been more than 24 million since there are
        # CronJobs. Names of one's own rather end in a date, such as 20261130, or in other numbers.
        parents=(
            Parent("CronJob", "batch/v1", suffix=r"-(?:2[4-9]|[3-9]\d)\d{6}", suffix_quirk=r"-\d{8,10}"),
        ),
    ),
    Kind(
        "CronJob",
        "batch/v1",
        _BATCH,
        "cronjobs",
        ("cronjob", "cj"),
        templates=("/spec/jobTemplate/spec/template",),
        runs_to_completion=True,
    ),
    # OpenShift served it as a core kind before it had a group.
    Kind("DeploymentConfig", "apps.openshift.io/v1", frozenset({"apps.openshift.io", ""})),
    Kind("PodTemplate", "v1", _CORE, templates=("/template",), upstream=False),
)
