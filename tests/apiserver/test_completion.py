"""Completion of what is in a cluster: namespaces, and the names of workloads behind a kind."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from injector.cli import suggestions
from injector.cli.main import cli
from tests.beds.apiserver.bed import ApiServer

POD = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}}


@pytest.fixture(scope="module")
def namespace(bed: ApiServer) -> Iterator[str]:
    """A namespace with two Deployments."""
    with bed.namespace() as name:
        for each in ("web", "worker"):
            manifest = {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": each, "namespace": name},
                "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "a"}}, "template": POD},
            }
            bed.kubectl("create", "-f", "-", manifest=manifest)
        yield name


def suggested(bed: ApiServer, what: str, incomplete: str, **params: object) -> list[str]:
    context = click.Context(cli)
    context.params = {"kubeconfig": str(bed.kubeconfig), **params}
    return [item.value for item in suggestions.items(what, context, click.Argument(["targets"]), incomplete)]


@pytest.mark.usefixtures("unhurried")
def test_names_behind_a_kind_and_namespaces_come_from_the_cluster(bed: ApiServer, namespace: str) -> None:
    assert suggested(bed, "targets", "deploy/", namespace=namespace) == ["deploy/web", "deploy/worker"]
    assert suggested(bed, "targets", "wo", namespace=namespace, targets=("deployments",)) == ["worker"]
    assert suggested(bed, "targets", "sts/", namespace=namespace) == []
    assert suggested(bed, "targets", "nonsense/", namespace=namespace) == []
    assert namespace in suggested(bed, "namespaces", namespace[:4])


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a slow machine does not load in time would not be suggested."""
    monkeypatch.setattr(suggestions, "SECONDS", 300)
