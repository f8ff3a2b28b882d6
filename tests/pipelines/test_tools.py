"""`render -k` and `render --helm`, which call the real kustomize, kubectl and helm of the user."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from injector.cli.pipelines import tools
from injector.errors import ManifestError
from tests.pipelines.conftest import DEPLOYMENT, Programs
from tests.pipelines.test_helm import TEMPLATES, VERSIONS, chart, objects, sorted_containers

KUSTOMIZATION = """\
resources: [web.yaml]
namePrefix: new-
"""


@pytest.fixture
def kustomization(programs: Programs) -> Path:
    folder = programs.folder / "overlay"
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(KUSTOMIZATION)
    (folder / "web.yaml").write_text(DEPLOYMENT)
    return folder


def script(programs: Programs, name: str, text: str) -> None:
    """A program in the place of a real one, for what real ones cannot be made to do."""
    path = programs.bin / name
    path.unlink(missing_ok=True)
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)


# --- kustomize ----------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [(), ("kustomize",)], ids=["kustomize", "kubectl"])
@pytest.mark.usefixtures("kustomization")
def test_a_folder_is_built_and_injected(programs: Programs, missing: tuple[str, ...]) -> None:
    done = programs.without(*missing).run("injector", "render", "-k", "overlay")
    assert sorted_containers(done.stdout) == {"new-web": ["shipper", "web"]}


def test_without_kustomize_and_kubectl_the_error_says_what_to_install(programs: Programs) -> None:
    variables = {"PATH": str(programs.without("kustomize", "kubectl").bin)}
    done = programs.run("injector", "render", "-k", "overlay", status=2, env=variables)
    assert "error: -k overlay: neither kustomize nor kubectl is on PATH" in done.stderr
    assert "hint: install kustomize" in done.stderr


def test_the_message_and_the_status_of_kustomize_are_shown(programs: Programs) -> None:
    done = programs.run("injector", "render", "-k", "missing", status=1)
    assert "Error: " in done.stderr
    assert "error: kustomize missing: kustomize failed with status 1" in done.stderr
    assert done.stdout == ""


@pytest.mark.usefixtures("kustomization")
def test_arguments_after_the_dashes_are_passed_to_kustomize(programs: Programs) -> None:
    plain = programs.run("injector", "render", "-k", "overlay").stdout
    flags = ("--load-restrictor", "LoadRestrictionsNone", "--enable-managedby-label")
    labelled = programs.run("injector", "render", "-k", "overlay", "--", *flags).stdout
    assert ("managed-by" in plain, "managed-by: kustomize" in labelled) == (False, True)


def test_kustomize_runs_no_programs_unless_its_flags_are_passed(
    programs: Programs, kustomization: Path
) -> None:
    function = """\
apiVersion: example.com/v1
kind: Marker
metadata:
  name: marker
  annotations:
    config.kubernetes.io/function: |
      exec: {path: mark}
"""
    (kustomization / "marker.yaml").write_text(function)
    (kustomization / "kustomization.yaml").write_text(KUSTOMIZATION + "transformers: [marker.yaml]\n")
    script(programs, "mark", "import sys; open('ran', 'w').close(); print(sys.stdin.read())")
    programs.run("injector", "render", "-k", "overlay", status=1)
    assert not (kustomization / "ran").exists()
    programs.run("injector", "render", "-k", "overlay", "--", "--enable-alpha-plugins", "--enable-exec")
    assert (kustomization / "ran").exists()


@pytest.mark.usefixtures("kustomization")
def test_what_is_built_can_be_shown_as_a_diff_and_checked(programs: Programs) -> None:
    diff = programs.run("injector", "render", "-k", "overlay", "--diff").stdout
    assert diff.startswith("--- a/kustomize overlay\n+++ b/kustomize overlay\n")
    assert "+      - name: shipper" in diff
    assert "\n-" not in diff
    programs.run("injector", "render", "-k", "overlay", "--check", status=1)


# --- helm ---------------------------------------------------------------------------------------


@pytest.fixture(params=VERSIONS)
def with_helm(request: pytest.FixtureRequest, programs: Programs) -> Programs:
    (programs.bin / request.param).rename(programs.bin / "helm")
    return programs


def test_a_chart_is_rendered_and_its_hooks_are_left_alone(with_helm: Programs) -> None:
    chart(with_helm.folder / "chart", TEMPLATES)
    done = with_helm.run("injector", "render", "--helm", "chart")
    assert sorted_containers(done.stdout) == {
        "web": ["shipper", "web"],
        "batch": ["batch", "shipper"],
        "migrate": ["migrate"],
        "check": ["check"],
    }
    assert "passed    Job migrate: helm-hook." in done.stderr
    assert "passed    Pod check: helm-hook." in done.stderr


def test_several_processes_leave_hooks_alone_as_one_does(with_helm: Programs) -> None:
    chart(with_helm.folder / "chart", TEMPLATES)
    render = ("injector", "render", "--helm", "chart", "--jobs")
    one, two = (with_helm.run(*render, count) for count in ("1", "2"))
    assert (one.stdout, one.stderr) == (two.stdout, two.stderr)


def test_a_flag_injects_the_hooks_of_a_chart(with_helm: Programs) -> None:
    chart(with_helm.folder / "chart", TEMPLATES)
    done = with_helm.run("injector", "render", "--helm", "chart", "--hooks")
    assert sorted_containers(done.stdout)["migrate"] == ["migrate", "shipper"]


def test_arguments_after_the_dashes_are_passed_to_helm(with_helm: Programs) -> None:
    text = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: '{{ .Release.Name }}-{{ .Values.tier }}'}\n"
    chart(with_helm.folder / "chart", {"name.yaml": text})
    done = with_helm.run("injector", "render", "--helm", "chart", "--", "mine", "--set", "tier=a$(id)")
    assert list(objects(done.stdout)) == ["mine-a$(id)"]


def test_the_message_of_helm_is_shown(with_helm: Programs) -> None:
    chart(with_helm.folder / "chart", {"web.yaml": "{{ fail `no such tier` }}"})
    done = with_helm.run("injector", "render", "--helm", "chart", status=1)
    assert "no such tier" in done.stderr
    assert "error: helm chart: helm failed with status 1" in done.stderr
    assert done.stdout == ""


def test_without_helm_the_error_says_what_to_install(programs: Programs) -> None:
    alone = {"PATH": str(programs.bin)}
    done = programs.run("injector", "render", "--helm", "chart", status=2, env=alone)
    assert "error: --helm chart: helm is not on PATH" in done.stderr


def test_an_error_in_what_helm_renders_names_the_chart_and_the_line(with_helm: Programs) -> None:
    chart(with_helm.folder / "chart", {"web.yaml": "apiVersion: v1\nkind: Pod\nspec: {containers: 1}\n"})
    done = with_helm.run("injector", "render", "--helm", "chart", status=1)
    assert "error: helm chart:5: /spec/containers" in done.stderr


@pytest.mark.parametrize("others", [("-k", "overlay"), ("-f", "web.yaml"), ("--krm",)])
def test_the_flag_for_hooks_is_refused_where_it_has_no_effect(
    programs: Programs, others: tuple[str, ...]
) -> None:
    done = programs.run("injector", "render", "--hooks", *others, status=2)
    assert "error: --hooks: it is only for --helm and --post-renderer" in done.stderr


# --- programs that misbehave --------------------------------------------------------------------


def test_a_program_that_is_killed_is_an_error(programs: Programs) -> None:
    script(programs, "helm", "import os; os.kill(os.getpid(), 9)")
    done = programs.run("injector", "render", "--helm", "chart", status=1)
    assert f"failed with signal {signal.SIGKILL.value}" in done.stderr


def test_more_output_than_the_limit_is_an_error(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script(programs, "helm", "print('a' * 5000)")
    monkeypatch.setenv("PATH", str(programs.bin))
    assert tools.helm("chart", []) == ("helm chart", b"a" * 5000 + b"\n")
    monkeypatch.setattr(tools, "MOST", 5000)
    with pytest.raises(ManifestError, match="larger than"):
        tools.helm("chart", [])


def test_what_a_program_printed_before_it_failed_is_not_rendered(programs: Programs) -> None:
    script(programs, "helm", f"import sys; print({DEPLOYMENT!r}); sys.exit(3)")
    done = programs.run("injector", "render", "--helm", "chart", status=1)
    assert (done.stdout, "failed with status 3" in done.stderr) == ("", True)


@pytest.mark.parametrize(
    ("flag", "other"),
    [("-k", "--helm"), ("-k", "-f"), ("--helm", "-f"), ("--helm", "--base"), ("-k", "--output-dir")]
    + [(flag, "--in-place") for flag in ("-k", "--helm")],
)
def test_manifests_of_a_program_come_from_one_place_and_go_to_stdout(
    programs: Programs, flag: str, other: str
) -> None:
    more = (other,) if other == "--in-place" else (other, "two")
    done = programs.run("injector", "render", flag, "one", *more, status=2)
    assert "cannot be combined" in done.stderr
