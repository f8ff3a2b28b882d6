"""Streams through the commands: JSON in all its forms, line ends, and what is no workload."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from injector import yamltext
from injector.cli import manifests
from injector.cli.writing.output import Spool
from tests.cli.conftest import DEPLOYMENT, Run

WEB: dict[str, Any] = yaml.safe_load(DEPLOYMENT)
SECRET = '{"apiVersion" : "v1","kind":"Secret", "data":{"n":12345678901234567890123, "f":1.0, "e":"\\u003c"}}'
INJECT = ("kube-inject", "--config", "c.yaml", "-f")
COMPACT = json.dumps(WEB, separators=(",", ":"))

pytestmark = pytest.mark.usefixtures("folder")


def values(text: str) -> list[Any]:
    out = []
    while text := text.strip():
        value, end = json.JSONDecoder().raw_decode(text)
        out.append(value)
        text = text[end:]
    return out


def containers(tree: Any) -> list[str]:
    return [c["name"] for c in tree["spec"]["template"]["spec"]["containers"]]


@given(st.text(st.sampled_from("-a:b \n\r#%.[{\ufeff'\"|"), max_size=60))
def test_an_unchanged_stream_joins_to_itself(text: str) -> None:
    with Spool() as spool:
        manifests.joined([manifests.Part(d) for d in yamltext.split(text, "x")], spool)
        joined = io.BytesIO()
        spool.copy_to(joined)
    assert joined.getvalue().decode() == text


@pytest.mark.parametrize("between", ["\n", "", "\r\n", "\n\n  "])
@pytest.mark.parametrize("indent", [None, 2, 4])
def test_a_stream_of_json_comes_out_as_json_and_what_is_not_changed_as_it_was(
    run: Run, between: str, indent: int | None
) -> None:
    web = json.dumps(WEB, indent=indent)
    done = run(*INJECT, "-", stdin=f"\ufeff{SECRET}{between}{web}{between}{SECRET}\n")
    assert done.status == 0
    assert done.out.startswith(f"\ufeff{SECRET}{between}{{")
    assert done.out.endswith(f"}}{between}{SECRET}\n")
    injected = values(done.out.removeprefix("\ufeff"))[1]
    assert sorted(containers(injected)) == ["shipper", "web"]
    written = done.out.removeprefix(f"\ufeff{SECRET}{between}").removesuffix(f"{between}{SECRET}\n")
    assert written == json.dumps(injected, indent=indent)


@pytest.mark.parametrize(
    "text", [COMPACT + "\n", json.dumps(WEB, indent=4) + "\n" + SECRET, COMPACT + COMPACT]
)
def test_uninject_gives_the_json_back_byte_for_byte(run: Run, text: str) -> None:
    injected = run(*INJECT, "-", stdin=text)
    undone = run("uninject", "--config", "c.yaml", "-f", "-", stdin=injected.out)
    assert injected.out != text
    assert (undone.status, undone.out) == (0, text)


def test_lists_and_lists_in_lists_keep_their_form(run: Run) -> None:
    inner = {"apiVersion": "v1", "kind": "List", "items": [WEB]}
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [json.loads(SECRET), inner]}, indent="\t")
    done = run(*INJECT, "-", stdin=text)
    tree = json.loads(done.out)
    assert "shipper" in containers(tree["items"][1]["items"][0])
    assert done.out == json.dumps(tree, indent="\t")


@pytest.mark.parametrize(
    "text",
    [
        f"{COMPACT}\n---\n{DEPLOYMENT}",
        f"{COMPACT}\n{DEPLOYMENT}",
        f"{DEPLOYMENT}---\n{COMPACT}\n",
        f"{DEPLOYMENT}---\n{COMPACT}\n---\n{SECRET}\n---\n{COMPACT}\n",
    ],
    ids=["JSON YAML", "JSON YAML without separator", "YAML JSON", "four"],
)
def test_json_and_yaml_mixed_keep_the_form_of_each_document(run: Run, text: str) -> None:
    done = run(*INJECT, "-", stdin=text)
    assert done.status == 0
    read = [tree for tree in yaml.safe_load_all(done.out) if tree["kind"] == "Deployment"]
    assert all(sorted(containers(tree)) == ["shipper", "web"] for tree in read)
    for document in done.out.split("---\n"):
        assert document.startswith(("{", "apiVersion: "))
        if document.startswith("{"):
            assert json.loads(document)
    assert run(*INJECT, "-", stdin=done.out).out == done.out


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (
            "{apiVersion: apps/v1, kind: Deployment, spec: {template: {spec: {containers: [{name: web}]}}}}",
            "name",
        ),
        (COMPACT[:-1] + ",}", '"name"'),
    ],
    ids=["no quotes", "a comma behind the last member"],
)
def test_what_looks_like_json_and_is_yaml_keeps_its_quotes_and_commas(run: Run, text: str, key: str) -> None:
    done = run(*INJECT, "-", stdin=text)
    assert sorted(containers(yaml.safe_load(done.out))) == ["shipper", "web"]
    assert f"{{{key}:" in done.out
    assert done.out[-3:] == text[-3:]
    assert run(*INJECT, "-", stdin=done.out).out == done.out
    assert run("uninject", *INJECT[1:], "-", stdin=done.out).out == text


def test_json_files_make_one_stream_of_json_and_beside_yaml_have_separators(run: Run) -> None:
    Path("a.json").write_text(COMPACT)
    Path("b.json").write_text(f"{SECRET}\n{COMPACT}\n")
    alone = run(*INJECT, "a.json", "-f", "b.json").out
    assert [v["kind"] for v in values(alone)] == ["Deployment", "Secret", "Deployment"]
    Path("c.json").write_text(f"{COMPACT}\napiVersion: v1\nkind: Service\n")
    mixed = run(*INJECT, "web.yaml", "-f", "b.json", "-f", "a.json", "-f", "c.json").out
    assert [d["kind"] for d in yaml.safe_load_all(mixed)] == [
        "Deployment",
        "Secret",
        "Deployment",
        "Deployment",
        "Deployment",
        "Service",
    ]


def test_o_writes_the_form_of_the_input_whatever_the_file_is_called(run: Run) -> None:
    assert run(*INJECT, "web.yaml", "-o", "x.json").status == 0
    assert Path("x.json").read_text().startswith("apiVersion: apps/v1\n")


@pytest.mark.parametrize(
    ("third", "line", "what"),
    [
        (
            json.dumps(
                {
                    "apiVersion": "apps/v1",
                    "kind": "Deployment",
                    "spec": {"template": {"spec": {"containers": 5}}},
                },
                indent=1,
            ),
            9,
            "a list is expected",
        ),
        ('{"kind": "Pod",\n "kind": "Pod"}', 4, "duplicate key /kind"),
        ('{"kind": "Pod"\n "spec": {}}', 4, "not valid YAML"),
        ('{"apiVersion": "v1",\n"kind":}', 3, "neither JSON nor a Kubernetes object"),
        ("[1}", 3, "not valid YAML"),
    ],
)
def test_an_error_in_the_third_object_has_its_line_and_nothing_is_written(
    run: Run, third: str, line: int, what: str
) -> None:
    Path("m.json").write_text(f"{COMPACT}\n{SECRET}\n{third}\n")
    done = run(*INJECT, "m.json", "-o", "out.json")
    assert (done.status, Path("out.json").exists()) == (1, False)
    assert f"error: m.json:{line}" in done.err
    assert what in done.err


@pytest.mark.parametrize("text", [f"[{COMPACT}]", f"{COMPACT}\n[{COMPACT}]", f"- {COMPACT}\n"])
@pytest.mark.parametrize("command", ["kube-inject", "uninject", "explain"])
def test_a_list_of_objects_is_refused_as_kubectl_refuses_it(run: Run, text: str, command: str) -> None:
    done = run(command, "--config", "c.yaml", "-f", "-", stdin=text)
    assert (done.status, done.out) == (1, "")
    assert "/: a list of objects, expected an object" in done.err
    assert "hint: write them one after another" in done.err


def test_explain_and_objects_read_streams_of_json(run: Run) -> None:
    space = '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop","labels":{"a":"b"}}}'
    Path("o.json").write_text(SECRET + space)
    Path("m.json").write_text(f"{SECRET}\n{COMPACT}\n{COMPACT}")
    done = run("explain", "--config", "c.yaml", "-f", "m.json", "--objects", "o.json", "-o", "json")
    assert [each["where"] for each in json.loads(done.out)["workloads"]] == ["m.json:2", "m.json:3"]


def test_a_changed_document_keeps_the_line_ends_of_its_file(run: Run) -> None:
    text = f"# head\n{DEPLOYMENT}---\n{SECRET}\n---\n{json.dumps(WEB, indent=2)}\n".replace("\n", "\r\n")
    Path("a.yaml").write_text(text, newline="")
    done = run(*INJECT, "a.yaml", "-f", "a.yaml")
    assert done.out.count("shipper:1") == 4
    assert done.out.count("\n") == done.out.count("\r\n")
    assert run("uninject", "--config", "c.yaml", "-f", "-", stdin=run(*INJECT, "a.yaml").out).out == text


# --- what is no object ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["image: web\n", "apiVersion: v2\nname: chart\n", "kind: Ship\n", "- 1\n", "hello\n"]
)
def test_a_document_that_is_no_object_passes_and_is_named(run: Run, text: str) -> None:
    for command in ("kube-inject", "uninject"):
        done = run(command, "--config", "c.yaml", "-f", "-", stdin=f"{SECRET}\n---\n{text}")
        assert (done.status, done.out) == (0, f"{SECRET}\n---\n{text}")
        assert (
            "warning: -:3: no Kubernetes object (apiVersion and kind are expected), passed as it is"
            in done.err
        )


def test_files_of_a_folder_without_objects_are_left_out_and_named(run: Run) -> None:
    folder = Path("many")
    folder.mkdir()
    (folder / "web.yaml").write_text(DEPLOYMENT)
    (folder / "note.yaml").write_text("# only a comment\n")
    (folder / "both.yaml").write_text(f"a: 1\n---\n{SECRET}\n")
    (folder / "values.yaml").write_text("controller:\n  kind: Deployment\n")
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: shop\n")
    (folder / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [web.yaml]\n"
    )
    done = run(*INJECT, "many")
    assert done.status == 0
    assert [line for line in done.err.splitlines() if "left out" in line] == [
        f"warning: many/{name}.yaml: left out, as it has no Kubernetes objects [left-out]"
        for name in ("Chart", "kustomization", "values")
    ]
    read = [d for d in yaml.safe_load_all(done.out) if d]
    assert [d.get("kind") for d in read] == [None, "Secret", "Deployment"]
    assert "warning: many/both.yaml:1: no Kubernetes object" in done.err
    named = run(*INJECT, "many/kustomization.yaml")
    assert named.out == (folder / "kustomization.yaml").read_text()
    assert "no Kubernetes object" in named.err


def test_a_broken_file_of_a_folder_is_an_error(run: Run) -> None:
    folder = Path("many")
    folder.mkdir()
    (folder / "web.yaml").write_text(DEPLOYMENT)
    (folder / "values.yaml").write_text("a: [\n")
    done = run(*INJECT, "many")
    assert (done.status, done.out) == (1, "")
    assert "many/values.yaml:" in done.err


@pytest.mark.parametrize(
    ("meta", "name"),
    [
        ("name: r, namespace: shop", "shop/r"),
        ("generateName: r-, namespace: shop", "shop/r-"),
        ("labels: {}", "?"),
    ],
)
def test_an_object_of_an_unsupported_kind_is_named_with_its_namespace(run: Run, meta: str, name: str) -> None:
    text = f"apiVersion: example.com/v1alpha1\nkind: Rollout\nmetadata: {{{meta}}}\n"
    done = run(*INJECT, "-", stdin=text + "spec: {template: {spec: {containers: []}}}\n")
    assert done.err.startswith(f"passed    Rollout {name}: unsupported-kind.")


@pytest.mark.parametrize("command", ["kube-inject", "explain"])
def test_the_image_auto_of_a_skipped_pod_is_reported_with_the_reason_of_the_skip(
    run: Run, command: str
) -> None:
    text = DEPLOYMENT.replace("app: web", 'logs.example.com/inject: "false"').replace("web:1", "auto")
    done = run(command, "--config", "c.yaml", "-f", "-", stdin=text)
    assert done.status == 0
    said = done.err if command == "kube-inject" else done.out
    assert "container web keeps the image auto: the pod is skipped (opted-out-by-label) [auto-image]" in said
