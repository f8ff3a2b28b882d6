"""What becomes a field of Kubernetes has its type: the API server answers others with its own HTTP 500."""

from __future__ import annotations

import json
from typing import Any

import pytest

from injector.config.loading import Input, Text, load_input
from injector.core import pod_fields
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Origin, Reason, Verdict
from injector.core.outcome import Outcome
from injector.core.profile import Config
from tests.factories import a_pod

PLAIN = load_input(Input(Text("profile: istio\n", "config")))
QUIRKS = load_input(Input(Text("profile: istio\ncompatibility: {istioQuirks: true}\n", "config")))
SECONDS = [
    f"readiness.status.sidecar.istio.io/{name}"
    for name in ("initialDelaySeconds", "periodSeconds", "failureThreshold")
]
VOLUME = "sidecar.istio.io/userVolume"
MOUNT = "sidecar.istio.io/userVolumeMount"
INT32 = 2**31 - 1


def outcome(annotations: dict[str, str], config: Config = PLAIN) -> Outcome:
    pod = a_pod(labels={"sidecar.istio.io/inject": "true"}, annotations=annotations)
    return inject(pod, Facts("shop", Origin.WEBHOOK), config)


def accepted(annotations: dict[str, str], config: Config = PLAIN) -> bool:
    decision = outcome(annotations, config).decision
    if decision.verdict is Verdict.INJECT:
        return True
    assert decision.reason is Reason.INVALID_ANNOTATION
    return False


@pytest.mark.parametrize("key", SECONDS)
@pytest.mark.parametrize("number", ["0", "1", "007", str(INT32 - 1), str(INT32)])
def test_numbers_of_32_bits_are_accepted(key: str, number: str) -> None:
    assert accepted({key: number})


@pytest.mark.parametrize("key", SECONDS)
@pytest.mark.parametrize(
    "number", [str(INT32 + 1), "4294967295", "4294967296", "9" * 20, "-1", "1.0", "1e3", ""]
)
def test_other_numbers_are_refused_by_the_injector(key: str, number: str) -> None:
    assert not accepted({key: number})
    assert "from 0 to 2147483647" in str(outcome({key: number}).error)


@pytest.mark.parametrize("key", SECONDS)
def test_upstream_takes_32_bits_without_sign(key: str) -> None:
    assert accepted({key: "4294967295"}, QUIRKS)
    assert not accepted({key: "4294967296"}, QUIRKS)


def numbers(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return [n for value in tree.values() for n in numbers(value)]
    if isinstance(tree, list):
        return [n for value in tree for n in numbers(value)]
    return [tree] if isinstance(tree, int | float) and not isinstance(tree, bool) else []


# Whatever of the catalogue holds a number: the largest that is accepted becomes no field too small for it.
@pytest.mark.parametrize("key", sorted(PLAIN.profile.catalogue().annotations))
@pytest.mark.parametrize("number", [str(2**31), str(2**32 - 1), str(2**63), "99999999999999999999", "1e10"])
def test_no_annotation_brings_a_number_beyond_32_bits_into_a_pod(key: str, number: str) -> None:
    for value in (number, f'{{"a": {number}}}', f"statusPort: {number}", f"concurrency: {number}"):
        injection = outcome({key: value})
        if injection.decision.verdict is Verdict.INJECT:
            assert [n for n in numbers(injection.pod["spec"]) if not -(2**31) <= n < 2**31] == []


RIGHT: list[Any] = [
    {"emptyDir": {}},
    {"emptyDir": None},
    {"emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
    {"emptyDir": {"sizeLimit": 1000}},
    {"emptyDir": {"sizeLimit": 1.5}},
    {
        "secret": {
            "secretName": "s",
            "defaultMode": 256,
            "optional": True,
            "items": [{"key": "a", "path": "b", "mode": 1}],
        }
    },
    {"configMap": {"name": "m", "defaultMode": INT32}},
    {"configMap": {"name": "m", "items": None, "defaultMode": None}},
    {"csi": {"driver": "d", "volumeAttributes": {"a": "b"}, "readOnly": False}},
    {"projected": {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 2**40}}]}},
    {
        "downwardAPI": {
            "items": [{"path": "a", "resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}]
        }
    },
    {"ephemeral": {"volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": "1Gi"}}}}}},
    {"nfs": {"server": "s", "path": "/"}},
    # Kubernetes drops unknown fields.
    {"emptyDir": {"unknown": [1]}},
    {"another": {"a": 1}},
]
WRONG: list[Any] = [
    {"emptyDir": []},
    {"emptyDir": "x"},
    {"emptyDir": {"medium": 1}},
    {"emptyDir": {"sizeLimit": True}},
    {"emptyDir": {"sizeLimit": "many"}},
    {"emptyDir": {"sizeLimit": {}}},
    {"secret": {"secretName": 1}},
    {"secret": {"defaultMode": "0400"}},
    {"secret": {"defaultMode": INT32 + 1}},
    {"secret": {"defaultMode": -(2**31) - 1}},
    {"secret": {"defaultMode": 1.0}},
    {"secret": {"defaultMode": True}},
    {"secret": {"items": {}}},
    {"secret": {"items": ["a"]}},
    {"secret": {"items": [{"mode": 4294967295}]}},
    {"secret": {"optional": "true"}},
    {"secret": {"optional": 1}},
    {"configMap": {"defaultMode": 2**31}},
    {"configMap": {"items": [{"key": 1}]}},
    {"downwardAPI": {"defaultMode": 2**40}},
    {"downwardAPI": {"items": [{"resourceFieldRef": {"divisor": "x"}}]}},
    {"projected": {"defaultMode": 2**31}},
    {"projected": {"sources": {}}},
    {"projected": {"sources": [{"serviceAccountToken": {"expirationSeconds": 2**63}}]}},
    {"projected": {"sources": [{"configMap": {"items": [{"mode": "x"}]}}]}},
    {"projected": {"sources": [{"podCertificate": {"maxExpirationSeconds": 2**31}}]}},
    {"projected": {"sources": [{"clusterTrustBundle": {"labelSelector": {"matchLabels": {"a": 1}}}}]}},
    {"csi": {"volumeAttributes": {"a": 1}}},
    {"csi": {"volumeAttributes": []}},
    {"csi": {"readOnly": "yes"}},
    {"hostPath": {"path": ["/"]}},
    {"nfs": {"readOnly": 0}},
    {"iscsi": {"lun": 2**31}},
    {"iscsi": {"portals": "a"}},
    {"fc": {"lun": "1", "targetWWNs": ["a"]}},
    {"fc": {"targetWWNs": [1]}},
    {"gcePersistentDisk": {"partition": 2**32}},
    {"awsElasticBlockStore": {"partition": 1.5}},
    {"ephemeral": {"volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": "x"}}}}}},
    {"ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": "ReadWriteOnce"}}}},
    {"ephemeral": {"volumeClaimTemplate": {"metadata": {"labels": {"a": 1}}}}},
    {"ephemeral": {"volumeClaimTemplate": {"metadata": {"creationTimestamp": "yesterday"}}}},
    {"ephemeral": {"volumeClaimTemplate": {"metadata": {"generation": "1"}}}},
    {"image": {"reference": 1}},
    {"persistentVolumeClaim": {"claimName": None, "readOnly": "no"}},
    [],
    "emptyDir",
    None,
]


@pytest.mark.parametrize("volume", RIGHT, ids=json.dumps)
def test_volumes_of_the_right_types_are_accepted(volume: Any) -> None:
    assert accepted({VOLUME: json.dumps({"mine": volume})})


@pytest.mark.parametrize("volume", WRONG, ids=json.dumps)
def test_volumes_of_wrong_types_are_refused(volume: Any) -> None:
    injection = outcome({VOLUME: json.dumps({"other": {"emptyDir": {}}, "mine": volume})})
    assert injection.decision.reason is Reason.INVALID_ANNOTATION
    assert f"annotation {VOLUME}: the value is not accepted" in str(injection.error)


@pytest.mark.parametrize(
    "mount", [{"mountPath": "/a", "readOnly": True}, {"mountPath": "/a", "subPath": "b"}, {}]
)
def test_mounts_of_the_right_types_fit(mount: Any) -> None:
    assert pod_fields.are_mounts({"mine": mount})


@pytest.mark.parametrize(
    "mount",
    [
        {"mountPath": 1},
        {"mountPath": ["/a"]},
        {"mountPath": "/a", "readOnly": "true"},
        {"mountPath": "/a", "readOnly": 1},
        {"mountPath": "/a", "recursiveReadOnly": True},
        {"mountPath": "/a", "subPath": {}},
        {"mountPath": "/a", "mountPropagation": 0},
        {"mountPath": "/a", "subPathExpr": 1.5},
        [],
        None,
    ],
    ids=json.dumps,
)
def test_mounts_of_wrong_types_are_refused(mount: Any) -> None:
    assert not accepted({MOUNT: json.dumps({"mine": mount})})


@pytest.mark.parametrize("key", [VOLUME, MOUNT])
def test_upstream_looks_at_no_types(key: str) -> None:
    wrong = {"mine": {"emptyDir": {"medium": 1}, "mountPath": 1}}
    assert accepted({key: json.dumps(wrong)}, QUIRKS)


# --- forged bookkeeping annotations -------------------------------------------------------------

STATUS = "sidecar.istio.io/status"
OVERRIDES = "proxy.istio.io/overrides"
UNDO = "sidecar-injector/undo"
FIELDS: list[Any] = [
    {"readinessProbe": {"periodSeconds": 2**31}},
    {"livenessProbe": {"initialDelaySeconds": 4294967295}},
    {"startupProbe": {"failureThreshold": "3"}},
    {"livenessProbe": {"timeoutSeconds": 1.5}},
    {"readinessProbe": {"httpGet": {"port": 2**31}}},
    {"readinessProbe": {"grpc": {"port": 2**40}}},
    {"livenessProbe": {"terminationGracePeriodSeconds": 2**63}},
    {"ports": [{"containerPort": 2**31}]},
    {"ports": [{"containerPort": 80, "hostPort": 2**32}]},
    {"lifecycle": {"preStop": {"sleep": {"seconds": "1"}}}},
    {"securityContext": {"runAsUser": 2**63}},
    {"securityContext": {"privileged": "no"}},
    {"securityContext": {"capabilities": {"add": "ALL"}}},
    {"resources": {"limits": {"cpu": "many"}}},
    {"restartPolicyRules": [{"action": "Restart", "exitCodes": {"values": [2**31]}}]},
    {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "optional": "true"}}}]},
    {"stdin": 1},
    {"terminationMessagePath": 1},
]


@pytest.mark.parametrize("field", FIELDS, ids=json.dumps)
@pytest.mark.parametrize("part", ["containers", "initContainers"])
def test_overrides_of_wrong_types_are_refused(part: str, field: Any) -> None:
    stored = json.dumps({part: [{"name": "istio-proxy", **field}]})
    forged = {OVERRIDES: stored, STATUS: json.dumps({"containers": ["istio-proxy"]})}
    injection = outcome(forged)
    assert injection.decision.reason is Reason.INVALID_ANNOTATION
    assert f"annotation {OVERRIDES}: a field of a container has a type" in str(injection.error)
    # As upstream: it looks at none of them.
    assert OVERRIDES not in str(outcome(forged, QUIRKS).error)


@pytest.mark.parametrize("path", ["livenessProbe/periodSeconds", "tty", "securityContext/runAsUser"])
@pytest.mark.parametrize("value", ["a text", 2**63, 1.5, [1]])
def test_an_undo_brings_no_wrong_types_into_a_pod(path: str, value: Any) -> None:
    entries = json.dumps([[f"/spec/containers/web/{path}", value]])
    injection = outcome({UNDO: entries, STATUS: "{}"})
    if injection.decision.verdict is Verdict.INJECT:
        assert pod_fields.is_spec(injection.pod["spec"])


def test_what_injection_itself_makes_has_kubernetes_types() -> None:
    assert pod_fields.is_spec(outcome({}).pod["spec"])
