"""Kinds whose objects have no pod template although they make pods, and why: reports name them.

A row without a reason makes no pods, and is passed in silence although it has containers.
"""

from __future__ import annotations

from typing import Final

from injector.core.kinds.row import Kind


def _named(api_version: str, reason: str, *kinds: str) -> tuple[Kind, ...]:
    group = frozenset({api_version.partition("/")[0]})
    return tuple(
        Kind(kind, api_version, group, templates=(), without=reason, upstream=False) for kind in kinds
    )


ROWS: Final = (
    *_named(
        "tekton.dev/v1",
        "Tekton makes the pod from the steps of the task; podTemplate has only some fields of a pod.",
        "TaskRun",
        "PipelineRun",
    ),
    *_named(
        "argoproj.io/v1alpha1",
        "Argo Workflows makes a pod for each template with a container or script.",
        "Workflow",
        "CronWorkflow",
        "WorkflowTemplate",
        "ClusterWorkflowTemplate",
    ),
    *_named(
        "kafka.strimzi.io/v1beta2",
        "Strimzi makes the containers of its pods; template.pod has only their metadata and scheduling.",
        "Kafka",
        "KafkaNodePool",
        "KafkaConnect",
        "KafkaMirrorMaker",
        "KafkaMirrorMaker2",
        "KafkaBridge",
    ),
    *_named(
        "trainer.kubeflow.org/v1alpha1",
        "The pod templates are those of the runtime that spec.runtimeRef names.",
        "TrainJob",
    ),
    *_named(
        "kubeflow.org/v1",
        "The template of a Notebook has no metadata, which an injection needs.",
        "Notebook",
    ),
    *_named(
        "flink.apache.org/v1beta1",
        "The Flink operator merges several partial pod templates into one.",
        "FlinkDeployment",
    ),
    *_named(
        "serving.kserve.io/v1beta1",
        "KServe makes the pods of predictor, transformer and explainer from fields of their own.",
        "InferenceService",
    ),
    *_named("apps.kruise.io/v1alpha1", "", "SidecarSet"),
    *_named("apiextensions.k8s.io/v1", "", "CustomResourceDefinition"),
)
