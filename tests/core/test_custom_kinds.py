"""Where the pod templates of other operators' kinds are, by the facts of their CustomResourceDefinitions.

Compared with the definitions of Argo Rollouts 1.10.2, Knative Serving 0.51.0, KubeRay 1.5.0, the KubeFlow
training operator 1.8.1 and trainer 2.0.0. The other paths were not compared with a definition.
"""

from __future__ import annotations

from typing import Any

import pytest

from injector.core import kinds, workload
from injector.core.kinds import custom, without_template
from injector.core.other_documents import nearest
from injector.errors import ManifestError
from injector.pointer import get

Tree = dict[str, Any]
POD: Tree = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "a", "image": "i"}]}}
OF_JOB: Tree = {"spec": {"template": POD}}
RAY: Tree = {"headGroupSpec": {"template": POD}, "workerGroupSpecs": [{"groupName": "gpu", "template": POD}]}
JOBS: Tree = {"replicatedJobs": [{"name": "node", "template": OF_JOB}]}
HEAD_AND_GPU = [
    ("/headGroupSpec/template", " (headGroupSpec)"),
    ("/workerGroupSpecs/0/template", " (workerGroupSpecs gpu)"),
]


def below(path: str, *templates: tuple[str, str]) -> list[tuple[str, str]]:
    return [(path + pointer, part) for pointer, part in templates]


def training(kind: str, field: str) -> tuple[str, str, Tree, list[tuple[str, str]]]:
    replicas = {"Master": {"replicas": 1, "template": POD}, "Worker": {"replicas": 2, "template": POD}}
    places = [(f"/spec/{field}/{role}/template", f" ({field} {role})") for role in replicas]
    return "kubeflow.org/v1", kind, {field: replicas}, places


# apiVersion, kind, spec, and each pod template: its pointer, and how it is named beside the object's name.
TABLE: list[tuple[str, str, Tree, list[tuple[str, str]]]] = [
    ("argoproj.io/v1alpha1", "Rollout", {"template": POD}, [("/spec/template", "")]),
    ("serving.knative.dev/v1", "Service", {"template": POD}, [("/spec/template", "")]),
    ("serving.knative.dev/v1", "Configuration", {"template": POD}, [("/spec/template", "")]),
    ("serving.knative.dev/v1", "Revision", POD["spec"], [("", "")]),
    # Knative names a container without a name, and nothing can be merged into it before.
    ("serving.knative.dev/v1", "Service", {"template": {"spec": {"containers": [{"image": "i"}]}}}, []),
    ("apps.kruise.io/v1alpha1", "CloneSet", {"template": POD}, [("/spec/template", "")]),
    ("apps.kruise.io/v1beta1", "CloneSet", {"template": POD}, [("/spec/template", "")]),
    ("apps.kruise.io/v1beta1", "StatefulSet", {"template": POD}, [("/spec/template", "")]),
    ("apps.kruise.io/v1alpha1", "DaemonSet", {"template": POD}, [("/spec/template", "")]),
    ("apps.kruise.io/v1alpha1", "BroadcastJob", {"template": POD}, [("/spec/template", "")]),
    (
        "apps.kruise.io/v1alpha1",
        "AdvancedCronJob",
        {"template": {"jobTemplate": OF_JOB}},
        [("/spec/template/jobTemplate/spec/template", " (jobTemplate)")],
    ),
    (
        "apps.kruise.io/v1alpha1",
        "AdvancedCronJob",
        {"template": {"broadcastJobTemplate": OF_JOB}},
        [("/spec/template/broadcastJobTemplate/spec/template", " (broadcastJobTemplate)")],
    ),
    *(
        (
            "apps.kruise.io/v1alpha1",
            "UnitedDeployment",
            {"template": {field: OF_JOB}},
            [(f"/spec/template/{field}/spec/template", f" ({field})")],
        )
        for field in (
            "statefulSetTemplate",
            "advancedStatefulSetTemplate",
            "cloneSetTemplate",
            "deploymentTemplate",
        )
    ),
    (
        "jobset.x-k8s.io/v1alpha2",
        "JobSet",
        JOBS,
        [("/spec/replicatedJobs/0/template/spec/template", " (replicatedJobs node)")],
    ),
    (
        "leaderworkerset.x-k8s.io/v1",
        "LeaderWorkerSet",
        {"leaderWorkerTemplate": {"leaderTemplate": POD, "workerTemplate": POD}},
        [
            ("/spec/leaderWorkerTemplate/workerTemplate", " (workerTemplate)"),
            ("/spec/leaderWorkerTemplate/leaderTemplate", " (leaderTemplate)"),
        ],
    ),
    (
        "leaderworkerset.x-k8s.io/v1",
        "LeaderWorkerSet",
        {"leaderWorkerTemplate": {"workerTemplate": POD}},
        [("/spec/leaderWorkerTemplate/workerTemplate", " (workerTemplate)")],
    ),
    ("ray.io/v1", "RayCluster", RAY, below("/spec", *HEAD_AND_GPU)),
    (
        "ray.io/v1alpha1",
        "RayCluster",
        {"headGroupSpec": RAY["headGroupSpec"]},
        below("/spec", HEAD_AND_GPU[0]),
    ),
    ("ray.io/v1", "RayJob", {"rayClusterSpec": RAY}, below("/spec/rayClusterSpec", *HEAD_AND_GPU)),
    (
        "ray.io/v1",
        "RayJob",
        {"clusterSelector": {"ray.io/cluster": "old"}, "submitterPodTemplate": POD},
        [("/spec/submitterPodTemplate", " (submitterPodTemplate)")],
    ),
    ("ray.io/v1", "RayJob", {"clusterSelector": {"ray.io/cluster": "old"}}, []),
    (
        "ray.io/v1",
        "RayCronJob",
        {"jobTemplate": {"rayClusterSpec": RAY}},
        below("/spec/jobTemplate/rayClusterSpec", *HEAD_AND_GPU),
    ),
    ("ray.io/v1", "RayService", {"rayClusterConfig": RAY}, below("/spec/rayClusterConfig", *HEAD_AND_GPU)),
    (
        "sparkoperator.k8s.io/v1beta2",
        "SparkApplication",
        {"driver": {"cores": 1, "template": POD}, "executor": {"template": POD}},
        [("/spec/driver/template", " (driver)"), ("/spec/executor/template", " (executor)")],
    ),
    # Spark makes the container of a template without one: an injected one would be taken for it.
    (
        "sparkoperator.k8s.io/v1beta2",
        "SparkApplication",
        {"driver": {"template": {"metadata": {}, "spec": {"nodeName": "a"}}}, "executor": {"template": POD}},
        [("/spec/executor/template", " (executor)")],
    ),
    ("sparkoperator.k8s.io/v1beta2", "SparkApplication", {"driver": {"cores": 1}, "executor": {}}, []),
    (
        "sparkoperator.k8s.io/v1beta2",
        "ScheduledSparkApplication",
        {"schedule": "@daily", "template": {"driver": {"template": POD}, "executor": {"cores": 1}}},
        [("/spec/template/driver/template", " (driver)")],
    ),
    (
        "sparkoperator.k8s.io/v1alpha1",
        "SparkConnect",
        {"server": {"template": POD}, "executor": {"cores": 1}},
        [("/spec/server/template", " (server)")],
    ),
    training("PyTorchJob", "pytorchReplicaSpecs"),
    training("TFJob", "tfReplicaSpecs"),
    training("MPIJob", "mpiReplicaSpecs"),
    training("XGBoostJob", "xgbReplicaSpecs"),
    training("PaddleJob", "paddleReplicaSpecs"),
    training("JAXJob", "jaxReplicaSpecs"),
    training("MXJob", "mxReplicaSpecs"),
    *(
        (
            "trainer.kubeflow.org/v1alpha1",
            kind,
            {"template": {"spec": JOBS}},
            [("/spec/template/spec/replicatedJobs/0/template/spec/template", " (replicatedJobs node)")],
        )
        for kind in ("TrainingRuntime", "ClusterTrainingRuntime")
    ),
    (
        "batch.volcano.sh/v1alpha1",
        "Job",
        {"tasks": [{"name": "ps", "template": POD}, {"template": POD}]},
        [("/spec/tasks/0/template", " (tasks ps)"), ("/spec/tasks/1/template", " (tasks 1)")],
    ),
    (
        "batch.volcano.sh/v1alpha1",
        "CronJob",
        {"jobTemplate": {"spec": {"tasks": [{"name": "ps", "template": POD}]}}},
        [("/spec/jobTemplate/spec/tasks/0/template", " (tasks ps)")],
    ),
    (
        "core.strimzi.io/v1beta2",
        "StrimziPodSet",
        {"pods": [{**POD, "metadata": {"name": "kafka-0"}}]},
        [("/spec/pods/0", " (pods kafka-0)")],
    ),
]
NO_TEMPLATE = [
    ("tekton.dev/v1", "TaskRun"),
    ("tekton.dev/v1beta1", "PipelineRun"),
    ("argoproj.io/v1alpha1", "Workflow"),
    ("argoproj.io/v1alpha1", "CronWorkflow"),
    ("argoproj.io/v1alpha1", "WorkflowTemplate"),
    ("argoproj.io/v1alpha1", "ClusterWorkflowTemplate"),
    *(
        ("kafka.strimzi.io/v1beta2", kind)
        for kind in (
            "Kafka",
            "KafkaNodePool",
            "KafkaConnect",
            "KafkaMirrorMaker",
            "KafkaMirrorMaker2",
            "KafkaBridge",
        )
    ),
    ("trainer.kubeflow.org/v1alpha1", "TrainJob"),
    ("kubeflow.org/v1", "Notebook"),
    ("flink.apache.org/v1beta1", "FlinkDeployment"),
    ("serving.kserve.io/v1beta1", "InferenceService"),
]
SILENT = [
    ("apps.kruise.io/v1alpha1", "SidecarSet"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
]


def an_object(version: str, kind: str, spec: Tree) -> Tree:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "x", "namespace": "shop"}, "spec": spec}


@pytest.mark.parametrize(("version", "kind", "spec", "places"), TABLE)
def test_each_pod_template_is_at_its_place_and_is_put_back_there(
    version: str, kind: str, spec: Tree, places: list[tuple[str, str]]
) -> None:
    item = an_object(version, kind, spec)
    located = workload.locate_all(item)
    assert [(each.spec, each.label) for each in located] == [
        (f"{pointer}/spec", f"{kind} shop/x{part}") for pointer, part in places
    ]
    assert kinds.TABLE.may_hold_pods(version, kind)
    for each in located:
        changed = each.with_template({**each.template, "spec": {"new": 1}})
        assert get(changed, each.spec) == {"new": 1}
        assert each.with_template(each.template) == item


@pytest.mark.parametrize(("version", "kind", "spec", "places"), TABLE)
def test_with_quirks_only_upstreams_kinds_are_injected_into(
    version: str, kind: str, spec: Tree, places: list[tuple[str, str]]
) -> None:
    if kind in kinds.KINDS:
        assert kinds.TABLE.upstream(kind) == kinds.KINDS[kind]
    else:
        assert workload.locate_all(an_object(version, kind, spec), quirks=True) == ()


def test_the_expectations_are_about_every_row() -> None:
    rows = {(row.kind, group) for row in custom.ROWS for group in row.groups}
    assert {(kind, version.partition("/")[0]) for version, kind, _, _ in TABLE} == rows
    others = {(row.kind, group) for row in without_template.ROWS for group in row.groups}
    assert {(kind, version.partition("/")[0]) for version, kind in NO_TEMPLATE + SILENT} == others


@pytest.mark.parametrize(
    ("version", "kind"),
    [("v1", "Service"), ("serving.knative.dev.example/v1", "Service"), ("v1", "Configuration")],
)
def test_a_kind_with_the_name_of_one_of_another_group_is_not_read(version: str, kind: str) -> None:
    """Services of Kubernetes are in every repository, and would otherwise be parsed for nothing."""
    assert not kinds.TABLE.may_hold_pods(version, kind)
    assert workload.locate_all(an_object(version, kind, {"template": POD})) == ()


@pytest.mark.parametrize(
    ("version", "kind", "spec", "where"),
    [
        ("argoproj.io/v1alpha1", "Rollout", {}, "/spec/template"),
        ("ray.io/v1", "RayCluster", {}, "/spec/headGroupSpec"),
        ("ray.io/v1", "RayCluster", {"headGroupSpec": {"template": {}}}, "/spec/headGroupSpec/template/spec"),
        ("kubeflow.org/v1", "TFJob", {"tfReplicaSpecs": {"PS": {}}}, "/spec/tfReplicaSpecs/PS/template"),
        ("kubeflow.org/v1", "TFJob", {"tfReplicaSpecs": {"a/b": 1}}, "/spec/tfReplicaSpecs/a~1b"),
        ("batch.volcano.sh/v1alpha1", "Job", {"tasks": [{"template": []}]}, "/spec/tasks/0/template"),
    ],
)
def test_a_template_that_must_be_there_is_an_error_with_its_place(
    version: str, kind: str, spec: Tree, where: str
) -> None:
    with pytest.raises(ManifestError) as error:
        workload.locate_all(an_object(version, kind, spec))
    assert error.value.where == where


def test_a_rollout_with_a_reference_has_no_template_and_is_no_error() -> None:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    assert workload.locate_all(an_object("argoproj.io/v1alpha1", "Rollout", {"workloadRef": reference})) == ()


@pytest.mark.parametrize(("version", "kind"), NO_TEMPLATE)
def test_a_kind_without_a_pod_template_says_why(version: str, kind: str) -> None:
    row = kinds.TABLE.row(kind, version)
    assert row is not None
    assert row.without.endswith(".")
    assert kinds.TABLE.may_hold_pods(version, kind)
    assert workload.locate_all(an_object(version, kind, {"containers": []})) == ()


@pytest.mark.parametrize(("version", "kind"), SILENT)
def test_a_kind_that_makes_no_pods_is_not_even_read(version: str, kind: str) -> None:
    assert kinds.makes_no_pods(kinds.TABLE.row(kind, version))
    assert not kinds.TABLE.may_hold_pods(version, kind)


# Other kinds of the same groups. None of them was meant to be one of the table.
SIBLINGS = {
    "argoproj.io/v1alpha1": "Application AppProject ApplicationSet AnalysisRun AnalysisTemplate Experiment "
    "ClusterAnalysisTemplate EventSource Sensor EventBus WorkflowEventBinding WorkflowTaskSet",
    "serving.knative.dev/v1": "Route DomainMapping",
    "apps.kruise.io/v1alpha1": "ImagePullJob ImageListPullJob NodeImage ContainerRecreateRequest "
    "WorkloadSpread PersistentPodState EphemeralJob NodePodProbe ResourceDistribution PodProbeMarker",
    "ray.io/v1": "Workspace",
    "kubeflow.org/v1": "Profile PodDefault Experiment Trial Suggestion Viewer",
    "trainer.kubeflow.org/v1alpha1": "OptimizationJob",
    "batch.volcano.sh/v1alpha1": "Reservation",
    "kafka.strimzi.io/v1beta2": "KafkaTopic KafkaUser KafkaConnector KafkaRebalance",
    "tekton.dev/v1": "Task Pipeline StepAction CustomRun Run ClusterTask VerificationPolicy",
    "flink.apache.org/v1beta1": "FlinkSessionJob FlinkStateSnapshot",
    "serving.kserve.io/v1beta1": "ServingRuntime InferenceGraph TrainedModel LLMInferenceService",
}


@pytest.mark.parametrize(
    ("version", "kind"), [(version, kind) for version, line in SIBLINGS.items() for kind in line.split()]
)
def test_another_kind_of_the_same_group_is_not_taken_for_a_misspelt_one(version: str, kind: str) -> None:
    assert nearest(kind, version) is None


@pytest.mark.parametrize(
    ("version", "kind", "meant"),
    [
        ("argoproj.io/v1alpha1", "Rolout", "Rollout"),
        ("kubeflow.org/v1", "PytorchJob", "PyTorchJob"),
        ("ray.io/v1", "Raycluster", "RayCluster"),
        ("apps.kruise.io/v1beta1", "Statefulset", "StatefulSet"),
    ],
)
def test_a_misspelt_kind_is_recognised_in_its_group(version: str, kind: str, meant: str) -> None:
    near = nearest(kind, version)
    assert near is not None
    assert near.kind == meant
