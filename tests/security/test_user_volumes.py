"""`userVolume` and `userVolumeMount` add volumes and mounts; they replace and hide none."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from injector.config.loading import load
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Manifest, Origin, Reason, Verdict
from injector.core.outcome import Outcome
from injector.core.paths import normal_path, overlapping
from tests.factories import a_pod

VOLUME, MOUNT = "sidecar.istio.io/userVolume", "sidecar.istio.io/userVolumeMount"
CONFIG = load(None)
FACTS = Facts(namespace="shop", origin=Origin.WEBHOOK, native_sidecars=True)
X = {"name": "x", "emptyDir": {}}


def outcome(annotations: dict[str, Any], quirks: bool = False, **spec: Any) -> Outcome:
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in annotations.items()}
    return inject(a_pod(spec=spec, annotations=texts), FACTS, replace(CONFIG, quirks=quirks))


def denied(injection: Outcome, key: str) -> bool:
    return injection.decision.reason is Reason.INVALID_ANNOTATION and key in str(injection.error)


PLAIN = outcome({}).pod["spec"]
NAMES = [volume["name"] for volume in PLAIN["volumes"]]
PATHS = [m["mountPath"] for c in PLAIN["initContainers"] for m in c.get("volumeMounts", [])]


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_a_volume_of_the_templates_is_refused(name: str) -> None:
    source = {"configMap": {"name": "evil-root"}}
    assert denied(outcome({VOLUME: {name: source}}), VOLUME)
    assert denied(outcome({VOLUME: {"x": {"name": name, **source}}}), VOLUME)
    assert denied(outcome({VOLUME: f'{{"x": {{}}, "{name}": {json.dumps(source)}}}'}), VOLUME)
    assert denied(outcome({MOUNT: {name: {"mountPath": "/elsewhere"}}}), MOUNT)
    assert denied(outcome({MOUNT: {"x": {"name": name, "mountPath": "/elsewhere"}}}, volumes=[X]), MOUNT)


@pytest.mark.parametrize("path", PATHS)
def test_a_mount_at_above_or_below_one_of_the_templates_is_refused_in_every_spelling(path: str) -> None:
    spellings = [
        *(path, f"{path}/", f"/{path}", path.replace("/", "//"), path.replace("/", "/./"), path.lstrip("/")),
        *(f"{path}/below", f"{path}/x/..", f"/x/..{path}", f"{path}/../{path.rpartition('/')[2]}/y"),
        *(path.rpartition("/")[0], f"{path.rpartition('/')[0]}/", "/", "//", "/..", "."),
    ]
    if path.startswith("/var/run/"):
        spellings += [path.removeprefix("/var"), f"{path.removeprefix('/var')}/below"]
    for spelling in filter(None, spellings):
        injection = outcome({VOLUME: {"x": {"emptyDir": {}}}, MOUNT: {"x": {"mountPath": spelling}}})
        assert denied(injection, MOUNT), spelling
        assert denied(outcome({MOUNT: {"x": {"mountPath": spelling}}}, volumes=[X]), MOUNT), spelling


@pytest.mark.parametrize(
    "path", ["/elsewhere", "/etc/istio-more", "/var/lib/istio/data2", "/var/run/secrets2"]
)
def test_a_mount_beside_those_of_the_templates_passes(path: str) -> None:
    injection = outcome({VOLUME: {"x": {"emptyDir": {}}}, MOUNT: {"x": {"mountPath": path}}})
    assert injection.decision.verdict is Verdict.INJECT, injection.error
    again = inject(injection.pod, FACTS, CONFIG)
    assert again.decision.verdict is Verdict.INJECT, again.error


@pytest.mark.parametrize(
    "annotations",
    [
        {VOLUME: '{"x": {"emptyDir": {}}, "x": {"hostPath": {"path": "/"}}}'},
        {VOLUME: '{"x": {"emptyDir": {}, "emptyDir": {}}}'},
        {MOUNT: '{"x": {"mountPath": "/a"}, "x": {"mountPath": "/b"}}'},
        {MOUNT: {"x": {"mountPath": "/a"}, "y": {"mountPath": "/b/../a/"}}},
        {MOUNT: {"x": {"mountPath": "/a", "name": "y"}}},
        {MOUNT: {"x": {}}},
        {MOUNT: {"x": {"mountPath": 1}}},
        {MOUNT: {"x": {"mountPath": ""}}},
        {MOUNT: {"x": {"mountPath": "/a:/b"}}},
        {MOUNT: {"x": {"mountPath": "/a", "readOnly": "true"}}},
        {MOUNT: {"x": {"mountPath": "/a", "subPath": ["b"]}}},
        {VOLUME: {"x": {"name": "x", "emptyDir": {}}}},
        {VOLUME: {"x": {"emptyDir": {}, "hostPath": {"path": "/"}}}},
        {VOLUME: {"x": {"emptyDir": "text"}}},
        {VOLUME: {"x": {"configMap": {"name": 5}}}},
        {VOLUME: {"x": {"configMap": {"name": "x", "items": {"key": "a"}}}}},
        {VOLUME: {"x": {"configMap": {"name": "x", "items": [{"key": "a", "path": "b", "mode": "0644"}]}}}},
        {VOLUME: {"x": {"secret": {"secretName": "x", "defaultMode": 2**31}}}},
        {VOLUME: {"x": {"secret": {"secretName": "x", "optional": 1}}}},
        {VOLUME: {"x": {"hostPath": {"path": ["/"]}}}},
        {VOLUME: {"x": {"projected": {"sources": ["token"]}}}},
        {
            VOLUME: {
                "x": {
                    "projected": {
                        "sources": [{"serviceAccountToken": {"path": "a", "expirationSeconds": "1"}}]
                    }
                }
            }
        },
        {VOLUME: {"x": {"csi": {"driver": True}}}},
    ],
)
def test_what_stands_twice_or_has_a_wrong_type_is_refused(annotations: dict[str, Any]) -> None:
    [key] = annotations
    assert denied(outcome(annotations, volumes=[]), key)


@pytest.mark.parametrize(
    "source",
    [
        {},
        {"emptyDir": {}},
        {"emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"configMap": {"name": "x", "defaultMode": 420, "items": [{"key": "a", "path": "b", "mode": 292}]}},
        {"rbd": {"monitors": ["a"], "image": "disk", "pool": "p"}},
        {"image": {"reference": "registry.example.com/x:1", "pullPolicy": "Always"}},
        {"csi": {"driver": "d", "volumeAttributes": {"name": "x", "secret": "y"}}},
        {"ephemeral": {"volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": 1}}}}}},
        {"newerThanThis": {"mode": 1}},
    ],
)
def test_volumes_of_every_kind_pass(source: Manifest) -> None:
    injection = outcome({VOLUME: {"x": source}})
    assert injection.decision.verdict is Verdict.INJECT, injection.error


def test_a_volume_that_the_pod_has_itself_is_refused() -> None:
    assert denied(outcome({VOLUME: {"x": {"hostPath": {"path": "/"}}}}, volumes=[X]), VOLUME)


def test_what_the_templates_have_is_read_from_what_they_give_for_this_pod() -> None:
    """With another template the names and paths are others."""
    own = {"name": "istio-proxy", "image": "auto"}
    gateway = {"inject.istio.io/templates": "gateway", VOLUME: {"istio-ca-crl": {"emptyDir": {}}}}
    assert outcome(gateway, containers=[own]).decision.verdict is Verdict.INJECT
    assert denied(outcome({VOLUME: {"istio-ca-crl": {"emptyDir": {}}}}, containers=[own]), VOLUME)


def test_an_own_container_of_the_proxys_name_may_still_mount() -> None:
    own = {"name": "istio-proxy", "volumeMounts": [{"name": "x", "mountPath": "/etc/istio/proxy"}]}
    injection = outcome({}, containers=[own, {"name": "web", "image": "web:1"}], volumes=[X])
    assert injection.decision.verdict is Verdict.INJECT, injection.error


def test_with_quirks_both_are_taken_as_upstream_takes_them() -> None:
    injection = outcome(
        {VOLUME: {NAMES[0]: {"emptyDir": {}}}, MOUNT: {"x": {"mountPath": PATHS[0]}}}, quirks=True
    )
    assert injection.decision.verdict is Verdict.INJECT


def test_a_refusal_repeats_no_value() -> None:
    for asked in (
        {VOLUME: {"x": {"secret": {"secretName": "hunter2", "defaultMode": "hunter2"}}}},
        {MOUNT: {"x": {"mountPath": f"{PATHS[0]}/hunter2"}}},
    ):
        injection = outcome(asked)
        assert injection.decision.reason is Reason.INVALID_ANNOTATION
        assert "hunter2" not in str(injection.error)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        *(("/a/b", "/a/b"), ("a/b/", "/a/b"), ("//a///b", "/a/b"), ("/a/./b", "/a/b"), ("/a/c/../b", "/a/b")),
        *(
            ("/../..", "/"),
            ("", "/"),
            ("/var/run/x", "/run/x"),
            ("/var/run", "/run"),
            ("/var/running", "/var/running"),
        ),
        *(("/var/x/../run/y", "/run/y"), ("/var/lock", "/run/lock")),
    ],
)
def test_a_path_has_one_spelling(path: str, expected: str) -> None:
    assert normal_path(path) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/a", "/a/b"), ("/a/b", "/a/b"), ("/a/b/c", "/a/b"), ("/", "/a/b"), ("/a/bc", ""), ("/b", "")],
)
def test_paths_overlap_where_one_hides_the_other(path: str, expected: str) -> None:
    assert overlapping(path, frozenset({"/a/b"})) == expected
