"""`kube-inject` over files: what is changed, what passes untouched, what fails and how."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from injector import yamltext
from injector.cli.commands.inject import REFUSED, REFUSED_SWITCHES
from tests.cli.conftest import DEPLOYMENT, Run

CONTAINERS = [{"name": "web", "image": "web:1"}]
TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": CONTAINERS}}
KINDS: list[tuple[str, str, dict[str, Any], str]] = [
    ("v1", "Pod", {"spec": {"containers": CONTAINERS}}, "/spec"),
    ("v1", "ReplicationController", {"spec": {"template": TEMPLATE}}, "/spec/template/spec"),
    ("apps/v1", "Deployment", {"spec": {"template": TEMPLATE}}, "/spec/template/spec"),
    ("apps/v1", "ReplicaSet", {"spec": {"template": TEMPLATE}}, "/spec/template/spec"),
    ("apps/v1", "StatefulSet", {"spec": {"template": TEMPLATE}}, "/spec/template/spec"),
    ("apps/v1", "DaemonSet", {"spec": {"template": TEMPLATE}}, "/spec/template/spec"),
    ("batch/v1", "Job", {"spec": {"template": TEMPLATE}}, "/spec/template/spec"),
    (
        "batch/v1",
        "CronJob",
        {"spec": {"jobTemplate": {"spec": {"template": TEMPLATE}}}},
        "/spec/jobTemplate/spec/template/spec",
    ),
    ("apps.openshift.io/v1", "DeploymentConfig", {"spec": {"template": TEMPLATE}}, "/spec/template/spec"),
]


def at(tree: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        tree = tree[part]
    return tree


def names(spec: dict[str, Any]) -> list[str]:
    return [c["name"] for c in spec["containers"]]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("version", "kind", "body", "pointer"), KINDS, ids=[k[1] for k in KINDS])
def test_every_kind_with_a_pod_template_is_injected(
    run: Run, version: str, kind: str, body: dict[str, Any], pointer: str
) -> None:
    manifest = {"apiVersion": version, "kind": kind, "metadata": {"name": "x"}, **body}
    done = run("kube-inject", "--config", "c.yaml", "-f", "-", stdin=json.dumps(manifest))
    assert done.status == 0
    assert sorted(names(at(yaml.safe_load(done.out), pointer))) == ["shipper", "web"]
    assert done.err.startswith(f"injected  {kind} x: on-by-default.")


@pytest.mark.usefixtures("folder")
def test_the_items_of_lists_and_of_lists_in_lists_are_injected_one_by_one(run: Run) -> None:
    web = yaml.safe_load(DEPLOYMENT)
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "y"}}
    inner = {"apiVersion": "v1", "kind": "List", "items": [web]}
    outer = {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": [other, inner]}
    done = run("kube-inject", "--config", "c.yaml", "-f", "-", stdin=json.dumps(outer))
    injected = yaml.safe_load(done.out)
    assert done.status == 0
    assert injected["items"][0] == other
    assert "shipper" in names(injected["items"][1]["items"][0]["spec"]["template"]["spec"])


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment\n",
        "---\n---\n",
        "kind: ConfigMap\napiVersion: v1\ndata: {a: yes, a: no}   # twice, and not ours",
        "\ufeffkind: Secret\r\napiVersion: v1\r\n---\r\n# end\r\n",
        "apiVersion: example.com/v1\nkind: Job\nspec: {template: 1e3}\n...\n",
        "- a\n- list\n",
        "%YAML 1.1\n---\nkind: X\n",
        DEPLOYMENT.replace(
            "labels:", "annotations: {logs.example.com/inject: 'false'}   # no\n      labels:"
        ),
        DEPLOYMENT.replace("      containers:", "      hostNetwork: true   # as it is\n      containers:"),
    ],
)
def test_what_is_not_injected_passes_byte_for_byte(run: Run, text: str) -> None:
    done = run("kube-inject", "--config", "c.yaml", "-f", "-", stdin=text)
    assert (done.status, done.out) == (0, text)


@pytest.mark.usefixtures("folder")
def test_documents_around_an_injected_one_stay_as_they_are(run: Run) -> None:
    before = "# head\nkind: ConfigMap\napiVersion: v1\ndata: {a:   yes}\n"
    after = "apiVersion: v1\nkind: Service   # here\nmetadata: {name: s}"
    done = run("kube-inject", "--config", "c.yaml", "-f", "-", stdin=f"{before}---\n{DEPLOYMENT}---\n{after}")
    assert done.out.startswith(before + "---\napiVersion: apps/v1\n")
    assert done.out.endswith("---\n" + after)
    assert [d["kind"] for d in yaml.safe_load_all(done.out)] == ["ConfigMap", "Deployment", "Service"]


@pytest.mark.usefixtures("folder")
def test_comments_above_an_injected_document_and_the_order_of_keys_stay(run: Run) -> None:
    text = (
        "# owned by the shop team\n\n"
        + DEPLOYMENT.replace("apiVersion: apps/v1\n", "")
        + "apiVersion: apps/v1\n"
    )
    done = run("kube-inject", "--config", "c.yaml", "-f", "-", stdin=text)
    assert done.out.startswith("# owned by the shop team\n\nkind: Deployment\n")
    assert done.out.endswith("apiVersion: apps/v1\n")


@pytest.mark.usefixtures("folder")
def test_strings_that_look_like_other_types_stay_strings(run: Run) -> None:
    words = ["1e3", "y", "0o14", "1:20", "=", "null", "2001-01-01", "0777", "<<"]
    labels = "".join(f'        l{n}: "{w}"\n' for n, w in enumerate(words))
    text = DEPLOYMENT.replace("        app: web\n", labels)
    done = run("kube-inject", "--config", "c.yaml", "-f", "-", stdin=text)
    read = yamltext.load_text(done.out, "out")
    assert list(read["spec"]["template"]["metadata"]["labels"].values()) == words


def test_several_files_folders_and_stdin_make_one_stream_in_order(folder: Path, run: Run) -> None:
    for name in ("b.yml", "a.yaml", "sub/c.json", ".hidden/d.yaml", "note.txt"):
        path = folder / "many" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}))
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: stdin}"
    done = run("kube-inject", "--config", "c.yaml", "-Rfmany", "-f", "-", "-f", "web.yaml", stdin=text)
    names_in_order = [d["metadata"]["name"] for d in yaml.safe_load_all(done.out)]
    assert names_in_order == ["a.yaml", "b.yml", "sub/c.json", "stdin", "web"]


# --- bad input ----------------------------------------------------------------------------------

BAD = [
    ("not YAML", "kind: Deployment\nspec: [a\n", "bad.yaml:3", ""),
    ("tab", "kind: Pod\n\tspec: {}\n", "bad.yaml:2", ""),
    ("duplicate key", DEPLOYMENT + "kind: Job\n", "bad.yaml:15", "kind"),
    (
        "map for a list",
        DEPLOYMENT.replace("      - name: web\n        image: web:1\n", "        a: b\n"),
        "bad.yaml:12: /spec/template/spec/containers",
        "a list is expected, not a map",
    ),
    (
        "list for a map",
        "apiVersion: apps/v1\nkind: Deployment\nspec:\n  template: []\n",
        "bad.yaml:4: /spec/template",
        "a map is expected, not a list",
    ),
    (
        "number for a string",
        DEPLOYMENT.replace("app: web", "app: 1"),
        "bad.yaml:10: /spec/template/metadata/labels/app",
        "a string (put it in quotes) is expected",
    ),
    (
        "no template",
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: x}\nspec: {}\n",
        "bad.yaml:4",
        "template",
    ),
    (
        "an item that is none",
        "apiVersion: v1\nkind: List\nitems:\n- 1\n",
        "bad.yaml:4: /items/0",
        "an object",
    ),
    ("items that are none", "apiVersion: v1\nkind: List\nitems: x\n", "bad.yaml:3: /items", "a list"),
    ("too deep", "apiVersion: v1\nkind: Pod\nspec: " + "[" * 10000 + "]" * 10000 + "\n", "bad.yaml:3", ""),
]


@pytest.mark.parametrize(("text", "where", "said"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_a_broken_document_is_reported_with_its_line_and_nothing_is_printed(
    folder: Path, run: Run, text: str, where: str, said: str
) -> None:
    (folder / "bad.yaml").write_text(text)
    (folder / "out.yaml").write_text("as it was")
    done = run("kube-inject", "--config", "c.yaml", "-f", "web.yaml", "-f", "bad.yaml")
    assert (done.status, done.out) == (1, "")
    assert f"error: {where}" in done.err
    assert said in done.err
    assert "Traceback" not in done.err
    assert (
        run("kube-inject", "--config", "c.yaml", "-f", "web.yaml", "-f", "bad.yaml", "-o", "out.yaml").status
        == 1
    )
    assert (folder / "out.yaml").read_text() == "as it was"


@pytest.mark.usefixtures("folder")
def test_all_broken_documents_are_reported_at_once(run: Run) -> None:
    done = run("kube-inject", "--config", "c.yaml", "-f", "-", stdin="a: [\n---\nb: {\n---\n" + DEPLOYMENT)
    assert done.err.count("error: -:") == 2
    assert done.err.endswith("nothing was written\n1 workload: 1 injected\n")


@pytest.mark.usefixtures("folder")
def test_an_error_in_a_list_names_the_item(run: Run) -> None:
    text = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, spec: {containers: 1}}\n"
    done = run("kube-inject", "--config", "c.yaml", "-f", "-", stdin=text)
    assert "error: -:4: /items/0/spec/containers: a list is expected, not a number" in done.err


@pytest.mark.parametrize(("name", "said"), [("missing.yaml", "no such file"), ("empty", "has no manifests")])
def test_an_input_that_is_not_there_is_an_error(folder: Path, run: Run, name: str, said: str) -> None:
    (folder / "empty").mkdir()
    done = run("kube-inject", "--config", "c.yaml", "-f", name)
    assert (done.status, done.out) == (1, "")
    assert name in done.err
    assert said in done.err


def test_a_file_that_is_not_utf8_is_reported_with_its_line(folder: Path, run: Run) -> None:
    (folder / "latin.yaml").write_bytes(b"a: 1\nb: \xe9\n")
    assert (
        "latin.yaml:2: the text is not UTF-8"
        in run("kube-inject", "--config", "c.yaml", "-f", "latin.yaml").err
    )


@pytest.mark.usefixtures("folder")
def test_stdin_can_be_named_once(run: Run) -> None:
    assert run("kube-inject", "--config", "c.yaml", "-f", "-", "-f", "-").status == 2


def test_a_template_that_fails_for_a_pod_names_file_line_and_pod(folder: Path, run: Run) -> None:
    (folder / "logship" / "sidecar.yaml.j2").write_text("metadata: {}\nspec: {{ Values.nope.further }}\n")
    done = run("kube-inject", "--config", "c.yaml", "-f", "web.yaml")
    assert (done.status, done.out) == (1, "")
    assert "web.yaml:11: Deployment shop/web: template-failed" in done.err
    assert "sidecar.yaml.j2:2" in done.err


def test_a_template_that_does_not_compile_is_a_matter_of_configuration(folder: Path, run: Run) -> None:
    (folder / "logship" / "sidecar.yaml.j2").write_text("spec:\n{% if %}\n")
    done = run("kube-inject", "--config", "c.yaml", "-f", "web.yaml")
    assert (done.status, done.out) == (2, "")
    assert "sidecar.yaml.j2:2" in done.err


@pytest.mark.usefixtures("folder")
def test_a_template_that_does_not_exist_is_reported_with_those_that_do(run: Run) -> None:
    text = DEPLOYMENT.replace("labels:", "annotations: {logs.example.com/templates: sidcar}\n      labels:")
    done = run("kube-inject", "--config", "c.yaml", "-f", "-", stdin=text)
    assert done.status == 1
    assert "available templates: sidecar" in done.err


# --- the output file ----------------------------------------------------------------------------


def test_the_output_file_may_be_the_only_input_and_keeps_its_mode(folder: Path, run: Run) -> None:
    os.chmod(folder / "web.yaml", 0o640)
    done = run("kube-inject", "--config", "c.yaml", "-f", "web.yaml", "-o", "web.yaml")
    assert (done.status, done.out) == (0, "")
    assert "shipper" in (folder / "web.yaml").read_text()
    assert stat.S_IMODE((folder / "web.yaml").stat().st_mode) == 0o640
    assert sorted(p.name for p in folder.iterdir()) == ["c.yaml", "logship", "web.yaml"]


def test_the_output_file_may_not_be_one_of_several_inputs(folder: Path, run: Run) -> None:
    (folder / "other.yaml").write_text(DEPLOYMENT)
    done = run("kube-inject", "--config", "c.yaml", "-f", "web.yaml", "-f", "other.yaml", "-o", "./web.yaml")
    assert done.status == 2
    assert (folder / "web.yaml").read_text() == DEPLOYMENT


def test_a_link_to_the_output_file_stays_a_link(folder: Path, run: Run) -> None:
    (folder / "real.yaml").write_text("old")
    (folder / "link.yaml").symlink_to("real.yaml")
    assert run("kube-inject", "--config", "c.yaml", "-f", "web.yaml", "-o", "link.yaml").status == 0
    assert (folder / "link.yaml").is_symlink()
    assert "shipper" in (folder / "real.yaml").read_text()


@pytest.mark.usefixtures("folder")
def test_an_output_file_that_cannot_be_written_is_an_error(run: Run) -> None:
    done = run("kube-inject", "--config", "c.yaml", "-f", "web.yaml", "-o", "nowhere/out.yaml")
    assert done.status == 1
    assert "nowhere/out.yaml: no such file or directory" in done.err


# --- flags --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
def test_without_a_filename_the_usage_is_wrong(run: Run) -> None:
    done = run("kube-inject")
    assert done.status == 2
    assert "filename not specified (see --filename or -f)" in done.err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("flag", [*REFUSED, *REFUSED_SWITCHES])
def test_flags_that_mean_nothing_here_are_refused_with_a_sentence(run: Run, flag: str) -> None:
    value = ["x"] if flag in REFUSED else []
    done = run("kube-inject", "--config", "c.yaml", flag, *value, "-f", "web.yaml")
    assert (done.status, done.out) == (2, "")
    assert f"error: {flag}: this flag of istioctl is not supported\n  hint: " in done.err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("flag", ["--meshConfigFile", "--meshConfigMapName", "--injectConfigMapName", "-i"])
def test_flags_of_a_mesh_are_refused_for_a_profile_without_one(run: Run, flag: str) -> None:
    done = run("kube-inject", "--config", "c.yaml", flag, "web.yaml", "-f", "web.yaml")
    assert done.status == 2
    assert "the profile does not support this flag" in done.err


@pytest.mark.usefixtures("folder")
def test_strict_makes_a_skip_an_error(run: Run) -> None:
    text = DEPLOYMENT.replace("      containers:", "      hostNetwork: true\n      containers:")
    assert run("kube-inject", "--config", "c.yaml", "-f", "-", stdin=text).status == 0
    done = run("kube-inject", "--config", "c.yaml", "--strict", "-f", "-", stdin=text)
    assert (done.status, done.out) == (1, "")
    assert "error: -:1: Deployment shop/web: host-network." in done.err


def test_the_values_file_is_laid_over_the_profile(folder: Path, run: Run) -> None:
    (folder / "v.yaml").write_text('{"image": "mine:2"}')
    done = run("kube-inject", "--config", "c.yaml", "--valuesFile", "v.yaml", "-f", "web.yaml")
    assert "image: mine:2" in done.out
    assert "value: info" in done.out


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("spec:\n  containers:\n  - name: {{ Values.level }}\n    image: i\n", 0, "- name: info"),
        (
            "templates:\n  sidecar: |\n    spec: {containers: [{name: full, image: i}]}\ntemplate: x\n",
            0,
            "- name: full",
        ),
        (
            "templates:\n  sidecar: |\n    spec:\n      x: {{ .Values.x }}\n",
            2,
            "inject.yaml:4 (template sidecar): looks like a Go template",
        ),
        (
            "{{- if .Values.x }}\na: b\n{{ end }}\n",
            2,
            "inject.yaml:1 (template sidecar): looks like a Go template",
        ),
        ("templates: {sidecar: 1}\n", 2, "inject.yaml:1: templates.sidecar: a string is expected"),
        ("templates:\n  sidecar: |\n  broken\n", 2, "error: inject.yaml:"),
        ("kind: ConfigMap\ndata: {config: x}\n", 2, "a whole ConfigMap"),
    ],
)
def test_an_inject_config_file_is_a_bare_template_or_upstreams_keys_with_jinja(
    folder: Path, run: Run, text: str, status: int, said: str
) -> None:
    (folder / "inject.yaml").write_text(text)
    done = run("kube-inject", "--config", "c.yaml", "--injectConfigFile", "inject.yaml", "-f", "web.yaml")
    assert done.status == status, done.err
    assert said in done.out + done.err


@pytest.mark.parametrize(
    ("objects", "said"),
    [
        ("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n", 0),
        ("kind: [", 1),
        ("just text", 1),
    ],
)
def test_objects_are_read_from_files_and_must_be_objects(
    folder: Path, run: Run, objects: str, said: int
) -> None:
    (folder / "o.yaml").write_text(objects)
    assert run("kube-inject", "--config", "c.yaml", "--objects", "o.yaml", "-f", "web.yaml").status == said


# --- the report ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
def test_a_near_miss_is_a_warning(run: Run) -> None:
    text = DEPLOYMENT.replace("app: web", 'logs.example.com/inject: "True"')
    done = run("kube-inject", "--config", "c.yaml", "-f", "-", stdin=text)
    assert "warning: -:10: Deployment shop/web: " in done.err
    assert "[switch-value]" in done.err


@pytest.mark.usefixtures("folder")
def test_a_kind_that_has_pods_but_no_known_template_is_reported(run: Run) -> None:
    text = "apiVersion: example.com/v1alpha1\nkind: Rollout\nmetadata: {name: r}\n"
    text += "spec: {template: {spec: {containers: []}}}\n"
    done = run("kube-inject", "--config", "c.yaml", "-f", "-", stdin=text)
    assert (done.status, done.out) == (0, text)
    assert done.err.startswith("passed    Rollout r: unsupported-kind.")


@pytest.mark.usefixtures("folder")
def test_a_second_run_changes_nothing_and_says_so(run: Run) -> None:
    once = run("kube-inject", "--config", "c.yaml", "-f", "web.yaml").out
    twice = run("kube-inject", "--config", "c.yaml", "-f", "-", stdin=once)
    assert twice.out == once
    assert twice.err.startswith("unchanged Deployment shop/web")


@pytest.mark.usefixtures("folder")
def test_a_name_cannot_send_control_characters_to_the_terminal(run: Run) -> None:
    text = DEPLOYMENT.replace("name: web\n  namespace", 'name: "w\\e[31mb"\n  namespace')
    assert "\x1b" not in run("kube-inject", "--config", "c.yaml", "-f", "-", stdin=text).err


# --- the real thing -----------------------------------------------------------------------------

HEAVY = ("fastapi", "uvicorn", "kubernetes", "cryptography", "prometheus_client", "pydantic", "jsonpatch")


def test_a_run_loads_nothing_heavy(folder: Path) -> None:
    code = (
        "import sys; from injector.cli.main import main\n"
        "status = main(['kube-inject', '--config', 'c.yaml', '-f', 'web.yaml', '-o', 'out.yaml'])\n"
        f"print(status, [m for m in {HEAVY} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder
    )
    assert done.stdout == "0 []\n"


def test_stdout_stderr_stdin_and_status_of_a_real_process(folder: Path) -> None:
    argv = [sys.executable, "-m", "injector.cli.main", "kube-inject", "--config", "c.yaml", "-f", "-"]
    done = subprocess.run(argv, input=DEPLOYMENT.encode(), capture_output=True, check=False, cwd=folder)
    assert done.returncode == 0
    assert "shipper" in names(yaml.safe_load(done.stdout)["spec"]["template"]["spec"])
    assert done.stderr.decode().startswith("injected  Deployment shop/web")
    broken = subprocess.run(argv, input=b"a: [", capture_output=True, check=False, cwd=folder)
    assert (broken.returncode, broken.stdout) == (1, b"")
