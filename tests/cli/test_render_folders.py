"""`render --output-dir`: the files of a folder together or not at all, and folders that kustomize builds."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.beds.plugin import required
from tests.beds.programs import build
from tests.cli.conftest import DEPLOYMENT, Run
from tests.cli.test_render import OFF, RENDER, SERVICE, named, objects

pytestmark = pytest.mark.usefixtures("folder")


def files_of(folder: str) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in Path(folder).rglob("*") if p.is_file()}


@pytest.fixture
def many(run: Run) -> dict[str, str]:
    """A folder of files, and what is expected of them."""
    texts = {
        "a.yaml": f"{DEPLOYMENT}---\n{SERVICE}",
        "below/a.yaml": named(DEPLOYMENT, "b"),
        "c.yml": SERVICE,
    }
    for name, text in texts.items():
        path = Path("many", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return {name: run(*RENDER, f"many/{name}").out for name in texts}


@pytest.mark.parametrize("name", ["many", "./many/", "absolute"])
def test_each_file_is_written_to_its_path_in_the_folder(run: Run, many: dict[str, str], name: str) -> None:
    Path("out").mkdir()
    Path("out/mine.txt").write_text("stays")
    named = str(Path("many").absolute()) if name == "absolute" else name
    done = run(*RENDER, "-R", named, "web.yaml", "--output-dir", "out")
    assert (done.status, done.out) == (0, "")
    assert files_of("out") == many | {"mine.txt": "stays", "web.yaml": run(*RENDER, "web.yaml").out}


def test_nothing_is_written_when_one_file_fails(run: Run, many: dict[str, str]) -> None:
    Path("many/z.yaml").write_text("a: [\n")
    Path("out").mkdir()
    Path("out/a.yaml").write_text("old")
    assert run(*RENDER, "-R", "many", "--output-dir", "out").status == 1
    assert files_of("out") == {"a.yaml": "old"}
    assert sorted(os.listdir()) == ["c.yaml", "logship", "many", "out", "web.yaml"]


def test_a_file_that_is_replaced_keeps_its_mode(run: Run) -> None:
    Path("out").mkdir()
    Path("out/web.yaml").write_text("old")
    Path("out/web.yaml").chmod(0o640)
    assert run(*RENDER, "web.yaml", "--output-dir", "out").status == 0
    assert Path("out/web.yaml").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("names", "target", "status", "said"),
    [
        (["many"], ".", 2, "many/a.yaml is one of the inputs, and in this folder\n  hint: choose another"),
        (["many/a.yaml", "many/below/a.yaml"], "out", 2, "have the same path in the folder\n  hint: name a"),
        (["many"], "web.yaml", 1, "error: web.yaml"),
        (["many"], "taken", 1, "error: taken/a.yaml: a file is expected"),
        (["many", "-R"], "linked", 1, "error: linked/below: a link leads out of the folder"),
    ],
)
def test_a_folder_that_cannot_be_written_is_left_alone(
    run: Run, many: dict[str, str], names: list[str], target: str, status: int, said: str
) -> None:
    Path("taken/a.yaml").mkdir(parents=True)
    Path("linked").mkdir()
    Path("linked/below").symlink_to(Path("taken").absolute())
    before = files_of(".")
    done = run(*RENDER, *names, "--output-dir", target)
    assert (done.status, done.out) == (status, "")
    assert said in done.err
    assert files_of(".") == before
    assert sorted(os.listdir()) == ["c.yaml", "linked", "logship", "many", "taken", "web.yaml"]


# --- -o kustomize ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kubectl() -> Path:
    required("kubectl", build.unavailable(["kubectl"]))
    return build.programs(["kubectl"])["kubectl"]


def trees(text: str) -> list[Any]:
    """The objects of a text, those of lists one by one, in the order of their names."""
    read = [tree for tree in yaml.safe_load_all(text) if tree]
    flat = [item for tree in read for item in (tree["items"] if tree["kind"] == "List" else [tree])]
    return sorted(flat, key=lambda tree: str([tree["kind"], tree["metadata"]]))


def test_kustomize_builds_what_render_writes(run: Run, kubectl: Path) -> None:
    Path("many").mkdir()
    documents = "---\n".join(map(yaml.safe_dump, objects()))
    Path("many/a.yaml").write_text(f"# only this\n---\n{documents}---\n{OFF}---\nvalue: 1\n")
    maps = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}} for name in "ab"]
    Path("many/b.json").write_text("".join(map(json.dumps, maps)) + "\n")
    without = named(DEPLOYMENT, "x").replace("  namespace: shop\n", "")
    Path("many/c.yaml").write_text(f"{DEPLOYMENT}---\n{without}")
    Path("many/d.yaml").write_text(named(DEPLOYMENT, "x"))
    Path("many/kustomization.yaml").write_text("resources: [a.yaml]\n")
    done = run(*RENDER, "many", "-o", "kustomize", "--output-dir", "out")
    assert done.status == 0
    built = subprocess.run([kubectl, "kustomize", "out"], capture_output=True, text=True, check=True)
    expected = [tree for tree in yaml.safe_load_all(run(*RENDER, "many").out) if tree and "value" not in tree]
    assert trees(built.stdout) == trees(yaml.safe_dump_all(expected))
    assert len(list(Path("out/patches").iterdir())) == 8
    assert "shipper" not in Path("out/resources/a.yaml").read_text()


def test_kustomize_reads_stdin_too(run: Run, kubectl: Path) -> None:
    done = run(*RENDER, "-", "-o", "kustomize", "--output-dir", "out", stdin=DEPLOYMENT)
    assert done.status == 0
    built = subprocess.run([kubectl, "kustomize", "out"], capture_output=True, text=True, check=True)
    assert trees(built.stdout) == trees(run(*RENDER, "web.yaml").out)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            f"{DEPLOYMENT}---\n{DEPLOYMENT}",
            "-:16: /: Deployment shop/web is also at -:1\n  hint: render them",
        ),
        (DEPLOYMENT.replace("name: web\n  names", "generateName: web-\n  names"), "-:1: /: name is missing"),
    ],
)
def test_what_kustomize_refuses_is_an_error(run: Run, text: str, said: str) -> None:
    done = run(*RENDER, "-", "-o", "kustomize", "--output-dir", "out", stdin=text)
    assert (done.status, done.out) == (1, "")
    assert said in done.err
    assert not Path("out").exists()


def test_the_name_of_a_patch_stays_in_its_folder(run: Run) -> None:
    text = DEPLOYMENT.replace("name: web\n  names", f"name: ../../../{'x' * 300}\n  names")
    run(*RENDER, "-", "-o", "kustomize", "--output-dir", "out", stdin=text)
    assert [path.parent.name for path in Path().rglob("*xxx*")] == ["patches"]
