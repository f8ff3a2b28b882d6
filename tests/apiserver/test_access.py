"""The namespace of the context and the impersonated user are those of kubectl, on a real API server."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from tests.apiserver.webhook_serving import a_pod, created
from tests.beds.apiserver.bed import ApiServer
from tests.command import run


def in_namespace(bed: ApiServer, namespace: str, folder: Path) -> Path:
    """The bed's kubeconfig with a namespace in its context."""
    config = yaml.safe_load(Path(bed.kubeconfig).read_text())
    for context in config["contexts"]:
        context["context"]["namespace"] = namespace
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return file


def test_without_n_the_namespace_of_the_context_is_used(bed: ApiServer, tmp_path: Path) -> None:
    config = tmp_path / "injector.yaml"
    config.write_text("profile: istio\n")
    with bed.namespace({"istio-injection": "enabled"}) as namespace:
        created(bed, namespace, a_pod("web"))
        flags = ("--config", config, "--kubeconfig", in_namespace(bed, namespace, tmp_path))
        explained = json.loads(run("explain", "pod/web", *flags, "-o", "json").out)
        assert [each["namespace"] for each in explained["workloads"]] == [namespace]
        audited = json.loads(run("audit", *flags, "-o", "json").out)
        assert [pod["name"] for pod in audited["pods"]] == ["web"]


def test_as_is_the_user_whose_rights_count(bed: ApiServer, tmp_path: Path) -> None:
    config = tmp_path / "injector.yaml"
    config.write_text("profile: istio\n")
    with bed.namespace() as namespace:
        flags = ("-n", namespace, "--config", config, "--kubeconfig", bed.kubeconfig)
        assert run("audit", *flags).status == 0
        refused = run("audit", *flags, "--as", "somebody")
        assert refused.status == 1
        assert "not allowed to list" in refused.err
        groups = ("--as", "somebody", "--as-group", "system:masters")
        assert run("audit", *flags, *groups).status == 0
