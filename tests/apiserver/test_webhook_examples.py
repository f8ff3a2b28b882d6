"""`kube-inject` and the webhook give the same pods, for every example.

Each example goes into three namespaces of one cluster. Compared is what the API server stored, so
that its own defaults are in all of them.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.apiserver.webhook_serving import (
    containers,
    create,
    injector,
    kubectl,
    listed,
    registered,
    serving,
    until,
    wait_until_called,
)
from tests.beds.apiserver.bed import ApiServer

pytestmark = pytest.mark.xdist_group("webhook-examples")

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CRON = "reports"
# So would the controller name it at its minute; the name shows whose Job it is.
CRON_JOB = f"{CRON}-29000000"

IDENTITY = (
    "name",
    "generateName",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "managedFields",
    "namespace",
)
IDENTITY_LABELS = (
    "pod-template-hash",
    "controller-revision-hash",
    "controller-uid",
    "batch.kubernetes.io/controller-uid",
)


@dataclass(frozen=True, eq=False)
class Example:
    """Manifests, the configuration that goes with them, and how many pods controllers make of them.

    `switch` are the labels of pods for which the webhook is called.
    """

    config: Path
    manifests: tuple[Path, ...]
    pods: int
    injected: int
    labels: dict[str, str]
    switch: dict[str, str] = field(default_factory=dict)


SHOP = Example(
    config=EXAMPLES / "injector.yaml",
    # The namespaces are the test's own.
    manifests=tuple(p for p in sorted((EXAMPLES / "shop").glob("*.yaml")) if "namespace" not in p.name),
    pods=13,
    injected=11,
    labels={"istio-injection": "enabled"},
)
LOG_SHIPPER = Example(
    config=EXAMPLES / "log-shipper" / "injector.yaml",
    manifests=(EXAMPLES / "log-shipper" / "deployment.yaml",),
    pods=1,
    injected=1,
    labels={},
    switch={"logs.example.com/ship": "true"},
)


# They hold the user's containers as they came, which has the API server's defaults in one case.
BOOKS = ("sidecar-injector/undo", "sidecar-injector/overrides", "proxy.istio.io/overrides")


@dataclass(frozen=True)
class Stored:
    """The pods by the way on which they were injected; none, kube-inject, webhook, and both.

    `namespace` is the one of the pods that were not injected.
    """

    namespace: str
    plain: dict[str, Any]
    printed: dict[str, Any]
    admitted: dict[str, Any]
    both: dict[str, Any]


@pytest.fixture(params=[SHOP, LOG_SHIPPER], ids=["shop", "log-shipper"])
def example(request: pytest.FixtureRequest) -> Example:
    example: Example = request.param
    return example


@pytest.fixture(scope="module")
def stored_of(
    bed: ApiServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Example], Stored]]:
    """What becomes of an example; made once, in whatever order the tests run."""
    if bed.plane is None:
        pytest.skip("API server bed: this cluster (E2E_KUBECONFIG) cannot call a webhook on loopback")
    with contextlib.ExitStack() as stack:
        yield functools.cache(lambda example: store(bed, example, tmp_path_factory.mktemp("webhook"), stack))


@pytest.fixture
def stored(example: Example, stored_of: Callable[[Example], Stored]) -> Stored:
    return stored_of(example)


def store(bed: ApiServer, example: Example, folder: Path, stack: contextlib.ExitStack) -> Stored:
    """Apply an example in all ways."""
    unlabelled = [stack.enter_context(bed.namespace()) for _ in range(2)]
    called = [stack.enter_context(bed.namespace(example.labels)) for _ in range(2)]
    names = [*unlabelled, *called]
    texts = {name: text_for(example, name) for name in names}
    flags = ("--config", example.config)
    for name in (unlabelled[1], called[1]):
        texts[name] = injector("kube-inject", *flags, "-f", "-", stdin=texts[name])
    # First those that the webhook must not see: some profiles look at every namespace.
    for name in unlabelled:
        apply(bed, name, texts[name])
    pods = {name: stored_pods(bed, name, example.pods) for name in unlabelled}
    with serving(bed, folder, *flags) as served, registered(bed, served, "examples", "/mutate", *flags):
        for name in called:
            wait_until_called(bed, name, "examples", labels=example.switch)
            apply(bed, name, texts[name])
        pods |= {name: stored_pods(bed, name, example.pods) for name in called}
    return Stored(unlabelled[0], *(pods[name] for name in names))


def text_for(example: Example, namespace: str) -> str:
    """The manifests of an example in another namespace."""
    text = "\n---\n".join(path.read_text() for path in example.manifests)
    return re.sub(r'(namespace"?: "?)shop\b', rf"\g<1>{namespace}", text)


def apply(bed: ApiServer, namespace: str, text: str) -> None:
    """Apply a stream, and do for the kinds that need a node or a clock what these would do."""
    answer = kubectl(bed, "apply", "-n", namespace, "-f", "-", manifest=text)
    assert answer.status == 0, answer.err
    for item in listed(bed, namespace, "daemonsets"):
        pod = {"apiVersion": "v1", "kind": "Pod", **item["spec"]["template"]}
        pod["metadata"] = {**pod["metadata"], "name": item["metadata"]["name"]}
        answer = kubectl(bed, "create", "-n", namespace, "-f", "-", manifest=pod)
        assert answer.status == 0, answer.err
    for item in listed(bed, namespace, "cronjobs"):
        assert item["metadata"]["name"] == CRON
        bed.kubectl("create", "job", CRON_JOB, "-n", namespace, f"--from=cronjob/{CRON}")


def stored_pods(bed: ApiServer, namespace: str, count: int) -> dict[str, Any]:
    """The pods by their workload and number, without what differs between namespaces."""

    def look() -> list[dict[str, Any]] | None:
        pods = listed(bed, namespace, "pods")
        return pods if len(pods) >= count else None

    out: dict[str, Any] = {}
    for pod in until(f"{count} pods in {namespace}", look):
        same = anonymous(pod)
        workload = (same["metadata"].get("ownerReferences") or [{"name": pod["metadata"]["name"]}])[0]["name"]
        number = sum(key.startswith(f"{workload} ") for key in out)
        out[f"{workload} {number}"] = same
    return out


def anonymous(pod: dict[str, Any]) -> dict[str, Any]:
    """A stored pod without what identifies it and its namespace."""
    meta = pod["metadata"]
    labels = meta.get("labels") or {}
    text = json.dumps(pod)
    names = {meta["namespace"]: "NAMESPACE"}
    if hashed := labels.get("pod-template-hash"):
        names[hashed] = "HASH"
    for name, stands_in in names.items():
        text = text.replace(name, stands_in)
    stripped: dict[str, Any] = json.loads(
        re.sub(r"\bkube-api-access-[a-z0-9]{5}\b", "kube-api-access-12345", text)
    )
    meta = stripped["metadata"]
    for key in IDENTITY:
        meta.pop(key, None)
    for label in IDENTITY_LABELS:
        (meta.get("labels") or {}).pop(label, None)
    for owner in meta.get("ownerReferences") or []:
        del owner["uid"]
    in_order(stripped["spec"])
    return stripped


def in_order(spec: dict[str, Any]) -> None:
    """Sort what has no order for Kubernetes: admission puts the token's volume before or after others."""
    spec.get("volumes", []).sort(key=lambda v: v["name"])
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        container.get("volumeMounts", []).sort(key=lambda m: m["mountPath"])


def differences(one: Any, other: Any, pointer: str = "") -> list[str]:
    """Where two trees differ: the pointers, with both values."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = dict.fromkeys([*one, *other])
        return [d for k in keys for d in differences(one.get(k), other.get(k), f"{pointer}/{k}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [d for i, (a, b) in pairs for d in differences(a, b, f"{pointer}/{i}")]
    return [] if one == other else [f"{pointer}: {json.dumps(one)} and {json.dumps(other)}"]


def compared(first: dict[str, Any], second: dict[str, Any]) -> dict[str, list[str]]:
    """The pods that differ, and where."""
    assert list(first) == list(second)
    differing = {name: differences(pod, second[name]) for name, pod in first.items()}
    return {name: fields for name, fields in differing.items() if fields}


def without_books(pods: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = json.loads(json.dumps(pods))
    for pod in out.values():
        for key in BOOKS:
            (pod["metadata"].get("annotations") or {}).pop(key, None)
    return out


def test_the_webhook_stores_what_kube_inject_printed(stored: Stored, example: Example) -> None:
    differing = compared(without_books(stored.printed), without_books(stored.admitted))

    assert differing == {}
    assert len(stored.printed) == example.pods


def test_what_kube_inject_printed_passes_the_webhook_unchanged(stored: Stored) -> None:
    assert compared(stored.printed, stored.both) == {}


def test_as_many_pods_are_injected_as_the_example_says(stored: Stored, example: Example) -> None:
    more = [
        name
        for name, pod in stored.printed.items()
        if len(containers(pod)) > len(containers(stored.plain[name]))
    ]
    assert len(more) == example.injected
    # The others are unchanged.
    assert set(compared(stored.plain, stored.admitted)) == set(more)


@pytest.mark.parametrize("origin", ["printed", "admitted"])
def test_uninject_of_a_stored_pod_gives_the_pod_before_injection(
    bed: ApiServer, stored: Stored, example: Example, origin: str
) -> None:
    text = yaml.safe_dump_all(getattr(stored, origin).values())
    back = yaml.safe_load_all(injector("uninject", "--config", example.config, "-f", "-", stdin=text))

    plain = {name: without_owner(pod) for name, pod in stored.plain.items()}
    assert compared(plain, dict(zip(plain, stored_again(bed, stored.namespace, back), strict=True))) == {}


def stored_again(bed: ApiServer, namespace: str, pods: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the API server would store of pods; it fills in what the way back left out."""
    items = []
    for number, pod in enumerate(pods):
        item = without_owner(pod)
        items.append({**item, "metadata": {**item["metadata"], "name": f"back-{number}"}})
    answer = create(bed, namespace, *items, flags=("--dry-run=server", "-o", "json"))
    assert answer.status == 0, answer.err
    return [anonymous(pod) for pod in objects(answer.out)]


def objects(text: str) -> Iterator[dict[str, Any]]:
    """The objects that kubectl printed one after the other."""
    while text := text.lstrip():
        item, end = json.JSONDecoder().raw_decode(text)
        yield item
        text = text[end:]


def without_owner(pod: dict[str, Any]) -> dict[str, Any]:
    meta = {k: v for k, v in pod["metadata"].items() if k != "ownerReferences"}
    return {**pod, "metadata": meta}
