"""The golden cases of tests/cases: each through webhook and command line, against what the rule says.

How a case is written, and how its patch and report files come to be: tests/cases/README.md.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import io
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
import yaml

from injector.cli.main import main
from injector.cli.world import World, from_objects
from injector.config.loading import Overrides, Text, load
from injector.core import workload
from injector.core.finding_codes import FindingCode
from injector.core.injection.pipeline import inject
from injector.core.injection.recovery import recover
from injector.core.model import Facts, Origin, Reason, Verdict
from injector.core.profile import Config
from injector.core.user_info import UserInfo
from injector.profiles.istio.catalogue import ANNOTATIONS, LABELS, CatalogueEntry
from injector.server.app import Webhook
from injector.server.health import create_app
from injector.server.state import State
from injector.telemetry import Metrics
from tests.asgi import Reply, exchange, scope_of
from tests.cases import reading
from tests.cases.reading import Case, NotThere

Manifest = dict[str, Any]
VERDICTS = {
    "injected": "inject",
    "unchanged": "inject",
    "skipped": "skip",
    "passed": "skip",
    "refused": "deny",
}
HASHES = {"Deployment": "pod-template-hash", "Rollout": "rollouts-pod-template-hash"}
VERDICT_LINE = re.compile(r"(injected|unchanged|skipped|passed|refused) +.*?: ([a-z-]+)\. ")
FINDING_LINE = re.compile(r"^(?:error|warning|note): .*\[([a-z0-9-]+)\]$", re.MULTILINE)


@dataclass(frozen=True)
class Ran:
    """What one run of the command line left behind."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class DoorResult:
    """The result of webhook or command line, in one form for both. `patch` is the webhook's."""

    verdict: str
    reason: str
    template: Manifest
    error: str
    findings: tuple[str, ...]
    patch: list[Manifest] = field(default_factory=list)


Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> Run:
    """Run a command line in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def call(*argv: str, stdin: str = "") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capfdbinary.readouterr()
        status = main(list(argv))
        out, err = capfdbinary.readouterr()
        return Ran(status, out.decode(), err.decode())

    return call


@cache
def case_of(name: str) -> Case:
    return reading.read(name)


@dataclass(frozen=True)
class Stage:
    """A case's configuration and the objects around it, read once: compiling templates takes its time."""

    config: Config
    around: World


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Stage]:
    """The stage of a case, by its name."""

    @cache
    def of(name: str) -> Stage:
        case = case_of(name)
        folder = tmp_path_factory.mktemp("stage")
        set_up(case, folder)
        settings = Text(yaml.safe_dump(case.inject), "inject.yaml") if case.inject else None
        config = load(str(folder / "injector.yaml"), Overrides(inject=settings))
        return Stage(config, from_objects([str(folder / "objects.yaml")], ""))

    return of


def set_up(case: Case, folder: Path) -> list[str]:
    """Write the case's files into a folder; the flags that name them there."""
    (folder / "injector.yaml").write_text(yaml.safe_dump(case.config))
    (folder / "objects.yaml").write_text(yaml.safe_dump_all(case.objects))
    (folder / "manifest.yaml").write_text(case.text)
    (folder / "inject.yaml").write_text(yaml.safe_dump(case.inject))
    return ["--config", "injector.yaml", "--objects", "objects.yaml"]


def at_file_door(case: Case, run: Run) -> DoorResult:
    more = ["--injectConfigFile", "inject.yaml"] if case.inject else []
    done = run("kube-inject", *set_up(case, Path()), *more, "-f", "manifest.yaml")
    line = VERDICT_LINE.search(done.err)
    verdict = VERDICTS[line[1]] if line else "error"
    assert done.status == (0 if verdict in ("inject", "skip") else 1), done.err
    if verdict == "skip":
        assert done.out == case.text
    assert bool(done.out) == (done.status == 0)
    template = template_of(reading.load(done.out)) if verdict == "inject" else {}
    reason = line[2] if line else ""  # of a refused result, the code of its first problem
    codes = {*FINDING_LINE.findall(done.err), *({reason} & set(FindingCode) if verdict == "deny" else ())}
    return DoorResult(verdict, reason, template, done.err, tuple(sorted(codes)))


def template_of(manifest: Manifest) -> Manifest:
    located = workload.locate(manifest)
    assert located is not None
    return located.template


def pod_of(case: Case) -> Manifest:
    """The pod that the manifest's controller would ask for."""
    manifest = case.manifest
    if manifest["kind"] == "Pod":
        return copy.deepcopy(manifest)
    pod = {"apiVersion": "v1", "kind": "Pod", **copy.deepcopy(template_of(manifest))}
    name, kind, version, labels = manifest["metadata"]["name"], manifest["kind"], manifest["apiVersion"], {}
    match kind:
        case "Deployment" | "Rollout":
            labels, version, kind = {HASHES[kind]: "5d8c7b9f6"}, "apps/v1", "ReplicaSet"
            name = f"{name}-5d8c7b9f6"
        case "CronJob":
            kind, name = "Job", f"{name}-29012345"
        case "DeploymentConfig":
            kind, labels = "ReplicationController", {"deploymentconfig": name}
            version, name = "v1", f"{name}-1"
    meta = dict(pod.get("metadata") or {}) | {
        "generateName": f"{name}-",
        "namespace": case.namespace,
        "ownerReferences": [
            {"apiVersion": version, "kind": kind, "name": name, "uid": "1", "controller": True}
        ],
    }
    meta |= {"labels": {**(meta.get("labels") or {}), **labels}} if labels else {}
    return {**pod, "metadata": meta}


def review_of(case: Case) -> Manifest:
    request = {
        "uid": "5a0c63a4-2f0b-4f86-a9b7-111111111111",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "operation": "CREATE",
        "namespace": case.namespace,
        "object": pod_of(case),
        **case.request,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue's clock stands still: no request is refused because the machine is busy."""
    monkeypatch.setattr("injector.server.queue.time.perf_counter", lambda: 0.0)


def post(case: Case, body: bytes, stage: Stage) -> Manifest:
    """The answer of the webhook to a POST."""
    state = State(
        current=lambda: stage.config,
        metrics=Metrics(),
        namespace_of=stage.around.namespaces.get,
        native_sidecars=lambda _node: stage.around.native_sidecars,
        objects=lambda: stage.around.objects,
    )
    app = Webhook(state, create_app(state, inner=False))
    sent = asyncio.run(exchange(app, scope_of("POST", case.path or "/mutate"), [body]))
    return dict(Reply.of(sent).json)


def at_webhook_door(case: Case, stage: Stage) -> DoorResult:
    review = review_of(case)
    response = post(case, json.dumps(review).encode(), stage)["response"]
    patch = json.loads(base64.b64decode(response.get("patch", "W10=")))
    audit = response["auditAnnotations"]
    assert response["allowed"] == (audit["decision"] != "deny")
    # Strictly: jsonpatch refuses what RFC 6902 refuses.
    patched = jsonpatch.apply_patch(review["request"]["object"], patch)
    template = {k: patched[k] for k in ("metadata", "spec") if k in patched}
    error = (response.get("status") or {}).get("message", "")
    # The answer holds the warnings as texts that may be cut, and no notes.
    codes: set[str] = set()
    if audit["reason"] not in (Reason.INVALID_POD, Reason.UNSUPPORTED_KIND):
        codes = {finding.code for finding in inject(*webhook_run(case, stage)).findings}
    warned = {warning.partition(":")[0] for warning in response.get("warnings") or []}
    assert warned <= codes
    verdict = "inject" if audit["decision"] == "unchanged" else audit["decision"]
    return DoorResult(verdict, audit["reason"], template, error, tuple(sorted(codes)), patch)


def failures(result: DoorResult, expected: Manifest) -> list[str]:
    """What is otherwise than the rule says, one line each."""
    out = []
    for key in ("verdict", "reason"):
        if key in expected and getattr(result, key) != expected[key]:
            out.append(f"{key}: expected {expected[key]}, not {getattr(result, key)}\n{result.error}")
    for pointer, value in expected["template"].items():
        try:
            actual = reading.look(result.template, pointer)
        except NotThere as error:
            out.append(f"{pointer}: expected {value!r}, but {error} does not exist")
            continue
        if actual != value or type(actual) is not type(value):
            out.append(f"{pointer}: expected\n    {value!r}, not\n    {actual!r}")
    for pointer in expected["absent"]:
        try:
            out.append(f"{pointer}: expected to be absent, not {reading.look(result.template, pointer)!r}")
        except NotThere:
            continue
    wanted = expected.get("error") or []
    out += [f"error: {text!r} is not in {result.error!r}" for text in wanted if text not in result.error]
    if sorted(result.findings) != sorted(expected.get("findings") or []):
        out.append(f"findings: expected {expected.get('findings') or []}, not {list(result.findings)}")
    return out


@pytest.mark.parametrize("name", reading.names())
def test_the_case_is_what_its_rule_says(
    name: str, run: Run, stage: Callable[[str], Stage], pytestconfig: pytest.Config
) -> None:
    case = case_of(name)
    results: dict[str, DoorResult] = {}
    if "file" in case.doors:
        results["file"] = at_file_door(case, run)
    if "webhook" in case.doors:
        results["webhook"] = at_webhook_door(case, stage(name))
    wrong = [
        f"{door}: {line}" for door in results for line in failures(results[door], dict(case.expected[door]))
    ]
    assert not wrong, "\n".join([case.rule, *wrong])
    if agreeing(case):
        assert without_controller(results["webhook"].template) == without_namespace(results["file"].template)
    # Only what fulfils the expectations is worth keeping.
    files = golden_files(case, results, run)
    if pytestconfig.getoption("--update-goldens"):
        for path, text in files.items():
            path.write_text(text)
    for path, text in files.items():
        assert path.exists(), f"{path.name} is missing; make it with --update-goldens, and read it"
        assert path.read_text() == text


def golden_files(case: Case, results: dict[str, DoorResult], run: Run) -> dict[Path, str]:
    """Path and text of the files that guard what the expectations leave out."""
    if "file" in results:
        # On the command line an error is the report as well.
        report = results["file"].error
    else:
        path = ["--path", case.path] if case.path else []
        review = json.dumps(review_of(case))
        report = run("admit", *set_up(case, Path()), *path, "-f", "-", stdin=review).err
    out = {reading.FOLDER / f"{case.name}.report.txt": reading.settled(report)}
    if "webhook" in results:
        patch = reading.settled(reading.printed(results["webhook"].patch) + "\n")
        out[reading.FOLDER / f"{case.name}.patch.json"] = patch
    return out


def agreeing(case: Case) -> bool:
    """Whether webhook and command line inject the case, and no rule distinguishes them."""
    both = [case.expected[door] for door in case.doors]
    return len(both) == 2 and not case.quirks and both[0]["verdict"] == "inject" and both[0] == both[1]


def without_controller(template: Manifest) -> Manifest:
    """A pod without what its controller wrote on it."""
    meta = {k: v for k, v in template["metadata"].items() if k not in ("generateName", "ownerReferences")}
    theirs = (*HASHES.values(), "deploymentconfig") if "ownerReferences" in template["metadata"] else ()
    meta["labels"] = {k: v for k, v in (meta.get("labels") or {}).items() if k not in theirs}
    if not meta["labels"]:
        del meta["labels"]
    return without_namespace({**template, "metadata": meta})


def without_namespace(template: Manifest) -> Manifest:
    return {**template, "metadata": {k: v for k, v in template["metadata"].items() if k != "namespace"}}


def test_every_file_belongs_to_a_case(pytestconfig: pytest.Config) -> None:
    expected = {
        f"{name}{end}" for name in reading.names() for end in (".yaml", ".expect.yaml", ".report.txt")
    }
    expected |= {f"{name}.patch.json" for name in reading.names() if "webhook" in case_of(name).doors}
    files = (p for p in reading.FOLDER.rglob("*") if p.suffix in (".yaml", ".json", ".txt"))
    existing = {p.relative_to(reading.FOLDER).as_posix() for p in files}
    if pytestconfig.getoption("--update-goldens"):
        for stale in existing - expected:
            if not stale.endswith(".yaml"):
                (reading.FOLDER / stale).unlink()
                existing.discard(stale)
    assert existing - expected == set()


# --- laws ---------------------------------------------------------------------------------------


def webhook_run(case: Case, stage: Stage) -> tuple[Manifest, Facts, Config]:
    """What the webhook hands to the core."""
    namespace = case.request.get("namespace", case.namespace)
    facts = Facts(
        namespace=namespace,
        origin=Origin.WEBHOOK,
        namespace_object=stage.around.namespaces.get(namespace),
        native_sidecars=stage.around.native_sidecars,
        objects=stage.around.objects,
        overrides=stage.config.profile.overrides_of_path(case.path),
        user=UserInfo(**case.request["userInfo"]) if "userInfo" in case.request else None,
    )
    return {k: v for k, v in pod_of(case).items() if k in ("metadata", "spec")}, facts, stage.config


def core_runs(case: Case, stage: Stage) -> list[tuple[Manifest, Facts, Config]]:
    """What webhook and command line pass to the core: template, facts and configuration."""
    out = [webhook_run(case, stage)] if "webhook" in case.doors else []
    located = workload.locate(case.manifest, quirks=case.quirks) if "file" in case.doors else None
    return [*out, (located.template, stage.around.facts(located), stage.config)] if located else out


def healthy(name: str) -> bool:
    """Whether the core sees the case's pod: one of a wrong form is refused before."""
    return all(
        e.get("reason") != "invalid-pod" and e["verdict"] != "error" for e in case_of(name).expected.values()
    )


LAWFUL = [name for name in reading.names() if healthy(name)]


@pytest.mark.parametrize("name", LAWFUL)
def test_the_patch_applies_and_the_input_stays_as_it_was(name: str, stage: Callable[[str], Stage]) -> None:
    for template, facts, config in core_runs(case_of(name), stage(name)):
        before = json.dumps(template)
        outcome = inject(template, facts, config)
        assert json.dumps(template) == before
        operations = [operation.as_json() for operation in outcome.patch]
        assert {operation["op"] for operation in operations} <= {"add", "remove", "replace"}
        assert jsonpatch.apply_patch(template, operations) == outcome.pod
        again = inject(json.loads(before), facts, config)
        assert json.dumps([o.as_json() for o in again.patch]) == json.dumps(operations)
        if outcome.decision.verdict is not Verdict.INJECT:
            assert operations == []


@pytest.mark.parametrize("name", [name for name in LAWFUL if not case_of(name).quirks])
def test_a_second_injection_changes_nothing_and_uninject_undoes_the_first(
    name: str, stage: Callable[[str], Stage]
) -> None:
    for template, facts, config in core_runs(case_of(name), stage(name)):
        outcome = inject(template, facts, config)
        if outcome.decision.verdict is not Verdict.INJECT:
            continue
        assert [o.as_json() for o in inject(outcome.pod, facts, config).patch] == []
        undone = recover(outcome.pod, facts, config)
        assert undone is not None
        # A pod that had been injected before goes back to what it was before that.
        first = recover(template, facts, config)
        assert undone.pod == (first.pod if first else template)


# --- coverage -----------------------------------------------------------------------------------

# What no manifest can show, and where it is tried instead.
OTHER_REASONS = {
    Reason.INTERNAL_ERROR: "a defect of the injector itself: tests/server/test_reviews.py has one",
}
OTHER_ROWS = {
    "Q7": "is not a case: every case is injected twice",
    "Q8": "is about metrics: tests/server",
    "Q9": "does not arise, files are rendered here",
    "Q20": "is a review without a request: tests/server/test_reviews.py",
    "Q25": "is the text of an error: tests/profiles/istio/test_annotations.py",
    "Q26": "is about a reload: tests/server",
    "Q31": "does not arise, files are rendered here",
    "Q37": "does not arise, files are rendered here",
}
# What no manifest can show, or no command over manifests, and the test that has it.
_COMMANDS, _CHECKS = "cli/test_commands.py", "core/registration/test_checks.py"
_CLUSTER, _CONFIG = "apiserver/test_check_cluster.py", "config/test_config.py"
OTHER_FINDINGS = {
    FindingCode.UNDO_TOO_LARGE: "core/injection/test_uninjection.py",
    FindingCode.UNINJECT: _COMMANDS,
    FindingCode.OPEN_ANNOTATIONS: "cli/test_annotation_rules.py",
    **dict.fromkeys((FindingCode.FAILS_OPEN, FindingCode.LOAD), _COMMANDS),
    FindingCode.CRASH: "config/test_trials.py",
    **dict.fromkeys((FindingCode.GO_TEMPLATE, FindingCode.RENDER, FindingCode.LIMIT), _CONFIG),
    FindingCode.DETERMINISM: "config/test_trial_processes.py",
    FindingCode.POD_SECURITY: _CHECKS,
    FindingCode.DRIFT: "cli/test_against.py",
    **dict.fromkeys((code for code in FindingCode if code.subject == "file"), "cli/test_wrong_files.py"),
    **dict.fromkeys((FindingCode.WEBHOOK_ABSENT, FindingCode.REGISTRATION_NARROW), _CHECKS),
    **dict.fromkeys((FindingCode.SELECTORS_DIFFER, FindingCode.CONDITIONS_DIFFER), _CHECKS),
    FindingCode.CLUSTER_UNREADABLE: "cli/test_check.py",
    FindingCode.NEVER_MATCHES: _CLUSTER,
    **dict.fromkeys((FindingCode.NO_NAMESPACE, FindingCode.OVERLAP), _CLUSTER),
    **dict.fromkeys((FindingCode.DEADLOCK, FindingCode.OWN_NAMESPACE), _CHECKS),
    **dict.fromkeys((FindingCode.FAILURE_MODES, FindingCode.SERVICE_MISSING), _CHECKS),
    FindingCode.RESULT: "config/test_sample_results.py",
    FindingCode.SERVICE_PORT: _CLUSTER,
    FindingCode.NO_ENDPOINTS: _CHECKS,
    **dict.fromkeys((FindingCode.CA_BUNDLE, FindingCode.CA_EXPIRED), _CLUSTER),
    FindingCode.CA_EXPIRES: _CLUSTER,
    FindingCode.CERTIFICATE_UNTRUSTED: _CLUSTER,
    FindingCode.CERTIFICATE_NAME: _CLUSTER,
    FindingCode.CERTIFICATE_EXPIRED: _CLUSTER,
    FindingCode.CERTIFICATE_EXPIRES: _CLUSTER,
    FindingCode.UNREACHABLE: _CLUSTER,
    FindingCode.RBAC: _CLUSTER,
    FindingCode.NOT_LOOKED_AT: _CLUSTER,
}
REGISTER = Path(__file__).parent.parent / "docs" / "reference" / "register.md"


def keys_of(case: Case) -> set[str]:
    """The labels and annotations that a case gives or expects."""
    keys: set[str] = set()

    def walk(tree: Any) -> None:
        for key, inner in tree.items() if isinstance(tree, dict) else enumerate(tree):
            if key in ("labels", "annotations") and isinstance(inner, dict):
                keys.update(inner)
            if isinstance(inner, dict | list):
                walk(inner)

    walk([case.manifest, case.objects])
    for expected in case.expected.values():
        for pointer in expected["template"]:
            keys.update(part.replace("~1", "/") for part in pointer.split("/"))
    return keys


CASES = [case_of(name) for name in reading.names()]
SHOWN = {key for case in CASES for key in keys_of(case)}
OURS = [e for e in (*ANNOTATIONS, *LABELS) if "injector" in e.who or "webhook's selectors" in e.who]


@pytest.mark.parametrize("entry", OURS, ids=lambda entry: entry.key)
def test_every_key_that_the_injector_reads_or_writes_has_a_case(entry: CatalogueEntry) -> None:
    assert entry.key in SHOWN


@pytest.mark.parametrize("entry", [e for e in OURS if e.check or e.strict], ids=lambda entry: entry.key)
def test_every_key_that_is_validated_has_a_case_that_is_refused_for_it(entry: CatalogueEntry) -> None:
    refused = [e for case in CASES for e in case.expected.values() if e.get("reason") == "invalid-annotation"]
    assert any(f"annotation {entry.key}" in text for e in refused for text in e["error"])


@pytest.mark.parametrize("reason", [r for r in Reason if r not in OTHER_REASONS])
def test_every_reason_has_a_case(reason: Reason) -> None:
    assert any(e.get("reason") == reason for case in CASES for e in case.expected.values())


@pytest.mark.parametrize("code", FindingCode)
def test_every_finding_has_a_case_or_a_test_that_names_it(code: FindingCode) -> None:
    has_case = any(code in (e.get("findings") or []) for case in CASES for e in case.expected.values())
    assert has_case != (code in OTHER_FINDINGS)
    if not has_case:
        text = (Path(__file__).parent / OTHER_FINDINGS[code]).read_text()
        assert re.search(rf"[\"'\[]{code.value}[\"'\]]", text)


@pytest.mark.parametrize("row", re.findall(r"^\| (Q[0-9]+) \|", REGISTER.read_text(), re.MULTILINE))
def test_every_row_of_the_register_has_a_case_that_names_it(row: str) -> None:
    named = any(re.search(rf"\b{row}\b", case.rule) for case in CASES)
    assert named != (row in OTHER_ROWS)


@pytest.mark.parametrize("template", ["sidecar", "gateway", "grpc-agent", "grpc-simple"])
def test_every_shipped_template_has_a_case_that_asks_for_it(template: str) -> None:
    asked = re.compile(rf"inject\.istio\.io/templates: .*\b{template}\b")
    assert any(asked.search(case.text) for case in CASES)


def test_a_case_without_a_rule_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "FOLDER", tmp_path)
    (tmp_path / "x.yaml").write_text("# door: file\nkind: Pod\nmetadata: {name: x}\n")
    (tmp_path / "x.expect.yaml").write_text("verdict: skip\n")
    with pytest.raises(ValueError, match="needs a rule"):
        reading.read("x")
