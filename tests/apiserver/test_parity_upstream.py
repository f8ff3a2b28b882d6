"""`injector parity` on upstream's inputs: no difference between a real webhook and the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from injector.config.loading import load
from tests import upstream
from tests.apiserver.parity_doors import ENABLED, Doors, doors, written
from tests.apiserver.webhook_serving import create, listed, until
from tests.beds.apiserver.bed import ApiServer

pytestmark = pytest.mark.xdist_group("parity-upstream")

# No API server of Kubernetes serves it: pods of these come from a controller of OpenShift.
ABSENT_KINDS = {"DeploymentConfig"}


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


CONFIGURATIONS = list(configurations().items()) or [(upstream.MISSING, set())]
# A volume with an absolute path, which no API server accepts, and an annotation that both doors refuse.
REFUSED = {"user-volume": "422 Invalid", "traffic": "both refuse it: "}


@pytest.fixture(scope="module")
def running(bed: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A webhook whose configuration changes, and a namespace with the service accounts of all inputs."""
    first, _ = CONFIGURATIONS[0]
    names = {name for _, inputs in CONFIGURATIONS for name in inputs}
    accounts = accounts_of([placed(name, "any") for name in names]) - {"default"}
    items = [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}} for name in accounts]
    with doors(bed, tmp_path_factory.mktemp("upstream"), first, ENABLED) as started:
        assert create(bed, started.namespace, *items).status == 0
        yield started


@upstream.needed
@pytest.mark.parametrize(("config", "inputs"), CONFIGURATIONS, ids=range(len(CONFIGURATIONS)))
def test_no_input_of_upstream_differs_where_the_api_server_accepts_it(
    config: str, inputs: set[str], running: Doors, tmp_path: Path
) -> None:
    if running.config.read_text() != config:
        running.config.write_text(config)
        wait_until_taken(running)
    objects = [each for name in sorted(inputs) for each in placed(name, running.namespace)]
    served = [each for each in objects if each["kind"] not in ABSENT_KINDS]
    if not served:
        assert {each["kind"] for each in objects} == ABSENT_KINDS
        return
    workloads = running.workloads(written(tmp_path / "inputs", *served))
    assert [each for each in workloads if each["result"] == "different"] == []
    reasons = {each["workload"].split("/")[1]: each["reason"] for each in workloads if each["reason"]}
    assert {name: REFUSED[name] in reason for name, reason in reasons.items()} == dict.fromkeys(reasons, True)
    assert len(workloads) >= len(served)
    assert listed(running.bed, running.namespace, "pods") == []


def wait_until_taken(running: Doors) -> None:
    """Return once the webhook uses the configuration that the file has now."""
    digest = load(str(running.config)).digest

    def is_last() -> bool:
        # It may have been used before, too.
        return [e["digest"] for e in running.served.events() if "digest" in e][-1:] == [digest]

    until("the configuration is used", is_last)
