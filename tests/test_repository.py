"""The files around the code: workflows, hooks, owners, the dependency bot, links between pages.

Here: what a program can see of them without their services. Not here: the release (test_release_recipe.py),
the generated pages (test_reference.py).
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack import commit_subjects, docs_site

REPO = Path(__file__).resolve().parents[1]
GITHUB = REPO / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
# Where packages come from is the business of each machine's settings.
REGISTRY = re.compile(
    r"\b(?:pypi\.org|pythonhosted\.org|npmjs\.org|(?:proxy|sum)\.golang\.org|crates\.io|deb\.debian\.org"
    r"|repo\.maven\.apache\.org|index[-]url)\b"
)


@cache
def committed() -> list[str]:
    """The files that git tracks, and those that would be added."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (REPO / name).is_file()]


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def steps(workflow: Path) -> Iterator[dict[str, Any]]:
    for job in load(workflow)["jobs"].values():
        yield from job["steps"]


def command_lines(workflow: Path) -> list[str]:
    return [line for step in steps(workflow) for line in step.get("run", "").splitlines()]


def ids(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=ids(WORKFLOWS))
def test_a_job_has_the_least_rights_and_ends(workflow: Path) -> None:
    text = load(workflow)
    assert text["permissions"] == {}
    assert "group" in text["concurrency"]
    assert all({"permissions", "timeout-minutes"} <= set(job) for job in text["jobs"].values())
    checkouts = [step for step in steps(workflow) if "/checkout@" in step.get("uses", "")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=ids(WORKFLOWS))
def test_no_shell_command_of_a_workflow_contains_an_expression(workflow: Path) -> None:
    assert not [line for line in command_lines(workflow) if "${{" in line]


def test_every_make_target_and_script_of_a_workflow_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPO / "Makefile").read_text(), re.MULTILINE))
    lines = [line for workflow in WORKFLOWS for line in command_lines(workflow)]
    used = {word for line in lines for word in re.findall(r"\bmake ([a-z-]+)", line)}
    scripts = {name for line in lines for name in re.findall(r"(?<![\w/])(?:hack|\.ci)/\S+", line)}
    assert {"lint", "test-fast", "site"} <= used <= targets
    assert ".ci/run" in scripts
    assert [name for name in scripts if not (REPO / name).is_file()] == []


def test_pull_requests_are_tested_on_every_python_that_the_project_names() -> None:
    matrix = load(GITHUB / "workflows" / "pull-request.yml")["jobs"]["test"]["strategy"]["matrix"]
    classifiers = re.findall(r'Python :: (3\.\d+)"', (REPO / "pyproject.toml").read_text())
    assert matrix["python"] == classifiers


def test_an_action_has_one_version_and_is_named_by_commit_or_in_the_head_of_the_release() -> None:
    head = (GITHUB / "workflows" / "release.yml").read_text().partition("\nname:")[0]
    uses = [
        use for path in WORKFLOWS for use in re.findall(r"uses: (\S+?)/(\S+?)@(\S+)(.*)", path.read_text())
    ]
    assert len(uses) > 15
    for _, name, at, comment in uses:
        by_commit = re.fullmatch(r"[0-9a-f]{40}", at) and re.fullmatch(r" # v\d+\.\d+\.\d+", comment)
        assert by_commit or (re.fullmatch(r"v\d+", at) and name in head), name
    assert len({use[:2] for use in uses}) == len(set(uses))


def test_the_hooks_run_programs_of_the_project() -> None:
    (repository,) = load(REPO / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        program, *arguments = shlex.split(hook["entry"])
        assert program == "git" or (REPO / program).is_file(), hook["id"]
        assert all((REPO / word).exists() for word in arguments if word.startswith("hack/"))


def test_the_yaml_hook_leaves_out_what_is_no_yaml_and_nothing_else() -> None:
    hooks = load(REPO / ".pre-commit-config.yaml")["repos"][0]["hooks"]
    (excluded,) = [hook["exclude"] for hook in hooks if hook["id"] == "yaml"]
    names = [name for name in committed() if name.endswith((".yaml", ".yml"))]
    checked = [name for name in names if not re.search(excluded, name)]
    assert len(checked) > 20
    for name in checked:
        with (REPO / name).open() as file:
            list(yaml.compose_all(file))


def test_every_pattern_of_codeowners_matches_a_file() -> None:
    lines = [line.split() for line in (GITHUB / "CODEOWNERS").read_text().splitlines() if line[:1] not in "#"]
    assert all(re.fullmatch(r"@[\w-]+(/[\w-]+)?", owner) for _, *owners in lines for owner in owners)
    assert all(len(words) > 1 for words in lines)
    patterns = [words[0] for words in lines]
    assert [each for each in patterns if each != "*" and not (REPO / each.strip("/")).exists()] == []


def test_the_dependency_bot_looks_where_manifests_are_and_at_every_go_program() -> None:
    manifests = {
        "pip": "*.txt",
        "docker": "Dockerfile",
        "gomod": "go.mod",
        "github-actions": ".github/workflows/*",
    }
    watched = {}
    for update in load(GITHUB / "dependabot.yml")["updates"]:
        kind = update["package-ecosystem"]
        folders = update.get("directories") or [update["directory"]]
        matches = {folder: list(REPO.glob(f"{folder}/{manifests[kind]}".lstrip("/"))) for folder in folders}
        assert [folder for folder, files in matches.items() if not files] == []
        watched[kind] = {str(path.relative_to(REPO)) for files in matches.values() for path in files}
    assert set(watched) == set(manifests)
    assert {name for name in committed() if name.endswith("go.mod")} == watched["gomod"]
    assert {name for name in committed() if name.startswith("requirements/")} == watched["pip"]


def test_forms_for_issues_ask_for_the_version_and_a_bug_for_the_explanation() -> None:
    forms = {
        path.stem: load(path) for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config"
    }
    assert set(forms) == {"bug", "feature"}
    for form in forms.values():
        assert {"name", "description", "body"} <= set(form)
        fields = [field for field in form["body"] if field["type"] != "markdown"]
        assert len({field["id"] for field in fields}) == len(fields)
        assert "injector --version" in str(fields)
    assert "injector explain -o json" in str(forms["bug"])


def test_no_committed_file_names_a_registry() -> None:
    named = []
    for name in committed():
        text = (REPO / name).read_bytes().decode(errors="replace")
        named += [f"{name}: {host}" for host in REGISTRY.findall(text)]
    assert named == []


def test_site_and_development_pin_the_same_versions() -> None:
    def pins(name: str) -> dict[str, str]:
        return dict(
            re.findall(r"^([\w.-]+)==(\S+)", (REPO / "requirements" / name).read_text(), re.MULTILINE)
        )

    site, development = pins("site.txt"), pins("dev.txt")
    assert {"mkdocs-material", "mkdocs"} <= set(site)
    both = site.keys() & development.keys()
    assert {name: site[name] for name in both} == {name: development[name] for name in both}


PAGES = [name for name in committed() if name.endswith(".md")]


@pytest.mark.parametrize("name", PAGES)
def test_every_relative_link_leads_to_a_file_and_every_anchor_to_a_heading(name: str) -> None:
    page = REPO / name
    broken = []
    for link in docs_site.links(page.read_text()):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if (
            not target.exists()
            or REPO not in target.parents
            or (anchor and anchor not in docs_site.anchors(target.read_text()))
        ):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("name", [name for name in PAGES if name.startswith("docs/")])
def test_a_page_of_the_site_links_to_no_folder(name: str) -> None:
    page = REPO / name
    paths = [link.partition("#")[0] for link in docs_site.links(page.read_text())]
    assert [path for path in paths if path and (page.parent / path).is_dir()] == []


def test_every_page_of_the_docs_is_on_the_site() -> None:
    on_site = {page for places in docs_site.TABS.values() for page in docs_site.pages(places)}
    assert {name for name in PAGES if name.startswith("docs/")} <= on_site
    assert [page for page in on_site if not (REPO / page).is_file()] == []


def test_links_and_headings_in_code_are_none() -> None:
    page = "# `b.c`: d\n\n[x](y.md#z) `[a](b)` [w](https://h/)\n\n```\n# no\n[c](d)\n```\n\n## Two\n## Two\n"
    assert docs_site.links(page) == ["y.md#z"]
    assert docs_site.anchors(page) == {"bc-d", "two", "two-1"}


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ("Refuse a path that leaves the folder\n\nIt was read.\n", []),
        ("Merge branch '" + "x" * 80 + "'", []),
        ("x" * 72, []),
        ("x" * 73, ["73 characters"]),
        ("", ["empty"]),
        ("Refuse it.\nAt once", ["period", "line after"]),
        ("Refuse it; cut that", ["semicolon"]),
    ],
)
def test_the_subject_of_a_commit(message: str, parts: list[str]) -> None:
    problems = commit_subjects.problems(message)
    assert len(problems) == len(parts)
    assert all(part in problem for part, problem in zip(parts, problems, strict=True))


def test_comments_of_git_are_no_part_of_a_message() -> None:
    saved = (
        "# Please enter\nRefuse it\n\nWhy\n# ------------------------ >8 ------------------------\ndiff; "
        + "x" * 99
    )
    assert commit_subjects.without_comments(saved).strip() == "Refuse it\n\nWhy"
