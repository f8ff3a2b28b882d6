"""The trial of a configuration: fields that Kubernetes does not have, and crashes, are named as such."""

from __future__ import annotations

from pathlib import Path

import pytest

from injector.config import trials
from injector.config.loading import Input, Text
from injector.config.trials import dry_run, trial
from injector.core.finding_codes import Level
from injector.core.model import Finding

TEMPLATE = """\
spec:
  containers:
  - name: shipper
    image: shipper:1
"""
BY_ALL = " (6 of 6 sample pods)"


def with_template(tmp_path: Path, text: str, settings: str = "") -> Input:
    folder = tmp_path / "shipper"
    folder.mkdir(exist_ok=True)
    (folder / "profile.yaml").write_text("name: shipper\ndefaultTemplates: [sidecar]\n")
    (folder / "sidecar.yaml.j2").write_text(text)
    return Input(Text(f"profile: {folder}\n{settings}", "injector.yaml"), str(tmp_path))


def texts(findings: list[Finding] | tuple[Finding, ...]) -> list[tuple[str, str, str, str]]:
    return [(f.code, f.where.rpartition("/")[2], f.message, f.hint) for f in findings]


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("imag: x", "spec.containers[shipper].imag: unknown field", "did you mean image?"),
        (
            "volumeMount: []",
            "spec.containers[shipper].volumeMount: unknown field",
            "did you mean volumeMounts?",
        ),
        ("ports: 8080", "spec.containers[shipper].ports: a list is expected, not a number", ""),
        (
            "env: [{name: A, value: 1}]",
            "spec.containers[shipper].env[A].value: a string is expected, not a number",
            "put it in quotes",
        ),
        (
            "imagePullPolicy: always",
            "spec.containers[shipper].imagePullPolicy: one of Always, IfNotPresent, Never is expected",
            "did you mean Always?",
        ),
    ],
)
def test_a_field_that_the_api_server_would_refuse_is_an_error_with_its_line(
    tmp_path: Path, line: str, message: str, hint: str
) -> None:
    result = trial(with_template(tmp_path, f"{TEMPLATE}    {line}\n"))
    assert texts(result.problems) == [("field", "sidecar.yaml.j2:5", f"{message}{BY_ALL}", hint)]


def test_every_wrong_value_of_a_template_is_an_error_of_its_own(tmp_path: Path) -> None:
    problems = trial(with_template(tmp_path, f"{TEMPLATE}    tty: maybe\n    workingDir: 1\n")).problems
    assert [(where, message) for _, where, message, _ in texts(problems)] == [
        (
            "sidecar.yaml.j2:5",
            f"spec.containers[shipper].tty: true or false is expected, not a string{BY_ALL}",
        ),
        (
            "sidecar.yaml.j2:6",
            f"spec.containers[shipper].workingDir: a string is expected, not a number{BY_ALL}",
        ),
    ]


@pytest.mark.parametrize(
    ("text", "message", "by"),
    [
        (TEMPLATE + "    env: {{ Values.nope }}\n", "'Values.nope' is not defined", BY_ALL),
        (TEMPLATE.replace("image", "imag"), "spec.containers[shipper].imag: unknown field", BY_ALL),
        (
            TEMPLATE + "    tty: {{ 'x' if Spec.hostNetwork | default(false) else true }}\n"
            "    stdin: {{ 1 if (Spec.serviceAccountName | default('')) == 'web' else true }}\n",
            "spec.containers[shipper].stdin: true or false is expected, not a number",
            " (1 of 6 sample pods: web)",
        ),
    ],
)
def test_one_mistake_is_one_finding_whatever_the_number_of_samples_that_show_it(
    tmp_path: Path, text: str, message: str, by: str
) -> None:
    [problem] = trial(with_template(tmp_path, text)).problems
    assert problem.message == message + by


def test_a_right_template_has_no_finding(tmp_path: Path) -> None:
    assert trial(with_template(tmp_path, TEMPLATE)).problems == ()


def test_a_field_that_is_near_to_no_other_is_a_warning_and_no_error(tmp_path: Path) -> None:
    [finding] = trial(with_template(tmp_path, f"{TEMPLATE}    fromTheFuture: {{a: 1}}\n")).problems
    assert finding.level is Level.WARNING
    assert texts([finding])[0][:2] == ("field", "sidecar.yaml.j2:5")
    assert "not in Kubernetes 1." in finding.message


def test_with_quirks_fields_are_not_checked(tmp_path: Path) -> None:
    quirks = "compatibility: {istioQuirks: true}\n"
    assert trial(with_template(tmp_path, f"{TEMPLATE}    imag: x\n", quirks)).problems == ()


def test_the_shipped_profile_injects_fields_of_kubernetes_alone() -> None:
    assert trial(Input(Text("", "injector.yaml"))).problems == ()


def test_a_crash_is_reported_as_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise TypeError("unsupported operand")

    monkeypatch.setattr(trials, "inject", fail)
    problems = trial(with_template(tmp_path, TEMPLATE)).problems
    assert {(code, message, hint) for code, _, message, hint in texts(problems)} == {
        (
            "crash",
            f"the injector failed with the default templates: unexpected TypeError{BY_ALL}",
            "this is a bug, please report it",
        )
    }
    assert all("test_trials.py" in where for _, where, _, _ in texts(problems))


def test_a_child_that_ends_by_itself_is_no_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nif sys.argv[0] == '-c':\n    sys.exit('no such library')\n"
    )
    [problem] = dry_run(with_template(tmp_path, TEMPLATE))
    assert problem.code == "crash"
    assert "status 1: SystemExit: no such library" in problem.message


def test_a_child_that_needs_too_much_memory_strikes_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nif sys.argv[0] == '-c':\n    import json\n"
        "    def fail(*_): raise MemoryError\n    json.dump = fail\n"
    )
    [problem] = dry_run(with_template(tmp_path, TEMPLATE))
    assert problem.code == "limit"
