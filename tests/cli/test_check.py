"""`check`: levels that depend on where a configuration is used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from injector.cli import check
from injector.cli.check_cluster import CheckedCluster
from injector.core.finding_codes import FindingCode
from injector.core.finding_pages import PAGES
from injector.core.model import Finding
from tests.cli.conftest import Run

RELEASED = "values: {global: {hub: registry.example.com/istio, tag: 1.30.0}}\n"


@pytest.mark.usefixtures("in_one_process")
@pytest.mark.parametrize(
    ("config", "flags", "expected"),
    [
        ("values: {}\n", [], (["warning"], 0)),
        ("values: {}\n", ["--fail-on=warning"], (["warning"], 1)),
        ("values: {}\n", ["--fail-on=error"], (["warning"], 0)),
        ("values: {}\n", ["--cluster"], (["error"], 1)),
        (RELEASED, ["--cluster"], ([], 0)),
        (RELEASED, ["--fail-on=warning"], ([], 0)),
        # The values of a running istiod replace the file's.
        ("server: {source: {istio: {namespace: istio-system}}}\n", ["--cluster"], ([], 0)),
    ],
)
def test_the_exit_status_follows_the_level_of_development_images(
    tmp_path: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    config: str,
    flags: list[str],
    expected: tuple[list[str], int],
) -> None:
    monkeypatch.setattr(check, "_in_cluster", lambda *_: CheckedCluster({}, []))
    (tmp_path / "c.yaml").write_text(config)
    done = run("check", "--config", str(tmp_path / "c.yaml"), "-o", "json", *flags)
    results = json.loads(done.out)["results"]
    levels = [one["level"] for one in results if one["code"] == "development-images"]
    assert (levels, done.status) == expected


@pytest.mark.usefixtures("in_one_process")
def test_the_report_has_sections_with_what_was_looked_at_and_short_lines(run: Run) -> None:
    done = run("check")
    heads = [line for line in done.out.splitlines() if line[0] in "√‼×"]
    assert [head.partition(":")[0] for head in heads] == ["‼ Configuration", "√ Templates", "√ Security"]
    assert "tried on 6 sample pods" in heads[1]
    assert "  note: 12 annotations that affect security may be used by any pod; --all lists them" in done.out
    assert "  note: injected pods do not pass PodSecurity baseline and restricted; --all lists" in done.out
    assert "    see docs/how-to/install.md" in done.out
    assert max(map(len, done.out.splitlines())) <= 160
    assert done.out.endswith("built-in defaults: no errors, 1 warning, 3 notes\n")
    complete = run("check", "--all")
    assert "sidecar.istio.io/discoveryAddress (control-plane)" in complete.out
    assert "adds the capabilities NET_ADMIN, NET_RAW" in complete.out
    assert "--all lists" not in complete.out


@pytest.mark.usefixtures("in_one_process")
@pytest.mark.parametrize(("level", "status"), [("error", 0), ("warning", 1), ("note", 1)])
def test_fail_on_counts_without_a_cluster(run: Run, level: str, status: int) -> None:
    assert run("check", "--fail-on", level).status == status


@pytest.mark.usefixtures("in_one_process")
@pytest.mark.parametrize("output", ["json", "yaml"])
def test_a_missing_file_is_a_result_for_programs(run: Run, output: str) -> None:
    done = run("check", "--config", "missing.yaml", "-o", output)
    assert (done.status, done.err) == (2, "")
    answer = yaml.safe_load(done.out)
    assert answer["counts"] == {"error": 1, "warning": 0, "note": 0}
    [result] = answer["results"]
    assert result == {
        "level": "error",
        "code": "load",
        "message": "no such file or directory",
        "where": "missing.yaml",
        "hint": "check the path",
        "section": "Configuration",
        "docs": "docs/reference/configuration.md",
    }


@pytest.mark.usefixtures("in_one_process")
def test_a_cluster_that_cannot_be_read_is_a_result_too(run: Run, tmp_path: Path) -> None:
    done = run("check", "--cluster", "--kubeconfig", tmp_path / "missing", "-o", "json")
    assert done.status == 1
    [result] = [one for one in json.loads(done.out)["results"] if one["section"] == "Cluster"]
    assert (result["level"], result["code"]) == ("error", "cluster-unreadable")
    assert "does not exist" in result["message"]


@pytest.mark.usefixtures("in_one_process")
def test_every_mistake_of_a_file_is_a_result_with_its_place(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("profil: istio\npolicy: on\nserver: {failureMode: ignore}\n")
    results = json.loads(run("check", "--config", file, "-o", "json").out)["results"]
    assert [(one["where"], one["message"], one["hint"]) for one in results] == [
        (f"{file}:1", 'profil: unknown key "profil"', "did you mean profile?"),
        (f"{file}:2", "policy: one of enabled, disabled is expected; did you mean enabled?", ""),
        (f"{file}:3", "server.failureMode: one of deny, allow is expected", ""),
    ]


def test_wait_needs_a_cluster(run: Run) -> None:
    done = run("check", "--wait", "5")
    assert done.status == 2
    assert "--wait needs --cluster" in done.err


@pytest.mark.usefixtures("in_one_process")
def test_wait_checks_the_cluster_again_until_nothing_fails(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A cluster that becomes right, and a clock without time: only the repetition counts.
    wrong = Finding.of(FindingCode.NO_ENDPOINTS, "Service mesh/injector has no ready pod")
    states = [CheckedCluster({}, [wrong]), CheckedCluster({}, [wrong]), CheckedCluster({}, [])]
    slept: list[float] = []
    monkeypatch.setattr(check, "_in_cluster", lambda *_: states.pop(0))
    monkeypatch.setattr("injector.cli.check.sleep", slept.append)
    (tmp_path / "c.yaml").write_text(RELEASED)
    flags = ("--config", tmp_path / "c.yaml", "--cluster", "--wait", "3600")
    assert run("check", *flags).status == 0
    assert (states, len(slept)) == ([], 2)


def test_every_page_that_a_finding_names_is_there() -> None:
    docs = Path(__file__).parents[2] / "docs"
    assert [page for page in PAGES.values() if not (docs / page).is_file()] == []
    assert PAGES.keys() <= {code.value for code in FindingCode}
