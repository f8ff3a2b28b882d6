"""`render`: its forms of output, what they have in common, and its exit status."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from injector.cli.forms.line_edits import edits
from tests.cli.conftest import DEPLOYMENT, Run

RENDER = ("render", "--config", "c.yaml")
POD = {"containers": [{"name": "web", "image": "web:1"}], "initContainers": [{"name": "a", "image": "a:1"}]}
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
OFF = DEPLOYMENT.replace("app: web", 'logs.example.com/inject: "false"').replace(
    "name: web\n  names", "name: out\n  names"
)

pytestmark = pytest.mark.usefixtures("folder")


def named(text: str, name: str) -> str:
    return text.replace("name: web\n  namespace", f"name: {name}\n  namespace")


def objects() -> list[dict[str, Any]]:
    """One of each place that a pod template can have."""
    template = {"metadata": {"labels": {"app": "web"}}, "spec": POD}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "in-list"}}
    deployment["spec"] = {"template": template}
    cron = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "cron", "namespace": "shop"}}
    cron["spec"] = {"jobTemplate": {"spec": {"template": {"spec": POD}}}}
    jobs = [{"name": n, "template": {"spec": {"template": {"spec": POD}}}} for n in ("a", "b")]
    listed = [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web.a"}, "spec": POD},
        cron,
        {"apiVersion": "v1", "kind": "List", "items": [json.loads('{"apiVersion": "v1", "kind": "Secret",'
         ' "metadata": {"name": "s"}, "data": {}}'), deployment]},
        {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "metadata": {"name": "set"},
         "spec": {"replicatedJobs": jobs}},
        {"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": {"name": "ray"},
         "spec": {"headGroupSpec": {"template": {"spec": POD}},
                  "workerGroupSpecs": [{"groupName": "a", "template": {"spec": POD}}]}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "webxa"},
         "spec": POD | {"hostNetwork": True}},
    ]  # fmt: skip
    # Copies: YAML would write what two of them share as an alias.
    return [json.loads(json.dumps(each)) for each in listed]


# --- --diff ---------------------------------------------------------------------------------------


def applied(diff: str, text: str) -> str:
    """The text after the hunks of a diff of one file, each exactly where it says."""
    lines, out, at = text.split("\n"), [], 0
    for hunk in diff.split("\n@@ -")[1:]:
        head, *body = hunk.rstrip("\n").split("\n")
        start, size = (int(number) for number in head.split(" ")[0].split(","))
        first = start - 1 if size else start
        out += lines[at:first]
        assert head.split(" ")[1] == f"+{len(out) + 1},{sum(line[0] != '-' for line in body)}"
        assert [line[1:] for line in body if line[0] in " -"] == lines[first : first + size]
        out += [line[1:] for line in body if line[0] in " +"]
        at = first + size
    return "\n".join([*out, *lines[at:]])


@pytest.mark.parametrize(
    "documents",
    [
        [DEPLOYMENT],
        [SERVICE, DEPLOYMENT, SERVICE],
        [DEPLOYMENT, named(DEPLOYMENT, "b")],
        [DEPLOYMENT, "# 1\n", SERVICE, OFF, SERVICE * 1, "a: |\n" + " x\n" * 20, named(DEPLOYMENT, "c")],
        ["# head\n" * 9, named(DEPLOYMENT, "c"), "# tail\n"],
    ],
    ids=["alone", "in the middle", "side by side", "far apart", "comments"],
)
def test_a_diff_has_the_lines_of_the_file_and_gives_what_is_rendered(run: Run, documents: list[str]) -> None:
    text = "---\n".join(documents)
    Path("m.yaml").write_text(text)
    done = run(*RENDER, "m.yaml", "--diff")
    assert done.status == 0
    assert done.out.startswith("--- a/m.yaml\n+++ b/m.yaml\n@@ -")
    assert applied(done.out, text) == run(*RENDER, "m.yaml").out
    assert "\n-" not in done.out.partition("\n")[2]


def test_git_applies_the_diff_of_several_files(run: Run, folder: Path) -> None:
    Path("many/below").mkdir(parents=True)
    names = ["many/a.yaml", "many/below/b c.yaml", "many/below/d.yaml"]
    texts = [f"{DEPLOYMENT}---\n{SERVICE}", f"{SERVICE}---\n{DEPLOYMENT.rstrip()}", SERVICE]
    for name, text in zip(names, texts, strict=True):
        Path(name).write_text(text)
    rendered = [run(*RENDER, name).out for name in names]
    diff = run(*RENDER, "-R", "many", "--diff").out
    assert "many/below/d.yaml" not in diff
    subprocess.run(["git", "apply", "-"], input=diff.encode(), check=True, cwd=folder)
    assert [Path(name).read_text() for name in names] == rendered


def test_a_hunk_is_headed_by_the_objects_in_it(run: Run) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [yaml.safe_load(DEPLOYMENT)] * 3}
    Path("m.json").write_text(json.dumps(listed, indent=1) + "\n")
    heads = [line for line in run(*RENDER, "web.yaml", "--diff").out.splitlines() if line[0] == "@"]
    assert heads[0].endswith(" @@ Deployment shop/web")
    heads = [line for line in run(*RENDER, "m.json", "--diff").out.splitlines() if line[0] == "@"]
    assert heads[0].endswith(" @@ Deployment shop/web and 2 more")


def test_a_diff_of_json_values_on_one_line_and_of_stdin(run: Run) -> None:
    value = json.dumps(yaml.safe_load(DEPLOYMENT))
    done = run(*RENDER, "-", "--diff", stdin=value + value)
    assert done.out.startswith("--- a/stdin\n+++ b/stdin\n@@ -1,1 +1,1 @@ Deployment shop/web and 1 more\n-{")
    assert done.out.count("\\ No newline at end of file\n") == 2
    assert applied(done.out.replace("\\ No newline at end of file\n", ""), value + value) == (
        run(*RENDER, "-", stdin=value + value).out
    )


def test_only_a_terminal_or_a_flag_colours_a_diff(run: Run) -> None:
    plain = run(*RENDER, "web.yaml", "--diff").out
    coloured = run(*RENDER, "web.yaml", "--diff", "--color", "always").out
    assert "\x1b" not in plain
    assert "\x1b[32m" in coloured
    assert re.sub(r"\x1b\[\d*m", "", coloured) == plain


LINES = st.lists(st.sampled_from("abcd"), max_size=12)


@given(LINES, LINES)
@example(list("abcabba"), list("cbabac"))
def test_edits_of_lines_make_the_one_of_the_other(before: list[str], after: list[str]) -> None:
    out, at = [], 0
    for edit in edits(before, after):
        out += before[at : edit.start] + after[edit.new_start : edit.new_end]
        assert len(out) == edit.new_end
        at = edit.end
    assert out + before[at:] == after


@given(LINES, st.lists(st.tuples(st.integers(0, 12), st.sampled_from("abcd")), max_size=8))
def test_edits_remove_nothing_where_lines_are_only_inserted(
    before: list[str], inserted: list[tuple[int, str]]
) -> None:
    after = list(before)
    for place, line in inserted:
        after.insert(place, line)
    assert all(edit.start == edit.end for edit in edits(before, after))


# --- -o patch and -o json -------------------------------------------------------------------------


def test_patches_apply_to_the_objects_that_they_name(run: Run) -> None:
    Path("m.yaml").write_text(f"{SERVICE}---\n" + "---\n".join(map(yaml.safe_dump, objects())))
    entries = json.loads(run(*RENDER, "m.yaml", "-o", "patch").out)
    before = list(yaml.safe_load_all(Path("m.yaml").read_text()))
    for entry in entries:
        tree = before[entry["document"]]
        for key in filter(None, entry["pointer"].split("/")):
            tree = tree[int(key) if key.isdecimal() else key]
        assert (entry["kind"], entry["name"]) == (tree["kind"], tree["metadata"]["name"])
        assert entry.get("namespace") == tree["metadata"].get("namespace")
        jsonpatch.apply_patch(tree, entry["patch"], in_place=True)
    assert before == list(yaml.safe_load_all(run(*RENDER, "m.yaml").out))
    assert [(e["name"], e["line"] > 1, e["pointer"]) for e in entries] == [
        ("web.a", True, ""),
        ("cron", True, ""),
        ("in-list", True, "/items/1"),
        ("set", True, ""),
        ("ray", True, ""),
    ]
    # The containers of the pod stay, whatever their order: elements are matched by name.
    for entry in entries:
        paths = [operation["path"] for operation in entry["patch"]]
        assert not [
            path for path in paths if path.endswith(("/containers", "/initContainers", "/replicatedJobs"))
        ]


def test_without_changes_there_is_an_empty_list_of_patches(run: Run) -> None:
    assert run(*RENDER, "-", "-o", "patch", stdin=SERVICE).out == "[]\n"


def test_json_is_a_stream_of_values_that_are_those_of_the_manifests(run: Run) -> None:
    Path("m.yaml").write_text(f"# head\n---\n{SERVICE}---\n{DEPLOYMENT}---\n" + json.dumps(objects()[2]))
    done = run(*RENDER, "m.yaml", "-o", "json")
    values, text = [], done.out
    while text.strip():
        value, end = json.JSONDecoder().raw_decode(text)
        values.append(value)
        text = text[end:].lstrip()
    assert values == [d for d in yaml.safe_load_all(run(*RENDER, "m.yaml").out) if d]
    assert [value["kind"] for value in values] == ["Service", "Deployment", "List"]


def test_a_document_that_is_no_json_fails_in_this_form_with_the_other_errors(run: Run) -> None:
    twice = "apiVersion: v1\nkind: Service\na: 1\na: 2\n"
    assert run(*RENDER, "-", stdin=twice).status == 0
    done = run(*RENDER, "-", "-o", "json", stdin=f"{twice}---\n{DEPLOYMENT.replace('web:1', '[')}")
    assert (done.status, done.out) == (1, "")
    assert "error: -:4: duplicate key /a, already on line 3" in done.err
    assert "not valid YAML" in done.err


# --- --check --------------------------------------------------------------------------------------


def test_check_lists_what_would_change_and_fails(run: Run) -> None:
    Path("m.yaml").write_text(f"{SERVICE}---\n{DEPLOYMENT}---\n{OFF}")
    done = run(*RENDER, "m.yaml", "web.yaml", "--check")
    assert (done.status, done.out) == (1, "m.yaml:5: Deployment shop/web\nweb.yaml:1: Deployment shop/web\n")
    assert done.err.endswith("\n2 files would change\n")


def test_check_passes_what_is_rendered_already(run: Run) -> None:
    Path("done.yaml").write_text(run(*RENDER, "web.yaml").out)
    done = run(*RENDER, "done.yaml", "--check")
    assert (done.status, done.out) == (0, "")
    assert "would change" not in done.err


def test_check_with_a_diff_prints_it_and_fails(run: Run) -> None:
    diff = run(*RENDER, "web.yaml", "--diff")
    both = run(*RENDER, "web.yaml", "--diff", "--check")
    assert (diff.status, both.status) == (0, 1)
    assert both.out == diff.out


@pytest.mark.parametrize("flags", [["--check"], ["--diff"], ["-o", "patch"], ["-o", "json"], []])
def test_no_form_prints_anything_when_a_document_fails(run: Run, flags: list[str]) -> None:
    done = run(*RENDER, "web.yaml", "-", *flags, stdin=DEPLOYMENT.replace("image: web:1", "image: 5"))
    assert (done.status, done.out) == (1, "")
    assert "nothing was written" in done.err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--diff", "-o", "patch"], "error: --diff: it cannot be combined with -o"),
        (["--check", "-o", "json"], "error: --check: it cannot be combined with -o"),
        (["--check", "--output-dir", "out"], "error: --check: it cannot be combined with --output-dir"),
        (["-o", "json", "--output-dir", "out"], "error: -o: it cannot be combined with --output-dir"),
        (["-o", "kustomize"], "error: -o kustomize: it writes a folder\n  hint: name the folder"),
        (["--output-dir", "out", "-"], "error: --output-dir: stdin has no name in it"),
    ],
)
def test_flags_that_contradict_each_other_are_usage_errors(run: Run, flags: list[str], said: str) -> None:
    done = run(*RENDER, "web.yaml", *flags)
    assert (done.status, done.out) == (2, "")
    assert said in done.err
    assert not Path("out").exists()
