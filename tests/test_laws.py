"""The laws of the design: on generated pods, on the project's examples, and on upstream's golden cases.

With quirks off. The run prints how often each feature appeared among the generated pods.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import jsonpatch
import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from injector.config.loading import Input, Text, load_input
from injector.core.injection.pipeline import inject
from injector.core.injection.recovery import recover
from injector.core.model import Facts, Origin, Verdict
from injector.core.outcome import Outcome
from injector.core.profile import Config
from injector.core.tree.application import applied
from injector.core.tree.schema import same
from tests import upstream
from tests.generators.features import FeatureCount
from tests.generators.strategies import pods

Pod = dict[str, Any]
FACTS = Facts(namespace="shop")
CONFIGS: dict[str, Pod] = {
    "defaults": {},
    "classic": {"nativeSidecars": "disabled"},
    "cni": {"values": {"pilot": {"cni": {"enabled": True}}}, "policy": "enabled"},
    "gateway": {"defaultTemplates": ["gateway"]},
    "proxyless": {"defaultTemplates": ["grpc-agent"]},
    "all settings": {
        "nativeSidecars": "enabled",
        "values": {
            "global": {"network": "n1", "multiCluster": {"clusterName": "c1"}, "mountMtlsCerts": True,
                       "imagePullSecrets": ["registry"], "proxy": {"holdApplicationUntilProxyStarts": True}},
        },
        "injectedAnnotations": {"example.com/by": "us"},
        "meshConfig": {"defaultConfig": {"interceptionMode": "TPROXY", "proxyMetadata": {"A": "b"}}},
    },
}  # fmt: skip


def config_of(raw: Pod) -> Config:
    return load_input(Input(Text(yaml.safe_dump(raw), "config"), "."))


BUILT = {name: config_of(raw) for name, raw in CONFIGS.items()}


def injected(pod: Pod) -> Pod:
    return inject(pod, FACTS, BUILT["defaults"]).pod


def generated(
    test: Callable[[Pod], None], examples: int = 60, *, same_every_time: bool = False
) -> FeatureCount:
    """Run a law on generated pods and count what they had."""
    count = FeatureCount()
    assert settings.default is not None
    database = None if same_every_time else settings.default.database

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=same_every_time,
        database=database,
        suppress_health_check=list(HealthCheck),
    )
    @given(pods(injected))
    def run(pod: Pod) -> None:
        count.add(pod)
        test(pod)

    run()
    return count


def check_all(pod: Pod, facts: Facts, config: Config) -> Outcome:
    """Every law that one pod can show."""
    before = copy.deepcopy(pod)
    outcome = inject(pod, facts, config)
    assert pod == before, "the input was changed"
    again = inject(copy.deepcopy(pod), facts, config)
    assert json.dumps(again.pod) == json.dumps(outcome.pod), "same input, other bytes"
    assert again.patch == outcome.patch
    if outcome.decision.verdict is not Verdict.INJECT:
        assert outcome.patch == ()
        assert outcome.pod is pod
        return outcome
    operations = [o.as_json() for o in outcome.patch]
    assert {o["op"] for o in operations} <= {"add", "replace", "remove"}
    assert same(jsonpatch.JsonPatch(operations).apply(json.loads(json.dumps(pod))), outcome.pod)
    assert same(applied(pod, outcome.patch), outcome.pod), "the webhook's own proof differs"
    second = inject(outcome.pod, facts, config)
    assert [o.as_json() for o in second.patch] == [], "not idempotent"
    original = recover(pod, facts, config)
    back = recover(outcome.pod, facts, config)
    assert back is not None
    assert same(back.pod, original.pod if original else pod), "uninject does not give the original"
    assert newer_fields(outcome.pod) >= newer_fields(original.pod if original else pod)
    return outcome


def newer_fields(tree: Any) -> int:
    """How many unknown fields a tree has."""
    if isinstance(tree, dict):
        return ("fieldNewerThanUs" in tree) + sum(newer_fields(v) for v in tree.values())
    return sum(map(newer_fields, tree)) if isinstance(tree, list) else 0


@pytest.mark.parametrize("name", CONFIGS)
def test_the_laws_hold_on_generated_pods(name: str) -> None:
    verdicts: list[Verdict] = []
    generated(lambda pod: verdicts.append(check_all(pod, FACTS, BUILT[name]).decision.verdict))
    assert verdicts.count(Verdict.INJECT) > len(verdicts) / 2, "few injections show little"


def test_each_feature_appears_often_enough_for_the_laws_to_mean_something() -> None:
    count = generated(lambda _pod: None, examples=600, same_every_time=True)
    print(f"\nfeatures of {count.pods} generated pods:", *count.lines(), sep="\n  ")
    assert count.rare() == []


def test_webhook_and_command_line_agree_for_the_same_facts() -> None:
    def agree(pod: Pod) -> None:
        file = inject(pod, FACTS, BUILT["defaults"])
        webhook = inject(pod, Facts(namespace="shop", origin=Origin.WEBHOOK), BUILT["defaults"])
        assert file.decision.verdict == webhook.decision.verdict
        assert file.decision.reason == webhook.decision.reason
        assert same(file.pod, webhook.pod)

    generated(agree)


def test_a_changed_configuration_rebuilds_and_reports_what_was_dropped() -> None:
    pod = {"metadata": {}, "spec": {"containers": [{"name": "app", "image": "x"}]}}
    before = inject(pod, FACTS, BUILT["defaults"]).pod
    proxy = next(c for c in before["spec"]["initContainers"] if c["name"] == "istio-proxy")
    proxy["env"] = [*proxy["env"], {"name": "SOMEBODY_ELSE", "value": "1"}]
    unchanged = inject(before, FACTS, BUILT["defaults"])
    assert unchanged.patch == ()
    rebuilt = inject(before, FACTS, BUILT["all settings"])
    names = [e["name"] for c in rebuilt.pod["spec"]["initContainers"] for e in c.get("env", [])]
    assert "SOMEBODY_ELSE" not in names
    assert any(f.code == "rebuilt" and "SOMEBODY_ELSE" in f.message for f in rebuilt.findings)
    fresh = inject(pod, FACTS, BUILT["all settings"])
    assert same(rebuilt.pod, fresh.pod)


@upstream.needed
def test_the_laws_hold_on_every_golden_case_and_on_its_result() -> None:
    tried = 0
    for case in upstream.cases():
        config = upstream.configuration(case, quirks=False)
        for document in upstream.documents(case):
            for pod, facts in upstream.through_both_doors(case, document, quirks=False):
                outcome = check_all(pod, facts, config)
                tried += outcome.decision.verdict is Verdict.INJECT
    print(f"\nlaws held on {tried} golden pods")
    assert tried >= 150
