"""`--include` and `--exclude`: which files of a folder are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from injector.cli.reading.selection import Selection
from injector.errors import ConfigError
from tests.cli.conftest import DEPLOYMENT, Run

RENDER = ("render", "--config", "c.yaml", "-R")

# A pattern, paths that it fits, and paths that it does not fit; a folder ends with a slash.
FITS = [
    ("web.yaml", ["web.yaml", "a/web.yaml", "a/b/web.yaml"], ["xweb.yaml", "web.yamlx", "webxyaml"]),
    ("/web.yaml", ["web.yaml"], ["a/web.yaml"]),
    ("./web.yaml", ["web.yaml"], ["a/web.yaml"]),
    ("a/web.yaml", ["a/web.yaml"], ["web.yaml", "b/a/web.yaml"]),
    ("*.yaml", [".yaml", "a.yaml", "x/a.yaml"], ["a.yml"]),
    ("a/*.yaml", ["a/x.yaml"], ["a/b/x.yaml", "x.yaml"]),
    ("a/**/x.yaml", ["a/x.yaml", "a/b/x.yaml", "a/b/c/x.yaml"], ["x.yaml", "ab/x.yaml", "a/bx.yaml"]),
    ("**/x.yaml", ["x.yaml", "a/x.yaml", "a/b/x.yaml"], ["ax.yaml"]),
    ("a/**", ["a/", "a/x.yaml", "a/b/x.yaml"], ["a", "b/a/x.yaml"]),
    ("**", ["x.yaml", "a/x.yaml"], []),
    ("charts", ["charts/", "charts/x.yaml", "a/charts/b/x.yaml", "charts"], ["mycharts/x.yaml"]),
    ("charts/", ["charts/", "charts/x.yaml", "a/charts/x.yaml"], ["charts", "a/charts"]),
    ("a/charts/", ["a/charts/x.yaml"], ["charts/x.yaml", "b/a/charts/x.yaml"]),
    ("?.yaml", ["a.yaml", "b/a.yaml"], ["ab.yaml", "/.yaml"]),
    ("a?b", ["axb"], ["a/b"]),
    ("[a-c].yaml", ["a.yaml", "c.yaml"], ["d.yaml", "-.yaml"]),
    ("[!a-c].yaml", ["d.yaml"], ["a.yaml"]),
    ("a[!x]b", ["ayb"], ["a/b", "axb"]),
    ("[]x].yaml", ["].yaml", "x.yaml"], ["y.yaml"]),
    ("a[b", ["a[b"], ["ab"]),
    (r"\*.yaml", ["*.yaml"], ["a.yaml"]),
    ("a.b+c(d)", ["a.b+c(d)"], ["axbbc(d)"]),
    ("über*.yaml", ["über-all.yaml"], ["uber.yaml"]),
]


@pytest.mark.parametrize(("pattern", "fitting", "other"), FITS, ids=[row[0] for row in FITS])
def test_a_pattern_fits_paths_as_in_a_gitignore_file(
    pattern: str, fitting: list[str], other: list[str]
) -> None:
    paths = fitting + other
    assert [p for p in paths if not Selection.of([], [pattern]).takes(p)] == fitting
    files = [p for p in paths if not p.endswith("/")]
    assert [p for p in files if Selection.of([pattern], []).takes(p)] == [p for p in files if p in fitting]


def test_what_is_excluded_is_not_read_even_if_it_is_included() -> None:
    selection = Selection.of(["apps/**", "*.yml"], ["*.test.yaml"])
    paths = ["apps/a.yaml", "apps/a.test.yaml", "a.yml", "a.yaml"]
    assert [path for path in paths if selection.takes(path)] == ["apps/a.yaml", "a.yml"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("!a.yaml", "a pattern with ! is not supported"),
        ("", "the pattern fits no path in a folder"),
        ("/", "the pattern fits no path in a folder"),
        ("../a.yaml", "the pattern fits no path in a folder"),
        ("[z-a].yaml", "the pattern is not valid"),
    ],
)
@pytest.mark.parametrize("flag", ["--include", "--exclude"])
def test_a_pattern_that_cannot_be_meant_is_refused(pattern: str, message: str, flag: str) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        Selection.of(*([[pattern], []] if flag == "--include" else [[], [pattern]]))
    assert (refused.value.where, bool(refused.value.hint)) == (f"{flag} {pattern}", True)


# --- the commands ---------------------------------------------------------------------------------


@pytest.fixture
def many(folder: Path) -> Path:
    for name in ("a.yaml", "a.test.yaml", "apps/b.yaml", "apps/x/c.yaml", "charts/d.yaml", "charts/e.tpl"):
        path = folder / "many" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(DEPLOYMENT.replace("name: web\n  namespace", f"name: {path.stem}\n  namespace"))
    return folder / "many"


def read(out: str) -> list[str]:
    return [line.removeprefix("  name: ") for line in out.splitlines() if line.startswith("  name: ")]


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("command", ["render", "kube-inject", "uninject"])
@pytest.mark.parametrize(
    ("flags", "names"),
    [
        ([], ["a.test", "a", "b", "c", "d"]),
        (["--exclude", "charts/"], ["a.test", "a", "b", "c"]),
        (["--exclude", "charts/", "--exclude", "*.test.yaml"], ["a", "b", "c"]),
        (["--include", "apps/**"], ["b", "c"]),
        (["--include", "apps/*.yaml", "--include", "a.yaml"], ["a", "b"]),
        (["--include", "apps", "--exclude", "x"], ["b"]),
    ],
)
def test_files_of_a_folder_are_chosen(run: Run, command: str, flags: list[str], names: list[str]) -> None:
    done = run(command, "--config", "c.yaml", "-R", "many", *flags)
    assert (done.status, read(done.out), "fits no file" in done.err) == (0, names, False)


@pytest.mark.usefixtures("many")
def test_explain_chooses_files_of_a_folder_too(run: Run) -> None:
    done = run("explain", "--config", "c.yaml", "-R", "-f", "many", "--include", "apps/x/")
    assert done.status == 0
    assert "many/apps/x/c.yaml" in done.out
    assert "many/a.yaml" not in done.out


@pytest.mark.usefixtures("many")
def test_a_file_that_is_named_itself_is_always_read(run: Run) -> None:
    done = run(*RENDER, "many/a.yaml", "many/apps", "--exclude", "a.yaml", "--exclude", "x")
    assert read(done.out) == ["a", "b"]


@pytest.mark.usefixtures("many")
def test_a_pattern_that_fits_nothing_is_reported(run: Run) -> None:
    done = run(*RENDER, "many", "--exclude", "chart/", "--exclude", "apps/")
    assert done.status == 0
    assert "warning: --exclude chart/: the pattern fits no file in a folder [left-out]\n" in done.err
    assert "--exclude apps/" not in done.err


@pytest.mark.usefixtures("many")
def test_a_selection_of_nothing_is_an_error(run: Run) -> None:
    done = run(*RENDER, "many", "--include", "*.json")
    assert (done.status, done.out) == (1, "")
    assert "error: many: the folder has no manifests\n  hint: check --include and --exclude; " in done.err


def test_a_broken_file_that_is_excluded_is_not_read(run: Run, many: Path) -> None:
    (many / "charts" / "d.yaml").write_bytes(b"\0\xff")
    (many / "charts" / "deep").mkdir(mode=0o000)
    assert read(run(*RENDER, "many", "--exclude", "charts").out) == ["a.test", "a", "b", "c"]
