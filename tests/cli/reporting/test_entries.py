"""Reports for programs: where they go, what they hold, and that they are whole whatever fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from injector.cli.injection_input import InjectionInput
from tests.cli.conftest import DEPLOYMENT, Run

SKIPPED = DEPLOYMENT.replace("name: web\n  n", "name: edge\n  n").replace(
    "    spec:\n", "    spec:\n      hostNetwork: true\n"
)
WRONG = DEPLOYMENT.replace(
    "        app: web\n",
    '        app: web\n      annotations:\n        logs.example.com/inject: "maybe"\n',
)

pytestmark = pytest.mark.usefixtures("folder")


def reported(run: Run, *argv: str, **more: Any) -> tuple[int, Any]:
    done = run(*argv, "--report", "json", **more)
    return done.status, json.loads(done.err)


def test_each_workload_has_its_result_its_reason_and_its_line(run: Run) -> None:
    Path("shop.yaml").write_text(f"{DEPLOYMENT}---\n{SKIPPED}")
    status, report = reported(run, "render", "--config", "c.yaml", "shop.yaml")
    assert (status, report["exitStatus"], report["command"]) == (0, 0, "render")
    seen = [
        {key: each[key] for key in ("object", "result", "reason", "file", "line")}
        for each in report["workloads"]
    ]
    assert seen == [
        {"object": "Deployment shop/web", "result": "injected", "reason": "on-by-default"}
        | {"file": "shop.yaml", "line": 1},
        {"object": "Deployment shop/edge", "result": "skipped", "reason": "host-network"}
        | {"file": "shop.yaml", "line": 16},
    ]
    assert report["counts"]["workloads"] == {"injected": 1, "skipped": 1}


def test_a_finding_has_the_line_of_what_it_is_about(run: Run) -> None:
    Path("shop.yaml").write_text(WRONG)
    _, report = reported(run, "render", "--config", "c.yaml", "shop.yaml")
    finding = next(each for each in report["findings"] if each["code"] == "switch-value")
    line = 1 + WRONG.splitlines().index('        logs.example.com/inject: "maybe"')
    assert (finding["file"], finding["line"], finding["level"]) == ("shop.yaml", line, "warning")
    assert finding["pointer"] == "/spec/template/metadata/annotations/logs.example.com~1inject"
    assert finding["object"] == "Deployment shop/web"


def test_the_text_on_stderr_stays_where_a_file_gets_the_report(run: Run) -> None:
    Path("shop.yaml").write_text(f"{DEPLOYMENT}---\n{SKIPPED}")
    plain = run("render", "--config", "c.yaml", "shop.yaml")
    done = run("render", "--config", "c.yaml", "shop.yaml", "--report-file", "out.json")
    assert done == plain
    assert json.loads(Path("out.json").read_text())["counts"]["workloads"] == {"injected": 1, "skipped": 1}


def test_the_variable_names_the_file_and_text_is_what_people_read(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INJECTOR_REPORT", "report.txt")
    done = run("kube-inject", "--config", "c.yaml", "-f", "missing.yaml", "--color", "always")
    assert done.status == 1
    assert Path("report.txt").read_text() == done.err
    assert done.err.startswith("error: missing.yaml: ")


def test_a_finding_about_the_configuration_has_its_file(run: Run) -> None:
    Path("odd.yaml").write_text("profile: ./logship\nvalues: {levle: x}\n")
    done = run("check", "--config", "odd.yaml", "--report", "json")
    findings = json.loads(done.out)["findings"]
    assert {each["file"] for each in findings} == {"odd.yaml"}
    value = next(each for each in findings if each["code"] == "value")
    assert value["line"] == 2


def test_a_check_that_fails_has_an_error_for_each_workload_that_would_change(run: Run) -> None:
    Path("shop.yaml").write_text(f"{DEPLOYMENT}---\n{SKIPPED}")
    status, report = reported(run, "render", "--config", "c.yaml", "shop.yaml", "--check")
    assert status == 1
    assert [(each["code"], each["object"], each["line"]) for each in report["errors"]] == [
        ("would-change", "Deployment shop/web", 1)
    ]


@pytest.mark.parametrize(
    ("name", "begins"), [("r.json", '{\n  "command": "render"'), ("r.txt", "error: No such option")]
)
def test_a_wrong_flag_is_in_the_file_that_the_variable_names(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, begins: str
) -> None:
    monkeypatch.setenv("INJECTOR_REPORT", name)
    assert run("render", "--bogus", "web.yaml").status == 2
    text = Path(name).read_text()
    assert text.startswith(begins)
    assert "--bogus" in text


def test_a_wrong_flag_of_another_command_writes_no_report(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INJECTOR_REPORT", "r.json")
    assert run("version", "--bogus").status == 2
    assert run("nonsense").status == 2
    assert not Path("r.json").exists()


def test_the_report_may_not_replace_the_manifests(run: Run) -> None:
    done = run("kube-inject", "--config", "c.yaml", "-f", "web.yaml", "-o", "o", "--report-file", "./o")
    assert done.status == 2
    assert not Path("o").exists()
    assert run("render", "--config", "c.yaml", "web.yaml", "--report-file", "web.yaml").status == 2
    assert Path("web.yaml").read_text() == DEPLOYMENT


def test_a_report_without_a_folder_is_refused_before_anything_is_done(run: Run) -> None:
    done = run("kube-inject", "--config", "c.yaml", "-f", "web.yaml", "-o", "o", "--report-file", "no/r.json")
    assert (done.status, Path("o").exists()) == (2, False)
    assert "hint: create it" in done.err


def test_a_defect_is_in_the_report(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    # A defect on purpose: there is none to be had.
    monkeypatch.setattr(InjectionInput, "read", lambda _self: 1 // 0)
    status, report = reported(run, "render", "--config", "c.yaml", "web.yaml")
    assert status == 1
    assert [each["code"] for each in report["errors"]] == ["internal-error"]
    plain = run("render", "--config", "c.yaml", "web.yaml")
    assert plain.err.startswith("error: unexpected ZeroDivisionError; this is a bug")


def test_a_workload_that_cannot_be_read_is_refused_with_its_name(run: Run) -> None:
    Path("shop.yaml").write_text(DEPLOYMENT.replace("        app: web\n", "        app: 1\n"))
    status, report = reported(run, "render", "--config", "c.yaml", "shop.yaml")
    assert status == 1
    for entry in (*report["workloads"], *report["errors"]):
        assert (entry["object"], entry["line"]) == ("Deployment shop/web", 10)
    assert report["counts"]["workloads"] == {"refused": 1}
    assert [each["code"] for each in report["errors"]] == ["invalid-pod"]
