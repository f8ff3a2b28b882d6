"""The workload kinds of other operators, by the facts of their CustomResourceDefinitions.

A row is a kind that istioctl passes. Not here: how a user adds one (the setting `kinds`).
"""

from __future__ import annotations

from typing import Final

from injector.core.kinds.row import Kind, Restriction


def _kind(kind: str, api_version: str, plural: str, *aliases: str, **fields: object) -> Kind:
    """A row. kubectl also takes the lower-case kind, which for a Service is another kind's."""
    group = frozenset({api_version.partition("/")[0]})
    names = aliases if kind == "Service" else (kind.lower(), *aliases)
    return Kind(kind, api_version, group, plural, names, upstream=False, **fields)  # type: ignore[arg-type]


_JOBS: Final = "/replicatedJobs/*/template/spec/template"
_KRUISE: Final = "apps.kruise.io/v1alpha1"
_RAY: Final = "ray.io/v1"
_KUBEFLOW: Final = "kubeflow.org/v1"
_TRAINER: Final = "trainer.kubeflow.org/v1alpha1"
_KNATIVE: Final = "serving.knative.dev/v1"
_VOLCANO: Final = "batch.volcano.sh/v1alpha1"


def _ray(at: str) -> tuple[str, ...]:
    """The templates of a RayClusterSpec."""
    return f"{at}/headGroupSpec/template", f"{at}/workerGroupSpecs/*/template"


def _ray_job(at: str) -> tuple[str, ...]:
    return *_ray(f"{at}/rayClusterSpec"), f"{at}/submitterPodTemplate"


def _training(kind: str, replicas: str) -> Kind:
    """A job of the KubeFlow training operator: a map of replicas by their role."""
    paths = (f"/spec/{replicas}/*/template",)
    return _kind(kind, _KUBEFLOW, f"{kind.lower()}s", templates=paths, runs_to_completion=True)


def _knative(kind: str, *aliases: str, makes: str, template: str = "/spec/template") -> Kind:
    return _kind(
        kind,
        _KNATIVE,
        f"{kind.lower()}s",
        *aliases,
        templates=(template,),
        makes=makes,
        partial=True,
        without="Its pod template has no containers with names; Knative names them when it makes the pods.",
        restriction=Restriction(
            (
                ("initContainers", "kubernetes.podspec-init-containers"),
                ("fieldRef", "kubernetes.podspec-fieldref"),
            ),
            "the ConfigMap knative-serving/config-features",
        ),
    )


def _spark(kind: str, alias: str, *at: str, version: str = "v1beta2", ends: bool = True) -> Kind:
    paths = tuple(f"{each}/template" for each in at)
    why = f"Spark makes its pods from other fields; it has no containers in {' or '.join(paths)}."
    return _kind(
        kind,
        f"sparkoperator.k8s.io/{version}",
        f"{kind.lower()}s",
        alias,
        templates=paths,
        partial=True,
        runs_to_completion=ends,
        without=why,
    )


ROWS: Final = (
    _kind(
        "JobSet",
        "jobset.x-k8s.io/v1alpha2",
        "jobsets",
        templates=(f"/spec{_JOBS}",),
        makes="jobs.batch",
        runs_to_completion=True,
    ),
    _kind(
        "LeaderWorkerSet",
        "leaderworkerset.x-k8s.io/v1",
        "leaderworkersets",
        "lws",
        templates=(
            "/spec/leaderWorkerTemplate/workerTemplate",
            "/spec/leaderWorkerTemplate/leaderTemplate",
        ),
        makes="statefulsets.apps",
    ),
    _kind(
        "Rollout",
        "argoproj.io/v1alpha1",
        "rollouts",
        "ro",
        reference="/spec/workloadRef",
        owner_version="v1alpha1",
    ),
    _knative("Service", "kservice", "ksvc", makes="configurations.serving.knative.dev"),
    _knative("Configuration", "config", "cfg", makes="revisions.serving.knative.dev"),
    _knative("Revision", "rev", makes="deployments.apps", template=""),
    _kind("CloneSet", _KRUISE, "clonesets", "clone"),
    _kind("StatefulSet", "apps.kruise.io/v1beta1", "statefulsets", "asts"),
    _kind("DaemonSet", _KRUISE, "daemonsets", "ads"),
    _kind("BroadcastJob", _KRUISE, "broadcastjobs", "bcj", runs_to_completion=True),
    _kind(
        "AdvancedCronJob",
        _KRUISE,
        "advancedcronjobs",
        "acj",
        templates=(
            "/spec/template/jobTemplate/spec/template",
            "/spec/template/broadcastJobTemplate/spec/template",
        ),
        makes="jobs.batch",
        runs_to_completion=True,
    ),
    _kind(
        "UnitedDeployment",
        _KRUISE,
        "uniteddeployments",
        "ud",
        templates=tuple(
            f"/spec/template/{each}Template/spec/template"
            for each in ("statefulSet", "advancedStatefulSet", "cloneSet", "deployment")
        ),
    ),
    _kind("RayCluster", _RAY, "rayclusters", templates=_ray("/spec")),
    _kind(
        "RayJob",
        _RAY,
        "rayjobs",
        templates=_ray_job("/spec"),
        reference="/spec/clusterSelector",
        makes="rayclusters.ray.io",
        runs_to_completion=True,
    ),
    _kind(
        "RayCronJob",
        _RAY,
        "raycronjobs",
        templates=_ray_job("/spec/jobTemplate"),
        reference="/spec/jobTemplate/clusterSelector",
        makes="rayjobs.ray.io",
        runs_to_completion=True,
    ),
    _kind(
        "RayService",
        _RAY,
        "rayservices",
        templates=_ray("/spec/rayClusterConfig"),
        makes="rayclusters.ray.io",
    ),
    _spark("SparkApplication", "sparkapp", "/spec/driver", "/spec/executor"),
    _spark(
        "ScheduledSparkApplication", "scheduledsparkapp", "/spec/template/driver", "/spec/template/executor"
    ),
    _spark("SparkConnect", "sparkconn", "/spec/server", "/spec/executor", version="v1alpha1", ends=False),
    _training("PyTorchJob", "pytorchReplicaSpecs"),
    _training("TFJob", "tfReplicaSpecs"),
    _training("MPIJob", "mpiReplicaSpecs"),
    _training("XGBoostJob", "xgbReplicaSpecs"),
    _training("PaddleJob", "paddleReplicaSpecs"),
    _training("JAXJob", "jaxReplicaSpecs"),
    _training("MXJob", "mxReplicaSpecs"),
    # What reads a cluster takes objects of namespaces only, so that the second has no resource here.
    *(
        _kind(kind, _TRAINER, plural, templates=(f"/spec/template/spec{_JOBS}",), runs_to_completion=True)
        for kind, plural in (("TrainingRuntime", "trainingruntimes"), ("ClusterTrainingRuntime", ""))
    ),
    _kind(
        "Job",
        _VOLCANO,
        "jobs",
        "vcjob",
        "vj",
        templates=("/spec/tasks/*/template",),
        runs_to_completion=True,
    ),
    _kind(
        "CronJob",
        _VOLCANO,
        "cronjobs",
        templates=("/spec/jobTemplate/spec/tasks/*/template",),
        makes="jobs.batch.volcano.sh",
        runs_to_completion=True,
    ),
    _kind("StrimziPodSet", "core.strimzi.io/v1beta2", "strimzipodsets", "sps", templates=("/spec/pods/*",)),
)
