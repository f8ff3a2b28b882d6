"""Files that are not what a person meant: each is named with its place, what is expected, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import DEPLOYMENT, Run

INJECT = ("kube-inject", "--config", "c.yaml")
PIPE = "| injector kube-inject -f -"
NO_OBJECT = "no Kubernetes object (apiVersion and kind are expected), passed as it is"
HELM = """\
apiVersion: apps/v1
kind: Deployment
metadata:
{{- if .Values.labels }}
  labels: {{ toYaml .Values.labels | nindent 4 }}
{{- end }}
"""

pytestmark = pytest.mark.usefixtures("folder")

# What is in the file, and the whole line that says so, behind the name of the file.
NAMED = [
    ("hello world\n", f":1: {NO_OBJECT} (hint: check that this is the right file) [no-object]"),
    ("- 1\n", f":1: {NO_OBJECT} (hint: check that this is the right file) [no-object]"),
    ("image: web\n", f":1: {NO_OBJECT} (hint: add apiVersion and kind, or exclude the document) [no-object]"),
    (
        "apiVersion: v1\nimage: web\n",
        f":1: {NO_OBJECT} (hint: add kind, or exclude the document) [no-object]",
    ),
    ("kind: Ship\n", f":1: {NO_OBJECT} (hint: add apiVersion, or exclude the document) [no-object]"),
    (
        "profile: istio\nvalues: {}\n",
        f":1: {NO_OBJECT} (hint: this is a configuration of the injector; use it with --config) [no-object]",
    ),
    (
        "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
        f":1: {NO_OBJECT} (hint: this is the Chart.yaml of a Helm chart; render the chart: "
        f"helm template DIR {PIPE}) [no-object]",
    ),
    (
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n",
        f":1: {NO_OBJECT} (hint: this is a file of Kustomize; render it: kubectl kustomize DIR {PIPE}) "
        "[no-object]",
    ),
    (
        "",
        ": no content, or only comments; manifests are expected (hint: check what writes it) [no-object]",
    ),
    (
        "# all of it\n\n---\n# is a comment\n",
        ": no content, or only comments; manifests are expected (hint: check what writes it) [no-object]",
    ),
    (
        "apiVersion: v1\nkind: Podd\n",
        ":2: kind Podd is unknown and passed as it is; did you mean Pod? "
        "(hint: write apiVersion: v1 and kind: Pod) [misspelt-kind]",
    ),
    (
        "kind: cronjob\n",
        ":1: kind cronjob is unknown and passed as it is; did you mean CronJob? "
        "(hint: write apiVersion: batch/v1 and kind: CronJob) [misspelt-kind]",
    ),
]


@pytest.mark.parametrize(("text", "line"), NAMED)
def test_a_file_without_objects_is_named_and_passes(run: Run, text: str, line: str) -> None:
    Path("x.yaml").write_text(text)
    for command in (INJECT, ("uninject", "--config", "c.yaml")):
        done = run(*command, "-f", "x.yaml")
        assert (done.status, done.out) == (0, text)
        assert f"warning: x.yaml{line}" in done.err.splitlines()


@pytest.mark.parametrize(
    "kind", ["v1 Node", "v1 Secret", "example.com/v1 Pods", "apps/v1 ControllerRevision", "v1 PodList"]
)
def test_a_kind_that_may_be_right_is_not_doubted(run: Run, kind: str) -> None:
    version, _, name = kind.partition(" ")
    done = run(*INJECT, "-f", "-", stdin=f"apiVersion: {version}\nkind: {name}\n")
    assert (done.status, done.err) == (0, "no workloads; 1 other document\n")


def test_a_workload_without_an_api_version_is_passed_with_what_is_expected(run: Run) -> None:
    done = run(*INJECT, "-f", "-", stdin=DEPLOYMENT.replace("apiVersion: apps/v1\n", ""))
    assert done.status == 0
    assert done.err.splitlines() == [
        "warning: -:1: apiVersion of the Deployment is missing (hint: set apiVersion: apps/v1) [no-object]",
        "passed    Deployment shop/web: unsupported-kind. "
        "The pod template at -:6 (/spec/template) is not injected.",
        "          hint: a Deployment of Kubernetes has apiVersion: apps/v1",
        "1 workload: 1 passed",
    ]


@pytest.mark.parametrize("command", ["kube-inject", "uninject", "explain"])
@pytest.mark.parametrize(
    ("text", "line"),
    [
        (HELM, 4),
        ("kind: Deployment\nmetadata: {{ include \"shop.meta\" . }}\napiVersion: apps/v1\n", 2),
        ("{{- range .Values.shops }}\nkind: Deployment\n", 1),
    ],
)  # fmt: skip
def test_a_template_of_helm_is_recognised(run: Run, command: str, text: str, line: int) -> None:
    Path("web.tpl.yaml").write_text(text)
    done = run(command, "--config", "c.yaml", "-f", "web.tpl.yaml")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(
        f"error: web.tpl.yaml:{line}: this is a Helm template, not a manifest\n"
        f"  hint: render it first: helm template CHART {PIPE}\n"
    )


def test_braces_of_another_program_are_no_template_of_helm(run: Run) -> None:
    text = DEPLOYMENT.replace("app: web", 'app: "{{workflow.name}}"')
    assert run(*INJECT, "-f", "-", stdin=text).status == 0
    broken = run(*INJECT, "-f", "-", stdin="kind: Pod\nmetadata: {{workflow.meta}}\n")
    assert "Helm" not in broken.err
    assert broken.status == 1


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("nope.yaml", "no such file or directory", "check the path"),
        (
            "*.yml",
            "no such file or directory",
            "write the pattern without quotes, so that the shell expands it",
        ),
        ("web.yaml/x", "not a directory", "check the path and its permissions"),
    ],
)  # fmt: skip
def test_a_name_without_a_file_says_what_to_do(run: Run, name: str, message: str, hint: str) -> None:
    done = run(*INJECT, name)
    assert (done.status, done.err) == (1, f"error: {name}: {message}\n  hint: {hint}\n")


@pytest.mark.parametrize("text", [DEPLOYMENT, f"{DEPLOYMENT}---\n{DEPLOYMENT}", f"# shop\n{DEPLOYMENT}"])
@pytest.mark.parametrize(
    "command", [("kube-inject", "-f", "web.yaml"), ("explain", "-f", "web.yaml"), ("uninject", "web.yaml")]
)
def test_a_manifest_as_a_configuration_is_one_sentence(run: Run, text: str, command: tuple[str, ...]) -> None:
    Path("shop.yaml").write_text(text)
    done = run(*command, "--config", "shop.yaml")
    line = text.splitlines().index("kind: Deployment") + 1
    assert (done.status, done.out) == (2, "")
    assert done.err == (
        f"error: shop.yaml:{line}: a manifest of kind Deployment, expected a configuration\n"
        "  hint: give manifests with -f, and the configuration with --config\n"
    )


# --- counting -------------------------------------------------------------------------------------

OUT = DEPLOYMENT.replace("app: web", 'logs.example.com/inject: "false"')
ROLLOUT = DEPLOYMENT.replace("apps/v1", "example.com/v1").replace("Deployment", "Rollout")
SECRET = "apiVersion: v1\nkind: Secret\n"


@pytest.mark.parametrize(
    ("texts", "status", "line"),
    [
        ([DEPLOYMENT], 0, "1 workload: 1 injected"),
        ([DEPLOYMENT, DEPLOYMENT, OUT], 0, "3 workloads: 2 injected, 1 skipped"),
        ([DEPLOYMENT, SECRET], 0, "1 workload: 1 injected; 1 other document"),
        ([OUT, ROLLOUT, SECRET, "a: 1\n"], 0, "2 workloads: 1 skipped, 1 passed; 2 other documents"),
        ([SECRET], 0, "no workloads; 1 other document"),
        (["# no more\n"], 0, "no workloads"),
        ([DEPLOYMENT, DEPLOYMENT.replace("name: web", "nam: web")], 1, "2 workloads: 1 injected, 1 refused"),
        ([f"apiVersion: v1\nkind: List\nitems:\n- {SECRET.replace(chr(10), chr(10) + '  ')}\n"], 0,
         "no workloads; 1 other document"),
    ],
)  # fmt: skip
def test_the_last_line_counts(run: Run, texts: list[str], status: int, line: str) -> None:
    done = run(*INJECT, "-f", "-", stdin="---\n".join(texts))
    assert (done.status, done.err.splitlines()[-1]) == (status, line)


def test_an_injection_that_is_there_already_counts_as_unchanged(run: Run) -> None:
    injected = run(*INJECT, "-f", "web.yaml").out
    assert run(*INJECT, "-f", "-", stdin=injected).err.endswith("\n1 workload: 1 unchanged\n")


# --- unknown kinds --------------------------------------------------------------------------------

SHAPES = [
    ("Rollout", "spec: {template: {spec: {containers: [{name: a}]}}}", 4, "/spec/template"),
    ("Workflow", "spec:\n  templates:\n  - spec: {containers: []}", 6, "/spec/templates/0"),
    ("Deep", "spec: {a: {b: [[{c: {spec: {containers: [{name: a}]}}}]]}}", 4, "/spec/a/b/0/0/c"),
    ("Database", "spec:\n  containers: [{name: a}]", 1, "/"),
]


@pytest.mark.parametrize(("kind", "body", "line", "pointer"), SHAPES)
def test_an_object_of_another_kind_with_a_pod_template_is_named_and_an_error_with_strict(
    run: Run, kind: str, body: str, line: int, pointer: str
) -> None:
    text = f"apiVersion: example.com/v1\nkind: {kind}\nmetadata: {{name: roll, namespace: shop}}\n{body}\n"
    done = run(*INJECT, "-f", "-", stdin=text)
    sentence = f"The pod template at -:{line} ({pointer}) is not injected."
    assert (done.status, done.out) == (0, text)
    assert done.err.splitlines() == [
        f"passed    {kind} shop/roll: unsupported-kind. {sentence}",
        "          hint: the webhook can still inject its pods when they are created",
        "1 workload: 1 passed",
    ]
    strict = run(*INJECT, "-f", "-", "--strict", stdin=text)
    assert (strict.status, strict.out) == (1, "")
    assert f"error: -:{line}: {kind} shop/roll: unsupported-kind. {sentence}\n" in strict.err
    assert "or exclude the document\n" in strict.err


@pytest.mark.parametrize(
    "body",
    [
        "spec: {containers: none}",
        "spec: {containers: [a, b]}",
        "data: {x: 'spec: {containers: []}'}",
        "containers: [{name: a}]",
    ],
)
def test_what_only_looks_like_a_pod_template_is_another_document(run: Run, body: str) -> None:
    done = run(*INJECT, "-f", "-", "--strict", stdin=f"apiVersion: example.com/v1\nkind: Thing\n{body}\n")
    assert (done.status, done.err) == (0, "no workloads; 1 other document\n")


def test_the_definition_of_a_kind_makes_no_pods(run: Run) -> None:
    text = (
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec: {containers: [{a: 1}]}\n"
    )
    assert run(*INJECT, "-f", "-", "--strict", stdin=text).err == "no workloads; 1 other document\n"


def test_near_misses_of_an_unknown_kind_are_reported_on_the_object_and_on_its_pods(run: Run) -> None:
    text = (
        "apiVersion: example.com/v1\nkind: Rollout\nmetadata:\n  name: r\n  annotations:\n"
        "    logs.example.com/level: debug\nspec:\n  template:\n    metadata:\n      annotations:\n"
        "        logs.example.com/levle: debug\n    spec: {containers: []}\n"
    )
    done = run(*INJECT, "-f", "-", stdin=text)
    assert (
        "warning: -:6: Rollout r: annotation logs.example.com/level has no effect on the workload" in done.err
    )
    assert "warning: -:11: Rollout r: annotation logs.example.com/levle is unknown; did you mean" in done.err


# --- failing on findings --------------------------------------------------------------------------

SLIP = DEPLOYMENT.replace("app: web", "logs.example.com/levle: x")


@pytest.mark.parametrize(
    ("text", "level", "status"),
    [
        (SLIP, None, 0),
        (SLIP, "warning", 1),
        (SLIP, "note", 1),
        (DEPLOYMENT, "note", 0),
        ("hello\n", "warning", 1),
        (OUT, "note", 0),
    ],
)
def test_findings_of_a_level_fail_and_nothing_is_written(
    run: Run, text: str, level: str | None, status: int
) -> None:
    flags = ("--fail-on", level) if level else ()
    done = run(*INJECT, "-f", "-", *flags, stdin=text)
    assert (done.status, bool(done.out)) == (status, not status)
    if status:
        assert f"error: --fail-on {level}: 1 finding of this level or above\n" in done.err
        assert "  hint: correct what is reported, or remove --fail-on\nnothing was written\n" in done.err


def test_a_note_does_not_fail_a_run_that_fails_on_warnings(run: Run) -> None:
    Path("many/below").mkdir(parents=True)
    Path("many/web.yaml").write_text(DEPLOYMENT)
    done = run(*INJECT, "many", "--fail-on", "warning")
    assert "note: many: 1 folder in it not read (hint: -R reads them) [left-out]" in done.err
    assert done.status == 0
    assert run(*INJECT, "many", "--fail-on", "note").status == 1


ALIASED = """\
# kept nowhere
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: &labels {app: web}}
spec:
  template:
    metadata: {labels: *labels, annotations: &notes {}}
    spec: {containers: [{name: web, image: web}]}
x: *notes
"""


def test_a_document_that_cannot_be_edited_in_place_is_written_again_and_a_note_gives_the_reason(
    run: Run,
) -> None:
    done = run(*INJECT, "-f", "-", stdin=DEPLOYMENT + "---\n" + ALIASED)
    assert done.status == 0
    line = DEPLOYMENT.count("\n") + 3  # behind the separator and the comment
    reason = "an anchor that is used elsewhere is at the changed place"
    text = "all of the document is written again, without its comments"
    assert f"note: -:{line}: {text}: {reason} [rewritten]\n" in done.err
    assert done.err.count("[rewritten]") == 1
    assert "*labels" not in done.out
