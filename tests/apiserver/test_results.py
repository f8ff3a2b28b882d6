"""What is injected, sent to a real API server with dry run: its answers, and what was reported before.

Two laws hold for golden cases, field cases and generated pods: of a result that the API server refuses, a
problem was reported or the injection refused; and a result with a problem for which it would be refused is
refused. Not here: what each problem says (tests/core/validation).
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
import yaml

from injector.cli.world import from_objects
from injector.config.loading import Input, Overrides, Text, load, load_input
from injector.core import workload
from injector.core.finding_codes import FindingCode
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Manifest, Origin, Verdict
from injector.core.outcome import Outcome
from injector.core.profile import Config
from injector.core.validation.problem import PodRule
from injector.errors import ConfigError, ManifestError
from tests import test_cases
from tests.apiserver.dry_run import DryRun, dry_runs
from tests.beds.apiserver.bed import ApiServer
from tests.beds.plugin import require
from tests.cases.reading import BASE
from tests.generators.faults import FAULTS, draw_faulty

SEED: Final = 20261130
PODS: Final = 2000
FIELD_CASES: Final = os.environ.get("FIELD_CASES", "")
MISSING: Final = "FIELD_CASES does not name the folder with inputs of public bug reports"
# Codes of problems for which the API server refuses a pod; no other webhook adds volumes here.
REFUSED: Final = {FindingCode.REFUSED_RESULT, FindingCode.REFUSED_POD, FindingCode.MISSING_VOLUME}
# Golden cases whose results the API server refuses, and why they are as they are.
NOT_TAKEN: Final = {
    "identity/identity-own-name": "the pod's own label has a value that is not allowed, and stays (Q43)",
    "templates/templates-value-of-another-type-with-quirks": "quirks write what upstream writes (Q51)",
    "values/values-pasted-text": "the owner's name has a quotation mark, which no API server has stored",
}


# Cases of problems of results: most are refused, and each says so.
ABOUT_RESULTS: Final = "result/"


@dataclass(frozen=True)
class Answer:
    """The API server's `refusal` of one result, and the `rules` of the problems that were reported."""

    name: str
    refusal: str
    rules: frozenset[PodRule]
    codes: frozenset[str]

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.refusal or 'taken'}; reported: {', '.join(sorted(self.rules)) or 'nothing'}"
        )


@pytest.fixture(scope="module")
def dry_run() -> Iterator[DryRun]:
    """A namespace in an API server of its own: the audit log of the shared one would take megabytes."""
    require(ApiServer)
    with ApiServer.running(audited=False) as bed:
        if bed.plane is None:
            pytest.skip("the cluster of E2E_KUBECONFIG may have another version than the table")
        with dry_runs(bed) as client:
            yield client


def answer_of(client: DryRun, name: str, outcome: Outcome) -> Answer:
    """The answer to the result of an injection."""
    rules = frozenset(each.rule for each in outcome.problems if each.finding.code in REFUSED)
    codes = frozenset(finding.code.value for finding in outcome.findings)
    return Answer(name, client.refusal(outcome.pod), rules, codes)


def unreported(answers: Sequence[Answer]) -> list[str]:
    """Results that the API server refuses and of which nothing was reported."""
    return [str(each) for each in answers if each.refusal and not each.rules]


def taken_although_reported(answers: Sequence[Answer]) -> list[str]:
    """Results of which it was reported that they would be refused, and that are taken."""
    return [str(each) for each in answers if each.rules and not each.refusal]


def test_results_of_the_golden_cases_are_taken(
    dry_run: DryRun, tmp_path_factory: pytest.TempPathFactory
) -> None:
    answers = []
    configurations: dict[str, Config] = {}
    for name in test_cases.LAWFUL:
        case = test_cases.case_of(name)
        folder = tmp_path_factory.mktemp("stage")
        test_cases.set_up(case, folder)
        settings = Text(yaml.safe_dump(case.inject), "inject.yaml") if case.inject else None
        # Many cases share one, and compiling its templates takes time.
        key = json.dumps([case.config, case.inject])
        if key not in configurations:
            configurations[key] = load(str(folder / "injector.yaml"), Overrides(inject=settings))
        config = configurations[key]
        around = from_objects([str(folder / "objects.yaml")], "")
        for template, facts, of in test_cases.core_runs(case, test_cases.Stage(config, around)):
            outcome = inject(template, facts, of)
            if outcome.decision.verdict is Verdict.INJECT:
                answers.append(answer_of(dry_run, name, outcome))
    refused = {each.name for each in answers if each.refusal and not each.name.startswith(ABOUT_RESULTS)}
    assert refused == set(NOT_TAKEN)
    assert unreported(answers) == []
    assert taken_although_reported(answers) == []
    assert len(answers) > 300


@pytest.mark.skipif(not FIELD_CASES, reason=MISSING)
def test_results_of_the_field_cases_are_taken_or_reported(dry_run: DryRun) -> None:
    folder = Path(FIELD_CASES)
    configurations = dict(configurations_of(folder))
    answers = []
    for name, template, facts in field_pods(folder):
        for label, config in configurations.items():
            outcome = inject(template, facts, config)
            if outcome.decision.verdict is Verdict.INJECT:
                answers.append(answer_of(dry_run, f"{name} with {label}", outcome))
    print(f"field cases: {len(answers)} results, {sum(bool(each.refusal) for each in answers)} refused")
    assert unreported(answers) == []
    assert taken_although_reported(answers) == []
    assert len(answers) > 50


def configurations_of(folder: Path) -> Iterator[tuple[str, Config]]:
    """The default configuration and those of the cases that load."""
    yield "defaults", load_input(Input(Text(yaml.safe_dump(BASE), "injector.yaml"), "."))
    for path in sorted(folder.glob("*.cfg.yaml")):
        try:
            yield path.name, load(str(path), Overrides())
        except ConfigError:
            # A case of a configuration that has to be refused.
            continue


def field_pods(folder: Path) -> Iterator[tuple[str, Manifest, Facts]]:
    """The pod templates in the manifests of a folder, as files and as the webhook gets them."""
    for path in sorted(each for each in folder.iterdir() if each.suffix in (".yaml", ".json")):
        if path.name.endswith(".cfg.yaml"):
            continue
        try:
            documents = list(yaml.safe_load_all(path.read_text()))
        except yaml.YAMLError:
            continue
        for number, document in enumerate(documents):
            for held in _held(document):
                for origin in Origin:
                    facts = Facts(namespace=held.namespace or "shop", owner=held.owner, origin=origin)
                    # By way of JSON: YAML has dates.
                    template = json.loads(json.dumps(held.template, default=str))
                    yield f"{path.name} {number} {origin.value}", template, facts


def _held(document: Any) -> Iterator[workload.Workload]:
    listed = (
        document.get("items") if isinstance(document, dict) and workload.is_list(document) else [document]
    )
    for manifest in listed or []:
        try:
            held = workload.locate(manifest) if isinstance(manifest, dict) else None
        except ManifestError:
            continue
        if held is not None:
            yield held


@dataclass(frozen=True)
class Generated:
    """What became of the generated pods. `refused_by` counts what never reached the API server, by reason."""

    answers: tuple[Answer, ...]
    refused_by: Mapping[str, int]
    planted: Mapping[str, int]


@pytest.fixture(scope="module")
def generated(dry_run: DryRun) -> Generated:
    """Two thousand pods, half of them with native sidecars, half of them from files."""
    configs = {
        native: load_input(
            Input(Text(yaml.safe_dump({**BASE, "nativeSidecars": native}), "injector.yaml"), ".")
        )
        for native in ("enabled", "disabled")
    }
    random, answers = Random(SEED), []
    refused_by, planted = Counter[str](), Counter[str]()
    for number in range(PODS):
        names, pod = draw_faulty(random, number)
        planted.update(names)
        config = configs[random.choice(["enabled", "disabled"])]
        facts = Facts(namespace="shop", origin=random.choice(list(Origin)))
        try:
            workload.check_pod(pod)
        except ManifestError:
            refused_by["invalid-pod"] += 1
            continue
        outcome = inject(pod, facts, config)
        if outcome.decision.verdict is Verdict.DENY:
            refused_by[outcome.decision.reason.value] += 1
            continue
        assert outcome.decision.verdict is Verdict.INJECT
        answers.append(answer_of(dry_run, f"pod {number} ({', '.join(names) or 'no fault'})", outcome))
    return Generated(tuple(answers), refused_by, planted)


# Of problems that do not make the API server refuse a pod, and of refusals, the least number of each.
LEAST: Final = 20
NOTED: Final = ("cannot-start", "auto-image", "proxy-user", "proxy-port", "proxy-resources", "misspelt-key")


def test_every_fault_is_planted_often(generated: Generated) -> None:
    assert min(generated.planted[name] for name in FAULTS) >= LEAST


def test_no_refused_pod_leaves_without_a_report(generated: Generated) -> None:
    assert unreported(generated.answers) == []


def test_no_pod_that_is_taken_is_reported_as_refused(generated: Generated) -> None:
    assert taken_although_reported(generated.answers) == []


def test_at_least_a_fifth_is_refused_and_every_check_fires(generated: Generated) -> None:
    print(table(generated))
    refused = [each for each in generated.answers if each.refusal]
    assert len(refused) >= PODS / 5
    fired = Counter(rule for each in refused for rule in each.rules)
    assert {rule.value: fired[rule] for rule in CHECKED if fired[rule] < LEAST} == {}
    noted = Counter(code for each in generated.answers for code in each.codes)
    assert {code: noted[code] for code in NOTED if noted[code] < LEAST} == {}
    assert generated.refused_by["invalid-annotation"] >= LEAST
    assert generated.refused_by["invalid-pod"] >= LEAST


def table(generated: Generated) -> str:
    """How many pods of each check and of each code the API server refused and took."""
    rows = [f"{'check':32}{'refused':>9}{'taken':>9}"]
    for rule in PodRule:
        rows.append(_row(rule.value, [each for each in generated.answers if rule in each.rules]))
    for code in sorted({code for each in generated.answers for code in each.codes}):
        rows.append(_row(f"finding {code}", [each for each in generated.answers if code in each.codes]))
    rows.append(_row("no problem", [each for each in generated.answers if not each.rules]))
    rows.append(_row("all", generated.answers))
    rows += [
        f"{f'not sent: {reason}':32}{count:>9}" for reason, count in sorted(generated.refused_by.items())
    ]
    return "\n".join(rows)


def _row(name: str, answers: Sequence[Answer]) -> str:
    refused = sum(bool(each.refusal) for each in answers)
    return f"{name:32}{refused:>9}{len(answers) - refused:>9}"


CHECKED: Final = frozenset(PodRule) - {
    # Refused before the result is looked at: a name or path twice cannot be merged.
    PodRule.UNIQUE_NAME,
    PodRule.MOUNT_PATH,
    # The kubelet's, not the API server's: among NOTED.
    PodRule.ROOT,
}
