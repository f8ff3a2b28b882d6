"""`injector parity` against a real API server that calls a real webhook."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from injector.config.loading import load
from tests import upstream
from tests.apiserver.webhook_serving import (
    Served,
    create,
    listed,
    registered,
    serving,
    until,
    wait_until_called,
)
from tests.beds.apiserver.bed import ApiServer
from tests.command import Ran, run

pytestmark = pytest.mark.xdist_group("parity")

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
HOOK = "parity"
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
    bed: ApiServer, folder: Path, config: str | Path, labels: dict[str, str], switch: dict[str, str]
) -> Iterator[Doors]:
    if bed.plane is None:
        pytest.skip("API server bed: this cluster (E2E_KUBECONFIG) cannot call a webhook on loopback")
    file = config if isinstance(config, Path) else folder / "injector.yaml"
    if isinstance(config, str):
        file.write_text(config)
    flags = ("--config", file)
    with (
        bed.namespace(labels) as namespace,
        serving(bed, folder, *flags) as served,
        registered(bed, served, HOOK, "/inject", *flags),
    ):
        wait_until_called(bed, namespace, HOOK, labels=switch)
        yield Doors(bed, served, file, namespace)


@pytest.fixture(scope="module")
def shop(bed: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """The webhook with the configuration of the example."""
    with doors(bed, tmp_path_factory.mktemp("parity"), EXAMPLES / "injector.yaml", ENABLED, {}) as running:
        yield running


def written(folder: Path, *manifests: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    for number, manifest in enumerate(manifests):
        (folder / f"{number:03}.yaml").write_text(yaml.safe_dump(manifest))
    return folder


def in_namespace(folder: Path, source: Path, namespace: str) -> Path:
    """The manifests of the shop in another namespace, which has their service accounts."""
    folder.mkdir(exist_ok=True)
    for path in sorted(source.glob("*.yaml")):
        if "namespace" not in path.name:
            text = re.sub(r'(namespace"?: "?)shop\b', rf"\g<1>{namespace}", path.read_text())
            (folder / path.name).write_text(text)
    return folder


def everything_same(doors: Doors, manifests: Path, *flags: str | Path) -> list[dict[str, Any]]:
    """All workloads that were compared, none of them with a difference."""
    workloads = doors.workloads(manifests, *flags)
    assert [each for each in workloads if each["result"] == "different"] == []
    return [each for each in workloads if each["result"] == "same"]


def test_no_example_differs_and_nothing_is_stored(shop: Doors, tmp_path: Path) -> None:
    manifests = in_namespace(tmp_path / "shop", EXAMPLES / "shop", shop.namespace)
    accounts = (manifests / "accounts.yaml").read_text()
    assert create(shop.bed, shop.namespace, *yaml.safe_load_all(accounts)).status == 0
    workloads = everything_same(shop, manifests)
    kinds = {each["workload"].split()[0] for each in workloads}
    assert kinds == {"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"}
    assert len(workloads) == 10
    assert listed(shop.bed, shop.namespace, "pods") == []


def test_a_profile_folder_does_not_differ(bed: ApiServer, tmp_path: Path) -> None:
    example = EXAMPLES / "log-shipper"
    switch = {"logs.example.com/ship": "true"}
    manifests = tmp_path / "manifests"
    manifests.mkdir()
    with doors(bed, tmp_path, example / "injector.yaml", {}, switch) as running:
        text = (example / "deployment.yaml").read_text()
        (manifests / "deployment.yaml").write_text(re.sub("namespace: .*", "", text))
        (workload,) = everything_same(running, manifests)
        assert workload["result"] == "same"
        assert listed(bed, running.namespace, "pods") == []


# --- upstream's inputs --------------------------------------------------------------------------


def configurations() -> dict[str, set[str]]:
    """The configurations of upstream's cases with quirks off, and the inputs of each."""
    out: dict[str, set[str]] = {}
    for case in upstream.cases():
        raw = upstream.driver().configuration(case)
        raw |= {"compatibility": {"istioQuirks": False}, "server": {"source": {"pollSeconds": 1}}}
        out.setdefault(yaml.safe_dump(raw), set()).add(case["in"])
    return out


def placed(name: str, namespace: str) -> list[dict[str, Any]]:
    """The objects of an input, in another namespace."""
    objects = list(upstream.documents({"in": name}))
    for each in objects:
        each["metadata"] = {**each["metadata"], "namespace": namespace}
    return objects


def accounts_of(tree: Any) -> set[str]:
    """The service accounts that pods anywhere in a tree name."""
    if isinstance(tree, list):
        return set().union(*map(accounts_of, tree))
    if not isinstance(tree, dict):
        return set()
    own = {tree[key] for key in ("serviceAccountName", "serviceAccount") if isinstance(tree.get(key), str)}
    return own.union(*map(accounts_of, tree.values()))


@upstream.needed
def test_no_input_of_upstream_differs_where_the_api_server_accepts_it(bed: ApiServer, tmp_path: Path) -> None:
    first, *more = configurations()
    inputs = configurations()
    reasons: list[str] = []
    count = 0
    with doors(bed, tmp_path, first, ENABLED, {}) as running:
        accounts = sorted(
            set().union(*(accounts_of(placed(n, "x")) for names in inputs.values() for n in names))
            - {"default"}
        )
        account = {"apiVersion": "v1", "kind": "ServiceAccount"}
        items = [{**account, "metadata": {"name": name}} for name in accounts]
        assert create(bed, running.namespace, *items).status == 0
        for number, config in enumerate([first, *more]):
            if number:
                running.config.write_text(config)
                wait_until_taken(running)
            for name in sorted(inputs[config]):
                folder = written(tmp_path / f"{number}-{name}", *placed(name, running.namespace))
                workloads = running.workloads(folder)
                count += sum(each["result"] == "same" for each in workloads)
                differing = [each for each in workloads if each["result"] == "different"]
                for d in differing:
                    print(number, name, d["workload"], d["reason"], d["differences"])
                reasons += [
                    f"{name}: {each['reason']}" for each in workloads if each["result"] == "not-compared"
                ]
        assert listed(bed, running.namespace, "pods") == []
    print(f"{count} workloads are the same; not compared:", *sorted(set(reasons)), sep="\n  ")
    assert 0


def wait_until_taken(running: Doors) -> None:
    """Return once the webhook uses the configuration that the file has now."""
    digest = load(str(running.config)).digest
    until("the configuration is used", lambda: digest in [e.get("digest") for e in running.served.events()])
