"""`injector explain`: one workload in full, many as a table, and what is left out of either."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import DEPLOYMENT, Run

SWITCH = "logs.example.com/inject"
NOT_BOLD = "\x1b[22m"
DENIED = 'logs.example.com/templates: "gone"'


def a_deployment(name: str, *, labels: str = "app: web", annotations: str = "") -> str:
    text = DEPLOYMENT.replace("name: web\n  namespace", f"name: {name}\n  namespace")
    meta = f"annotations:\n        {annotations}\n      labels" if annotations else "labels"
    return text.replace("app: web", labels).replace("labels", meta, 1)


@pytest.fixture
def many(folder: Path) -> Path:
    """A configuration with a value of its own, and five workloads of all results."""
    (folder / "c.yaml").write_text("profile: ./logship\nvalues: {image: 'mine:1'}\n")
    documents = [
        a_deployment("web"),
        a_deployment("slip", annotations="logs.example.com/levle: debug"),
        a_deployment("quiet", labels=f'{SWITCH}: "false"'),
        a_deployment("loud", labels=f'{SWITCH}: "true"'),
        a_deployment("bad", annotations=DENIED),
    ]
    (folder / "many.yaml").write_text("---\n".join(documents))
    return folder


def rows(text: str) -> list[list[str]]:
    """The rows of a table, up to the empty line behind it."""
    return [re.split(r" {3,}", line) for line in text.partition("\n\n")[0].splitlines()]


# --- one workload -------------------------------------------------------------------------------


def test_one_workload_is_shown_with_what_the_profile_did_not_set(run: Run, many: Path) -> None:
    done = run("explain", "--config", "c.yaml", "-f", "web.yaml")
    assert done.out == (
        "Deployment shop/web  (web.yaml:1)\n"
        "  injected: on-by-default. Neither label nor annotation is set; the default policy injects.\n"
        "    rule policy: policy enabled\n"
        "\n"
        "  Values that are not the profile's\n"
        "    container shipper\n"
        "      image  mine:1  [values: image]\n"
        "\n"
        "  1 more value comes from the profile; --all shows it.\n"
    )


@pytest.mark.usefixtures("folder")
def test_where_all_values_are_the_profiles_they_are_only_counted(run: Run) -> None:
    done = run("explain", "--config", "c.yaml", "-f", "web.yaml")
    assert "Values" not in done.out
    assert done.out.endswith("\n\n  2 values come from the profile; --all shows them.\n")


def test_all_shows_every_rule_and_every_value_without_repeating_names(run: Run, many: Path) -> None:
    done = run("explain", "--config", "c.yaml", "-f", "web.yaml", "--all")
    assert "\n  Rules, in order\n" in done.out
    assert "    -> policy " in done.out
    assert "host-network" in done.out
    assert done.out.endswith(
        "  Values and their source\n"
        "    container shipper\n"
        "      image            mine:1  [values: image]\n"
        "      env.LEVEL.value  info  [profile]\n"
    )


@pytest.mark.usefixtures("folder")
def test_the_rule_that_decided_is_shown_with_what_it_examined(run: Run) -> None:
    done = run(
        "explain", "--config", "c.yaml", "-f", "-", stdin=a_deployment("q", labels=f'{SWITCH}: "false"')
    )
    lines = done.out.splitlines()
    assert lines[1:] == [
        "  skipped: opted-out-by-label. A label of the pod disables injection.",
        f"    rule label: {SWITCH}: false",
    ]


@pytest.mark.usefixtures("folder")
def test_a_refusal_has_its_error_and_no_rule_that_let_the_pod_pass(run: Run) -> None:
    done = run("explain", "--config", "c.yaml", "-f", "-", stdin=a_deployment("bad", annotations=DENIED))
    assert done.status == 1
    assert "  refused: invalid-annotation. " in done.out
    assert "    hint: available templates: sidecar\n" in done.out
    assert "rule policy" not in done.out


@pytest.mark.usefixtures("folder")
def test_findings_have_their_level_and_their_hint(run: Run) -> None:
    text = DEPLOYMENT.replace(
        "image: web:1", "image: web:1\n        volumeMounts: [{name: gone, mountPath: /x}]"
    )
    done = run("explain", "--config", "c.yaml", "-f", "-", stdin=text)
    assert "\n  Findings\n    " in done.out
    assert re.search(r"\n    (error|warning): .*\[[a-z-]+\]\n      hint: ", done.out), done.out


def test_programs_get_everything(run: Run, many: Path) -> None:
    for flags in ((), ("--all",)):
        done = run("explain", "--config", "c.yaml", "-f", "web.yaml", "-o", "json", *flags)
        (web,) = json.loads(done.out)["workloads"]
        assert {o["layer"] for o in web["origins"]} == {"values", "profile"}
        assert "/spec/containers/shipper/name" in {o["pointer"] for o in web["origins"]}
        assert len(web["trace"]) > 3
    as_yaml = run("explain", "--config", "c.yaml", "-f", "web.yaml", "-o", "yaml")
    assert yaml.safe_load(as_yaml.out)["workloads"] == [web]


# --- many workloads -----------------------------------------------------------------------------


def test_many_workloads_are_a_table_with_a_summary(run: Run, many: Path) -> None:
    done = run("explain", "--config", "c.yaml", "-f", "many.yaml")
    assert done.status == 1, "one is refused"
    assert rows(done.out) == [
        ["KIND", "NAME", "RESULT", "REASON", "FINDINGS"],
        ["Deployment", "shop/web", "injected", "on-by-default"],
        ["Deployment", "shop/slip", "injected", "on-by-default", "misspelt-key"],
        ["Deployment", "shop/quiet", "skipped", "opted-out-by-label"],
        ["Deployment", "shop/loud", "injected", "opted-in-by-label"],
        ["Deployment", "shop/bad", "refused", "invalid-annotation"],
    ]
    assert done.out.endswith("\n\n5 workloads: 3 injected, 1 skipped, 1 refused; 1 warning\n")


def test_the_wide_table_adds_the_place_and_the_sentence(run: Run, many: Path) -> None:
    done = run("explain", "--config", "c.yaml", "-f", "many.yaml", "-o", "wide")
    headings, *workloads = rows(done.out)
    assert headings == ["KIND", "NAME", "RESULT", "REASON", "FINDINGS", "WHERE", "DETAIL"]
    line = (many / "many.yaml").read_text().split("name: quiet\n")[0].count("\n") - 2
    assert workloads[2][-2:] == [f"many.yaml:{line}", "A label of the pod disables injection."]
    assert "(available templates: sidecar)" in workloads[4][-1]


def test_the_wide_table_is_one_for_a_single_workload_too(run: Run, many: Path) -> None:
    done = run("explain", "--config", "c.yaml", "-f", "web.yaml", "-o", "wide")
    assert [row[1] for row in rows(done.out)] == ["NAME", "shop/web"]
    assert done.out.endswith("\n\n1 workload: 1 injected\n")


def test_all_explains_each_of_many_in_full(run: Run, many: Path) -> None:
    done = run("explain", "--config", "c.yaml", "-f", "many.yaml", "--all")
    assert done.out.count("  Rules, in order\n") == 5


@pytest.mark.parametrize(
    ("flags", "names", "summary"),
    [
        (["--skipped"], ["quiet", "bad"], "2 of 5 workloads: 1 skipped, 1 refused"),
        (["--reason", "on-by-default"], ["web", "slip"], "2 of 5 workloads: 2 injected; 1 warning"),
        (
            ["--reason", "opted-in-by-label", "--reason", "opted-out-by-label"],
            ["quiet", "loud"],
            "2 of 5 workloads: 1 skipped, 1 injected",
        ),
        (["--reason", "opted-in-by-label", "--skipped"], [], "0 of 5 workloads"),
    ],
)
def test_filters_choose_the_workloads(
    run: Run, many: Path, flags: list[str], names: list[str], summary: str
) -> None:
    table = run("explain", "--config", "c.yaml", "-f", "many.yaml", *flags)
    assert [row[1] for row in rows(table.out)[1:]] == [f"shop/{name}" for name in names]
    assert table.out.splitlines()[-1] == summary
    programs = run("explain", "--config", "c.yaml", "-f", "many.yaml", "-o", "json", *flags)
    assert [each["name"] for each in json.loads(programs.out)["workloads"]] == names


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (
            ["--reason", "not-selectd"],
            "error: --reason: not-selectd is not a reason\n  hint: did you mean not-selected?",
        ),
        (["--reason", "xyz"], "error: --reason: xyz is not a reason\n  hint: use one of opted-in-by-label, "),
        (["--all", "-o", "wide"], "error: --all: --all is not a table\n"),
        (["-A"], "error: --all-namespaces: these options need a cluster"),
        (["-l", "app=web"], "error: --selector: these options need a cluster"),
    ],
)
def test_flags_that_cannot_be_are_refused_with_what_to_write(
    run: Run, many: Path, argv: list[str], said: str
) -> None:
    done = run("explain", "--config", "c.yaml", "-f", "many.yaml", *argv)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(said)


def test_a_table_takes_no_rendering_for_the_origin_of_values(
    run: Run, many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unexpected(*_: Any) -> None:
        raise AssertionError("an origin is computed")

    # Proves that something is not done, which nothing that it prints would show.
    monkeypatch.setattr("injector.core.reports.provenance.assemble", unexpected)
    assert run("explain", "--config", "c.yaml", "-f", "many.yaml").status == 1
    assert "5 workloads" in run("explain", "--config", "c.yaml", "-f", "many.yaml", "-o", "wide").out


def test_every_document_that_fails_is_named_and_nothing_is_printed(run: Run, many: Path) -> None:
    text = (
        f"{DEPLOYMENT}---\nkind: Deployment\napiVersion: apps/v1\n---\nkind: Pod\napiVersion: v1\nspec: 1\n"
    )
    done = run("explain", "--config", "c.yaml", "-f", "-", stdin=text)
    assert (done.status, done.out) == (1, "")
    lines = DEPLOYMENT.count("\n")
    assert re.findall(r"error: (-:\d+)", done.err) == [f"-:{lines + 2}", f"-:{lines + 7}"]


# --- manifests as arguments, and colour ---------------------------------------------------------


def test_a_manifest_may_be_a_plain_argument(run: Run, many: Path) -> None:
    assert run("explain", "--config", "c.yaml", "web.yaml").out.startswith(
        "Deployment shop/web  (web.yaml:1)"
    )
    assert "6 workloads" in run("explain", "--config", "c.yaml", "web.yaml", "many.yaml").out
    assert run("explain", "--config", "c.yaml", "-", stdin=DEPLOYMENT).out.startswith(
        "Deployment shop/web  (-:1)"
    )


def test_results_sources_and_warnings_have_colour_and_headings_have_none(
    run: Run, many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # pytest's stdout is no terminal.
    for module in ("explain_text", "explain_table"):
        monkeypatch.setattr(f"injector.cli.{module}.coloured", lambda _stream: True)
    text = a_deployment("slip", annotations="logs.example.com/levle: debug")
    one = run("explain", "--config", "c.yaml", "-f", "-", stdin=text).out
    table = run("explain", "--config", "c.yaml", "-f", "many.yaml").out
    one, table = one.replace(NOT_BOLD, ""), table.replace(NOT_BOLD, "")
    assert one.startswith("\x1b[1mDeployment shop/slip\x1b[0m  (")
    assert "\x1b[32m\x1b[1minjected\x1b[0m: on-by-default" in one
    assert "\x1b[33mwarning:\x1b[0m annotation" in one
    assert "\x1b[36m[values: image]\x1b[0m" in one
    assert "\x1b[37m" not in one + table, "white cannot be read on a light terminal"
    assert table.startswith("KIND  ")
    assert "\x1b[32minjected\x1b[0m" in table
    assert "\x1b[33mskipped\x1b[0m" in table
    assert "\x1b[31mrefused\x1b[0m" in table
