"""`injector explain --html FILE`: a page in a file, whole or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.cli.conftest import DEPLOYMENT, Run
from tests.pages.reading import Reading

SKIPPED = DEPLOYMENT.replace("name: web\n  namespace", "name: quiet\n  namespace").replace(
    "app: web\n", 'app: web\n        logs.example.com/inject: "false"\n'
)


def test_the_page_holds_every_workload_and_stdout_nothing(run: Run, folder: Path) -> None:
    (folder / "web.yaml").write_text(f"{DEPLOYMENT}---\n{SKIPPED}")
    ran = run("explain", "--config", "c.yaml", "-f", "web.yaml", "--html", "out.html")
    assert (ran.status, ran.out) == (0, "")
    text = Reading((folder / "out.html").read_text()).text
    assert "opted-out-by-label" in text
    lines = DEPLOYMENT.count("\n") + 1  # and the one that parts the documents
    assert f"web.yaml:{lines + 1}" in text
    assert "shipper:1" in text
    assert "<form" not in (folder / "out.html").read_text()


def test_the_page_has_the_digest_of_its_input(run: Run, folder: Path) -> None:
    text = f"\ufeff# a comment\n{DEPLOYMENT}---\n# nothing\n---\nkind: Service\napiVersion: v1\n"
    (folder / "web.yaml").write_text(text)
    ran = run("explain", "--config", "c.yaml", "-f", "web.yaml", "--html", "out.html")
    assert ran.status == 0
    digest = hashlib.sha256((folder / "web.yaml").read_bytes()).hexdigest()
    assert digest in Reading((folder / "out.html").read_text()).text


@pytest.mark.usefixtures("folder")
def test_the_page_goes_to_stdout_where_a_dash_says_so(run: Run) -> None:
    ran = run("explain", "--config", "c.yaml", "-f", "-", "--html", "-", stdin=DEPLOYMENT)
    assert ran.status == 0
    assert ran.out.startswith("<!doctype html>")
    assert ran.out.endswith("</html>\n")


@pytest.mark.parametrize("broken", ["kind: Pod\nspec: [\n", "kind: Deployment\napiVersion: apps/v1\n"])
def test_nothing_is_written_where_a_document_fails(run: Run, folder: Path, broken: str) -> None:
    (folder / "out.html").write_text("the page before")
    ran = run(
        "explain", "--config", "c.yaml", "-f", "-", "--html", "out.html", stdin=f"{DEPLOYMENT}---\n{broken}"
    )
    assert (ran.status, ran.out) == (1, "")
    assert (folder / "out.html").read_text() == "the page before"
    assert sorted(p.name for p in folder.iterdir()) == ["c.yaml", "logship", "out.html", "web.yaml"]


def test_a_refusal_is_shown_on_the_page_and_by_the_status(run: Run, folder: Path) -> None:
    asks = DEPLOYMENT.replace(
        "metadata:\n      labels",
        "metadata:\n      annotations: {logs.example.com/templates: gone}\n      labels",
    )
    ran = run("explain", "--config", "c.yaml", "-f", "-", "--html", "out.html", stdin=asks)
    assert ran.status == 1
    assert "invalid-annotation" in Reading((folder / "out.html").read_text()).text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-f", "web.yaml", "--html", "out.html", "-o", "json"], "--html"),
        (["-f", "web.yaml", "--html", "web.yaml"], "one of the inputs"),
        (["-f", ".", "--html", "web.yaml"], "one of the inputs"),
        (["deploy/web", "--live", "--html", "out.html"], "--html"),
    ],
)
def test_what_cannot_be_written_is_refused(run: Run, folder: Path, arguments: list[str], words: str) -> None:
    (folder / "logship" / "profile.yaml").rename(folder / "logship" / "kept")
    (folder / "c.yaml").unlink()
    ran = run("explain", *arguments)
    assert ran.status == 2
    assert words in ran.err
    assert (folder / "web.yaml").read_text() == DEPLOYMENT
    assert not (folder / "out.html").exists()


@pytest.mark.usefixtures("folder")
def test_a_folder_that_is_not_there_is_named(run: Run) -> None:
    ran = run("explain", "--config", "c.yaml", "-f", "web.yaml", "--html", "gone/out.html")
    assert ran.status == 1
    assert "gone/out.html" in ran.err
    assert "--html" in ran.err
