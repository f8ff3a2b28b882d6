"""Pods for tests of plans: one with a text of every kind, and what other texts may stand in its places.

Of each place: how a text gets there, texts of its kind, and texts of none.
"""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from tests.server.beside import Beside, MiB, a_review, body_of, config_of, pod_of
from tests.server.plan_texts import (
    CONTAINER_TEXTS,
    IMAGE_TEXTS,
    LABEL_TEXTS,
    NAME_TEXTS,
    NO_NAMES,
    NO_PLAIN,
    PLAIN,
    STRANGE,
    VALUES,
)

Manifest = dict[str, Any]

Change = Callable[[Manifest], object]

N: Final = int(os.environ.get("N", "1"))


def rich() -> Manifest:
    """A pod of a Deployment with a text of every kind that a plan leaves out."""
    pod = pod_of(a_review())
    pod["metadata"]["labels"] |= {
        "app.kubernetes.io/name": "cart-name",
        "app.kubernetes.io/version": "v2",
        "team": "checkout",
    }
    pod["metadata"]["annotations"] |= {"checksum/config": "0a1b", "kubectl.kubernetes.io/restartedAt": "now"}
    pod["metadata"]["uid"] = "11f1"
    spec = pod["spec"]
    spec["initContainers"] = [{"name": "migrate", "image": "shop/migrate:1", "command": ["sh", "-c", "x"]}]
    spec["volumes"] += [
        {"name": "settings", "configMap": {"name": "cart-settings", "defaultMode": 420}},
        {"name": "keys", "secret": {"secretName": "cart-keys"}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "cart-data"}},
    ]
    spec["containers"][0] |= {"args": ["--port", "8080"], "command": ["cart"]}
    return pod


def review_with(pod: Manifest) -> Manifest:
    return a_review(object=pod)


def asked(both: Beside, pod: Manifest) -> bool:
    """Ask about a pod; whether a plan answered."""
    before = both.planned
    both.ask(body_of(review_with(pod)))
    return both.planned > before


def planning(pod: Manifest | None = None, raw: Manifest | None = None, **more: Any) -> Beside:
    """Two webhooks, one of which has the plan of a pod."""
    both = Beside(config_of({"policy": "enabled", **(raw or {})}), plans=8 * MiB, **more)
    learn(both, pod or rich())
    return both


def learn(both: Beside, pod: Manifest) -> None:
    for _ in range(2):
        both.ask(body_of(review_with(pod)))


@cache
def of_rich() -> Beside:
    """One with the plan of the rich pod, for tests that only ask; it parses each review."""
    return planning(notify=lambda *_: None)


def renamed(pod: Manifest, old: str, new: str) -> Manifest:
    """The pod with another text wherever one stands alone."""
    out: Manifest = json.loads(json.dumps(pod).replace(json.dumps(old), json.dumps(new)))
    return out


def owned(pod: Manifest, name: Any, suffix: Any) -> Manifest:
    """The pod of another ReplicaSet."""
    meta = pod["metadata"]
    meta["ownerReferences"][0]["name"] = f"{name}-{suffix}"
    meta["generateName"] = f"{name}-{suffix}-"
    meta["labels"]["pod-template-hash"] = suffix
    return pod


def at(*path: Any) -> Callable[[Manifest, Any], Manifest]:
    """Puts a value into a place of a pod."""

    def put(pod: Manifest, value: Any) -> Manifest:
        tree: Any = pod
        for key in path[:-1]:
            tree = tree[key]
        tree[path[-1]] = value
        return pod

    return put


ENV = at("spec", "containers", 0, "env")

PLACES: dict[str, tuple[Callable[[Manifest, Any], Manifest], tuple[Any, ...], tuple[Any, ...]]] = {
    "name of a container": (
        lambda pod, text: at("spec", "containers", 0, "name")(pod, text),
        # Between those in front of and behind it in the order of paths of probes.
        tuple(
            name for name in CONTAINER_TEXTS if "cart" <= name + "/" < "metrics/" or name in ("a-b", "auto")
        ),
        (
            *NO_NAMES[:5],
            *NO_NAMES[6:],
            "istio-proxy",
            "istio-init",
            "metrics",
            "migrate",
            "enable-core-dump",
            "true",
            "80",
        ),
    ),
    "name of an init container": (
        at("spec", "initContainers", 0, "name"),
        ("n", "z", "zz-z", "metrics0"),
        ("", "istio-init"),
    ),
    "image": (
        at("spec", "containers", 0, "image"),
        IMAGE_TEXTS,
        ("", "auto", " x", "x ", "\tx", *NO_PLAIN, None, 7),
    ),
    "args": (
        at("spec", "containers", 0, "args"),
        (["x"], [""], ["a", "b", "c"], *([text] for text in VALUES)),
        ([], None, "x", [7], [None], ["é"], [["x"]], {"a": "b"}),
    ),
    "command": (at("spec", "containers", 1, "command"), (), (["x"], [])),
    "command of an init container": (
        at("spec", "initContainers", 0, "command"),
        (["x"], ["a"] * 50),
        ([], [1]),
    ),
    "env": (
        ENV,
        (
            [{"name": "A", "value": "b"}],
            [{"name": f"A{n}", "value": "b"} for n in range(60)],
            [{"name": "A", "value": text} for text in VALUES],
            [
                {"name": name, "value": ""}
                for name in ("a b", "A", "A", '"', "\\", "$(A)", "-", "ISTIO_META_X")
            ],
            [{"value": "x", "name": "A"}],
            [],
        ),
        (
            [{"name": "A", "value": "é"}],
            [{"name": "A"}],
            [{"name": "A", "value": None}],
            [{"name": "A=B", "value": "x"}],
            [{"name": "", "value": "x"}],
            [{"name": "é", "value": "x"}],
            [{"name": "A", "value": 7}],
            [{"name": "A", "value": "x", "other": 1}],
            [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.none"}}}],
            [7],
            [[]],
            None,
            "x",
        ),
    ),
    "free label": (
        at("metadata", "labels", "team"),
        LABEL_TEXTS,
        ("", "-a", "a-", "a" * 64, "a b", *STRANGE, None, 7, []),
    ),
    "label app": (at("metadata", "labels", "app"), LABEL_TEXTS, ("", "-a", "a" * 64, 'a"', "é", None, True)),
    "label version": (at("metadata", "labels", "version"), LABEL_TEXTS, ("", ".a", "a" * 64, "é", {})),
    "label name": (at("metadata", "labels", "app.kubernetes.io/name"), LABEL_TEXTS, ("", "a" * 64, "é")),
    "label of a version": (
        at("metadata", "labels", "app.kubernetes.io/version"),
        LABEL_TEXTS,
        ("", "a" * 64, "é"),
    ),
    "checksum": (at("metadata", "annotations", "checksum/config"), PLAIN, (*NO_PLAIN, None, 7, {})),
    "restartedAt": (
        at("metadata", "annotations", "kubectl.kubernetes.io/restartedAt"),
        PLAIN,
        (*NO_PLAIN, None),
    ),
    "owner": (lambda pod, text: owned(pod, text, "6d4cf56db6"), NAME_TEXTS, NO_NAMES),
    "hash": (
        lambda pod, text: owned(pod, "cart", text),
        ("0", "abc", "a" * 16, "24000000", "default"),
        ("", "a" * 17, "A", "a-b", "a.b", "é", "-"),
    ),
    "another hash than in the name": (
        at("metadata", "labels", "pod-template-hash"),
        (),
        ("", "x", "6d4cf56db", "f56db6"),
    ),
    "name of the owner alone": (at("metadata", "ownerReferences", 0, "name"), (), ("x", "", None, 7, "cart")),
    "generateName": (at("metadata", "generateName"), (), ("", "x-", None, "cart-6d4cf56db6", "cart-")),
    "uid": (at("metadata", "uid"), PLAIN, (*NO_PLAIN, None, 7)),
    "uid of the owner": (at("metadata", "ownerReferences", 0, "uid"), PLAIN, (*NO_PLAIN, None, 7)),
    "serviceAccountName": (at("spec", "serviceAccountName"), NAME_TEXTS, (*NO_NAMES, None, 7)),
    "serviceAccount": (at("spec", "serviceAccount"), NAME_TEXTS, (*NO_NAMES, None)),
    "path of a probe": (
        at("spec", "containers", 0, "livenessProbe", "httpGet", "path"),
        (
            "/",
            "/a",
            "//",
            "/a/../b",
            "/healthz/ready",
            "/app-health",
            "/" + "a" * 200,
            "/_-.~"[:4],
        ),
        (
            "",
            "a",
            "/a?b=c",
            "/a b",
            "/é",
            "/" + "a" * 201,
            '/"',
            "/\\",
            "/&",
            "/<",
            None,
            7,
            "/app-health/cart/livez",
            "/app-health/other/livez",
            "/app-lifecycle/cart/prestopz",
            "/app-health/cart/livez",
            "/app-health/other/livez",
            "/app-lifecycle/cart/prestopz",
        ),
    ),
    "token volume": (
        lambda pod, text: renamed(pod, "kube-api-access-abcde", text),
        ("kube-api-access-zzzzz", "kube-api-access-00000"),
        (
            "kube-api-access-",
            "kube-api-access-zzzzzz",
            "kube-api-access-ZZZZZ",
            "",
            "é",
            "istio-token",
            "cache",
        ),
    ),
    "ConfigMap": (at("spec", "volumes", 2, "configMap", "name"), NAME_TEXTS, (*NO_NAMES, None, 7)),
    "Secret": (at("spec", "volumes", 3, "secret", "secretName"), NAME_TEXTS, (*NO_NAMES, None)),
    "claim": (at("spec", "volumes", 4, "persistentVolumeClaim", "claimName"), NAME_TEXTS, (*NO_NAMES, None)),
    "time of managedFields": (
        at("metadata", "managedFields", 0, "time"),
        ("2026-11-01T12:00:01Z", "0000-00-00T00:00:00Z"),
        ("", "2026-11-01", "2026-11-01T12:00:00+01:00", None, 7),
    ),
    "fields of managedFields": (
        at("metadata", "managedFields", 0, "fieldsV1"),
        ({}, {"f:x": {"é": {}}}, {"a": 1}),
        (None, [], "x"),
    ),
}


def with_text(place: str, text: Any) -> Manifest:
    return PLACES[place][0](rich(), copy.deepcopy(text))


PROXY_CONFIG = {
    "apiVersion": "networking.istio.io/v1beta1",
    "kind": "ProxyConfig",
    "metadata": {"name": "all", "namespace": "shop"},
    "spec": {"concurrency": 7},
}


def other_config(both: Beside) -> None:
    both.world.config = config_of({"policy": "enabled", "revision": "canary"})


def reasons(both: Beside) -> dict[str, int]:
    text = both.metrics.text().decode()
    counts = re.findall(
        r'^injector_ordinary_admission_total\{reason="([a-z-]+)"\} ([0-9.]+)$', text, re.MULTILINE
    )
    return {reason: int(float(count)) for reason, count in counts if float(count)}


USER_VOLUME = "sidecar.istio.io/userVolume"
