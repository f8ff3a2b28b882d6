"""What the tests of `injector parity` share: a webhook in use, and the command against the same cluster."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.apiserver.webhook_serving import Served, registered, serving, wait_until_called
from tests.beds.apiserver.bed import ApiServer
from tests.command import Ran, run

NO_LABELS: dict[str, str] = {}
ENABLED = {"istio-injection": "enabled"}


@dataclass(frozen=True)
class Doors:
    """A running webhook, the file of its configuration, and a namespace whose pods it gets."""

    bed: ApiServer
    served: Served
    config: Path
    namespace: str

    def parity(self, manifests: Path, *flags: str | Path) -> Ran:
        config = () if {"--config", "--bundle"} & set(flags) else ("--config", self.config)
        where = ("-R", "-f", manifests, "-n", self.namespace, "--kubeconfig", self.bed.kubeconfig)
        return run("parity", *where, *config, *flags)

    def workloads(self, manifests: Path, *flags: str | Path) -> list[dict[str, Any]]:
        done = self.parity(manifests, "-o", "json", *flags)
        assert done.out, done.err
        result: list[dict[str, Any]] = json.loads(done.out)["workloads"]
        return result


@contextlib.contextmanager
def doors(
    bed: ApiServer,
    folder: Path,
    config: str | Path,
    labels: dict[str, str],
    switch: dict[str, str] = NO_LABELS,
) -> Iterator[Doors]:
    hook = folder.name.replace("_", "-")[:40]
    if bed.plane is None:
        pytest.skip("API server bed: this cluster (E2E_KUBECONFIG) cannot call a webhook on loopback")
    file = config if isinstance(config, Path) else folder / "injector.yaml"
    if isinstance(config, str):
        file.write_text(config)
    flags = ("--config", file)
    with (
        bed.namespace(labels) as namespace,
        serving(bed, folder, *flags) as served,
        registered(bed, served, hook, "/inject", *flags),
    ):
        wait_until_called(bed, namespace, hook, labels=switch)
        yield Doors(bed, served, file, namespace)


def written(folder: Path, *manifests: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    for number, manifest in enumerate(manifests):
        (folder / f"{number:03}.yaml").write_text(yaml.safe_dump(manifest))
    return folder


def everything_same(doors: Doors, manifests: Path, *flags: str | Path) -> list[dict[str, Any]]:
    """All workloads that were compared, none of them with a difference."""
    workloads = doors.workloads(manifests, *flags)
    assert [each for each in workloads if each["result"] == "different"] == []
    return [each for each in workloads if each["result"] == "same"]
