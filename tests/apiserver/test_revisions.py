"""Several injectors side by side on a real API server: who gets which pods, and none gets one twice."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.apiserver.webhook_serving import (
    Served,
    a_pod,
    containers,
    created,
    creation,
    registered,
    serving,
    wait_until_called,
    webhook_calls,
)
from tests.beds.apiserver.bed import ApiServer

pytestmark = pytest.mark.xdist_group("revisions")

TAG = "prod"
REVISIONS = ("default", "canary")
CONFIG = "values: {{global: {{hub: hub.example.com/mesh, tag: for-{0}}}}}\nrevision: '{1}'\n"
ON, OFF = {"istio-injection": "enabled"}, {"istio-injection": "disabled"}


def rev(name: str) -> dict[str, str]:
    return {"istio.io/rev": name}


ASKS = {"sidecar.istio.io/inject": "true"}
# Labels of the namespace, labels of the pod, whose injector gets it (istio-injection 1.4).
ROWS: list[tuple[dict[str, str], dict[str, str], str | None]] = [
    ({}, {}, None),
    ({}, ASKS, "default"),
    ({}, rev("default"), "default"),
    ({}, rev("canary"), "canary"),
    ({}, rev(TAG), "canary"),
    ({}, {**ASKS, **rev("canary")}, "canary"),
    ({}, {**ASKS, **rev(TAG)}, "canary"),
    ({}, rev("nobody"), None),
    (ON, {}, "default"),
    (ON, rev("canary"), "default"),
    ({**ON, **rev("canary")}, {}, "default"),
    (rev("default"), rev(TAG), "default"),
    (rev("canary"), {}, "canary"),
    (rev("canary"), rev("default"), "canary"),
    (rev(TAG), {}, "canary"),
    (rev(TAG), ASKS, "canary"),
    (rev(TAG), {"sidecar.istio.io/inject": "false"}, None),
    (OFF, rev("canary"), None),
    (rev("nobody"), ASKS, None),
]


@dataclass(frozen=True)
class Two:
    """Two running injectors, by revision, with their configuration files."""

    served: dict[str, Served]
    config: dict[str, Path]


@contextlib.contextmanager
def both_served(bed: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """An injector of each revision."""
    with contextlib.ExitStack() as stack:
        served, config = {}, {}
        for revision in REVISIONS:
            folder = tmp_path_factory.mktemp(revision)
            config[revision] = folder / "injector.yaml"
            config[revision].write_text(CONFIG.format(revision, "" if revision == "default" else revision))
            served[revision] = stack.enter_context(serving(bed, folder, "--config", config[revision]))
        yield Two(served, config)


@pytest.fixture(scope="module")
def two(bed: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    with both_served(bed, tmp_path_factory) as running:
        yield running


@contextlib.contextmanager
def known(bed: ApiServer, two: Two, tagged: str) -> Iterator[None]:
    """Both registered, the tag with one of them, and the API server has seen it."""
    with contextlib.ExitStack() as stack:
        for revision in REVISIONS:
            tag = ("--tag", TAG) if revision == tagged else ()
            flags = ("--config", two.config[revision], *tag)
            names = stack.enter_context(
                registered(bed, two.served[revision], f"injector-{revision}", "/inject", *flags)
            )
            seen = stack.enter_context(bed.namespace(rev(revision)))
            wait_until_called(bed, seen, names[0])
            if tag:
                seen = stack.enter_context(bed.namespace(rev(TAG)))
                wait_until_called(bed, seen, names[1])
        yield


def got(bed: ApiServer, namespace: str, name: str, labels: dict[str, str]) -> str | None:
    """Whose injector gave the pod its one sidecar, None where it got none."""
    pod = created(bed, namespace, a_pod(name, labels=labels))
    changed = [call for call in webhook_calls(creation(bed, namespace, name)) if call["mutated"]]
    sidecars = [
        container
        for part in ("containers", "initContainers")
        for container in pod["spec"].get(part, [])
        if container["name"] == "istio-proxy"
    ]
    assert len(sidecars) == len(changed) <= 1
    if not sidecars:
        return None
    by = sidecars[0]["image"].partition("for-")[2]
    assert pod["metadata"]["annotations"]["istio.io/rev"] == by
    assert {c["image"] for n, c in containers(pod).items() if n != "app"} == {sidecars[0]["image"]}
    return str(by)


def test_each_pod_gets_the_sidecar_of_its_revision_or_of_the_tags_and_none_gets_two(
    bed: ApiServer, two: Two
) -> None:
    rows = []
    with known(bed, two, "canary"), contextlib.ExitStack() as stack:
        namespaces: dict[str, str] = {}
        for number, (of_namespace, of_pod, _) in enumerate(ROWS):
            key = str(sorted(of_namespace.items()))
            if key not in namespaces:
                namespaces[key] = stack.enter_context(bed.namespace(of_namespace))
            rows.append((of_namespace, of_pod, got(bed, namespaces[key], f"pod-{number}", of_pod)))
    assert rows == ROWS


def test_a_tag_that_moves_to_another_revision_takes_the_next_pods_with_it(bed: ApiServer, two: Two) -> None:
    with bed.namespace(rev(TAG)) as namespace:
        with known(bed, two, "canary"):
            assert got(bed, namespace, "before", {}) == "canary"
        with known(bed, two, "default"):
            assert got(bed, namespace, "after", {}) == "default"
