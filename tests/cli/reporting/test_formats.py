"""Each format of a report: well-formed whatever fails, with file and line, in its own notation."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from injector.cli.reporting import formats, sarif
from injector.cli.reporting.entries import FAILED_INPUT, USAGE, WOULD_CHANGE, ReportEntry, Sort
from injector.cli.reporting.finished import Finished
from injector.cli.reporting.places import FilePlace
from injector.core.finding_codes import FindingCode, Level
from injector.core.model import Reason
from tests.cli.conftest import DEPLOYMENT, Run
from tests.cli.reporting.sarif_schema import SCHEMA

SKIPPED = DEPLOYMENT.replace(
    "    spec:\n      containers", "    spec:\n      hostNetwork: true\n      containers"
)
REFUSED = DEPLOYMENT.replace("        app: web\n", "        app: 1\n")
BROKEN = "kind: Deployment\n\tapiVersion: apps/v1\n"
CONFIG = ("--config", "c.yaml")

pytestmark = pytest.mark.usefixtures("folder", "in_one_process")


def check_json(text: str) -> None:
    assert set(json.loads(text)) == {
        "command", "version", "exitStatus", "counts", "workloads", "findings", "errors"
    }  # fmt: skip


def check_sarif(text: str) -> None:
    log = json.loads(text)
    jsonschema.Draft202012Validator(SCHEMA).validate(log)
    run = log["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert [rules[each["ruleIndex"]] for each in run["results"]] == [
        each["ruleId"] for each in run["results"]
    ]


def check_junit(text: str) -> None:
    top = ET.fromstring(text)
    assert top.tag == "testsuites"
    assert {suite.tag for suite in top} == {"testsuite"}
    for suite in top:
        assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))
        assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure"))
        assert int(suite.attrib["skipped"]) == len(suite.findall("testcase/skipped"))
        for case in suite:
            assert case.attrib["name"]
            assert case.attrib["classname"]
            assert {each.tag for each in case} <= {"failure", "skipped", "system-out"}


def check_github(text: str) -> None:
    commands = [line for line in text.splitlines() if line.startswith("::")]
    for line in commands:
        word, _, _ = line[2:].partition(" ")
        assert word in ("error", "warning", "notice")
        properties, _, message = line[3 + len(word) :].partition("::")
        assert {each.partition("=")[0] for each in properties.split(",")} <= {"file", "line", "title"}
        assert message


WELL_FORMED: dict[str, Callable[[str], None]] = {
    "json": check_json,
    "sarif": check_sarif,
    "junit": check_junit,
    "github": check_github,
}
# What is run, and the exit status by DESIGN: 0 done, 1 an input failed, 2 usage or configuration.
RUNS = {
    "done": (("render", *CONFIG, "web.yaml"), 0),
    "kube-inject done": (("kube-inject", *CONFIG, "-f", "web.yaml"), 0),
    "skipped": (("render", *CONFIG, "skipped.yaml"), 0),
    "skipped and strict": (("render", *CONFIG, "--strict", "skipped.yaml"), 1),
    "refused": (("kube-inject", *CONFIG, "-f", "refused.yaml"), 1),
    "no YAML": (("render", *CONFIG, "broken.yaml"), 1),
    "no file": (("kube-inject", *CONFIG, "-f", "missing.yaml"), 1),
    "no folder of manifests": (("render", *CONFIG, "-R", "empty"), 1),
    "would change": (("render", *CONFIG, "--check", "web.yaml", "skipped.yaml"), 1),
    "no names": (("render", *CONFIG), 2),
    "no configuration": (("render", "--config", "missing.yaml", "web.yaml"), 2),
    "broken configuration": (("kube-inject", "--config", "broken.yaml", "-f", "web.yaml"), 2),
    "check": (("check", *CONFIG), 0),
    "check with a warning": (("check", "--config", "odd.yaml", "--fail-on", "note"), 1),
    "check of a broken configuration": (("check", "--config", "broken.yaml"), 2),
    "check of no configuration": (("check", "--config", "missing.yaml"), 2),
    "check with wrong flags": (("check", *CONFIG, "--wait", "3"), 2),
}


@pytest.fixture(autouse=True)
def files(folder: Path) -> None:
    for name, text in {"skipped": SKIPPED, "refused": REFUSED, "broken": BROKEN}.items():
        (folder / f"{name}.yaml").write_text(text)
    (folder / "empty").mkdir()
    (folder / "odd.yaml").write_text("profile: ./logship\nvalues: {levle: debug}\n")


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("form", WELL_FORMED)
def test_a_report_is_well_formed_and_the_exit_status_is_the_same(run: Run, form: str, name: str) -> None:
    argv, status = RUNS[name]
    assert run(*argv).status == status
    done = run(*argv, "--report", form)
    assert done.status == status
    text = done.out if argv[0] == "check" and form != "github" else done.err
    WELL_FORMED[form](text)
    filed = run(*argv, "--report", form, "--report-file", "report")
    assert filed.status == status
    written = Path("report").read_text()
    WELL_FORMED[form](written)
    assert text.endswith(written)


@pytest.mark.parametrize("name", [name for name, (_, status) in RUNS.items() if status])
def test_what_fails_a_run_is_in_each_format(run: Run, name: str) -> None:
    argv, _ = RUNS[name]
    run(*argv, "--report-file", "r.json")
    report = json.loads(Path("r.json").read_text())
    problems = [*report["errors"], *report["findings"]]
    assert problems
    message = problems[0]["message"]
    for form in ("sarif", "junit", "github"):
        run(*argv, "--report", form, "--report-file", "r")
        assert message.partition("'")[0] in Path("r").read_text()


def test_the_text_of_a_failure_is_the_same_with_a_file_for_the_report(run: Run) -> None:
    for argv, _ in RUNS.values():
        assert run(*argv, "--report-file", "r.sarif") == run(*argv)


def test_sarif_has_the_path_from_the_root_of_the_repository(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".git").mkdir()
    below = Path("apps/my shop")
    below.mkdir(parents=True)
    (below / "refused.yaml").write_text(REFUSED)
    monkeypatch.chdir(below)
    run("render", "--config", "../../c.yaml", "refused.yaml", "--report-file", "r.sarif")
    result = json.loads(Path("r.sarif").read_text())["runs"][0]["results"][0]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "apps/my%20shop/refused.yaml", "uriBaseId": "%SRCROOT%"}
    assert place["region"] == {"startLine": 1 + REFUSED.splitlines().index("        app: 1")}


def test_a_fingerprint_stays_when_lines_move(run: Run) -> None:
    def fingerprints() -> list[str]:
        run("render", *CONFIG, "refused.yaml", "--report-file", "r.sarif")
        results = json.loads(Path("r.sarif").read_text())["runs"][0]["results"]
        return [each["partialFingerprints"]["primaryLocationLineHash"] for each in results]

    before = fingerprints()
    Path("refused.yaml").write_text(f"# one more line\n{REFUSED}")
    assert fingerprints() == before
    assert len(before) == 1


def finished(*entries: ReportEntry) -> Finished:
    return Finished("render", 1, entries)


def problem(level: Level, message: str, file: str = "a.yaml", line: int = 3) -> ReportEntry:
    code = FindingCode.MISSPELT_KEY.value
    return ReportEntry(Sort.FINDING, level, code, message, place=FilePlace(file, line))


def test_sarif_lists_the_most_urgent_results_and_counts_the_others() -> None:
    many = [problem(Level.NOTE, f"number {n}") for n in range(sarif.MAX_RESULTS)]
    log = json.loads(formats.written("sarif", finished(*many, problem(Level.ERROR, "the worst"))))
    run = log["runs"][0]
    assert len(run["results"]) == 25_000
    assert run["results"][0]["message"]["text"] == "the worst"
    texts = [each["message"]["text"] for each in run["invocations"][0]["toolExecutionNotifications"]]
    assert texts == ["1 more results are left out"]


def test_alike_problems_have_fingerprints_of_their_own() -> None:
    log = json.loads(formats.written("sarif", finished(*[problem(Level.NOTE, "same")] * 2)))
    first, second = (
        each["partialFingerprints"]["primaryLocationLineHash"] for each in log["runs"][0]["results"]
    )
    assert (first[:-2], first[-2:], second[-2:]) == (second[:-2], ":1", ":2")


def test_what_is_no_file_of_the_repository_is_a_notification(run: Run) -> None:
    done = run("render", *CONFIG, "-", "--report", "sarif", stdin=REFUSED)
    log = json.loads(done.err)
    assert log["runs"][0]["results"] == []
    text = log["runs"][0]["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]
    assert text.startswith("-:10: ")


def every_code() -> list[str]:
    return [
        FAILED_INPUT,
        USAGE,
        WOULD_CHANGE,
        *(each.value for each in FindingCode),
        *(each.value for each in Reason),
    ]


@pytest.mark.parametrize("code", every_code())
def test_each_code_has_a_rule(code: str) -> None:
    entry = ReportEntry(Sort.ERROR, Level.ERROR, code, "wrong", place=FilePlace("a.yaml", 1))
    text = formats.written("sarif", finished(entry))
    check_sarif(text)
    rule = json.loads(text)["runs"][0]["tool"]["driver"]["rules"][0]
    assert rule["id"] == code
    assert rule["shortDescription"]["text"].endswith(".")


# Control characters, those that XML forbids, marks of XML and of workflow commands, half of a pair.
HOSTILE = "a\x00\x1b[31m\x0b\ufffe\ud800 ]]>&<b>\"'\r\n::error::x%0A,y:z"


@pytest.mark.parametrize("form", WELL_FORMED)
def test_hostile_text_stays_text(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    entries = [
        ReportEntry(
            sort,
            Level.ERROR,
            "misspelt-key",
            HOSTILE,
            HOSTILE,
            HOSTILE,
            "refused",
            FilePlace(file, 1, HOSTILE),
        )
        for sort in Sort
        for file in ("a.yaml", "b\n::error::.yaml")
    ]
    text = formats.written(form, finished(*entries))
    text.encode()
    WELL_FORMED[form](text)
    allowed = {"\n"}
    assert {c for c in text if not c.isprintable()} == allowed
    if form == "github":
        assert len(text.splitlines()) == 4


def test_a_workflow_command_is_escaped_as_the_runner_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    text = formats.written("github", finished(problem(Level.WARNING, "50% of a, b: c", "x,y:z%.yaml")))
    assert text == "::warning file=x%2Cy%3Az%25.yaml,line=3,title=misspelt-key::50%25 of a, b: c\n"


def test_the_summary_of_a_step_has_the_counts_and_the_table(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    run("render", *CONFIG, "web.yaml", "skipped.yaml", "--report", "github")
    assert path.read_text().splitlines() == [
        "before",
        "### injector render",
        "",
        "1 injected, 1 skipped",
        "",
        "<details><summary>Workloads</summary>",
        "",
        "| result | workload | reason | place |",
        "| --- | --- | --- | --- |",
        "| injected | Deployment shop/web | on-by-default | web.yaml:1 |",
        "| skipped | Deployment shop/web | host-network | skipped.yaml:1 |",
        "",
        "</details>",
    ]


def test_junit_has_a_case_for_each_workload_in_the_suite_of_its_file(run: Run) -> None:
    Path("two.yaml").write_text(f"{DEPLOYMENT}---\n{SKIPPED.replace('name: web', 'name: edge')}")
    run("render", *CONFIG, "two.yaml", "refused.yaml", "--report-file", "r.xml")
    top = ET.parse("r.xml").getroot()
    seen: dict[str, Any] = {
        suite.attrib["name"]: [(case.attrib["name"], [each.tag for each in case]) for case in suite]
        for suite in top
    }
    assert seen["two.yaml"] == [("Deployment shop/web", []), ("Deployment shop/edge", ["skipped"])]
    assert [tags for _, tags in seen["refused.yaml"]] == [["failure"]]
    assert (top.attrib["tests"], top.attrib["failures"], top.attrib["skipped"]) == ("3", "1", "1")
