"""`injector parity` on upstream's inputs: no difference between a real webhook and the command line."""

from __future__ import annotations

from collections import Counter
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


@upstream.needed
def test_no_input_of_upstream_differs_where_the_api_server_accepts_it(bed: ApiServer, tmp_path: Path) -> None:
    inputs = configurations()
    first, *_ = inputs
    workloads: list[dict[str, Any]] = []
    with doors(bed, tmp_path, first, ENABLED) as running:
        objects = {name: placed(name, running.namespace) for names in inputs.values() for name in names}
        items = [
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
            for name in sorted(accounts_of(list(objects.values())) - {"default"})
        ]
        assert create(bed, running.namespace, *items).status == 0
        for number, (config, names) in enumerate(inputs.items()):
            if number:
                running.config.write_text(config)
                wait_until_taken(running)
            served = [
                each for name in sorted(names) for each in objects[name] if each["kind"] not in ABSENT_KINDS
            ]
            if served:
                workloads += running.workloads(written(tmp_path / f"{number}", *served))
        assert listed(bed, running.namespace, "pods") == []
    results = Counter(each["result"] for each in workloads)
    refused = {each["workload"].split("/")[1]: each["reason"] for each in workloads if each["reason"]}
    print(f"{results['same']} workloads of upstream are the same; refused: {refused}")
    assert [each for each in workloads if each["result"] == "different"] == []
    # A volume with an absolute path, which no API server accepts, and an annotation that both doors refuse.
    assert set(refused) == {"user-volume", "traffic"}
    assert refused["traffic"].startswith("both refuse it: ")
    assert results["same"] > 70


def wait_until_taken(running: Doors) -> None:
    """Return once the webhook uses the configuration that the file has now."""
    digest = load(str(running.config)).digest
    until("the configuration is used", lambda: digest in [e.get("digest") for e in running.served.events()])
