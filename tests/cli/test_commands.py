"""`uninject`, `explain`, `admit`, `check`, and what all commands share."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
import yaml

from injector import __version__
from injector.cli import check
from injector.cli.check_cluster import CheckedCluster
from injector.cli.main import COMMANDS
from injector.core.finding_codes import FindingCode, Level
from injector.core.model import Finding
from tests.cli.conftest import DEPLOYMENT, Run
from tests.factories import a_review

CRONJOB = """\
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  jobTemplate:
    spec:
      template:
        metadata: {labels: {app: nightly}}
        spec:
          containers: [{name: job, image: "job:1"}]
"""
POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web-1"},
    "spec": {"containers": [{"name": "web", "image": "web:1"}]},
}


def review(pod: dict[str, Any], version: str = "v1") -> str:
    return json.dumps(a_review(pod, version=version, uid="u-1"))


# --- uninject -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "original", [DEPLOYMENT, CRONJOB, json.dumps(POD)], ids=["Deployment", "CronJob", "Pod"]
)
def test_uninject_gives_back_what_there_was(run: Run, original: str) -> None:
    injected = run("kube-inject", "--config", "c.yaml", "-f", "-", stdin=original)
    back = run("uninject", "--config", "c.yaml", "-f", "-", stdin=injected.out)
    assert back.status == 0
    assert injected.out != back.out
    assert yaml.safe_load(back.out) == yaml.safe_load(original)
    assert back.err.startswith("removed ")


def test_uninject_finds_the_annotations_that_quirks_keep_above_a_cronjobs_pods(
    folder: Path, run: Run
) -> None:
    (folder / "q.yaml").write_text("profile: ./logship\ncompatibility: {istioQuirks: true}\n")
    injected = run("kube-inject", "--config", "q.yaml", "-f", "-", stdin=CRONJOB)
    assert "annotations" in yaml.safe_load(injected.out)["spec"]["jobTemplate"]["metadata"]
    back = run("uninject", "--config", "c.yaml", "-f", "-", stdin=injected.out)
    assert yaml.safe_load(back.out) == yaml.safe_load(CRONJOB)


@pytest.mark.usefixtures("folder")
def test_uninject_passes_what_carries_no_injection_byte_for_byte(run: Run) -> None:
    text = f"# none\n{DEPLOYMENT}---\nkind: Service\napiVersion: v1\n--- # end"
    done = run("uninject", "--config", "c.yaml", "-f", "-", stdin=text)
    assert (done.status, done.out) == (0, text)


def test_uninject_in_place_restores_the_file(folder: Path, run: Run) -> None:
    run("kube-inject", "--config", "c.yaml", "-f", "web.yaml", "-o", "web.yaml")
    assert run("uninject", "--config", "c.yaml", "-f", "web.yaml", "-o", "web.yaml").status == 0
    assert (folder / "web.yaml").read_text() == DEPLOYMENT


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("text", "status"),
    [("a: [", 1), ("apiVersion: apps/v1\nkind: Deployment\nspec: 1\n", 1), (None, 2)],
)
def test_uninject_prints_nothing_when_something_fails(run: Run, text: str | None, status: int) -> None:
    argv = [] if text is None else ["-f", "web.yaml", "-f", "-"]
    done = run("uninject", "--config", "c.yaml", *argv, stdin=text or "")
    assert (done.status, done.out) == (status, "")
    assert "error: " in done.err


@pytest.mark.usefixtures("folder")
def test_uninject_names_what_it_cannot_restore(run: Run) -> None:
    annotations = {"logs.example.com/status": '{"containers":["shipper"]}', "sidecar-injector/undo": "{"}
    containers = [*POD["spec"]["containers"], {"name": "shipper", "image": "shipper:1"}]
    pod = {
        **POD,
        "metadata": {"name": "web-1", "annotations": annotations},
        "spec": {"containers": containers},
    }
    done = run("uninject", "--config", "c.yaml", "-f", "-", stdin=json.dumps(pod))
    assert done.status == 0
    assert "the undo annotation is not valid JSON; its content is lost [uninject]" in done.err


# --- explain ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
def test_explain_prints_rules_findings_and_origins(run: Run) -> None:
    text = DEPLOYMENT.replace("app: web", 'logs.example.com/levle: "debug"')
    done = run("explain", "--config", "c.yaml", "-f", "-", stdin=text)
    assert done.status == 0
    assert done.out.startswith("Deployment shop/web  (-:1)\n  injected: on-by-default. ")
    assert "    rule policy: policy enabled\n" in done.out
    assert "did you mean logs.example.com/level?" in done.out
    assert "2 values come from the profile" in done.out
    assert "\x1b" not in done.out


def test_explain_for_programs_has_stable_keys(folder: Path, run: Run) -> None:
    (folder / "c.yaml").write_text("profile: ./logship\nvalues: {image: 'mine:1'}\n")
    done = run("explain", "--config", "c.yaml", "-o", "json", "-f", "web.yaml")
    shown = json.loads(done.out)
    (web,) = shown["workloads"]
    assert sorted(shown) == ["findings", "workloads"]
    assert list(web) == [
        "kind",
        "namespace",
        "name",
        "where",
        "verdict",
        "reason",
        *("sentence", "detail", "hint"),
        "error",
        "trace",
        "findings",
        "origins",
    ]
    assert (web["where"], web["verdict"], web["reason"]) == ("web.yaml:1", "inject", "on-by-default")
    assert [step["rule"] for step in web["trace"] if step["won"]] == ["policy"]
    image = next(o for o in web["origins"] if o["pointer"] == "/spec/containers/shipper/image")
    assert (image["value"], image["layer"], image["detail"]) == ("mine:1", "values", "image")


@pytest.mark.usefixtures("folder")
def test_explain_names_the_rule_that_skips(run: Run) -> None:
    text = DEPLOYMENT.replace("      containers:", "      hostNetwork: true\n      containers:")
    done = run("explain", "--config", "c.yaml", "-f", "-", stdin=text)
    assert done.status == 0
    assert "skipped: host-network." in done.out
    assert "    rule host-network: spec.hostNetwork true\n" in done.out


@pytest.mark.usefixtures("folder")
def test_explain_ends_with_1_where_a_workload_is_refused(run: Run) -> None:
    text = DEPLOYMENT.replace("labels:", "annotations: {logs.example.com/templates: nope}\n      labels:")
    done = run("explain", "--config", "c.yaml", "-f", "-", stdin=text)
    assert done.status == 1
    assert "refused: invalid-annotation." in done.out
    assert "available templates: sidecar" in done.out


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("argv", "status", "said"),
    [
        ([], 2, "give either -f FILE or KIND/NAME"),
        (["deploy/web", "-f", "web.yaml"], 2, "give either -f FILE or KIND/NAME"),
        (
            ["-f", "web.yaml", "--context", "x"],
            2,
            "these options need a cluster, and files are explained without one",
        ),
        (["-f", "c.yaml"], 1, "no object with a pod template"),
    ],
)
def test_explain_reports_what_is_missing(run: Run, argv: list[str], status: int, said: str) -> None:
    done = run("explain", "--config", "c.yaml", *argv)
    assert (done.status, done.out) == (status, "")
    assert said in done.err


# --- admit --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_admit_answers_a_review_with_the_patch_of_the_webhook(run: Run, version: str) -> None:
    done = run("admit", "--config", "c.yaml", "-f", "-", stdin=review(POD, version))
    answer = json.loads(done.out)
    assert done.status == 0
    assert (answer["apiVersion"], answer["response"]["uid"]) == (f"admission.k8s.io/{version}", "u-1")
    patch = json.loads(base64.b64decode(answer["response"]["patch"]))
    pod = jsonpatch.JsonPatch(patch).apply(POD)
    assert "shipper" in [c["name"] for c in pod["spec"]["containers"]]


@pytest.mark.usefixtures("folder")
def test_a_denial_is_an_answer(run: Run) -> None:
    pod = {**POD, "metadata": {"name": "web-1", "annotations": {"logs.example.com/templates": "nope"}}}
    done = run("admit", "--config", "c.yaml", "-f", "-", stdin=review(pod))
    assert done.status == 0
    assert json.loads(done.out)["response"]["allowed"] is False
    assert done.err.startswith("refused ")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("text", ["", "{}", "[1]", "not json", '{"kind": "Pod"}', "[" * 10000 + "]" * 10000])
def test_what_is_no_review_is_an_error_with_a_sentence(run: Run, text: str) -> None:
    done = run("admit", "--config", "c.yaml", "-f", "-", stdin=text)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("error: ")
    assert "Traceback" not in done.err


@pytest.mark.usefixtures("folder")
def test_admit_needs_a_file_that_is_there(run: Run) -> None:
    assert run("admit", "--config", "c.yaml").status == 2
    assert run("admit", "--config", "c.yaml", "-f", "missing.json").status == 1


# --- check --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
def test_check_finds_nothing_wrong_with_a_good_configuration(run: Run) -> None:
    done = run("check", "--config", "c.yaml")
    assert done.status == 0
    # What the sidecar would need in a strict namespace is said, and is no error.
    assert [line.split()[0] for line in done.out.splitlines()] == ["√", "√", "√", "note:", "c.yaml:"]
    assert done.out.endswith("c.yaml: no errors, 1 note\n")


def test_check_names_the_code_of_what_cannot_be_loaded(folder: Path, run: Run) -> None:
    (folder / "broken.yaml").write_text("no-such-setting: 1\n")
    done = run("check", "--config", "broken.yaml")
    assert done.status == 2
    assert "[load]" in done.out


@pytest.mark.usefixtures("in_one_process")
@pytest.mark.parametrize(
    ("template", "status", "said"),
    [
        ("spec:\n{% if %}\n", 2, "sidecar.yaml.j2:2"),
        ("spec: {containers: [{name: a, image: {{ Values.nope }} }]}\n", 1, "sidecar.yaml.j2:1"),
        ("- a\n- list\n", 1, "a map (partial pod template) is expected"),
        ("x: {{ 'a' * 20000000 }}\n", 1, "sidecar.yaml.j2:1"),
        (
            "{% for i in range(1000000) %}{% for j in range(1000000) %}x{% endfor %}{% endfor %}",
            1,
            "sidecar.yaml.j2:1",
        ),
        ("x: {{ ''.__class__.__mro__ }}\n", 1, "sidecar.yaml.j2:1"),
    ],
)
def test_check_tries_templates_on_sample_pods(
    folder: Path, run: Run, template: str, status: int, said: str
) -> None:
    (folder / "logship" / "sidecar.yaml.j2").write_text(template)
    done = run("check", "--config", "c.yaml")
    assert done.status == status
    assert said in done.out


def test_check_reports_the_findings_of_the_bounded_processes(folder: Path, run: Run) -> None:
    (folder / "logship" / "sidecar.yaml.j2").write_text("x: {{ 'a' * 20000000 }}\n")
    done = run("check", "--config", "c.yaml")
    assert done.status == 1
    assert "sidecar.yaml.j2:1" in done.out


@pytest.mark.usefixtures("folder")
@pytest.mark.usefixtures("in_one_process")
@pytest.mark.parametrize(
    ("level", "flags", "status"),
    [
        ("warning", (), 1),
        ("warning", ("--fail-on=error",), 0),
        ("error", ("--fail-on=error",), 1),
        ("note", (), 0),
    ],
)
def test_check_fails_for_what_it_is_asked_to(
    run: Run, monkeypatch: pytest.MonkeyPatch, level: str, flags: tuple[str, ...], status: int
) -> None:
    # No cluster: only what becomes of a finding counts.
    findings = [Finding(FindingCode.NO_NAMESPACE, Level(level), "no namespace matches")]
    monkeypatch.setattr(check, "_in_cluster", lambda *_: CheckedCluster({}, findings))
    done = run("check", "--config", "c.yaml", "--cluster", *flags)
    assert done.status == status
    assert "no namespace matches" in done.out


@pytest.mark.usefixtures("in_one_process")
def test_check_reports_what_is_left_out_and_succeeds(folder: Path, run: Run) -> None:
    (folder / "c.yaml").write_text("profile: ./logship\nneverInjectSelector: [{matchLables: {a: b}}]\n")
    done = run("check", "--config", "c.yaml", "-o", "json")
    results = [(one["level"], one["code"]) for one in json.loads(done.out)["results"]]
    assert done.status == 0
    assert sorted(results) == [("note", "pod-security"), ("warning", "selector")]


@pytest.mark.usefixtures("in_one_process")
def test_check_warns_of_failing_open(folder: Path, run: Run) -> None:
    (folder / "c.yaml").write_text("profile: ./logship\nserver: {failureMode: allow}\n")
    done = run("check", "--config", "c.yaml")
    assert done.status == 0
    assert "warning: server.failureMode: a pod that cannot be injected is admitted" in done.out
    results = json.loads(run("check", "--config", "c.yaml", "-o", "json").out)["results"]
    assert ("warning", "fails-open") in [(one["level"], one["code"]) for one in results]


@pytest.mark.parametrize("command", ["kube-inject", "uninject", "explain", "admit", "check"])
def test_an_unknown_key_of_the_configuration_is_reported_with_its_place_and_the_nearest(
    folder: Path, run: Run, command: str
) -> None:
    (folder / "c.yaml").write_text("profile: ./logship\nvalues: {}\npolcy: enabled\n")
    done = run(command, "--config", "c.yaml", *([] if command == "check" else ["-f", "web.yaml"]))
    if command == "check":
        assert done.status == 2
        assert 'c.yaml:3: polcy: unknown key "polcy" (hint: did you mean policy?)' in done.out
        return
    assert (done.status, done.out) == (2, "")
    assert done.err == 'error: c.yaml:3: polcy: unknown key "polcy"\n  hint: did you mean policy?\n'


# --- all commands -------------------------------------------------------------------------------


def test_the_version_is_printed(run: Run) -> None:
    assert run("--version").out == f"injector, version {__version__}\n"


@pytest.mark.parametrize("name", [n for n in COMMANDS if n != "serve"])
def test_the_help_of_every_command_has_examples(run: Run, name: str) -> None:
    done = run(name, "--help")
    assert done.status == 0
    assert "Examples:\n" in done.out
    assert "injector " + name in done.out


@pytest.mark.parametrize("name", [n for n in COMMANDS if n not in ("completion", "help")])
def test_the_flags_of_a_command_are_the_fields_of_its_dataclass(name: str) -> None:
    command = import_module(f"injector.cli.commands.{(module := COMMANDS[name][0])}").command
    of = import_module("injector.serving.start" if name == "serve" else f"injector.cli.{module}")
    (flags_class,) = (value for key, value in vars(of).items() if key.endswith("Flags"))
    ones = getattr(command, "commands", {"": command}).values()
    flags = {p.name for one in ones for p in one.params if p.expose_value and not p.is_eager}
    assert {member.name for member in fields(flags_class)} == flags


def test_flags_and_help_load_nothing_of_what_commands_do() -> None:
    code = (
        "import sys; from injector.cli.main import COMMANDS, cli\n"
        "for name in COMMANDS: assert cli.get_command(None, name).help\n"
        "print(*(n for n, m in sys.modules.items() if n.startswith('injector.') and vars(m)['__doc__']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = {"cli", "cli.commands", "cli.main", "errors", "light_import", "patterns", "printable", "stdout"}
    ours |= {"cli.reporting", "cli.reporting.names", *(f"cli.commands.{m}" for m, _ in COMMANDS.values())}
    assert {m for m in done.stdout.split() if m[-7:] != "options"} <= {f"injector.{n}" for n in ours}


def test_the_help_lists_all_commands_without_loading_them() -> None:
    code = (
        "import sys; from injector.cli.main import main; main(['--help'])\n"
        "ran = {n for n, m in sys.modules.items() if n.startswith('injector.c') and vars(m)['__doc__']}\n"
        "print(sorted(ran - {'injector.cli', 'injector.cli.main'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")
    assert all(f"  {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["kube-injct"], "did you mean kube-inject?"),
        (["kube-inject", "--confg", "x"], "--config"),
        (["explain", "-o", "xml", "-f", "x"], "xml"),
        (["quux"], "quux"),
    ],
)
def test_a_wrong_usage_ends_with_2(run: Run, argv: list[str], said: str) -> None:
    done = run(*argv)
    assert (done.status, done.out, said in done.err) == (2, "", True)


@pytest.mark.usefixtures("folder")
def test_a_defect_is_one_line_without_the_text_of_the_exception(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("secret of a pod")

    # There is no defect at hand to provoke this with.
    monkeypatch.setattr("injector.cli.configuration.load_input", broken)
    monkeypatch.delenv("INJECTOR_DEBUG", raising=False)
    done = run("kube-inject", "-f", "web.yaml")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("error: unexpected KeyError; this is a bug, please report it\n")
    assert "secret" not in done.err
    monkeypatch.setenv("INJECTOR_DEBUG", "1")
    assert "Traceback" in run("kube-inject", "-f", "web.yaml").err
