"""What of a pod goes into a record: no secret, and everything that a replay needs."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from injector.config.loading import Input, Text, load, load_input
from injector.core import workload
from injector.core.injection.pipeline import inject
from injector.core.model import AdmissionRequest, Facts, Manifest, Namespace, Origin, UserInfo, Verdict
from injector.core.profile import Config
from injector.errors import ManifestError
from injector.records.entry import Admission, Head, admission_line, parse_entry
from injector.records.pseudonyms import Pseudonyms, has_pseudonym
from injector.records.redaction import Redaction

KEY = b"a key of thirty-two bytes, or so"
MARK = "hunter2-Correct.Horse/battery@staple"
CONFIG = load_input(
    Input(Text('neverInjectSelector: [{matchLabels: {team: legacy}}]\nvalues: {global: {tag: "1"}}', "test"))
)
REDACTION = Redaction.of(KEY, CONFIG)


def a_pod(**metadata: Any) -> Manifest:
    container = {"name": "web", "image": "registry.example.com/shop/web:1.2"}
    return {"metadata": {"name": "web", **metadata}, "spec": {"containers": [container]}}


def outcome(pod: Manifest, config: Config = CONFIG) -> tuple[str, str, list[tuple[str, str]]]:
    facts = Facts("shop", Origin.WEBHOOK, namespace_object=Namespace("shop", {"istio-injection": "enabled"}))
    injection = inject(pod, facts, config)
    return (injection.decision.verdict, injection.decision.reason, [(o.op, o.path) for o in injection.patch])


SECRETS: list[Manifest] = [
    {**a_pod(), "spec": {"containers": [{"name": "web", "env": [{"name": "PASSWORD", "value": MARK}]}]}},
    {**a_pod(), "spec": {"containers": [{"name": "web", "env": [{"name": MARK, "value": "x"}]}]}},
    {**a_pod(), "spec": {"containers": [{"name": "web", "args": [f"--password={MARK}"]}]}},
    {**a_pod(), "spec": {"containers": [{"name": "web", "command": ["login", MARK]}]}},
    {
        **a_pod(),
        "spec": {"containers": [{"name": "web", "lifecycle": {"preStop": {"exec": {"command": [MARK]}}}}]},
    },
    {**a_pod(), "spec": {"volumes": [{"name": "v", "csi": {"volumeAttributes": {"password": MARK}}}]}},
    {**a_pod(), "spec": {"volumes": [{"name": "v", "flexVolume": {"options": {MARK: MARK}}}]}},
    {**a_pod(), "spec": {"someNewField": {"deeper": [MARK, {MARK: MARK}]}}},
    a_pod(annotations={"example.com/password": MARK}),
    a_pod(annotations={MARK: "x"}),
    a_pod(annotations={"proxy.istio.io/config": f"proxyMetadata: {{PASSWORD: '{MARK}'}}"}),
    a_pod(annotations={"proxy.istio.io/config": MARK}),
    a_pod(annotations={"proxy.istio.io/config": f"{{ {MARK}: [broken"}),
    a_pod(annotations={"sidecar.istio.io/userVolume": json.dumps({"v": {"secret": {"secretName": MARK}}})}),
    a_pod(annotations={"traffic.sidecar.istio.io/includeInboundPorts": MARK}),
    a_pod(annotations={"sidecar.istio.io/proxyCPU": MARK}),
    a_pod(annotations={"sidecar.istio.io/inject": MARK}),
    a_pod(annotations={"sidecar.istio.io/status": MARK}),
    a_pod(annotations={"sidecar.istio.io/status": json.dumps({"containers": [MARK], "revision": MARK})}),
    a_pod(annotations={"proxy.istio.io/overrides": MARK}),
    a_pod(labels={"sidecar.istio.io/inject": MARK, "team": MARK, MARK: "x"}),
    a_pod(managedFields=[{"fieldsV1": {MARK: {}}}], ownerReferences=[{"uid": MARK, "name": MARK}]),
    {**a_pod(), "status": {"message": MARK}, MARK: MARK},
]


@pytest.mark.parametrize("pod", SECRETS, ids=range(len(SECRETS)))
def test_no_secret_is_recorded(pod: Manifest) -> None:
    text = json.dumps(REDACTION.pod(pod))
    assert MARK not in text
    assert not [word for word in re.split(r"\W", MARK) if len(word) > 2 and word in text]


NESTED: dict[str, Any] = {
    "proxy.istio.io/config": {"proxyMetadata": {"PIN": "%", "MORE": {"a": ["%"]}}},
    "proxy.istio.io/overrides": {
        "containers": [
            {"name": "istio-proxy", "env": [{"name": "A", "value": "%"}], "args": ["%"], "command": ["%"]}
        ]
    },
    "sidecar.istio.io/userVolume": {"v": {"csi": {"driver": "d", "volumeAttributes": {"password": "%"}}}},
    "sidecar-injector/undo": {"x": {"value": "%"}, "y": ["%"]},
    "example.com/pin": "%",
}
DIGITS = ["49302", "493021", "4111111111111111"]


def with_digits(tree: Any, digits: Any) -> Any:
    if isinstance(tree, dict):
        return {key: with_digits(value, digits) for key, value in tree.items()}
    if isinstance(tree, list):
        return [with_digits(item, digits) for item in tree]
    return digits if tree == "%" else tree


@pytest.mark.parametrize("digits", DIGITS)
@pytest.mark.parametrize("key", NESTED)
def test_digits_are_redacted_as_words_are(key: str, digits: str) -> None:
    """As a text and, where JSON or YAML stands, as a number, whole or with a fraction."""
    nested = NESTED[key]
    kinds = (digits, int(digits), float(f"{digits}.5")) if isinstance(nested, dict) else (digits,)
    for kind in kinds:
        tree = with_digits(nested, kind)
        value = json.dumps(tree) if isinstance(tree, dict) else tree
        for text in (value, f"{value} ]"):
            annotations = REDACTION.pod(a_pod(annotations={key: text}))["metadata"]["annotations"]
            assert digits not in json.dumps(annotations)


@pytest.mark.parametrize("digits", DIGITS)
def test_a_secret_number_is_replaced_by_another_number(digits: str) -> None:
    pod = a_pod()
    [container] = pod["spec"]["containers"]
    container["env"] = [{"name": "PIN", "value": digits}, {"name": "PIN", "value": int(digits)}]
    container["args"] = [{"a": int(digits)}]
    redacted = REDACTION.pod(pod)
    assert digits not in json.dumps(redacted)
    first, second = redacted["spec"]["containers"][0]["env"]
    assert first["value"].isdecimal()
    assert isinstance(second["value"], int)


@pytest.mark.parametrize("pin", ["49302", 49302])
def test_variables_of_a_proxy_configuration_are_free_text(pin: Any) -> None:
    spec = {"environmentVariables": {"PIN": pin, "password": MARK}}
    text = json.dumps(REDACTION.value({"kind": "ProxyConfig", "metadata": {"name": "p"}, "spec": spec}))
    assert "49302" not in text
    assert "password" not in text
    assert "Horse" not in text


@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_a_number_becomes_a_smaller_one_of_its_type_and_sign(number: float) -> None:
    made = Pseudonyms(KEY).amount(number)
    assert type(made) is type(number)
    assert 0 <= made <= number or number <= made <= 0
    assert made != number or abs(number) < 2


SAME: list[Manifest] = [
    a_pod(),
    a_pod(labels={"sidecar.istio.io/inject": "false"}),
    a_pod(labels={"team": "legacy"}),
    a_pod(annotations={"sidecar.istio.io/inject": "false"}),
    a_pod(annotations={"traffic.sidecar.istio.io/excludeOutboundPorts": "80,443"}),
    a_pod(annotations={"traffic.sidecar.istio.io/includeInboundPorts": "no ports"}),
    a_pod(annotations={"traffic.sidecar.istio.io/excludeInterfaces": "net1,tap0"}),
    a_pod(annotations={"sidecar.istio.io/proxyCPU": "100m", "sidecar.istio.io/proxyMemory": "a lot"}),
    a_pod(annotations={"sidecar.istio.io/componentLogLevel": "misc:error"}),
    a_pod(annotations={"sidecar.istio.io/proxyImage": "registry.example.com/proxy:2"}),
    a_pod(annotations={"sidecar.istio.io/bootstrapOverride": "my-bootstrap"}),
    a_pod(annotations={"inject.istio.io/templates": "gateway"}),
    a_pod(annotations={"inject.istio.io/templates": "there-is-none"}),
    a_pod(annotations={"inject.istio.io/templates": "gateway, grpc-agent"}),
    a_pod(annotations={"prometheus.istio.io/scrape-targets": "8080: "}),
    a_pod(annotations={"prometheus.istio.io/scrape-targets": "8080:/a,9090: /b: c"}),
    a_pod(annotations={"prometheus.istio.io/scrape-targets": "nowhere"}),
    a_pod(annotations={"proxy.istio.io/config": "holdApplicationUntilProxyStarts: true\nconcurrency: 3\n"}),
    a_pod(annotations={"proxy.istio.io/config": "discoveryAddress: a.mesh.svc:15012\ndrainDuration: 45s\n"}),
    a_pod(annotations={"proxy.istio.io/config": "drainDuration: 1m30s\nproxyAdminPort: 15002\n"}),
    a_pod(annotations={"proxy.istio.io/config": "discoveryAddress: nowhere\n"}),
    a_pod(
        annotations={
            "proxy.istio.io/config": "statusPort: 15020\n",
            "status.sidecar.istio.io/port": "15022",
            "prometheus.istio.io/merge-metrics": "true",
            "prometheus.io/port": "15020",
        }
    ),
    a_pod(annotations={"proxy.istio.io/config": "concurrency: many\n"}),
    a_pod(annotations={"proxy.istio.io/config": "null"}),
    a_pod(annotations={"sidecar.istio.io/userVolume": '{"v": {"emptyDir": {}}}'}),
    a_pod(annotations={"sidecar.istio.io/userVolume": "[]"}),
    a_pod(annotations={"proxy.istio.io/overrides": '{"containers": [{"name": "web", "args": ["\\ud800"]}]}'}),
    a_pod(generateName="web-7d9f8b-", labels={"pod-template-hash": "7d9f8b"}),
    {"metadata": {"name": "n"}, "spec": {"hostNetwork": True, "containers": [{"name": "web"}]}},
    {
        "metadata": {"name": "n"},
        "spec": {
            "containers": [
                {"name": "web", "ports": [{"name": "http", "containerPort": 80}],
                 "livenessProbe": {"httpGet": {"path": "/live", "port": "http"}}},
                {"name": "istio-proxy", "image": "auto"},
            ]
        },
    },
]  # fmt: skip


@pytest.mark.parametrize("pod", SAME, ids=range(len(SAME)))
def test_a_record_is_decided_about_and_injected_like_the_pod(pod: Manifest) -> None:
    assert outcome(REDACTION.pod(pod)) == outcome(pod)


CASES = Path(__file__).resolve().parent.parent / "cases"
# Refused or changed for a name or a text that is a pseudonym in a record: a volume, container or type of the
# user's own beside an injected one, and the entries of an undo.
OTHERWISE = {
    "sidecar-volume-taken",
    "sidecar-volume-of-the-user",
    "again-overrides-of-other-types",
    "again-undo-of-the-switch",
    "again-undo-of-the-switch-with-quirks",
    "container-of-a-name-in-the-other-list",
    "proxy-user-volume-of-a-template",
}


def pods_of_the_golden_cases() -> Iterator[Any]:
    for file in sorted(CASES.rglob("*.yaml")):
        if file.name.endswith(".expect.yaml") or file.stem in OTHERWISE:
            continue
        for tree in yaml.safe_load_all(file.read_text()):
            with contextlib.suppress(ManifestError):
                if isinstance(tree, dict) and (located := workload.locate(tree)):
                    yield pytest.param(located.template, id=f"{file.stem}-{located.name}")


@pytest.mark.parametrize("pod", list(pods_of_the_golden_cases()))
def test_a_record_of_a_golden_case_has_the_same_answer(pod: Manifest) -> None:
    name = REDACTION.pseudonyms.name
    known = Namespace("shop", {"istio-injection": "enabled"})
    own = Facts("shop", Origin.WEBHOOK, namespace_object=known, native_sidecars=True)
    recorded = replace(own, namespace=name("shop"), namespace_object=replace(known, name=name("shop")))
    answer, again = inject(pod, own, CONFIG), inject(REDACTION.pod(pod), recorded, CONFIG)
    assert again.decision.reason is answer.decision.reason
    if "sidecar.istio.io/status" not in ((pod.get("metadata") or {}).get("annotations") or {}):
        assert [(o.op, o.path) for o in again.patch] == [(o.op, o.path) for o in answer.patch]


def test_what_was_injected_is_recorded_without_the_injection() -> None:
    facts = Facts("shop", Origin.WEBHOOK)
    injected = inject(a_pod(), facts, CONFIG).pod
    assert recorded_pod(injected, facts) == REDACTION.pod(a_pod())


def test_a_pod_of_injected_parts_alone_becomes_empty() -> None:
    """A pod without a spec would be refused by the replay."""
    facts = Facts("shop", Origin.WEBHOOK)
    injected = inject({"metadata": {"name": "web"}, "spec": None}, facts, CONFIG).pod
    assert injected["spec"]
    assert recorded_pod(injected, facts)["spec"] == {}


def recorded_pod(pod: Manifest, facts: Facts) -> Manifest:
    """The pod in the line of an admission."""
    answered = inject(pod, facts, CONFIG)
    admission = Admission(AdmissionRequest("u", pod), facts, answered, Verdict.INJECT, CONFIG, "", 0)
    recorded: Manifest = json.loads(admission_line(admission, 0, REDACTION))["pod"]
    return recorded


def test_names_that_belong_together_still_do() -> None:
    pod = a_pod(
        generateName="web-7d9f8b-",
        labels={"pod-template-hash": "7d9f8b"},
        ownerReferences=[{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7d9f8b"}],
    )
    meta = REDACTION.pod(pod)["metadata"]
    [owner] = meta["ownerReferences"]
    assert (owner["apiVersion"], owner["kind"]) == ("apps/v1", "ReplicaSet")
    assert owner["name"] + "-" == meta["generateName"]
    assert owner["name"].endswith("-" + meta["labels"]["pod-template-hash"])


def test_another_key_gives_other_pseudonyms() -> None:
    first, second = Redaction.of(KEY, CONFIG), Redaction.of(KEY[::-1], CONFIG)
    assert first.pod(a_pod()) == REDACTION.pod(a_pod())
    assert first.pod(a_pod()) != second.pod(a_pod())
    assert first.pseudonyms.fingerprint() != second.pseudonyms.fingerprint()


@given(st.text())
def test_free_text_is_never_recorded(text: str) -> None:
    made = Pseudonyms(KEY).free(text)
    assert made == Pseudonyms(KEY).free(text)
    if text in ("", "true", "false"):
        assert made == text
    elif re.fullmatch(r"-?[0-9]+", text):
        assert re.fullmatch(r"-?[0-9]+", made)
    else:
        assert has_pseudonym(made)
        assert len(made) == 13


@given(st.from_regex(r"[a-z]([-a-z0-9]{0,40}[a-z0-9])?", fullmatch=True))
def test_a_name_stays_a_name(text: str) -> None:
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", Pseudonyms(KEY).name(text))


def test_a_user_is_recorded_by_pseudonyms_and_matches_the_same_rules(tmp_path: Path) -> None:
    file = tmp_path / "injector.yaml"
    file.write_text("callers: [{action: deny, usernames: ['system:serviceaccount:ci:*'], groups: [ops]}]\n")
    config = load(str(file))
    users = [
        UserInfo("system:serviceaccount:ci:hidden-builder", ("system:authenticated",)),
        UserInfo("hidden.person@example.com", ("ops",)),
        UserInfo("hidden.person@example.com", ("hidden-group",)),
    ]
    for user in users:
        facts = Facts("shop", Origin.WEBHOOK, user=user)
        before = inject(a_pod(), facts, config)
        request = AdmissionRequest("u", a_pod(), user=user)
        verdict = before.decision.verdict
        admission = Admission(request, facts, before, verdict, config, "2026-11-01T00:00:00Z", 1)
        line = admission_line(admission, 0, Redaction.of(KEY, config))
        assert "hidden" not in line
        entry = parse_entry(json.loads(line), (), Head("", "", ""))
        assert entry.facts.user is not None
        assert has_pseudonym(f"{entry.facts.user.username} {entry.facts.user.groups}")
        assert inject(entry.pod, entry.facts, config).decision.reason == before.decision.reason


def test_a_record_of_an_earlier_version_has_no_user() -> None:
    facts = Facts("shop", Origin.WEBHOOK)
    done = inject(a_pod(), facts, CONFIG)
    request = AdmissionRequest("u", a_pod())
    admission = Admission(request, facts, done, done.decision.verdict, CONFIG, "2026-11-01T00:00:00Z", 1)
    raw = json.loads(admission_line(admission, 0, REDACTION))
    assert raw.pop("user") is None
    assert parse_entry(raw, (), Head("", "", "")).facts.user is None


def test_names_of_settings_about_pods_stay_literal(tmp_path: Path) -> None:
    file = tmp_path / "injector.yaml"
    file.write_text("skipRuntimeClasses: [gvisor]\nplacement: {istio-proxy: {after: db-tunnel}}\n")
    config = load(str(file))
    redaction = Redaction.of(b"k" * 32, config)
    spec = {"runtimeClassName": "gvisor", "initContainers": [{"name": "db-tunnel"}, {"name": "other"}]}
    recorded = redaction.pod({"spec": spec})["spec"]
    assert recorded["runtimeClassName"] == "gvisor"
    assert [c["name"] == "db-tunnel" for c in recorded["initContainers"]] == [True, False]
    assert recorded["initContainers"][1]["name"] != "other"
